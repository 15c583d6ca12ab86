"""The one question over HTTP, and everything about one place."""

from datetime import UTC, datetime, timedelta

import pytest
import shapely

from gis.pack import unpack
from twin.feature import Feature
from twin.minting import building_codes, storey_key
from twin.spacecode import SpaceCode
from twin.store import Identifier

HOUSE = shapely.box(120.2, 30.3, 120.2004, 30.3002)
KEY = building_codes([HOUSE], [])[0]
STOREY = storey_key(KEY, None, 2)
ROOM = f"{STOREY}-R0201"


@pytest.fixture(scope="module")
def filled(serving_at):
    with serving_at() as service:
        yield _fill(service)


def _fill(service):
    def place(layer, key, **more):
        return Feature(**{"layer": layer, "id": key, "community": "c1", "place": key, "geometry": HOUSE, **more})

    service.put(
        place("community", "c1", place=None, name="示范社区"),
        place("building", KEY, name="安和里1幢", z_min_m=5.0, z_max_m=23.0, attributes={"main_use": "residential"}),
        place("storey", STOREY, name="2层", parent=KEY, storey=2, z_min_m=8.0, z_max_m=11.0),
        place("space", ROOM, name="0201", parent=STOREY, storey=2, z_min_m=8.0, z_max_m=10.8),
        Feature(
            layer="device",
            id="D-1",
            community="c1",
            place=ROOM,
            storey=2,
            name="烟感",
            geometry=shapely.Point(120.2001, 30.3001),
            z_min_m=10.5,
            z_max_m=10.5,
            attributes={"device_type": "smoke_detector", "family": "fire", "device_secret": "s3cret"},
        ),
        *(
            Feature(layer="household", id=f"H{n}", community="c1", place=ROOM, attributes={"persons": 3})
            for n in range(2)
        ),
        Feature(layer="resident", id="R1", community="c1", place=ROOM, name="张某某"),
    )
    service.store.write(
        lambda tx: tx.identify(Identifier(community="c1", place=KEY, scheme="building_no", value="AH-001"))
    ).result()
    return service


def get(service, path, **parameters):
    return service.client.get(path, params=parameters)


def test_a_place_tells_everything_about_itself(filled):
    place = get(filled, f"/v1/places/{ROOM}").json()
    assert (place["code"], place["layer"], place["storey"], place["z_min_m"]) == (ROOM, "space", 2, 8.0)
    assert place["text"] == SpaceCode.parse(ROOM).text
    assert [above["code"] for above in place["ancestors"]] == [KEY, STOREY]
    assert [device["id"] for device in place["records"]["device"]] == ["D-1"]
    assert place["population"] == {"households": 2, "persons": 6, "suppressed": False}


@pytest.mark.parametrize("name", [KEY, KEY.lower(), SpaceCode.parse(KEY).text, "AH-001"])
def test_a_place_answers_to_its_code_in_any_writing_and_to_its_other_names(filled, name):
    place = get(filled, f"/v1/places/{name}").json()
    assert place["code"] == KEY
    assert [(name["scheme"], name["value"]) for name in place["identifiers"]] == [("building_no", "AH-001")]
    assert [child["code"] for child in place["children"]] == [STOREY]


def test_a_mistyped_code_says_where_it_goes_wrong(filled):
    wrong = SpaceCode.parse(KEY).text[:-1] + ("A" if SpaceCode.parse(KEY).check != "A" else "B")
    answer = get(filled, f"/v1/places/{wrong}")
    assert (answer.status_code, answer.json()["code"]) == (404, "place.unknown")
    assert answer.headers["content-type"] == "application/problem+json"


def test_secrets_and_persons_do_not_leave(filled):
    text = get(filled, f"/v1/places/{ROOM}").text + get(filled, "/v1/query", layers="device").text
    assert "s3cret" not in text
    assert "张某某" not in text
    assert get(filled, "/v1/query", layers="resident").json()["code"] == "layer.aggregate_only"
    assert get(filled, "/v1/pack/resident").json()["code"] == "layer.aggregate_only"
    assert get(filled, "/v1/search", q="张某某").json() == {"results": []}


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ({"layers": "building,space"}, {KEY, ROOM}),
        ({"layers": "space", "within": SpaceCode.parse(KEY).text}, {ROOM}),
        ({"layers": "device", "bbox": "120.2,30.3,120.20011,30.30011"}, {"D-1"}),
        ({"layers": "device", "bbox": "120.3,30.3,120.4,30.4"}, set()),
        ({"layers": "device", "near": "120.2001,30.3001,1"}, {"D-1"}),
        ({"layers": "storey,space", "storeys": "2"}, {STOREY, ROOM}),
        ({"layers": "space", "z_min": "10.9"}, set()),
        ({"layers": "device", "filter": "device_type:smoke_detector"}, {"D-1"}),
        ({"layers": "device", "filter": "device_type:gas_detector"}, set()),
        ({"layers": "building", "at": (datetime.now(UTC) - timedelta(days=1)).isoformat()}, set()),
    ],
)
def test_a_query_returns_what_meets_all_conditions(filled, conditions, ids):
    answer = get(filled, "/v1/query", **conditions)
    assert answer.headers["content-type"] == "application/geo+json"
    body = answer.json()
    assert {feature["id"] for feature in body["features"]} == ids
    assert (body["matched"], body["returned"], body["next"]) == (len(ids), len(ids), None)


