"""A model that was read once is put elsewhere: its drafts are turned, shifted and raised, not read again."""

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from bim_import.fitting import Fit, fit_outline
from bim_import.frame import Frame, frame_at
from bim_import.model import Envelope, ImportedModel, Placement
from gis.errors import BadInput
from gis.local import LocalFrame
from gis.write.glb import moved, origin_of
from twin.feature import Feature, PlaceDraft

_HEIGHTS = ("z_min_m", "z_max_m", "height_m")
_HEIGHT_ATTRIBUTES = ("ground_elevation_m",)


def stand_in(footprint: Feature) -> Placement:
    """Return a placement on the footprint under which a model can be read before it is known where it stands.

    Raises:
        BadInput: ``ifc.no_footprint``.
    """
    frame = LocalFrame.around(_area_of(footprint))
    return Placement(frame.lon_deg, frame.lat_deg)


def _area_of(footprint: Feature) -> BaseGeometry:
    if footprint.geometry is None or footprint.geometry.area == 0:
        raise BadInput("ifc.no_footprint", f"Building {footprint.id} has no footprint.", "Import its footprint first.",
                       building=footprint.id)  # fmt: skip
    return footprint.geometry


def fitted(model: ImportedModel, onto: Feature, ground_m: float | None, wish: Fit) -> tuple[ImportedModel, Placement]:
    """Return the model laid onto the footprint of a building, and the placement that puts it there.

    Args:
        model: As read under :func:`stand_in`.
        onto: The building.
        ground_m: Height of the floor of its storey 1, or its lower height; ``None`` leaves heights to the model.
        wish: The bearing, where the planner knows it.

    Raises:
        BadInput: ``ifc.fit_poor``, ``import.several_buildings``, ``ifc.building_without_outline``.
        Conflict: ``ifc.fit_ambiguous``.
    """
    building, outline_deg = _only_building(model)
    here = stand_in(onto)
    before = frame_at(here)
    outline = before.to_local(outline_deg)
    around = LocalFrame(here.lon_deg, here.lat_deg)
    north_deg = model.receipt.georeference.true_north_deg
    pose, evidence = fit_outline(
        outline, around.forward(_area_of(onto)), bearing_deg=wish.bearing_deg, true_north_deg=north_deg
    )  # fmt: skip
    lon, lat = around.to_degrees(pose.x_m, pose.y_m)
    middle = outline.centroid
    floor_m = _floor_m(model, building)
    raised_m = None if ground_m is None or floor_m is None else ground_m - floor_m
    offset_m = model.receipt.georeference.height_offset_m
    placement = Placement(
        lon_deg=float(lon),
        lat_deg=float(lat),
        bearing_deg=pose.bearing_deg,
        height_m=offset_m if raised_m is None else round((offset_m or 0.0) + raised_m, 3),
        origin_m=(middle.x, middle.y),
        method="fit",
        evidence={"building": onto.id, **evidence},
    )
    return put(model, before, placement, raised_m or 0.0), placement


def put(model: ImportedModel, before: Frame, placement: Placement, raised_m: float) -> ImportedModel:
    """Return a model read in one frame in that of a placement, its heights raised."""
    after = frame_at(placement)
    datum = "given" if raised_m else model.receipt.georeference.height_datum
    north_deg = model.receipt.georeference.true_north_deg
    told = replace(after.described(placement, datum), true_north_deg=north_deg)
    warnings = tuple(one for one in model.receipt.warnings if one.code != "ifc.no_height" or placement.height_m is None)
    receipt = replace(model.receipt, georeference=told, warnings=warnings)
    drafts = {
        each.name: [_moved(draft, before, after, raised_m) for draft in getattr(model, each.name)]
        for each in fields(model)
        if each.name not in ("receipt", "envelope")
    }
    envelope = [_turned(one, before, after, raised_m) for one in model.envelope]
    return replace(model, receipt=receipt, envelope=envelope, **drafts)


def _turned(envelope: Envelope, before: Frame, after: Frame, raised_m: float) -> Envelope:
    """Return an envelope with its origin moved, and turned by what that does to a point 100 m north of it."""
    origin = origin_of(envelope.glb)
    old = LocalFrame(origin["lon_deg"], origin["lat_deg"])
    ends = old.inverse(shapely.MultiPoint([(0, 0), (0, 100)]))
    (lon, lat), north = shapely.get_coordinates(after.to_crs84(before.to_local(ends)))
    new = LocalFrame(float(lon), float(lat))
    east_m, north_m = new.to_metres(*north)
    moved_to = {"lon_deg": new.lon_deg, "lat_deg": new.lat_deg, "height_m": origin["height_m"] + raised_m}
    return replace(envelope, glb=moved(envelope.glb, moved_to, math.degrees(math.atan2(east_m, north_m))))


def _shifted(attributes: Mapping[str, Any], before: Frame, after: Frame) -> dict[str, Any]:
    outline = attributes.get("footprint_walls")
    if outline is None:
        return {}
    there = after.to_crs84(before.to_local(shapely.geometry.shape(outline)))
    return {"footprint_walls": shapely.geometry.mapping(there)}


def _moved(draft: Any, before: Frame, after: Frame, raised_m: float) -> Any:
    """Return a draft of any kind, its geometry and whatever it has of heights moved."""
    geometry = None if draft.geometry is None else after.to_crs84(before.to_local(draft.geometry))
    attributes = (
        draft.attributes
        | _shifted(draft.attributes, before, after)
        | _raised({n: draft.attributes.get(n) for n in _HEIGHT_ATTRIBUTES}, raised_m)
    )
    heights = _raised({name: getattr(draft, name, None) for name in _HEIGHTS}, raised_m)
    return replace(draft, geometry=geometry, attributes=attributes, **heights)


def _raised(heights: Mapping[str, float | None], raised_m: float) -> dict[str, float]:
    return {name: round(height + raised_m, 3) for name, height in heights.items() if height is not None}


def _only_building(model: ImportedModel) -> tuple[PlaceDraft, BaseGeometry]:
    buildings = [place for place in model.places if place.kind == "building"]
    if len(buildings) != 1:
        raise BadInput(
            "import.several_buildings", f"The model has {len(buildings)} buildings.",
            "Place it by pairs of points: one outline cannot be laid onto one footprint.",
        )  # fmt: skip
    if buildings[0].geometry is None:
        raise BadInput("ifc.building_without_outline", "The model's building has no outline.",
                       "Place it by pairs of points.")  # fmt: skip
    return buildings[0], buildings[0].geometry


def _floor_m(model: ImportedModel, building: PlaceDraft) -> float | None:
    """Return the height of the floor of storey 1, else the lowest of the building."""
    floors = [place.z_min_m for place in model.places if place.kind == "storey" and place.storey == 1]
    return next((floor for floor in floors if floor is not None), building.z_min_m)
