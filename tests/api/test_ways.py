"""Ways on foot over HTTP: a street, a house with doors, two shelters."""

import pytest
import shapely

from gis.local import LocalFrame
from twin.feature import Feature
from twin.minting import building_codes

pytestmark = pytest.mark.both_stores

FRAME = LocalFrame(120.15, 30.28)


def at(x, y):
    lon, lat = FRAME.to_degrees(x, y)
    return float(lon), float(lat)


def text(x, y):
    return ",".join(map(str, at(x, y)))


def box(west, south, east, north):
    return shapely.Polygon([at(west, south), at(east, south), at(east, north), at(west, north)])


HOUSE = building_codes([box(0, 0, 20, 20)], [])[0]
FLAT, STAIRS_UP, STAIRS = (f"{HOUSE}-U00-{part}" for part in ("F02-R0201", "F02-R0200", "F01-R0100"))


def thing(layer, key, geometry, place=None, **more):
    return Feature(**{"layer": layer, "id": key, "community": "c1", "geometry": geometry, "place": place, **more})


def connection(name, kind, start, end, x, y, **more):
    attributes = {"kind": kind, "from_space": start, "to_space": end, "evacuation": kind != "lift", **more}
    return thing("connection", name, shapely.Point(at(x, y)), start, attributes=attributes)


FEATURES = [
    thing("building", HOUSE, box(0, 0, 20, 20), HOUSE, name="安和里1幢"),
    thing("space", FLAT, box(0, 10, 10, 20), FLAT, name="0201", storey=2, parent=HOUSE),
    thing("space", STAIRS_UP, box(10, 0, 20, 20), STAIRS_UP, name="2层楼梯间", storey=2, parent=HOUSE),
    thing("space", STAIRS, box(10, 0, 20, 20), STAIRS, name="楼梯间", storey=1, parent=HOUSE),
    connection("flat-door", "door", FLAT, STAIRS_UP, 10, 15),
    connection("stair", "stair", STAIRS, STAIRS_UP, 15, 15, rise_m=3.0),
    connection("front-door", "door", STAIRS, "outside", 15, 0, exit=True),
    thing("walkway", "street", shapely.LineString([at(-200, -5), at(0, -5), at(300, -5)])),
    thing("walkway", "back", shapely.LineString([at(0, -5), at(0, -105), at(300, -105), at(300, -5)])),
    thing("walkway", "island", shapely.LineString([at(0, 900), at(50, 900)])),
    thing("entrance", "gate", shapely.Point(at(290, -4))),
    thing("entrance", "cut-off", shapely.Point(at(20, 905))),
    thing("shelter", "east", box(290, -20, 310, -6), attributes={"capacity": 200}),
    thing("shelter", "west", box(-210, -20, -190, -6), attributes={"capacity": 90}),
    thing("hydrant", "near", shapely.Point(at(30, -6)), attributes={"hydrant_class": "outdoor"}),
    thing("hydrant", "behind", shapely.Point(at(15, -100)), attributes={"hydrant_class": "outdoor"}),
    thing("hydrant", "inside", shapely.Point(at(5, -6)), attributes={"hydrant_class": "indoor"}),
]


@pytest.fixture(scope="module")
def town(serving_at):
    with serving_at() as service:
        service.put(*FEATURES)
        yield service


