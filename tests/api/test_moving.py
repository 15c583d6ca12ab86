"""What moves, over HTTP: the nearest guard, a track for a purpose, a patrol that misses a point."""

from datetime import UTC, datetime, timedelta

import pytest
import shapely

from gis.local import LocalFrame
from layers.alarm.policy import load_policy
from layers.device.registry import Registry
from layers.device.types import load_device_types
from layers.moving.movers import responders
from layers.moving.rounds import Patrols
from twin.feature import Feature

FRAME = LocalFrame(120.15, 30.28)


def now():
    return datetime.now(UTC)


def at(x, y):
    lon, lat = FRAME.to_degrees(x, y)
    return float(lon), float(lat)


def thing(layer, key, geometry=None, **attributes):
    return Feature(layer=layer, id=key, community="c1", geometry=geometry, attributes=attributes)


def box(west, south, east, north):
    return shapely.Polygon([at(west, south), at(east, south), at(east, north), at(west, north)])


def device(number, kind, family):
    return thing("device", number, device_type=kind, family=family)


@pytest.fixture
def town(service):
    points = [
        {"name": "东门", "lon": at(0, 0)[0], "lat": at(0, 0)[1], "until": 1e-4},
        {"name": "水池", "lon": at(90, 0)[0], "lat": at(90, 0)[1], "until": 60},
    ]
    service.put(
        thing("grid", "G1", box(-50, -50, 50, 50)),
        device("P-1", "patrol_set", "force"),
        device("T-1", "grid_worker_terminal", "force"),
        device("H-1", "body_monitor", "elder_health"),
        thing("staff", "S1", shapely.Point(at(500, 0)), grid_code="G1", terminal_no="T-1", name="张三"),
        thing("staff", "S2", shapely.Point(at(30, 0)), grid_code="G1", name="李四"),
        thing("patrol_route", "XL-1", box(-20, -20, 120, 20), points=points),
    )
    return service


def report(service, number, x, y, ago_s=0.0, **more):
    moment = datetime.now(UTC) - timedelta(seconds=ago_s)
    lon, lat = at(x, y)
    item = {
        "device": number, "property": "position", "result": {"lon": lon, "lat": lat, **more}, "source": "gw",
        "source_seq": f"{number}{moment.timestamp()}", "phenomenonTime": moment.isoformat(),
    }  # fmt: skip
    return service.client.post("/v1/observations", json={"observations": [item]}).json()


@pytest.mark.both_stores
def test_the_nearest_come_first_and_people_in_care_are_not_listed(town):
    for number, x in (("P-1", 200), ("T-1", 20), ("H-1", 0)):
        assert report(town, number, x, 0, storey=2)["accepted"] == 1
    found = town.client.get("/v1/movers", params={"near": ",".join(map(str, at(0, 0)))}).json()["movers"]
    assert [(one["device"], one["distance_m"], one["fresh"]) for one in found] == [
        ("T-1", pytest.approx(20, abs=0.1), True),
        ("P-1", pytest.approx(200, abs=0.1), True),
    ]
    assert found[0]["storey"] == 2
    inside = town.client.get("/v1/movers", params={"within": "G1"}).json()["movers"]
    assert [one["device"] for one in inside] == ["T-1"]


def test_an_old_position_is_not_fresh(town):
    report(town, "P-1", 0, 0, ago_s=3600)
    (one,) = town.client.get("/v1/movers").json()["movers"]
    assert (one["fresh"], one["age_s"]) == (False, pytest.approx(3600, abs=30))
    assert town.client.get("/v1/movers", params={"fresh": True}).json()["movers"] == []


def test_an_impossible_position_is_refused_alone(town):
    answer = report(town, "P-1", 0, 0, storey=0)
    assert [one["code"] for one in answer["rejected"]] == ["position.malformed"]


@pytest.mark.both_stores
def test_a_track_is_shown_for_a_purpose_and_the_read_is_kept(town):
    for n in range(5):
        report(town, "P-1", 10 * n, 0, ago_s=60 - 10 * n)
    ask = {"from": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
    refused = town.client.get("/v1/tracks/P-1", params=ask)
    assert (refused.status_code, refused.json()["code"]) == (403, "access.no_purpose")
    told = town.client.get("/v1/tracks/P-1", params={**ask, "by": "王队", "purpose": "核查投诉"}).json()
    assert told["length_m"] == pytest.approx(40, abs=0.5)
    (trip,) = told["features"]
    assert trip["properties"]["positions"] == 5
    assert len(trip["geometry"]["coordinates"]) == len(trip["properties"]["times"]) == 2
    (read,) = town.store.events(0, 10, ("access",))
    assert (read.subject, read.body["by"], read.body["purpose"]) == ("P-1", "王队", "核查投诉")


@pytest.mark.both_stores
def test_a_missed_point_and_a_left_area_are_alarms_told_once(town):
    begun = town.client.post("/v1/patrols", json={"route": "XL-1", "device": "P-1"})
    assert begun.status_code == 201, begun.text
    patrol = begun.json()["id"]
    report(town, "P-1", 90, 0)
    report(town, "P-1", 90, 90)
    shown = town.client.get(f"/v1/patrols/{patrol}").json()
    assert [point["state"] for point in shown["points"]] == ["missed", "done"]
    assert len(shown["outside"]) == 1
    patrols = Patrols(town.store, Registry(town.store, load_device_types(), now), load_policy(), now)
    patrols.tick().result()
    assert patrols.tick() is None
    alarms = town.client.get("/v1/alarms").json()["alarms"]
    assert {alarm["type"] for alarm in alarms} == {"point_missed", "out_of_area"}
    assert {alarm["count"] for alarm in alarms} == {1}


def test_a_terminal_is_on_one_round_at_a_time_and_a_round_ends_once(town):
    first = town.client.post("/v1/patrols", json={"route": "XL-1", "device": "P-1"}).json()["id"]
    again = town.client.post("/v1/patrols", json={"route": "XL-1", "device": "P-1"})
    assert (again.status_code, again.json()["code"]) == (409, "patrol.under_way")
    assert town.client.post(f"/v1/patrols/{first}/end").json()["state"] == "over"
    assert town.client.post(f"/v1/patrols/{first}/end").json()["code"] == "patrol.over"
    assert [one["state"] for one in town.client.get("/v1/patrols").json()["patrols"]] == ["over"]


@pytest.mark.parametrize(
    ("route", "device", "code"),
    [
        ("XL-9", "P-1", "patrol.unknown_route"),
        ("XL-1", "P-9", "device.unknown"),
        ("XL-1", "T-1", "patrol.no_positions"),
    ],
)
def test_a_round_that_cannot_begin_is_refused_by_name(town, route, device, code):
    assert town.client.post("/v1/patrols", json={"route": route, "device": device}).json()["code"] == code


@pytest.mark.both_stores
def test_responders_are_where_their_terminal_is_and_else_at_their_post(town):
    report(town, "T-1", 10, 0)
    found = {one.staff.id: one for one in responders(town.store, "G1", now())}
    assert (found["S1"].lon, found["S1"].lat) == pytest.approx(at(10, 0))
    assert (found["S2"].lon, found["S2"].at) == (pytest.approx(at(30, 0)[0]), None)
    assert responders(town.store, "G2", now()) == []
