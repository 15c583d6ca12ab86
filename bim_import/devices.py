"""Devices of a model: sensors, alarms, meters, cameras, at their position and in their room."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import ifcopenshell.util.element
import shapely
import yaml

from bim_import.device_draft import DeviceDraft, Unmatched
from bim_import.draughtsman import Draughtsman
from bim_import.entity import attribute
from bim_import.names import clean
from bim_import.rooms import Building, buildings_of
from bim_import.statements import placement_origin_m
from bim_import.tree import ancestors, global_id_of
from twin.feature import PlaceDraft

_CLASSES = (
    "IfcDistributionControlElement", "IfcFireSuppressionTerminal", "IfcAudioVisualAppliance", "IfcFlowMeter",
    "IfcCommunicationsAppliance", "IfcProtectiveDevice",
)  # fmt: skip
_BY_TYPE = ("IfcFlowController", "IfcFlowTerminal")
"""What IFC2X3 calls the same things; only their type tells."""

_BY_WORDS = ("IfcElectricAppliance", "IfcBuildingElementProxy", "IfcFurnishingElement")
"""Where exporters put what they have no class for; what no rule fits is no device."""

_NUMBERS = ("AssetIdentifier", "TagNumber", "设备编号", "设备编码", "资产编号", "BarCode", "SerialNumber", "序列号")
_STATED = {"manufacturer": ("Manufacturer", "厂家", "生产厂家"), "protocol": ("通信协议",), "comm": ("网络方式",)}
_SHIFTS_M = (0.0, -0.3, 0.3)
"""What hangs on a ceiling or stands in a floor is drawn a little outside its room."""


def devices_of(desk: Draughtsman, drafts: Iterable[PlaceDraft]) -> tuple[list[DeviceDraft], tuple[Unmatched, ...]]:
    """Return the devices of a model, and those that ``data/device_types.yaml`` knows no type for."""
    typed: list[tuple[Any, str]] = []
    unknown: dict[str, list[str]] = defaultdict(list)
    for thing, said in _candidates(desk.model):
        if found := _type_of(said):
            typed.append((thing, found))
        elif said.sure:
            unknown[said.label].append(thing.GlobalId)
    rest = tuple(Unmatched(what=what, count=len(ids), elements=tuple(ids)) for what, ids in unknown.items())
    if not typed:
        return [], rest
    positions = _positions(desk, [thing for thing, _ in typed])
    buildings = {building.key: building for building in buildings_of(desk, drafts)}
    numbers = {thing.id(): _number(desk, thing) for thing, _ in typed}
    used = Counter(numbers.values()) + Counter(thing.GlobalId for thing, _ in typed)
    devices = []
    for thing, kind in typed:
        building, at = _building(desk, thing, buildings), positions.get(thing.id())
        if building is None or at is None:
            desk.notices.add(
                "ifc.device_without_place", "Devices have no position or belong to no building; they were left out.",
                "Place them in a storey.", thing,
            )  # fmt: skip
            continue
        number, key = numbers[thing.id()], global_id_of(thing)
        stated = {name: desk.properties.value(thing, *names) for name, names in _STATED.items()}
        devices.append(
            DeviceDraft(
                number=number if used[number] == 1 else None,
                key=key if used[thing.GlobalId] == 1 else None,
                building_key=building.key,
                space_key=_room(desk, thing, building, at),
                name=clean(thing.Name),
                geometry=desk.frame.to_crs84(shapely.Point(at[:2])),
                height_m=desk.height_m(at[2]),
                attributes={"device_type": kind, **{name: str(value) for name, value in stated.items() if value}},
            )
        )
    return devices, rest


@dataclass(frozen=True, slots=True)
class _Said:
    """What an element says of its kind; ``sure`` when its class alone makes it a device."""

    classes: tuple[str, ...]
    predefined: str | None
    text: str
    label: str
    sure: bool


def _candidates(model: Any) -> Iterator[tuple[Any, _Said]]:
    seen = set()
    for names, sure in ((_CLASSES, True), (_BY_TYPE, False), (_BY_WORDS, False)):
        for name in names:
            for thing in _by_type(model, name):
                if thing.id() not in seen:
                    seen.add(thing.id())
                    yield thing, _said(thing, sure=sure)


def _by_type(model: Any, name: str) -> Iterable[Any]:
    try:
        found: Iterable[Any] = model.by_type(name)
    except RuntimeError:  # the schema has no such class
        return ()
    return found


def _said(thing: Any, *, sure: bool) -> _Said:
    kind: Any = ifcopenshell.util.element.get_type(thing)
    of_type = None if kind is None or kind == thing else kind.is_a().removesuffix("Type").removesuffix("Style")
    stated = [attribute(one, "PredefinedType") for one in (thing, kind)]
    predefined = next((one for one in stated if one and one not in ("NOTDEFINED", "USERDEFINED")), None)
    texts = [thing.Name, attribute(thing, "ObjectType"), attribute(kind, "Name"), thing.Description]
    known = [text for one in texts if (text := clean(one))]
    classes = (thing.is_a(), *([of_type] if of_type else []))
    label = " ".join(part for part in (classes[-1], predefined, known[0].split(":")[0] if known else None) if part)
    return _Said(classes, predefined, " ".join(known).lower(), label, sure or of_type in _CLASSES)


def _type_of(said: _Said) -> str | None:
    for rule in _rules():
        if "class" in rule and not set(rule["class"]).intersection(said.classes):
            continue
        if "predefined" in rule and said.predefined not in rule["predefined"]:
            continue
        if "words" in rule and not any(word in said.text for word in rule["words"]):
            continue
        return str(rule["type"])
    return None


def _number(desk: Draughtsman, thing: Any) -> str | None:
    """Return the number of a device: of its asset, else its tag, unless that is a counter of the authoring tool."""
    stated = desk.properties.value(thing, *_NUMBERS)
    if stated not in (None, ""):
        return str(stated).strip()
    tag = clean(attribute(thing, "Tag"))
    is_counter = tag is None or (tag.isdigit() and len(tag) < 12) or len(tag) >= 32 or tag == thing.GlobalId
    return None if is_counter else tag


def _positions(desk: Draughtsman, things: list[Any]) -> dict[int, tuple[float, float, float]]:
    """Return where devices are placed; those that share a placement are where their bodies are."""
    placed = {thing.id(): placement_origin_m(thing, desk.units.length_m) for thing in things}
    shared = Counter(tuple(round(value, 2) for value in at) for at in placed.values() if at)
    found = {number: at for number, at in placed.items() if at and shared[tuple(round(v, 2) for v in at)] == 1}
    unclear = [thing for thing in things if thing.id() not in found]
    for mesh in desk.meshes(unclear):
        low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
        x, y, z = ((low + high) / 2).tolist()
        found[mesh.product] = (x, y, z)
    return found


def _building(desk: Draughtsman, thing: Any, buildings: Mapping[str, Building]) -> Building | None:
    for above in ancestors(thing, desk.tree.parents):
        if above.is_a("IfcBuilding"):
            return buildings.get(desk.key(above))
    return next(iter(buildings.values())) if len(buildings) == 1 else None


def _room(desk: Draughtsman, thing: Any, building: Building, at: tuple[float, float, float]) -> str | None:
    """Return the room a device is said to be in, else the one at its position."""
    for above in ancestors(thing, desk.tree.parents):
        if above.is_a("IfcSpace"):
            return desk.key(above)
    found = (building.at(at[0], at[1], at[2] + shift_m) for shift_m in _SHIFTS_M)
    return next((room.key for room in found if room is not None), None)


@cache
def _rules() -> list[dict[str, Any]]:
    text = files("bim_import").joinpath("data/device_types.yaml").read_text("utf-8")
    rules: list[dict[str, Any]] = yaml.load(text, yaml.CSafeLoader)
    return rules
