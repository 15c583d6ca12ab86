"""Files left in GCJ-02 or BD-09, in a Chinese city: refused until the datum is named, buildings and records alike."""

import json

import pytest
import shapely

from api.importing import Importer
from gis.datum import Datum, convert_geometry
from gis.errors import BadInput
from layers.catalogue import load_catalogue
from twin.embedded import EmbeddedStore

HOUSES = {
    f"AH-{n}": shapely.box(120.2 + n * 6e-4, 30.3, 120.2004 + n * 6e-4, 30.3001 + (n % 3) * 2e-5) for n in range(12)
}


@pytest.fixture
def importer(tmp_path):
    store = EmbeddedStore(tmp_path / "twin.gpkg", load_catalogue())
    opened = Importer(store, load_catalogue(), "c1")
    opened.gis(layer(tmp_path, "houses", "建筑编号", HOUSES), "building")
    yield opened
    store.close()


def layer(tmp_path, name, column, shapes, datum=Datum.WGS84, **more):
    features = [
        {
            "type": "Feature",
            "properties": {column: key} | {title: values[key] for title, values in more.items()},
            "geometry": shapely.geometry.mapping(convert_geometry(shape, Datum.WGS84, datum)),
        }
        for key, shape in shapes.items()
    ]
    path = tmp_path / f"{name}.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False), "utf-8")
    return path


def hydrants():
    return {f"X-{key}": shape.centroid for key, shape in HOUSES.items()}


SHIFTED = pytest.mark.parametrize("datum", [Datum.GCJ02, Datum.BD09])


@SHIFTED
def test_buildings_left_in_a_web_maps_datum_are_refused_until_it_is_named(importer, tmp_path, datum):
    path = layer(tmp_path, "again", "建筑编号", HOUSES, datum)
    with pytest.raises(BadInput, match=f"import.shifted_datum.*--crs {datum}"):
        importer.gis(path, "building")
    assert importer.gis(path, "building", crs=str(datum.value)).counts["building"].keys() <= {"unchanged", "changed"}


@SHIFTED
def test_records_that_were_there_before_tell_the_shift_of_their_next_version(importer, tmp_path, datum):
    importer.gis(layer(tmp_path, "a", "消火栓编号", hydrants()), "hydrant")
    path = layer(tmp_path, "b", "消火栓编号", hydrants(), datum)
    with pytest.raises(BadInput, match=f"import.shifted_datum.*--crs {datum}"):
        importer.gis(path, "hydrant")
    assert "added" not in importer.gis(path, "hydrant", crs=str(datum.value)).counts["hydrant"]


@SHIFTED
def test_new_records_tell_it_by_the_buildings_they_name(importer, tmp_path, datum):
    numbers = {f"X-{key}": key for key in HOUSES}
    path = layer(tmp_path, "new", "消火栓编号", hydrants(), datum, 楼栋编号=numbers)
    with pytest.raises(BadInput, match=f"import.shifted_datum.*--crs {datum}"):
        importer.gis(path, "hydrant")
    assert importer.gis(path, "hydrant", crs=str(datum.value)).counts["hydrant"] == {"added": 12}


def test_records_that_were_all_moved_elsewhere_are_taken_as_they_are(importer, tmp_path):
    importer.gis(layer(tmp_path, "a", "消火栓编号", hydrants()), "hydrant")
    moved = {key: shapely.affinity.translate(shape, -0.006, 0.004) for key, shape in hydrants().items()}
    assert importer.gis(layer(tmp_path, "b", "消火栓编号", moved), "hydrant").counts["hydrant"]["changed"] == 12