def get(service, path, **parameters):
    answer = service.client.get(path, params={name.rstrip("_"): value for name, value in parameters.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_way_from_a_flat_is_told_in_words_of_both_languages(town):
    route = get(town, "/v1/route", from_=FLAT, to=text(100, -5))["route"]["properties"]
    assert [step["kind"] for step in route["steps"]] == ["room", "door", "room", "stair", "room", "exit", "walk"]
    assert route["steps"][3]["text"] == {"zh": "走楼梯下行 3.0 米", "en": "Take the stairs down 3.0 m"}
    assert route["steps"][-1]["text"]["zh"] == "沿步道走 90 米"
    assert route["indoors"] == {"from": True, "to": False}
    back = get(town, "/v1/route", from_=text(100, -5), to=FLAT)["route"]["properties"]
    assert [step["kind"] for step in back["steps"]] == ["walk", "entrance", "room", "stair", "room", "door", "room"]
    assert back["steps"][3]["text"]["zh"] == "走楼梯上行 3.0 米"
    assert back["length_m"] == route["length_m"]


def test_a_closed_street_is_walked_around_and_a_closed_stair_leaves_no_way(town):
    straight = get(town, "/v1/route", from_=text(-100, -5), to=text(290, -5))["route"]["properties"]["length_m"]
    wall = box(100, -50, 110, 50).wkt
    around = get(town, "/v1/route", from_=text(-100, -5), to=text(290, -5), avoid=wall)["route"]["properties"]
    assert around["length_m"] == pytest.approx(straight + 220, abs=1)
    nothing = get(town, "/v1/route", from_=FLAT, to=text(100, -5), closed="stair")
    assert nothing["route"] is None
    assert "没有安全路线" in nothing["reason"]["zh"]


def test_a_long_question_is_asked_by_post(town):
    body = {"from": text(-100, -5), "to": text(290, -5), "avoid": box(100, -50, 110, 50).wkt}
    answer = town.client.post("/v1/route", json=body).json()["route"]["properties"]
    assert [step["ids"] for step in answer["steps"]] == [["street", "back", "street"]]


def test_who_flees_is_led_to_the_nearest_shelter_that_can_be_reached(town):
    first = get(town, f"/v1/evacuation/{FLAT}")
    assert first["shelter"]["id"] == "west"
    blocked = get(town, f"/v1/evacuation/{FLAT}", avoid=box(-60, -20, -50, 20).wkt)
    assert blocked["shelter"]["id"] == "east"
    cut_off = get(town, f"/v1/evacuation/{FLAT}", closed="front-door")
    assert cut_off["route"] is None
    assert cut_off["reason"]["en"] == "No shelter can be reached safely"


def test_who_stands_in_the_burning_house_is_led_out_of_it(town):
    route = get(town, f"/v1/evacuation/{FLAT}", avoid_places=HOUSE)["route"]["properties"]
    assert route["exposed_m"] > 10
    assert [step["kind"] for step in route["steps"]][-2:] == ["exit", "walk"]


def test_the_nearest_on_foot_is_not_the_nearest_as_the_crow_flies(town):
    crow = get(town, "/v1/nearest", layer="hydrant", from_=text(15, -60), by="line", filter="hydrant_class:outdoor")
    foot = get(town, "/v1/nearest", layer="hydrant", from_=text(15, -60), filter="hydrant_class:outdoor")
    assert [one["id"] for one in crow["results"]] == ["behind", "near"]
    assert [one["id"] for one in foot["results"]] == ["behind", "near"]
    blocked = get(town, "/v1/nearest", layer="hydrant", from_=text(15, -4), filter="hydrant_class:outdoor", count=1)
    assert blocked["results"][0]["id"] == "near"
    assert blocked["results"][0]["walk_m"] == pytest.approx(17, abs=1)
    assert blocked["results"][0]["bearing_deg"] == pytest.approx(97.6, abs=0.5)


def test_the_one_question_asks_for_the_nearest_on_foot_too(town):
    start, outdoor = at(15, -60), {"hydrant_class": "outdoor"}
    where = {"nearest": start, "by": "walk"}
    answer = town.client.post("/v1/query", json={"layers": ["hydrant"], "where": where, "filter": outdoor}).json()
    told = get(town, "/v1/nearest", layer="hydrant", from_=text(15, -60), filter="hydrant_class:outdoor")["results"]
    named = [(one["id"], one["properties"]["walk_m"], one["properties"]["walk_s"]) for one in answer["features"]]
    assert named == [(one["id"], one["walk_m"], one["walk_s"]) for one in told]
    short = {"layers": "hydrant", "nearest": text(15, -60), "by": "walk", "filter": "hydrant_class:outdoor"}
    assert get(town, "/v1/query", **short) == answer
    table = town.client.get("/v1/query", params={**short, "format": "csv"}).text
    assert str(told[0]["walk_m"]) in table
    # Nearer across the houses, farther along the streets.
    near = get(town, "/v1/query", layers="hydrant", nearest=text(30, -50), by="line", limit=1)["features"]
    foot = get(town, "/v1/query", layers="hydrant", nearest=text(30, -50), by="walk", limit=1)["features"]
    assert [one["id"] for one in near + foot] == ["near", "inside"]


@pytest.mark.parametrize("by", ["walk", "line"])
def test_the_one_question_asks_from_a_place_what_is_nearest_to_it(town, by):
    for place in (FLAT, HOUSE):
        told = get(town, "/v1/nearest", layer="hydrant", from_=place, by=by, count=3)["results"]
        answer = get(town, "/v1/query", layers="hydrant", nearest=place, by=by, limit=3)["features"]
        assert [one["id"] for one in answer] == [one["id"] for one in told]
        assert [one["properties"].get("walk_m") for one in answer] == [one.get("walk_m") for one in told]
        where = {"nearest": place, "by": by}
        asked = town.client.post("/v1/query", json={"layers": ["hydrant"], "where": where, "limit": 3})
        assert asked.json()["features"] == answer


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"by": "walk", "nearest": "N51H0429799999-0"}, "place.unknown"),
        ({"nearest": "120.1,north"}, "request.parameter"),
        ({"by": "walk"}, "query.walk_from"),
        ({"by": "walk", "nearest": text(0, 0), "at": "2026-01-01T00:00:00Z"}, "query.walk_then"),
        ({"by": "walk", "nearest": text(0, 50_000)}, "network.no_access"),
        ({"by": "swim", "nearest": text(0, 0)}, "request.parameter"),
    ],
)
def test_a_walk_that_cannot_be_asked_for_is_refused_by_name(town, parameters, code):
    assert town.client.get("/v1/query", params={"layers": "hydrant", **parameters}).json()["code"] == code


