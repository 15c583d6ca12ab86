"""Every real file ends in rows or a named error; counts are those of ogrinfo, and of counting tags by hand."""

import json
import re
from pathlib import Path

import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from lxml import etree

from gis.errors import BadInput
from gis.read import read_features

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "gis"

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here"),
]

# File, options, features as ogrinfo counts them (city models: as many buildings as the text has).
ROWS = [
    ("addresses/dutch_addresses_shape_28992.zip", {}, 2481),
    ("citygml/potsdam_lod1.gml", {}, 97),
    ("citygml/berlin_sample.citygml", {}, 61),
    ("citygml/delft_citygml2.xml", {}, 3),
    ("citygml/tum_DEBY_LOD2_4959457.gml", {}, 1),
    ("citygml/zurich_lod2_citygml1.xml", {"crs": "EPSG:21781"}, 4),
    ("cityjson/delft.city.json", {}, 160),
    ("cityjson/3dfier_testarea.city.json", {}, 160),
    ("cityjson/delfshaven_rotterdam.city.json", {}, 853),
    ("cityjson/euromast.city.json", {}, 1),
    ("cityjson/vienna.city.jsonl", {"crs": "EPSG:31256"}, 149),
    ("osm/munich_tiny.osm", {"layer": "multipolygons"}, 32),
    ("osm/monaco.osm.pbf", {"layer": "multipolygons"}, 1459),
    ("osm/monaco_2012.osm.gz", {"layer": "multipolygons"}, 1016),
    ("osm/campo_grande.osm.gz", {"layer": "lines"}, 4152),
    ("vector/nl_bgt_pand.sqlite", {}, 160),
    ("vector/bubenec.gpkg", {"layer": "buildings"}, 144),
]
REFUSED = [
    ("citygml/yokosuka_523965_dem.gml", {}, "gis.no_buildings"),
    ("citygml/zurich_lod2_citygml1.xml", {}, "gis.bad_position"),
    ("citygml/kawasaki.zip", {}, "gis.which_layer"),
    ("cityjson/vienna.city.jsonl", {}, "gis.no_crs"),
    ("china/administrative_streets.json", {}, "gis.unreadable"),
    ("dem/munich_dgm1_690_5335.tif", {}, "gis.format"),
    ("shp_gbk/gbk.dbf", {}, "gis.format"),
    ("shp_gbk/ldid_chinese.shp", {}, "gis.missing_part"),
    ("osm/monaco.osm.pbf", {}, "gis.which_layer"),
]


@pytest.mark.parametrize(("name", "options", "count"), ROWS, ids=[f"{row[0]}-{row[2]}" for row in ROWS])
def test_real_files_give_as_many_rows_as_they_hold(name, options, count):
    told = []
    rows = read_features(DATA / name, **options, on_warning=told.append)
    reported = {warning.facts.get("row") for warning in told}
    assert len(rows) == count
    assert all(row.geometry is not None or row.number in reported for row in rows)
    assert all(row.geometry is None or row.geometry.is_valid for row in rows)


@pytest.mark.parametrize(("name", "options", "code"), REFUSED, ids=[f"{row[0]}-{row[2]}" for row in REFUSED])
def test_real_files_that_cannot_be_read_say_why(name, options, code):
    with pytest.raises(BadInput) as refused:
        read_features(DATA / name, **options, on_warning=lambda _: None)
    assert refused.value.code == code


def test_a_street_map_whose_ids_do_not_rise_is_read_all_the_same():
    rows = read_features(DATA / "osm" / "moscow.osm.gz", layer="multipolygons", on_warning=lambda _: None)
    assert len(rows) > 100
    assert any(re.search("[а-я]", str(row.properties["name"])) for row in rows)


def test_city_furniture_in_an_archive_is_no_building():
    with pytest.raises(BadInput, match=r"gis\.which_layer") as refused:
        read_features(DATA / "citygml" / "kawasaki.zip", on_warning=lambda _: None)
    names = re.findall(r"[\w/.-]+\.gml", refused.value.message)
    for name in names:
        with pytest.raises(BadInput, match=r"gis\.no_buildings.*it holds \d+ "):
            read_features(DATA / "citygml" / "kawasaki.zip", layer=name, on_warning=lambda _: None)


def test_the_same_town_in_two_city_models_and_a_map_has_the_same_footprints():
    """CityJSON 1.0 and 2.0 of one area, and the cadastre's outlines they were made from."""
    old, new = (
        {row.properties["city_object"]: row.geometry for row in read_features(DATA / "cityjson" / name, on_warning=lambda _: None)}
        for name in ("3dfier_testarea.city.json", "delft.city.json")
    )  # fmt: skip
    cadastre = {
        row.properties["gml_id"]: row.geometry
        for row in read_features(DATA / "vector" / "nl_bgt_pand.sqlite", on_warning=lambda _: None)
    }
    assert set(old) == set(new) == set(cadastre)
    shared = [shapely.area(old[name].intersection(cadastre[name])) / shapely.area(cadastre[name]) for name in cadastre]
    assert sorted(shared)[len(shared) // 2] > 0.99
    assert min(shapely.area(old[name].intersection(new[name])) / old[name].area for name in old) > 0.99


def test_footprints_of_lod_1_solids_are_their_floors():
    """Each Potsdam block is a prism; its floor, found by counting corners at the lowest height, is its footprint."""
    rows = read_features(DATA / "citygml" / "potsdam_lod1.gml", crs="EPSG:25833", on_warning=lambda _: None)
    document = etree.parse(str(DATA / "citygml" / "potsdam_lod1.gml"))
    floors = []
    for building in document.iter("{*}Building"):
        faces = []
        for ring in building.iter("{*}exterior"):
            text = "".join(position.text for position in ring.iterchildren("{*}LinearRing") for position in position)
            numbers = [float(part) for part in text.split()]
            if numbers:
                faces.append(list(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)))
        lowest = min(z for face in faces for *_, z in face)
        flat = [face for face in faces if all(abs(z - lowest) < 1e-6 for *_, z in face)]
        floors.append((lowest, sum(shapely.Polygon([(x, y) for x, y, _ in face]).area for face in flat)))
    assert [row.z for row in rows] == pytest.approx([lowest for lowest, _ in floors])
    transform = pyproj.Transformer.from_crs("OGC:CRS84", 25833, always_xy=True).transform
    areas = [shapely.transform(row.geometry, lambda p: np.column_stack(transform(*p.T))).area for row in rows]
    assert areas == pytest.approx([area for _, area in floors], rel=1e-3, abs=0.05)


def test_every_file_there_is_ends_in_rows_or_a_named_error():
    seen = 0
    named = {name for name, *_ in (*ROWS, *REFUSED)}
    for path in sorted(DATA.rglob("*")):
        if path.is_file() and path.stat().st_size < 200_000 and str(path.relative_to(DATA)) not in named:
            seen += 1
            try:
                assert read_features(path, on_warning=lambda _: None)
            except BadInput as error:
                assert error.message  # noqa: PT017 - rows or this, nothing else
    assert seen > 15


def test_the_counts_above_are_those_of_the_files_themselves():
    model = json.loads((DATA / "cityjson" / "delfshaven_rotterdam.city.json").read_text("utf-8"))
    assert sum(thing["type"] == "Building" for thing in model["CityObjects"].values()) == 853
    assert (DATA / "citygml" / "berlin_sample.citygml").read_bytes().count(b"<bldg:Building ") == 61
    assert pyogrio.read_info(DATA / "vector" / "nl_bgt_pand.sqlite")["features"] == 160