@pytest.mark.parametrize(
    ("conditions", "parameter"),
    [
        ({"layers": ""}, "layers"),
        ({"layers": "building", "bbox": "1,2,3"}, "bbox"),
        ({"layers": "building", "bbox": "30,120,31,121"}, "bbox"),
        ({"layers": "building", "bbox": "nan,0,1,1"}, "bbox"),
        ({"layers": "building", "near": "120,30,0"}, "near"),
        ({"layers": "building", "storeys": "x"}, "storeys"),
        ({"layers": "building", "at": "2026-11-21T12:00:00"}, "at"),
        ({"layers": "building", "at": "noon"}, "at"),
        ({"layers": "building", "limit": "0"}, "limit"),
        ({"layers": "building", "limit": "1000000000"}, "limit"),
        ({"layers": "building", "filter": "main_use"}, "filter"),
        ({"layers": "building", "filter": "x') OR 1=1 --:1"}, "filter"),
        ({"layers": "building", "cursor": "%%%"}, "cursor"),
        ({"layers": "building", "z_min": "high"}, "z_min"),
    ],
)
def test_a_bad_parameter_is_named(filled, conditions, parameter):
    answer = get(filled, "/v1/query", **conditions)
    assert answer.status_code == 422
    assert answer.json()["parameter"] == parameter
    assert answer.json()["cure"]


def test_people_are_counted_by_building_and_by_cell(filled):
    by_building = get(filled, "/v1/aggregate", layer="household", by="building", sum="persons").json()
    told = {"key": KEY, "count": 2, "value": 6.0, "mean": 3.0, "low": None, "high": None}
    assert by_building == {"groups": [told], "suppressed": 0}, "the least household is one household"
    (cell,) = get(filled, "/v1/aggregate", layer="household", by="h3", sum="persons", resolution=9).json()["groups"]
    assert cell["value"] == 6.0
    assert shapely.geometry.shape(cell["geometry"]).intersects(HOUSE)


def test_search_finds_by_name_code_and_other_names(filled):
    def found(text):
        return [result["id"] for result in get(filled, "/v1/search", q=text).json()["results"]]

    assert found("安和里")[0] == KEY
    assert found(KEY)[0] == KEY
    assert found("AH-001")[0] == KEY
    assert found("烟感") == ["D-1"]


def test_the_scene_lists_layers_that_can_be_fetched_and_counts_what_is_there(filled):
    scene = get(filled, "/v1/scene").json()
    assert scene["community"] == {"code": "c1", "name": "示范社区"}
    assert scene["bounds"] == pytest.approx([120.2, 30.3, 120.2004, 30.3002])
    assert scene["totals"] == {"population": 6.0, "devices": 1, "buildings": 1, "spaces": 1}
    links = {layer["name"]: layer["href"] for layer in scene["layers"]}
    assert links["household"] is None
    for href in filter(None, links.values()):
        answer = filled.client.get(f"/{href}")
        assert answer.status_code == 200, href
        unpack(answer.content)


