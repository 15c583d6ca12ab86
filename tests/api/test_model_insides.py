"""A model's doors, stairs and devices stand in the twin under the codes of its rooms; the next version changes little."""

import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import ifcopenshell
import ifcopenshell.guid
import pytest

from api.import_log import imports, undo_import
from api.importing import Importer
from bim_import import Placement, read_ifc
from bim_import.frame import frame_at
from bim_import.replacing import put
from gis.write.glb import join, origin_of
from layers.catalogue import load_catalogue
from layers.envelopes import scenes_of
from tests.bim_import.conftest import House
from twin.embedded import EmbeddedStore
from twin.postgis import PostgisStore
from twin.query import Query

AT = Placement(120.1536, 30.2874)
SECRET, KEPT = "绝密哨兵甲乙丙丁", "翠苑派出所戊己庚辛"


@pytest.fixture
def model(tmp_path):
    """Two rooms with a door between them, a room above, a stair, and a smoke detector under a ceiling."""
    made = House("IFC4")
    building = made.building()
    ground, upper = made.storey(building, "1F", 0.0), made.storey(building, "2F", 3.0)
    west = made.space(ground, "101", (0, 0, 0), (4, 6, 2.7))
    made.space(ground, "102", (4.2, 0, 0), (4, 6, 2.7))
    made.space(upper, "201", (0, 0, 0), (8.2, 6, 2.7))
    wall = made.element("IfcWall", ground, (4, 0, 0), (0.2, 6, 2.7))
    hole = made.product("IfcOpeningElement", ground, None, (4, 1, 0), (0.2, 0.9, 2.1))
    made.root("IfcRelVoidsElement", None, RelatingBuildingElement=wall, RelatedOpeningElement=hole)
    door = made.product("IfcDoor", ground, "M1", (4, 1, 0), None, OverallWidth=0.9)
    made.root("IfcRelFillsElement", None, RelatingOpeningElement=hole, RelatedBuildingElement=door)
    made.contain(ground, door)
    made.element("IfcStair", ground, (6, 3, 0), (1, 2, 3.0))
    sensor = made.product("IfcSensor", ground, "烟感", (1, 1, 2.7), None, PredefinedType="SMOKESENSOR", Tag="SD-01")
    made.contain(ground, sensor)
    made.properties(west, "公安业务", 案号=("IfcLabel", f"{SECRET}1"))
    made.properties(west, "其他", 税号=("IfcLabel", f"{SECRET}2"))
    made.properties(building, "税务", 户名=("IfcLabel", f"{SECRET}3"))
    made.properties(sensor, "税务", manufacturer=("IfcLabel", f"{SECRET}4"))
    made.properties(west, "地址", 派出所=("IfcLabel", KEPT))
    return made.write(tmp_path / "house.ifc")


@pytest.fixture
def store(tmp_path):
    (tmp_path / "store").mkdir()
    opened = EmbeddedStore(tmp_path / "store" / "twin.gpkg", load_catalogue())
    yield opened
    opened.close()


def take(store, path):
    return Importer(store, load_catalogue(), "c1").ifc(path, at=AT)


def held(store, layer):
    return {one.id: one for one in store.find(Query(layers=(layer,))).features}


def rewritten(path, change):
    """Write the next version of a file after a change to its model."""
    file = ifcopenshell.open(path)
    change(file)
    file.write(str(path))
    return path


def test_doors_and_stairs_connect_space_codes(store, model):
    report = take(store, model)
    rooms = {one.name: one.id for one in held(store, "space").values()}
    ways = {one.attributes["kind"]: one for one in held(store, "connection").values()}
    ends = {kind: (one.attributes["from_space"], one.attributes["to_space"]) for kind, one in ways.items()}
    assert ends == {"door": tuple(sorted((rooms["101"], rooms["102"]))), "stair": (rooms["102"], rooms["201"])}
    assert ways["door"].place == ends["door"][0]
    assert ways["door"].storey == 1
    assert report.counts["connection"] == {"added": 2}


def test_a_device_under_the_ceiling_stands_in_its_room(store, model):
    take(store, model)
    rooms = {one.name: one.id for one in held(store, "space").values()}
    (device,) = held(store, "device").values()
    assert (device.id, device.place, device.storey) == ("SD-01", rooms["101"], 1)
    assert (device.attributes["device_type"], device.attributes["family"]) == ("smoke_detector", "fire")


