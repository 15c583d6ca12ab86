"""What a person finds in the sample community, and whether every address leads back to where it came from."""

import pytest
import shapely

from api.importing import Importer
from layers.catalogue import load_catalogue
from sample_data import read_manifest
from twin.embedded import EmbeddedStore
from twin.geocode import INSIDE, Geocoder
from twin.query import Query
from twin.text import tokens

LAYERS = {"community", "grid", "building", "facility", "key_place", "entrance", "device"}


@pytest.fixture(scope="module")
def store(directory, tmp_path_factory):
    """The sample community as the importers leave it, without people."""
    files = read_manifest(directory)
    opened = EmbeddedStore(tmp_path_factory.mktemp("twin") / "twin.gpkg", load_catalogue())
    importer = Importer(opened, load_catalogue(), files.community)
    for file in files.files:
        if file.importer == "ifc":
            importer.ifc(file.path)
        elif file.layer in LAYERS:
            importer.gis(file.path, file.layer, table=file.options.get("table"), encoding=file.options.get("encoding"))
    yield opened
    opened.close()


def found(store, text, limit=10, **more):
    return [(feature.layer, feature.name) for feature in store.search(text, limit, **more)]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("安和里21幢", ("building", "安和里21幢")),
        ("安和里二十一幢", ("building", "安和里21幢")),
        ("21幢 0501", ("building", "安和里21幢")),
        ("21号楼501", ("building", "安和里21幢")),
        ("里坊路24号", ("building", "安和里24幢")),
        ("AH-021", ("building", "安和里21幢")),
        ("ah-021", ("building", "安和里21幢")),
        ("和安里21幢", ("building", "安和里21幢")),
        ("幼儿园", ("building", "安和幼儿园")),
        ("幼儿圆", ("building", "安和幼儿园")),
        ("里坊示范社区", ("community", "里坊示范社区")),
        ("330106099001", ("community", "里坊示范社区")),
        ("37幢9层", ("storey", "9层")),
        ("37幢2单元", ("unit", "2单元")),
        ("37-2-0501", ("space", "0501 住宅")),
        ("兰苑1号门", ("entrance", "兰苑1号门")),
    ],
)
def test_the_first_result_is_what_was_meant(store, typed, first):
    assert found(store, typed)[0] == first


def test_a_room_is_found_in_every_unit_that_has_it(store):
    assert found(store, "37幢0501") == [("space", "0501 住宅")] * 2


def test_the_buildings_of_a_compound_stand_in_the_order_of_their_numbers(store):
    assert found(store, "安和里") == [("building", f"安和里{number}幢") for number in range(1, 11)]


def test_the_beginning_of_a_building_number_finds_the_buildings(store):
    assert found(store, "AH-0") == [("building", f"安和里{number}幢") for number in range(1, 11)]


def test_kindergarten_finds_the_house_the_institution_and_its_door_before_anything_inside(store):
    layers = [layer for layer, _ in found(store, "幼儿园")]
    assert layers[:4] == ["building", "facility", "key_place", "entrance"]
    assert not {"storey", "space"} & set(layers[:5])


def test_smoke_detectors_answer_to_their_everyday_name(store):
    results = found(store, "烟感", 50)
    assert len(results) == 50
    assert all(layer == "device" and "感烟" in name for layer, name in results)


def test_the_beginning_of_a_code_finds_buildings_first_and_only_what_lies_there(store):
    house = next(feature for feature in store.search("安和里37幢", 1))
    results = store.search(house.id[:12], 50)
    assert (results[0].layer, results[0].id) == ("building", house.id)
    assert all(tokens(result.place)[0].startswith(house.id[:12].lower()) for result in results if result.place)
    assert [feature.id for feature in store.search(house.id, 1)] == [house.id]


def test_layers_narrow_a_search_to_a_category(store):
    assert {layer for layer, _ in found(store, "安和里37幢", layers=["device"])} == {"device"}
    assert found(store, "幼儿园", layers=["facility"]) == [("facility", "安和幼儿园")]


def test_a_building_that_does_not_exist_is_not_found(store):
    assert found(store, "安和里99幢") == []


def test_every_address_leads_to_its_code_and_every_position_back_to_its_address(store):
    def places(*layers, **more):
        return store.find(Query(layers=layers, **more)).features

    buildings = places("building")
    geocoder = Geocoder(places("community"), buildings, lambda key: places(*INSIDE, within=key))
    for place in [*buildings, *places(*INSIDE)]:
        matches = geocoder.find(geocoder.address_of(place).text())
        best = [match.place for match in matches if match.score == matches[0].score]
        assert [one.id for one in best] == [place.id]
    for house in buildings:
        (match,) = geocoder.find(geocoder.address_of(house).text())
        point = match.place.geometry.representative_point()
        standing = [one for one in buildings if shapely.intersects(one.geometry, point)]
        assert [geocoder.address_of(one) for one in standing] == [geocoder.address_of(house)]
