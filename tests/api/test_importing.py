"""Files into the twin."""

import json
from datetime import UTC, datetime

import pytest

from api.import_log import imports, undo_import
from api.import_options import ModelOptions, TableOptions, fingerprint
from api.importing import Importer
from api.readings import Readings
from bim_import import Placement
from layers.catalogue import load_catalogue
from tests.api.models import model
from twin.embedded import EmbeddedStore
from twin.query import Query


@pytest.fixture
def store(tmp_path):
    opened = EmbeddedStore(tmp_path / "twin.gpkg", load_catalogue())
    yield opened
    opened.close()


def houses(tmp_path, *names):
    features = [
        {
            "type": "Feature",
            "properties": {"建筑编号": f"AH-{n}", "建筑名称": name, "建筑层数": 2},
            "geometry": {
                "type": "Polygon",
                "coordinates": [
                    [
                        [120.2 + n * 0.001 + x * 0.0004, 30.3 + y * 0.0001]
                        for x, y in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))
                    ]
                ],
            },
        }
        for n, name in enumerate(names)
    ]
    path = tmp_path / "houses.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False))
    return path


def test_a_dry_run_tells_what_would_change_and_changes_nothing(store, tmp_path):
    Importer(store, load_catalogue(), "c1").gis(houses(tmp_path, "甲", "乙"), "building")
    seq, version = store.last_seq(), store.version(["building", "storey"])
    dry = Importer(store, load_catalogue(), "c1", dry_run=True).gis(houses(tmp_path, "甲", "丙", "丁"), "building")
    assert dry.counts["building"] == {"unchanged": 1, "changed": 1, "added": 1}
    told = {change.name: dict(change.properties) for change in dry.changes if change.layer == "building"}
    assert told["丙"]["name"] == ("乙", "丙")
    assert told["丁"] == {}
    assert (store.last_seq(), store.version(["building", "storey"])) == (seq, version)


def test_a_dry_run_and_the_import_after_it_agree(store, tmp_path):
    dry = Importer(store, load_catalogue(), "c1", dry_run=True).gis(houses(tmp_path, "甲", "乙"), "building")
    done = Importer(store, load_catalogue(), "c1").gis(houses(tmp_path, "甲", "乙"), "building")
    assert dry.counts == done.counts
    assert dry.changes == done.changes


def test_importing_a_file_again_changes_nothing_and_says_since_when(store, tmp_path):
    importer = Importer(store, load_catalogue(), "c1")
    importer.gis(houses(tmp_path, "甲", "乙"), "building")
    before = store.last_seq()
    again = importer.gis(houses(tmp_path, "甲", "乙"), "building")
    assert again.changes == []
    assert again.unchanged_since == imports(store)[0]["batch"]
    assert store.last_seq() == before


def test_a_file_is_read_again_when_anything_about_it_is_different(store, tmp_path):
    importer = Importer(store, load_catalogue(), "c1")
    path = houses(tmp_path, "甲", "乙")
    importer.gis(path, "building")
    assert importer.gis(path, "building", crs="EPSG:4490").summary() == "building 2 unchanged; storey 4 unchanged"
    assert importer.gis(houses(tmp_path, "甲", "丙"), "building").counts["building"] == {"unchanged": 1, "changed": 1}


def test_a_column_file_beside_a_shapefile_is_part_of_it(tmp_path):
    for name in ("a.shp", "a.dbf", "b.dbf"):
        (tmp_path / name).write_bytes(b"1")
    options = TableOptions(layer="building")
    first = fingerprint(tmp_path / "a.shp", options)
    (tmp_path / "b.dbf").write_bytes(b"2")
    assert fingerprint(tmp_path / "a.shp", options) == first
    (tmp_path / "a.dbf").write_bytes(b"2")
    assert fingerprint(tmp_path / "a.shp", options) != first


def test_a_file_that_was_taken_back_is_taken_in_again(store, tmp_path):
    importer = Importer(store, load_catalogue(), "c1")
    path = houses(tmp_path, "甲", "乙")
    importer.gis(path, "building")
    undo_import(store, imports(store)[0]["batch"], "王", datetime.now(UTC))
    assert importer.gis(path, "building").counts["building"] == {"added": 2}


def test_a_file_whose_places_a_later_import_changed_is_matched_again(store, tmp_path):
    importer = Importer(store, load_catalogue(), "c1")
    first, other = houses(tmp_path, "甲", "乙"), tmp_path / "other.geojson"
    importer.gis(first, "building")
    other.write_text(first.read_text().replace("乙", "丙"))
    importer.gis(other, "building")
    assert importer.gis(first, "building").counts["building"]["changed"] > 0
    names = {found.name for found in store.find(Query(layers=("building",))).features}
    assert names == {"甲", "乙"}


def test_what_happens_in_another_community_or_to_devices_is_no_reason_to_read_again(store, tmp_path):
    importer = Importer(store, load_catalogue(), "c1")
    path = houses(tmp_path, "甲")
    importer.gis(path, "building")
    table = tmp_path / "devices.csv"
    table.write_text("设备编号,设备类型,经度,纬度\nD-1,smoke_detector,120.2001,30.3\n")
    assert importer.gis(table, "device", crs="EPSG:4490").counts["device"] == {"added": 1}
    assert importer.gis(path, "building").unchanged_since


def test_nothing_is_stored_when_the_outcome_is_not_the_one_agreed_to(store, tmp_path):
    importer, path = Importer(store, load_catalogue(), "c1"), houses(tmp_path, "甲", "乙")
    reading = importer.read(path, TableOptions(layer="building"), lambda *_: None)
    dry = Importer(store, load_catalogue(), "c1", dry_run=True).take(reading)
    importer.gis(houses(tmp_path, "甲"), "building")
    differs = importer.take(reading, agreed=dry.difference())
    assert not differs.stored
    assert store.counts()["building"] == 1
    assert importer.take(reading, agreed=differs.difference()).stored
    assert store.counts()["building"] == 2


def test_a_model_read_before_is_not_read_again(store, tmp_path, monkeypatch):
    path = model(tmp_path / "house.ifc")
    readings = Readings(tmp_path / "readings")
    options = ModelOptions(at=Placement(120.15, 30.28))
    first = readings.read(path, options.reading())
    monkeypatch.setattr("api.readings.read_ifc", lambda *_, **__: pytest.fail("it was read again"))
    assert readings.read(path, options.reading()) == first
    (kept,) = (tmp_path / "readings").iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    with pytest.raises(pytest.fail.Exception):
        readings.read(path, options.reading())