def test_the_next_version_changes_only_what_changed(store, model):
    take(store, model)
    before = {layer: held(store, layer) for layer in ("connection", "device")}

    def widen(file):
        file.by_type("IfcDoor")[0].OverallWidth = 1.2
        for thing in file.by_type("IfcRoot"):
            if thing.is_a() in ("IfcDoor", "IfcStair", "IfcSensor"):
                thing.GlobalId = ifcopenshell.guid.new()

    report = take(store, rewritten(model, widen))
    assert report.counts["connection"] == {"changed": 1, "unchanged": 1}
    assert report.counts["device"] == {"unchanged": 1}
    assert {layer: held(store, layer).keys() for layer in before} == {name: old.keys() for name, old in before.items()}


def test_what_is_gone_from_the_model_ends(store, model):
    take(store, model)
    report = take(store, rewritten(model, lambda file: file.remove(file.by_type("IfcStair")[0])))
    assert report.counts["connection"] == {"unchanged": 1, "ended": 1}


def test_an_import_is_one_batch_with_all_its_layers(store, model):
    take(store, model)
    (event,) = store.events(0, 100, ("change",))
    assert {"building", "connection", "device", "space"} <= set(event.body["layers"])


def test_a_device_of_the_asset_list_keeps_what_the_list_says_of_it(store, model, tmp_path):
    table = tmp_path / "devices.csv"
    table.write_text("设备编号,设备类型,设施厂家\nSD-01,smoke_detector,甲公司\n", "utf-8")
    Importer(store, load_catalogue(), "c1").gis(table, "device")
    take(store, model)
    device = held(store, "device")["SD-01"]
    assert device.attributes["manufacturer"] == "甲公司"
    assert device.place is not None


def test_tax_and_police_properties_leave_no_trace_in_the_file(store, model, tmp_path):
    report = take(store, model)
    copy = tmp_path / "copy"
    shutil.copytree(Path(tmp_path / "store"), copy)
    stored = b"".join(path.read_bytes() for path in copy.iterdir())
    assert KEPT.encode() in stored
    assert SECRET.encode() not in stored
    told = {(one.topic, one.group) for one in report.receipt.left_out}
    assert {("tax", "税务"), ("tax", "其他"), ("public_security", "公安业务")} <= told
    assert SECRET not in str(report.receipt.as_json())


def test_the_envelope_comes_with_the_places_and_goes_with_them(store, model):
    report = take(store, model)
    (building,) = held(store, "building")
    scenes = list(scenes_of(store, building))
    assert len(scenes) == len(held(store, "envelope")) == 1
    assert join(scenes)[:4] == b"glTF"
    batch = imports(store)[0]["batch"]
    undo_import(store, batch, "planner", datetime.now(UTC))
    assert report.stored
    assert list(scenes_of(store, building)) == []


def test_both_stores_hold_the_same_of_a_model_and_let_it_go(store, database, model):
    def told(twin):
        layers = ("building", "storey", "space", "connection", "device", "envelope")
        return {
            layer: {name: (one.place, one.attributes) for name, one in held(twin, layer).items()} for layer in layers
        }

    with closing(PostgisStore(database, load_catalogue())) as postgis:
        reports = [take(twin, model) for twin in (store, postgis)]
        assert reports[0].counts == reports[1].counts
        assert told(store) == told(postgis)
        assert [len(held(postgis, layer)) for layer in ("connection", "device", "envelope")] == [2, 1, 1]
        undo_import(postgis, imports(postgis)[0]["batch"], "planner", datetime.now(UTC))
        assert not any(told(postgis).values())


def test_the_envelope_of_a_model_laid_elsewhere_goes_with_its_footprint(model):
    read = read_ifc(model, at=AT)
    turned = Placement(120.2, 30.3, 70.0)
    put_there = put(read, frame_at(AT), turned, 2.0)
    drawn = read_ifc(model, at=turned)
    for one, other in zip(put_there.envelope, drawn.envelope, strict=True):
        there, wanted = origin_of(one.glb), origin_of(other.glb)
        assert (there["lon_deg"], there["lat_deg"]) == pytest.approx((wanted["lon_deg"], wanted["lat_deg"]), abs=2e-6)
        assert there["height_m"] == wanted["height_m"] + 2.0
