"""What reading a model gives: the places, and a receipt that says how they were read."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bim_import.device_draft import DeviceDraft, Unmatched
from gis.errors import BadInput
from twin.connection import ConnectionDraft
from twin.feature import PlaceDraft
from twin.unrelated import LeftOut


@dataclass(frozen=True, slots=True)
class Placement:
    """A position given by hand; it overrides whatever the model says about itself.

    Attributes:
        lon_deg: Longitude of the model's point ``origin_m``, CRS84 degrees.
        lat_deg: Latitude of that point, CRS84 degrees.
        bearing_deg: Bearing of the model's +Y axis, degrees clockwise from true north.
        height_m: Height of the model's zero in the community's datum; ``None`` leaves it to the model.
        origin_m: X, Y of the point that is placed, local metres: the origin, or where points or outlines were matched.
        method: ``given``, ``pairs``, ``fit``, or ``remembered`` from an earlier version of the model.
        evidence: What speaks for it, in numbers: residuals in metres, overlaps.

    Raises:
        BadInput: ``ifc.bad_placement``.

    >>> Placement(120.15, 30.28).bearing_deg
    0.0
    >>> Placement(30.28, 120.15)
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: ifc.bad_placement: 30.28,120.15 is not a longitude and a latitude. Give longitude before ...
    """

    lon_deg: float
    lat_deg: float
    bearing_deg: float = 0.0
    height_m: float | None = None
    origin_m: Sequence[float] = field(default=(0.0, 0.0), kw_only=True)
    method: str = field(default="given", kw_only=True)
    evidence: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    @property
    def statement(self) -> str:
        """Return the placement in a few words."""
        if "placed_at" in self.evidence:
            return f"as placed by the planner on {self.evidence['placed_at'][:10]}"
        words = {"pairs": "{pairs} pairs of points", "fit": "fitted onto the footprint of {building}"}
        said = words.get(self.method, f"{self.lon_deg},{self.lat_deg},{self.bearing_deg:g}")
        return said.format(**self.evidence)

    def __post_init__(self) -> None:
        """Refuse what is not on the globe."""
        if not (-180 <= self.lon_deg <= 180 and -90 < self.lat_deg < 90 and -360 <= self.bearing_deg <= 360):
            raise BadInput(
                "ifc.bad_placement",
                f"{self.lon_deg},{self.lat_deg} is not a longitude and a latitude.",
                "Give longitude before latitude, in degrees, and the bearing within 360.",
                parameter="at",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something a planner should know about a model that could be read all the same.

    Attributes:
        count: How many things it is about; ``global_id`` names the first of them.
        global_ids: The first of them, where a planner must look at each.
    """

    code: str
    message: str
    cure: str = ""
    global_id: str | None = None
    count: int = 1
    global_ids: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Georeference:
    """How local metres became positions on the ground.

    Attributes:
        method: ``map_conversion``, ``rigid_operation``, ``property_set``, ``site``, or that of a :class:`Placement`.
        statement: The words of the model it rests on, with the instance number.
        crs: The CRS of the statement, such as ``EPSG:4549``; CRS84 for a longitude and latitude.
        origin_lon_deg: Longitude of the model's origin, CRS84.
        origin_lat_deg: Latitude of the model's origin, CRS84.
        rotation_deg: Bearing of the model's +Y axis, degrees clockwise from true north, 0 to 360.
        scale: What one local metre measures in the CRS; 1.0, or the scale factor of the projection.
        height_offset_m: Added to local heights; ``None`` when the model states no height.
        height_datum: Vertical datum as the model names it; ``None`` when it does not.
        confidence: 0 to 1.
        true_north_deg: Bearing of the model's +Y axis by its TrueNorth; ``None`` when it states none, or the default.
        evidence: That of the :class:`Placement`.
    """

    method: str
    statement: str
    crs: str
    origin_lon_deg: float
    origin_lat_deg: float
    rotation_deg: float
    scale: float
    height_offset_m: float | None
    height_datum: str | None
    confidence: float
    true_north_deg: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReceipt:
    """What was read, by which rules, and what was odd about it.

    Attributes:
        length_unit: Name of the model's length unit; ``length_unit_m`` is its size in metres.
        global_ids: Well-formed GlobalIds of the buildings, the sites and the project: what its next version will bear.
        left_out: Tax and police business (A 5.1.4c) that buildings, storeys and spaces bore; values are not kept.
        unmatched: Devices that no device type stands for; they were not taken in.
        counts: How many of each thing the file holds and how many places came out.
        seconds: Wall time of the reading, process start included.
    """

    file: str
    sha256: str
    size_bytes: int
    schema: str
    authoring_tool: str | None
    length_unit: str
    length_unit_m: float
    georeference: Georeference
    warnings: tuple[Notice, ...]
    counts: Mapping[str, int]
    seconds: float
    left_out: tuple[LeftOut, ...] = ()
    unmatched: tuple[Unmatched, ...] = ()
    global_ids: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the receipt as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The light envelope of one storey, or of what a building holds outside its storeys.

    Attributes:
        key: ``key`` of the place draft of that storey or building.
        glb: The scene (glTF 2.0): metres east, up and south of the origin in ``asset.extras``, a primitive for walls,
            slabs, roofs, curtain walls and plates each, whose ``extras`` name the GlobalIds and their first triangles.
        elements: How many elements are in it.
        triangles: How many triangles they have, at most 300 each.
    """

    key: str
    glb: bytes
    elements: int
    triangles: int

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values; the scene as Base64."""
        return {**asdict(self), "glb": base64.b64encode(self.glb).decode()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Envelope":
        """Return what :meth:`as_json` wrote.

        >>> Envelope.from_json(Envelope(key="a", glb=b"glTF", elements=1, triangles=12).as_json()).glb
        b'glTF'
        """
        return cls(**{**document, "glb": base64.b64decode(document["glb"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedModel:
    """Places of one IFC file, buildings first, then units, storeys and spaces; geometry in CRS84, heights in metres.

    Attributes:
        connections: Doors, openings, stairs, ramps and lifts between the spaces.
        devices: Of the types in ``layers/device/types.yaml``.
        envelope: There once the reading is over, not yet while the places are handed out.
    """

    places: list[PlaceDraft] = field(default_factory=list)
    receipt: ModelReceipt
    connections: list[ConnectionDraft] = field(default_factory=list)
    devices: list[DeviceDraft] = field(default_factory=list)
    envelope: list[Envelope] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values; geometry as hexadecimal WKB."""
        return {
            "places": [place.as_json() for place in self.places],
            "connections": [one.as_json() for one in self.connections],
            "devices": [one.as_json() for one in self.devices],
            "envelope": [one.as_json() for one in self.envelope],
            "receipt": self.receipt.as_json(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "ImportedModel":
        """Return what :meth:`as_json` wrote."""
        receipt = dict(document["receipt"])
        receipt["global_ids"] = tuple(receipt["global_ids"])
        receipt["georeference"] = Georeference(**receipt["georeference"])
        receipt["unmatched"] = tuple(
            Unmatched(**{**one, "elements": tuple(one["elements"])}) for one in receipt["unmatched"]
        )
        receipt["left_out"] = tuple(
            LeftOut(**{**one, "names": tuple(one["names"]), "elements": tuple(one["elements"])})
            for one in receipt["left_out"]
        )
        receipt["warnings"] = tuple(
            Notice(**{**notice, "global_ids": tuple(notice["global_ids"])}) for notice in receipt["warnings"]
        )
        return cls(
            places=[PlaceDraft.from_json(place) for place in document["places"]],
            receipt=ModelReceipt(**receipt),
            connections=[ConnectionDraft.from_json(one) for one in document["connections"]],
            envelope=[Envelope.from_json(one) for one in document["envelope"]],
            devices=[DeviceDraft.from_json(one) for one in document["devices"]],
        )
