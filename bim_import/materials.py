"""What the envelope of a building is made of: materials and layers of walls, slabs, roofs and windows."""

from collections import defaultdict
from typing import Any

import ifcopenshell.util.element

from bim_import.draughtsman import Draughtsman
from bim_import.entity import attribute
from bim_import.names import clean
from bim_import.tree import BuildingTree, ancestors

MOST_BUILDUPS = 40
_PARTS = {
    "IfcWall": "wall", "IfcSlab": "slab", "IfcRoof": "roof", "IfcCurtainWall": "curtain_wall", "IfcPlate": "plate",
    "IfcWindow": "window",
}  # fmt: skip

Layers = tuple[tuple[str, float | None], ...]


def materials_of(desk: Draughtsman, building: BuildingTree) -> list[dict[str, Any]]:
    """Return the build-ups of a building's envelope, the most used first, up to 40.

    Each is ``{"part", "external", "count", "layers": [{"material", "thickness_m"}]}``: ``part`` is wall, slab, roof,
    curtain_wall, plate or window; ``external`` what the elements state (IsExternal), null when they do not; layers
    run as the model orders them, ``thickness_m`` null where the material has none.
    """
    counted: dict[tuple[str, bool | None, Layers], int] = defaultdict(int)
    for element in (*(one for branch in building.branches for one in branch.elements), *_windows(desk, building)):
        part = next((part for name, part in _PARTS.items() if element.is_a(name)), None)
        layers = _layers(ifcopenshell.util.element.get_material(element), desk.units.length_m)
        if part and layers:
            external = desk.properties.value(element, "IsExternal")
            counted[part, external if isinstance(external, bool) else None, layers] += 1
    ordered = sorted(counted.items(), key=lambda one: (-one[1], str(one[0])))[:MOST_BUILDUPS]
    return [
        {
            "part": part,
            "external": external,
            "count": count,
            "layers": [{"material": name, "thickness_m": thickness_m} for name, thickness_m in layers],
        }
        for (part, external, layers), count in ordered
    ]


def _windows(desk: Draughtsman, building: BuildingTree) -> list[Any]:
    here = building.thing.id()
    return [
        window
        for window in desk.model.by_type("IfcWindow")
        if any(above.id() == here for above in ancestors(window, desk.tree.parents))
    ]


def _layers(material: Any, length_m: float) -> Layers:
    if material is None:
        return ()
    if material.is_a() in ("IfcMaterialLayerSetUsage", "IfcMaterialProfileSetUsage"):
        inner = "ForLayerSet" if material.is_a("IfcMaterialLayerSetUsage") else "ForProfileSet"
        return _layers(getattr(material, inner), length_m)
    if material.is_a("IfcMaterialLayerSet"):
        return tuple((_name(one.Material), _thickness_m(one, length_m)) for one in material.MaterialLayers or ())
    for kind, parts in _COMPOUNDS.items():
        if material.is_a(kind):
            return tuple((_name(one), None) for one in getattr(material, parts) or ())
    return ((_name(material), None),) if material.is_a("IfcMaterial") else ()


_COMPOUNDS = {
    "IfcMaterialList": "Materials", "IfcMaterialConstituentSet": "MaterialConstituents",
    "IfcMaterialProfileSet": "MaterialProfiles",
}  # fmt: skip


def _name(one: Any) -> str:
    material = one if one is None or one.is_a("IfcMaterial") else attribute(one, "Material")
    return clean(attribute(material, "Name")) or ""


def _thickness_m(layer: Any, length_m: float) -> float | None:
    return round(float(layer.LayerThickness * length_m), 4) if layer.LayerThickness else None
