"""Addresses over HTTP: to places, to positions, and back."""

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import shapely

from twin.feature import Feature
from twin.minting import building_codes, storey_key
from twin.store import Identifier

HOUSE = shapely.box(120.2, 30.3, 120.2004, 30.3002)
WEST = shapely.box(120.2, 30.3, 120.2002, 30.3002)
KEY = building_codes([HOUSE], [])[0]
STOREY = storey_key(KEY, 1, 2)
ROOM = f"{STOREY}-R0201"
ADDRESS = "示范区里坊街道里坊示范社区安和里1幢1单元2层201室"


@pytest.fixture(scope="module")
def filled(serving_at):
    def place(layer, key, **more):
        return Feature(
            **{"layer": layer, "id": key, "community": "330106099001", "place": key, "geometry": HOUSE, **more}
        )

    with serving_at() as service:
        service.put(
            place(
                "community",
                "330106099001",
                name="里坊示范社区",
                attributes={"district": "示范区", "street": "里坊街道", "compound": "安和里"},
            ),
            place("building", KEY, name="安和里1幢", z_min_m=5.0, z_max_m=23.0),
            place("storey", STOREY, parent=KEY, storey=2, z_min_m=8.0, z_max_m=11.0),
            place("space", ROOM, parent=STOREY, storey=2, z_min_m=8.0, z_max_m=10.8, geometry=WEST),
        )
        yield service


@pytest.fixture(scope="module")
def serving_on_both(serving_on):
    """A house that was renamed, whose room was joined to another and whose old number ended; moments before and now."""
    with serving_on() as service:
        old, renamed = datetime(2020, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
        common = {"community": "330106099001", "geometry": HOUSE, "valid_from": old}
        area = {"district": "示范区", "street": "里坊街道"}
        heights = {"z_min_m": 8.0, "z_max_m": 11.0}
        service.put(
            Feature(layer="community", id="330106099001", name="里坊示范社区", attributes=area, **common),
            Feature(layer="building", id=KEY, place=KEY, name="安和里1幢", **common),
            Feature(layer="storey", id=STOREY, place=STOREY, parent=KEY, storey=2, **heights, **common),
            Feature(layer="space", id=ROOM, place=ROOM, parent=STOREY, storey=2, **heights, **common),
        )
        number = Identifier(community="330106099001", place=KEY, scheme="building_no", value="AH-01", valid_from=old)
        service.store.write(lambda tx: tx.identify(number)).result()
        learned = datetime.now(UTC)
        time.sleep(0.01)  # the store's clock has milliseconds
        common["valid_from"] = renamed
        service.put(Feature(layer="building", id=KEY, place=KEY, name="平安里8幢", **common))
        service.store.write(lambda tx: tx.end("space", ROOM, renamed)).result()
        service.store.write(lambda tx: tx.identify(replace(number, valid_to=renamed))).result()
        yield service, old.replace(year=2022).isoformat(), learned.isoformat()


def get(service, path, **parameters):
    return service.client.get(path, params=parameters)


def test_an_address_leads_to_a_code_a_position_and_back(filled):
    answer = get(filled, "/v1/geocode", address="1号楼1梯二层0201").json()
    (match,) = answer["matches"]
    assert answer["address"] == "1幢1单元2层201室"
    assert (match["code"], match["score"], match["address"]) == (ROOM, 1.0, ADDRESS)
    lon, lat = match["center"]
    back = get(filled, "/v1/geocode/reverse", position=f"{lon},{lat}", height_m=match["z_min_m"]).json()
    assert (back["code"], back["address"]) == (ROOM, ADDRESS)


def test_without_a_height_a_position_is_a_building(filled):
    back = get(filled, "/v1/geocode/reverse", position="120.2001,30.3001").json()
    assert (back["code"], back["address"]) == (KEY, "示范区里坊街道里坊示范社区安和里1幢")


def test_a_position_outside_every_building_has_no_address(filled):
    answer = get(filled, "/v1/geocode/reverse", position="120.3,30.3")
    assert (answer.status_code, answer.json()["code"]) == (404, "address.no_building")


def test_what_is_in_doubt_and_what_is_missing_is_said(filled):
    answer = get(filled, "/v1/geocode", address="1-999").json()
    assert answer["notes"] == ["1 is read as the building."]
    assert answer["matches"][0]["code"] == KEY
    assert "room 999" in answer["matches"][0]["reason"]


def test_nonsense_is_refused_with_its_position(filled):
    answer = get(filled, "/v1/geocode", address="1幢?")
    assert (answer.status_code, answer.json()["code"], answer.json()["position"]) == (422, "address.unreadable", 2)


def test_an_unknown_address_has_no_match(filled):
    assert get(filled, "/v1/geocode", address="和平里9幢").json()["matches"] == []


def test_a_renamed_and_an_ended_place_are_found_as_they_were(serving_on_both):
    service, then, now = serving_on_both
    old, new = {"at": then}, {"at": now}
    for address, when, expected in (
        ("安和里1幢", old, [KEY]), ("安和里1幢", new, []), ("平安里8幢", old, []), ("平安里8幢", new, [KEY]),
        ("安和里1幢0201", old, [ROOM]), ("平安里8幢0201", new, [STOREY]),
    ):  # fmt: skip
        matches = get(service, "/v1/geocode", address=address, **when).json()["matches"]
        assert [one["code"] for one in matches] == expected, (address, when)
        found = get(service, "/v1/search", q=address, layers="building", **when).json()["results"]
        assert [one["id"] for one in found] == ([KEY] if expected else []), (address, when)
    at = {"position": "120.2001,30.3001", "height_m": 9}
    assert get(service, "/v1/geocode/reverse", **at, **old).json()["address"] == ADDRESS
    after = get(service, "/v1/geocode/reverse", **at, **new).json()
    assert (after["code"], after["address"]) == (STOREY, "示范区里坊街道里坊示范社区平安里8幢1单元2层")
    for path, word, told in (("search", "q", "results"), ("geocode", "address", "matches")):
        unlearned = get(service, f"/v1/{path}", **{word: "安和里1幢"}, at=now, known_at=now).json()[told]
        assert unlearned[0]["name"] == "安和里1幢", path
    place = get(service, "/v1/places/AH-01", **old)
    assert (place.json()["code"], get(service, "/v1/places/AH-01").json()["code"]) == (KEY, "place.unknown")


def test_a_place_lists_its_other_names_as_they_were_known_and_those_of_a_moment(serving_on_both):
    service, then, learned = serving_on_both

    def names(**when):
        listed = get(service, f"/v1/places/{KEY}", include="identifiers", **when).json()["identifiers"]
        return [(one["value"], one["valid_to"]) for one in listed]

    ended = [("AH-01", "2024-01-01T00:00:00+00:00")]
    assert names() == names(at=then) == ended
    assert names(at=learned) == []
    assert names(known_at=learned) == names(at=learned, known_at=learned) == [("AH-01", None)]
    before = get(service, "/v1/places/AH-01", at=learned, known_at=learned)
    assert before.json()["code"] == KEY


def test_a_place_shows_its_address_and_its_divisions(filled):
    place = get(filled, f"/v1/places/{ROOM}").json()
    assert place["address"] == ADDRESS
    assert [(one["level"], one["code"], one["name"]) for one in place["divisions"]] == [
        ("province", "330000", None),
        ("city", "330100", None),
        ("county", "330106", "示范区"),
        ("town", "330106099", "里坊街道"),
        ("community", "330106099001", "里坊示范社区"),
    ]