def test_a_pack_holds_the_rooms_of_one_building_and_is_fetched_once(service):
    filled = _fill(service)
    answer = get(filled, "/v1/pack/space", within=KEY)
    assert unpack(answer.content).ids == [ROOM]
    again = filled.client.get(
        "/v1/pack/space", params={"within": KEY}, headers={"If-None-Match": answer.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    filled.put(Feature(layer="space", id=f"{STOREY}-R0202", community="c1", place=f"{STOREY}-R0202", geometry=HOUSE))
    fresh = filled.client.get(
        "/v1/pack/space", params={"within": KEY}, headers={"If-None-Match": answer.headers["etag"]}
    )
    assert fresh.status_code == 200


def test_heat_cells_of_too_few_people_are_not_drawn(filled):
    heat = unpack(get(filled, "/v1/pack/population").content)
    assert heat.columns["value"] == [6.0]


def test_health_counts_what_is_in_the_twin(filled):
    health = get(filled, "/v1/health").json()
    assert health["status"] == "ok"
    assert health["counts"]["building"] == 1


def test_an_unknown_route_is_a_problem_too(filled):
    answer = get(filled, "/v1/nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_the_documentation_page_names_no_other_host(filled):
    page = get(filled, "/docs").text
    assert "https://" not in page.replace("https://json-schema.org", "")
    assert "swagger-ui-bundle.js" in page


def test_a_point_with_a_height_finds_its_room_and_one_above_the_roof_does_not(filled):
    def held(point):
        return [f["id"] for f in get(filled, "/v1/query", layers="space", point=point).json()["features"]]

    assert held("120.2001,30.3001,9.5") == [ROOM]
    assert held("120.2001,30.3001,40") == []
    assert held("120.2001,30.3001") == [ROOM]
    assert held("120.3,30.3001,9.5") == []


def test_an_area_may_have_any_outline(filled):
    triangle = "POLYGON((120.2 30.3, 120.2001 30.3, 120.2 30.3001, 120.2 30.3))"
    assert get(filled, "/v1/query", layers="building,device", area=triangle).json()["matched"] == 1


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("area", "POLYGON((0 0, 1 1, 1 0, 0 1, 0 0))"),
        ("area", "POLYGON EMPTY"),
        ("area", "circle"),
        ("area", "POLYGON((30 120, 31 120, 31 121, 30 120))"),
        ("point", "30.3,120.2"),
        ("point", "120.2"),
        ("point", "120.2,30.3,1,2"),
    ],
)
def test_an_impossible_area_or_point_is_refused(filled, parameter, value):
    answer = get(filled, "/v1/query", layers="space", **{parameter: value})
    assert (answer.status_code, answer.json()["parameter"]) == (422, parameter)


def test_a_place_is_told_as_it_was(service):
    filled = _fill(service)
    before = datetime.now(UTC)
    (house,) = filled.store.history("building", KEY)
    filled.put(
        Feature(
            layer="building", id=KEY, community="c1", place=KEY, name="安和里一号", geometry=HOUSE, valid_from=before
        )
    )
    then = house.valid_from.isoformat()
    assert get(filled, f"/v1/places/{KEY}").json()["name"] == "安和里一号"
    assert get(filled, f"/v1/places/{KEY}", at=then).json()["name"] == "安和里1幢"
    assert get(filled, f"/v1/places/{KEY}", at="2001-01-01T00:00:00Z").status_code == 404
    versions = get(filled, f"/v1/places/{KEY}/history").json()["versions"]
    assert [version["name"] for version in versions] == ["安和里1幢", "安和里1幢", "安和里一号"]
    assert versions[0]["superseded_at"] is not None


def test_a_building_says_whether_it_still_lies_where_its_code_was_anchored(filled):
    assert get(filled, f"/v1/places/{KEY}").json()["integrity"] == "exact"
    assert get(filled, f"/v1/places/{ROOM}").json()["integrity"] is None


def test_a_place_gets_official_names_and_loses_them_again(service):
    filled = _fill(service)
    name = {
        "scheme": "zhejiang_building",
        "value": "A" * 27,
        "source": "住建局",
        "valid_from": "2024-03-28T00:00:00+08:00",
    }
    assert filled.client.post(f"/v1/places/{KEY}/identifiers", json=name).status_code == 201
    assert get(filled, f"/v1/places/{'A' * 27}").json()["code"] == KEY
    taken = filled.client.post(f"/v1/places/{ROOM}/identifiers", json=name)
    assert (taken.status_code, taken.json()["code"], taken.json()["place"]) == (409, "identifier.taken", KEY)
    ended = filled.client.post(f"/v1/places/{KEY}/identifiers", json={**name, "valid_to": "2026-01-01T00:00:00+08:00"})
    assert ended.status_code == 201
    assert get(filled, f"/v1/places/{'A' * 27}").status_code == 404
    assert "zhejiang_building" in [one["scheme"] for one in get(filled, f"/v1/places/{KEY}").json()["identifiers"]]


def test_the_nearest_need_no_radius(filled):
    answer = get(filled, "/v1/query", layers="device", nearest="120.3,30.3", limit=1).json()
    assert [feature["id"] for feature in answer["features"]] == ["D-1"]
    assert get(filled, "/v1/query", layers="device", nearest="120.3").json()["parameter"] == "nearest"
