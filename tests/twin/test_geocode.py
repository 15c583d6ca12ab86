"""From addresses to places and back."""

import pytest
import shapely

from gis.errors import BadInput
from twin.feature import Feature, RecordDraft
from twin.geocode import Geocoder, with_address
from twin.locate import Locator

ONE, TWO, SCHOOL = "N51H0429733232-0", "N51H0429733233-0", "N51H0429733234-0"


def place(layer, key, name=None, **more):
    return Feature(layer=layer, id=key, community="c", name=name, place=key, **more)


COMMUNITY = place(
    "community",
    "c",
    "里坊示范社区",
    attributes={"district": "示范区", "street": "里坊街道", "compound": "安和里"},
)
BUILDINGS = [
    place("building", ONE, "安和里1幢", attributes={"building_no": "AH-001", "door_plate_no": "里坊路1号"}),
    place("building", TWO, "二号楼", attributes={"building_no": "AH-002", "compound": "安和里"}),
    place("building", SCHOOL, "安和小学", attributes={"door_plate_no": "里坊路58号", "compound": "安和里"}),
]
INSIDE = [
    place("unit", f"{ONE}-U01"),
    place("unit", f"{ONE}-U02"),
    place("storey", f"{ONE}-U00-F05", storey=5),
    place("storey", f"{ONE}-U01-F05", storey=5),
    place("storey", f"{ONE}-U02-F05", storey=5),
    place("storey", f"{ONE}-U00-B01", storey=-1),
    place("space", f"{ONE}-U01-F05-R0501", "0501 住宅", storey=5),
    place("space", f"{ONE}-U02-F05-R0501", "0501 住宅", storey=5),
    place("space", f"{ONE}-U02-F05-R0502", "0502 住宅", storey=5),
    place("space", f"{ONE}-U02-F05-G0010", "走廊", storey=5),
]


@pytest.fixture
def geocoder():
    return Geocoder([COMMUNITY], BUILDINGS, lambda key: [one for one in INSIDE if one.id.startswith(key + "-")])


def found(geocoder, text):
    return [(match.place.id.removeprefix(ONE), match.score) for match in geocoder.find(text)]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("安和里1幢", ""),
        ("安和里一号楼", ""),
        ("AH-001", ""),
        ("ah-001", ""),
        ("里坊路1号", ""),
        ("示范区里坊街道里坊示范社区里坊路1号安和里1幢", ""),
        ("安和里1号", ""),
        ("1幢2单元", "-U02"),
        ("1幢5楼", "-U00-F05"),
        ("1幢1单元5层", "-U01-F05"),
        ("1幢B1", "-U00-B01"),
        ("1#2-0502", "-U02-F05-R0502"),
        ("1幢502", "-U02-F05-R0502"),
        ("1幢2单元5层02室", "-U02-F05-R0502"),
    ],
)
def test_the_deepest_place_that_fits_is_found(geocoder, text, key):
    assert found(geocoder, text) == [(key, 1.0)]


def test_a_named_building_is_found_by_name_and_by_door_plate(geocoder):
    assert [match.place.id for match in geocoder.find("安和小学")] == [SCHOOL]
    assert [match.place.id for match in geocoder.find("里坊路58号")] == [SCHOOL]


def test_doors_of_several_units_fit_equally(geocoder):
    assert found(geocoder, "1幢501") == [("-U01-F05-R0501", 1.0), ("-U02-F05-R0501", 1.0)]


def test_what_is_not_known_falls_back_and_says_so(geocoder):
    (match,) = geocoder.find("1幢2单元509")
    assert (match.place.id, match.score) == (f"{ONE}-U02-F05", 0.667)
    assert "Not known here: room 509" in match.reason
    assert found(geocoder, "1幢9层") == [("", 0.5)]
    assert found(geocoder, "1幢1单元9层901") == [("-U01", 0.5)]


@pytest.mark.parametrize(
    "elsewhere", ["西湖区安和社区1幢", "和平里1幢", "文三路1号", "3幢", "501室", "里坊路1号和平里1幢"]
)
def test_an_address_elsewhere_is_not_found_here(geocoder, elsewhere):
    assert geocoder.find(elsewhere) == []


def test_a_community_is_found_by_its_names(geocoder):
    assert [match.place.id for match in geocoder.find("里坊示范社区")] == ["c"]
    assert [match.place.id for match in geocoder.find("安和里")] == ["c"]


def test_nonsense_is_refused(geocoder):
    with pytest.raises(BadInput, match=r"address\.unreadable"):
        geocoder.find("?")


def test_the_address_of_a_place_is_complete_and_leads_back_to_it(geocoder):
    room = next(one for one in INSIDE if one.id.endswith("U02-F05-R0502"))
    address = geocoder.address_of(room)
    assert address.text() == "示范区里坊街道里坊示范社区里坊路1号安和里1幢2单元5层502室"
    for one in [*BUILDINGS, *INSIDE[:-1]]:
        best = geocoder.find(geocoder.address_of(one).text())
        assert [match.place.id for match in best] == [one.id]


def test_a_room_without_door_number_has_the_address_of_its_storey(geocoder):
    assert geocoder.address_of(INSIDE[-1]).text().endswith("1幢2单元5层")
    assert "address" not in with_address(INSIDE[-1], BUILDINGS[0]).attributes


def test_a_given_address_stays_and_a_derived_one_follows_the_name():
    given = place("building", ONE, "安和里1幢", attributes={"address": "里坊路9号"})
    assert with_address(given, given) is given
    derived = with_address(BUILDINGS[1], BUILDINGS[1])
    assert derived.attributes["address"] == "安和里2幢"
    renamed = place("building", TWO, "安和里7幢", attributes=derived.attributes)
    assert with_address(renamed, renamed).attributes["address"] == "安和里7幢"
    nameless = place(
        "building", TWO, None, attributes={key: derived.attributes[key] for key in ("address", "address_source")}
    )
    assert with_address(nameless, nameless).attributes == {}


def test_a_name_that_is_no_address_gives_none():
    tower = place("building", ONE, "Tower @ West")
    assert with_address(tower, tower) is tower


@pytest.fixture
def locator():
    footprints = {ONE: shapely.box(120, 30, 120.001, 30.001)}
    buildings = [
        place("building", one.id, one.name, geometry=footprints.get(one.id), attributes=one.attributes)
        for one in BUILDINGS
    ]
    return Locator([*buildings, *INSIDE], {"AH-001": ONE})


def located(locator, geometry=None, **where):
    at = locator.locate(RecordDraft(id="r", geometry=geometry, where=where))
    return (at.place and at.place.removeprefix(ONE), at.storey, at.problem)


def test_a_record_stands_where_its_address_says(locator):
    assert located(locator, address="安和里1幢2单元502") == ("-U02-F05-R0502", 5, None)
    assert located(locator, address="安和里1幢501") == ("", 5, None)
    assert located(locator, address="安和里1幢9楼") == ("", None, None)


def test_numbers_go_before_an_address(locator):
    assert located(locator, building_no="AH-001", address="安和小学") == ("", None, None)


def test_an_address_that_leads_nowhere_is_reported_and_position_helps(locator):
    inside = shapely.Point(120.0005, 30.0005)
    assert located(locator, inside, address="和平里1幢") == ("", None, "address '和平里1幢' is not known")
    assert located(locator, address="和平里1幢") == (None, None, "address '和平里1幢' is not known")
    place_, _, problem = located(locator, inside, address="?")
    assert place_ == ""
    assert "is no part of an address" in problem