def test_where_no_path_is_known_the_straight_line_does_not_stand_in(serving_at):
    with serving_at() as service:
        service.put(thing("hydrant", "near", shapely.Point(at(30, -6))))
        asked = {"layers": "hydrant", "nearest": text(0, 0), "by": "walk"}
        answer = service.client.get("/v1/query", params=asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "network.empty")


def test_five_minutes_reach_less_than_fifteen(town):
    areas = get(town, "/v1/isochrone", from_=HOUSE, minutes="2,5")["features"]
    small, large = (shapely.geometry.shape(area["geometry"]) for area in areas)
    assert large.buffer(1e-8).covers(small)
    assert large.covers(shapely.Point(at(290, -5)))
    assert not small.covers(shapely.Point(at(290, -5)))


def test_entrances_that_no_path_joins_to_the_rest_are_listed(town):
    report = get(town, "/v1/connectivity")
    assert (report["entrances"], report["reached_share"]) == (2, 0.5)
    assert [door["id"] for door in report["unreached"]] == ["cut-off"]
    assert report["other_parts"] == [{"ways": 1, "ids": ["island"]}]


def test_the_network_follows_its_layers(serving_at):
    with serving_at() as service:
        service.put(*FEATURES)
        before = get(service, "/v1/route", from_=text(0, -5), to=text(20, 900))
        service.put(thing("walkway", "bridge", shapely.LineString([at(0, -5), at(0, 900)])))
        after = get(service, "/v1/route", from_=text(0, -5), to=text(20, 900))
    assert before["route"] is None
    assert after["route"]["properties"]["length_m"] == pytest.approx(925, abs=1)


@pytest.mark.parametrize(
    ("path", "parameters", "status", "code"),
    [
        ("/v1/route", {"from": "nowhere", "to": text(0, 0)}, 404, "place.unknown"),
        ("/v1/route", {"from": text(0, 0), "to": text(0, 50_000)}, 404, "network.no_access"),
        ("/v1/route", {"from": text(0, 0), "to": text(9, 0), "avoid": "POINT(1 2)"}, 422, "request.parameter"),
        ("/v1/isochrone", {"from": text(0, 0), "minutes": "0"}, 422, "request.parameter"),
        ("/v1/isochrone", {"from": text(0, 0), "minutes": "nan"}, 422, "request.parameter"),
        ("/v1/nearest", {"layer": "teapot", "from": text(0, 0)}, 404, "layer.unknown"),
        ("/v1/nearest", {"layer": "resident", "from": text(0, 0)}, 403, "layer.aggregate_only"),
        ("/v1/evacuation/N51H0000000000-0", {}, 404, "place.unknown"),
    ],
)
def test_what_cannot_be_answered_is_refused_by_name(town, path, parameters, status, code):
    answer = town.client.get(path, params=parameters)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
