"""Rooms that walls enclose, outlines that walls stand on, and shells light enough to send."""

import json
import struct

import numpy as np
import pytest
import shapely

from bim_import import Placement
from bim_import.shell import lighten
from bim_import.worker import read
from gis.local import LocalFrame, area_m2

AT = Placement(120.1536, 30.2874, 30.0)


@pytest.fixture
def walled(house, tmp_path):
    """A house of two rooms, 5 × 4 m and 3 × 4 m inside, with eaves; its door stands between two pieces of wall."""

    def draw(*, roof=True, gap=0.0, door=False):
        drawn = house()
        level = drawn.storey(drawn.building(), "1层", 0.0)
        for at, size in [
            ((0, 0, 0), (4.0 - gap, 0.2, 3)), ((4.0, 0, 0), (4.6, 0.2, 3)), ((0, 4.2, 0), (8.6, 0.2, 3)),
            ((0, 0, 0), (0.2, 4.4, 3)), ((5.2, 0, 0), (0.2, 4.4, 3)), ((8.4, 0, 0), (0.2, 4.4, 3)),
        ]:  # fmt: skip
            drawn.element("IfcWall", level, at, size)
        if door:
            drawn.element("IfcDoor", level, (4.0 - gap, 0.05, 0), (gap, 0.1, 2.1))
        if roof:
            drawn.element("IfcSlab", level, (-1, -1, 3), (10.6, 6.4, 0.2))
        return read(drawn.write(tmp_path / "walled.ifc"), AT, lambda stage, share: None)

    return draw


def rooms_of(model):
    return [place for place in model.places if place.kind == "space"]


def test_rooms_are_derived_from_walls_where_a_model_has_none(walled):
    model = walled()
    rooms = rooms_of(model)
    assert [room.attributes for room in rooms] == [
        {"derived": True, "area_m2": area, "height_m": room.attributes["height_m"]}
        for area, room in zip((20.0, 12.0), rooms, strict=True)
    ]
    assert [area_m2(room.geometry) for room in rooms] == pytest.approx([20, 12], abs=0.02)
    assert {(room.storey, room.z_min_m, room.identifiers == {}) for room in rooms} == {(1, 0.0, True)}
    (told,) = [notice for notice in model.receipt.warnings if notice.code == "ifc.spaces_derived"]
    assert told.count == 2


def test_a_door_closes_the_gap_between_walls_and_an_open_gap_is_no_room(walled):
    assert [room.attributes["area_m2"] for room in rooms_of(walled(gap=0.9, door=True))] == pytest.approx(
        [20, 12], abs=0.2
    )
    assert [room.attributes["area_m2"] for room in rooms_of(walled(gap=0.9))] == [12.0]


def test_walls_under_the_open_sky_enclose_no_room(walled):
    assert rooms_of(walled(roof=False)) == []


def test_the_outline_of_the_walls_leaves_the_eaves_out(walled):
    building = walled().places[0]
    assert area_m2(building.geometry) == pytest.approx(10.6 * 6.4, abs=0.05)
    assert building.attributes["footprint_walls_m2"] == pytest.approx(8.6 * 4.4, abs=0.01)
    drawn = shapely.geometry.shape(building.attributes["footprint_walls"])
    assert area_m2(drawn) == pytest.approx(8.6 * 4.4, abs=0.05)
    assert shapely.covers(building.geometry.buffer(1e-8), drawn)


def test_rooms_of_the_model_are_never_joined_by_derived_ones(house, tmp_path):
    drawn = house()
    level = drawn.storey(drawn.building(), "1层", 0.0)
    drawn.space(level, "0101")
    for at, size in [((0, 0, 0), (8, 0.2, 3)), ((0, 4, 0), (8, 0.2, 3)), ((0, 0, 0), (0.2, 4.2, 3)),
                     ((8, 0, 0), (0.2, 4.2, 3))]:  # fmt: skip
        drawn.element("IfcWall", level, at, size)
    drawn.element("IfcSlab", level, (0, 0, 3), (9, 5, 0.2))
    model = read(drawn.write(tmp_path / "m.ifc"), AT, lambda stage, share: None)
    assert [room.name for room in rooms_of(model)] == ["0101"]


def test_the_envelope_stands_where_the_building_stands(walled):
    model = walled()
    (part,) = model.envelope
    length = struct.unpack_from("<I", part.glb, 12)[0]
    scene, block = json.loads(part.glb[20 : 20 + length]), part.glb[28 + length :]
    origin = scene["asset"]["extras"]["origin"]
    primitives = {one["extras"]["kind"]: one for one in scene["meshes"][0]["primitives"]}
    assert {kind: len(one["extras"]["ids"]) for kind, one in primitives.items()} == {"slab": 1, "wall": 6}
    assert primitives["wall"]["extras"]["starts"] == [0, 12, 24, 36, 48, 60]
    accessor = scene["accessors"][primitives["slab"]["attributes"]["POSITION"]]
    view = scene["bufferViews"][accessor["bufferView"]]
    points = np.frombuffer(block, "<f4", 3 * accessor["count"], view["byteOffset"]).reshape(-1, 3).astype(float)
    frame = LocalFrame(origin["lon_deg"], origin["lat_deg"])
    drawn = frame.inverse(shapely.MultiPoint(points[:, :2])).convex_hull
    assert area_m2(drawn.symmetric_difference(model.places[0].geometry)) < 0.1
    assert points[:, 2].min() + origin["height_m"] == pytest.approx(3.0, abs=1e-5)


def test_a_heavy_mesh_keeps_its_form_and_a_hopeless_one_becomes_a_box():
    steps = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    ring = np.column_stack([np.cos(steps), np.sin(steps)])
    points = np.vstack([np.column_stack([ring, np.zeros(400)]), np.column_stack([ring, np.full(400, 3.0)])])
    at, after = np.arange(400), (np.arange(400) + 1) % 400
    faces = np.vstack([np.column_stack([at, after, at + 400]), np.column_stack([after, after + 400, at + 400])])
    light = lighten(points, faces.astype(np.int32))
    assert 12 < len(light.faces) <= 300
    assert np.hypot(*light.points[:, :2].T).min() > 0.95
    dust = np.random.default_rng(7).uniform(size=(9000, 3))
    boxed = lighten(dust, np.arange(9000, dtype=np.int32).reshape(3000, 3), most=20)
    assert len(boxed.faces) == 12
    assert np.ptp(boxed.points, axis=0) == pytest.approx(np.ptp(dust, axis=0))
