"""Files into the twin."""

import json

import pytest

from api.importing import Importer
from layers.catalogue import load_catalogue
from twin.embedded import EmbeddedStore


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


def test_importing_a_file_again_changes_nothing(store, tmp_path):
    importer = Importer(store, load_catalogue(), "c1")
    importer.gis(houses(tmp_path, "甲", "乙"), "building")
    again = importer.gis(houses(tmp_path, "甲", "乙"), "building")
    assert again.changes == []
    assert again.summary() == "building 2 unchanged; storey 4 unchanged"
