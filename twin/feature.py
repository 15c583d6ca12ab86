"""The noun everything in the twin is: one version of one thing in one layer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

JSON = Mapping[str, Any]

PLACE_LAYERS = ("community", "grid", "building", "unit", "storey", "space")
"""Layers whose features are places: their id is a code, and records point at them."""


STAGES = ("planned", "design", "construction", "operation", "demolished")
"""Life-cycle stages of a place (E 3.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One version of one thing: a place (its ``id`` is a space code) or a record of a layer.

    A feature is identified by ``(layer, id)``; versions follow one another and never overwrite.

    Attributes:
        layer: Name of the declared layer.
        id: Unique within the layer. For places the space code's key, without check character.
        community: Partition key: the community this belongs to.
        name: What people call it; may be Chinese. ``None`` when nobody named it.
        place: Key of the place the thing stands in (a place stands in itself). ``None``: outdoors or not known.
        parent: For places, the key of the place above. ``None`` at the top.
        storey: Physical storey: 1 is the lowest floor not below ground, -1 the first basement. There is no 0.
        z_min_m: Lower height, metres, in the community's height datum. ``None`` when not known, never 0.0.
        z_max_m: Upper height, metres.
        geometry: CRS84 (longitude, latitude in degrees), any type, without Z; ``None`` when there is none.
        stage: Life-cycle stage, one of :data:`STAGES`; ``None`` when nobody said.
        attributes: The declared fields' values and whatever else the source said, JSON only.
        source: System or file name that stated it.
        source_element: Identity inside the source (IFC GlobalId, row, feature id).
        batch: The import or message that brought it.
        valid_from: When it became true (UTC).
        valid_to: When it ceased to be true; ``None`` while it holds.
        recorded_at: When the twin learned this version; set by the store.
        superseded_at: When the twin learned better; ``None`` for the version now believed.
    """

    layer: str
    id: str
    community: str
    name: str | None = None
    place: str | None = None
    parent: str | None = None
    storey: int | None = None
    z_min_m: float | None = None
    z_max_m: float | None = None
    geometry: BaseGeometry | None = None
    stage: str | None = None
    attributes: JSON = field(default_factory=dict)
    source: str | None = None
    source_element: str | None = None
    batch: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    recorded_at: datetime | None = None
    superseded_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceDraft:
    """A place as an importer read it, before it has a code.

    Attributes:
        kind: ``building``, ``unit``, ``storey`` or ``space``.
        key: Identity inside this batch; children name it in ``parent_key``.
        parent_key: ``key`` of the draft above; ``None`` for buildings.
        unit: For spaces: number of the unit (单元) it belongs to, 1-99; ``None`` when not divided.
        room: For spaces: door number as painted on the door (``0501``, ``A12``); ``None`` when it has none.
        identifiers: Other names of the same thing, scheme → value (``ifc:GlobalId``, ``building_no``, …).

    The other attributes are those of :class:`Feature`.
    """

    kind: str
    key: str
    parent_key: str | None = None
    name: str | None = None
    unit: int | None = None
    storey: int | None = None
    room: str | None = None
    z_min_m: float | None = None
    z_max_m: float | None = None
    geometry: BaseGeometry | None = None
    stage: str | None = None
    attributes: JSON = field(default_factory=dict)
    identifiers: Mapping[str, str] = field(default_factory=dict)
    source_element: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values; the geometry as hexadecimal WKB."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {**values, "geometry": None if self.geometry is None else shapely.to_wkb(self.geometry, hex=True)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "PlaceDraft":
        """Return the draft that :meth:`as_json` wrote.

        >>> PlaceDraft.from_json(PlaceDraft(kind="space", key="a").as_json())
        PlaceDraft(kind='space', key='a', ...)
        """
        wkb = values["geometry"]
        return cls(**{**values, "geometry": None if wkb is None else shapely.from_wkb(wkb)})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDraft:
    """A record as an importer read it, before it found its place.

    Attributes:
        id: Unique within the layer.
        geometry: CRS84, without Z; ``None`` when the row had no position.
        height_m: Height of a point, metres; it decides the storey and the room.
        where: What the row says about its place: any of ``code``, ``building_no``, ``unit``, ``storey``, ``room``.
        row: Row or feature number in the source, from 1, for error messages.
    """

    id: str
    name: str | None = None
    geometry: BaseGeometry | None = None
    height_m: float | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    attributes: JSON = field(default_factory=dict)
    row: int | None = None
