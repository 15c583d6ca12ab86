"""How complete and consistent a building is in the twin: 0 to 100, and what each missing point needs."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from gis.errors import BadInput
from layers.declaration_file import parse_yaml
from twin.declaration import Text
from twin.feature import Feature
from twin.matching import integrity
from twin.minting import storey_key
from twin.spacecode import SpaceCode, building_of

SHOWN = 10
"""Codes that a loss names; it counts all of them."""

_OUTSIDE, _OVERLAP = 0.1, 0.05  # share of a room's area that survey noise and wall thickness do not explain
_GAP_M = 0.6  # thickest slab between a ceiling and the floor above
_OWN_SCHEMES = ("building_no", "ifc:", "former_address")


class Check(BaseModel):
    """One line of ``layers/health.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str
    weight: float = Field(gt=0)
    why: Text
    cure: Text


@dataclass(frozen=True, slots=True)
class Subject:
    """A building with all that is in it.

    Attributes:
        schemes: Identifier schemes under which it bears a name now.
        heard: Devices that have ever reported; of any building.
    """

    building: Feature
    units: Sequence[Feature] = ()
    storeys: Sequence[Feature] = ()
    spaces: Sequence[Feature] = ()
    devices: Sequence[Feature] = ()
    schemes: AbstractSet[str] = frozenset()
    heard: AbstractSet[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        things: Codes, or device numbers, of what is at fault.
        share: Part of the check's weight that is lost, 0 to 1.
    """

    things: Sequence[str] = ()
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Loss:
    """Points lost by one check.

    Attributes:
        lost: Points, of the check's weight.
        things: Codes or device numbers concerned, at most ``SHOWN``.
        count: How many are concerned in all.
    """

    check: str
    lost: float
    things: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Health:
    """The health of a building.

    Attributes:
        score: 0 to 100.
        losses: The largest first.
    """

    code: str
    name: str | None
    score: float
    losses: tuple[Loss, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values, each loss with its group, weight, reason and cure in both languages."""
        return {
            "code": self.code,
            "name": self.name,
            "score": self.score,
            "losses": [
                {
                    "check": loss.check,
                    **checks()[loss.check].model_dump(),
                    "lost": loss.lost,
                    "count": loss.count,
                    "things": list(loss.things),
                }
                for loss in self.losses
            ],
        }


def health_of(subject: Subject) -> Health:
    """Return the health of a building: 100 points less what the checks of ``layers/health.yaml`` find.

    Where there are no storeys or no rooms, that alone is told and weighs more than all that may be wrong with them.

    >>> bare = Feature(layer="building", id="N51H0429733232-0", community="c1")
    >>> found = health_of(Subject(bare))
    >>> found.score, [loss.check for loss in found.losses][:3]
    (38.0, ['spaces_exist', 'footprint', 'storeys_exist'])
    """
    losses = [
        Loss(name, round(check.weight * found.share, 2), tuple(found.things[:SHOWN]), len(found.things))
        for name, check in checks().items()
        if (found := _CHECKS[name](subject)).share > 0
    ]
    lost = sum(loss.lost for loss in losses)
    ordered = sorted(losses, key=lambda loss: -loss.lost)
    return Health(subject.building.id, subject.building.name, round(max(0.0, 100 - lost), 1), tuple(ordered))


def subjects(
    places: Iterable[Feature],
    devices: Iterable[Feature],
    schemes: Mapping[str, AbstractSet[str]],
    heard: AbstractSet[str],
) -> list[Subject]:
    """Return each building with what is in it.

    Args:
        places: Buildings, units, storeys and spaces, in any order; what belongs to no building among them is left out.
        devices: Devices; those in no building are left out.
        schemes: Building → identifier schemes under which it bears a name now.
        heard: Devices that have ever reported.

    >>> subjects([], [], {}, set())
    []
    """
    inside: dict[str, dict[str, list[Feature]]] = defaultdict(lambda: defaultdict(list))
    for one in (*places, *devices):
        if one.place is not None or one.layer != "device":
            inside[building_of(one.place or one.id)][one.layer].append(one)
    return [
        Subject(
            building=parts["building"][0],
            units=parts["unit"],
            storeys=parts["storey"],
            spaces=parts["space"],
            devices=parts["device"],
            schemes=schemes.get(key, frozenset()),
            heard=heard,
        )
        for key, parts in inside.items()
        if parts["building"]
    ]


@cache
def checks() -> Mapping[str, Check]:
    """Return the checks and their weights, in the order of the file.

    >>> sum(check.weight for check in checks().values())
    100.0
    """
    return {name: Check.model_validate(check) for name, check in _table()["checks"].items()}


@cache
def groups() -> Mapping[str, Text]:
    """Return the titles of the groups of checks."""
    return {name: Text.model_validate(title) for name, title in _table()["groups"].items()}


@cache
def _table() -> Mapping[str, Any]:
    table: Mapping[str, Any] = parse_yaml(files("layers").joinpath("health.yaml").read_text("utf-8"), "health.yaml")
    return table


# --- the checks -----------------------------------------------------------------------------------------------------


def _whole(subject: Subject, *, fault: bool, share: float = 1.0) -> Finding:
    """Return a finding about the building itself."""
    return Finding((subject.building.id,), share) if fault else Finding()


def _some(faulty: Sequence[str], of: int) -> Finding:
    """Return a finding about some of several things."""
    return Finding(faulty, min(1.0, len(faulty) / of)) if faulty else Finding()


def _each(things: Sequence[Feature], is_faulty: Callable[[Feature], bool]) -> Finding:
    return _some([one.id for one in things if is_faulty(one)], len(things))


def _anchored(subject: Subject) -> Finding:
    outline = subject.building.geometry
    return _whole(subject, fault=outline is None or integrity(subject.building.id, outline) == "drift")


def _height(subject: Subject) -> Finding:
    known = subject.building.z_max_m is not None or subject.building.attributes.get("height_m") is not None
    estimated = subject.building.attributes.get("height_source") == "storeys"
    return _whole(subject, fault=not known or estimated, share=0.5 if known else 1.0)


def _address(subject: Subject) -> Finding:
    stated = subject.building.attributes.get("address")
    derived = subject.building.attributes.get("address_source") == "derived"
    return _whole(subject, fault=not stated or derived, share=0.5 if stated else 1.0)


def _valid_codes(subject: Subject) -> Finding:
    places = [subject.building, *subject.units, *subject.storeys, *subject.spaces]
    return _each(places, lambda one: not _is_code(one.id))


def _is_code(key: str) -> bool:
    try:
        return SpaceCode.parse(key).key == key
    except BadInput:
        return False


def _official(subject: Subject) -> Finding:
    return _whole(subject, fault=not any(not scheme.startswith(_OWN_SCHEMES) for scheme in subject.schemes))


def _complete(subject: Subject) -> Finding:
    """Compare the numbers that are there with those that lie between and those that were stated."""
    if not subject.storeys:
        return Finding()
    present = {one.storey for one in subject.storeys if one.storey is not None}
    attributes = subject.building.attributes
    above = max([*present, _count(attributes.get("storey_count")), 0])
    below = min([*present, -_count(attributes.get("basement_count")), 0])
    wanted = [number for number in range(below, above + 1) if number != 0]
    lacking = [storey_key(subject.building.id, None, number) for number in wanted if number not in present]
    return _some(lacking, max(1, len(wanted)))


def _count(value: Any) -> int:
    return value if isinstance(value, int) and 0 < value < 100 else 0


def _adjoin(subject: Subject) -> Finding:
    """Compare the top of each storey with the bottom of the next; storeys of unknown heights are not at fault here."""
    known = sorted(
        (one.storey, one.z_min_m, one.z_max_m, one.id)
        for one in subject.storeys
        if one.storey is not None and one.z_min_m is not None and one.z_max_m is not None
    )
    follows = {low + 1 if low != -1 else 1: top for low, _, top, _ in known}
    faulty = [key for number, base, _, key in known if number in follows and abs(base - follows[number]) > _GAP_M]
    return _some(faulty, max(1, len(known)))


def _modelled(subject: Subject) -> Finding:
    """Leave out the part of a modelled storey that lies in one unit: it is derived, but from the model."""
    modelled = {one.storey for one in subject.storeys if not one.attributes.get("derived")}
    return _each(subject.storeys, lambda one: one.storey not in modelled)


def _inside(subject: Subject) -> Finding:
    outline = subject.building.geometry
    # A basement may be wider than the house on it.
    drawn = [one for one in subject.spaces if one.geometry is not None and (one.storey or 1) > 0]
    if outline is None or not drawn:
        return Finding()
    shapes = np.array([one.geometry for one in drawn], dtype=object)
    outside = shapely.area(shapely.difference(shapes, outline)) > _OUTSIDE * shapely.area(shapes)
    return _some([one.id for one, is_out in zip(drawn, outside, strict=True) if is_out], len(subject.spaces))


def _apart(subject: Subject) -> Finding:
    drawn = [one for one in subject.spaces if one.geometry is not None]
    shapes = np.array([one.geometry for one in drawn], dtype=object)
    by_storey: dict[int | None, list[int]] = defaultdict(list)
    for number, one in enumerate(drawn):
        by_storey[one.storey].append(number)
    faulty = {drawn[at].id for numbers in by_storey.values() for at in _overlapping(shapes, numbers, drawn)}
    return _some(sorted(faulty), len(subject.spaces))


def _overlapping(shapes: NDArray[Any], numbers: Sequence[int], drawn: Sequence[Feature]) -> list[int]:
    """Return the later of each two rooms that share more than a sliver of plan and of height."""
    chosen = np.array(numbers)
    one, other = shapely.STRtree(shapes[chosen]).query(shapes[chosen], predicate="intersects")
    one, other = chosen[one[one < other]], chosen[other[one < other]]
    common = shapely.area(shapely.intersection(shapes[one], shapes[other]))
    smaller = np.minimum(shapely.area(shapes[one]), shapely.area(shapes[other]))
    hits = np.flatnonzero(common > _OVERLAP * smaller)
    return [int(other[at]) for at in hits if _share_height(drawn[one[at]], drawn[other[at]])]


def _share_height(one: Feature, other: Feature) -> bool:
    if one.z_min_m is None or one.z_max_m is None or other.z_min_m is None or other.z_max_m is None:
        return True
    common = min(one.z_max_m, other.z_max_m) - max(one.z_min_m, other.z_min_m)
    return common > _OVERLAP * min(one.z_max_m - one.z_min_m, other.z_max_m - other.z_min_m)


def _in_units(subject: Subject) -> Finding:
    """Look at dwellings only: corridors and shafts may serve all units."""
    divided = len(subject.units) > 1 or _count(subject.building.attributes.get("unit_count")) > 1
    dwellings = [one for one in subject.spaces if one.attributes.get("use") == "dwelling"] if divided else []
    return _each(dwellings, lambda one: "-U00-" in one.id)


def _placed(subject: Subject) -> Finding:
    """Expect no more of a device than the building offers: without rooms, a storey will do."""
    best = {one.id for one in subject.spaces} or {one.id for one in subject.storeys}
    return _each(subject.devices, lambda one: one.place not in best)


_CHECKS: Mapping[str, Callable[[Subject], Finding]] = {
    "footprint": lambda of: _whole(of, fault=of.building.geometry is None),
    "anchored": _anchored,
    "ground": lambda of: _whole(of, fault=of.building.z_min_m is None),
    "height": _height,
    "valid_code": _valid_codes,
    "building_no": lambda of: _whole(of, fault=not of.building.attributes.get("building_no")),
    "official_code": _official,
    "storeys_exist": lambda of: _whole(of, fault=not of.storeys),
    "storeys_complete": _complete,
    "storey_heights": lambda of: _each(of.storeys, lambda one: one.z_min_m is None or one.z_max_m is None),
    "storeys_adjoin": _adjoin,
    "storeys_modelled": _modelled,
    "spaces_exist": lambda of: _whole(of, fault=not of.spaces),
    "spaces_named": lambda of: _each(of.spaces, lambda one: not (one.name or one.attributes.get("room_no"))),
    "spaces_shaped": lambda of: _each(
        of.spaces, lambda one: one.geometry is None or one.z_min_m is None or one.z_max_m is None
    ),
    "spaces_inside": _inside,
    "spaces_apart": _apart,
    "spaces_in_units": _in_units,
    "name": lambda of: _whole(of, fault=not of.building.name),
    "address": _address,
    "main_use": lambda of: _whole(of, fault=not of.building.attributes.get("main_use")),
    "devices_placed": _placed,
    "devices_heard": lambda of: _each(of.devices, lambda one: one.id not in of.heard),
}
