"""Who is inside an area, densities and the frequency of alarms, beside counts by hand."""

from datetime import UTC, datetime, timedelta

import h3
import numpy as np
import pytest
import shapely

from gis.local import LocalFrame
from twin.feature import Feature
from twin.minting import building_codes

pytestmark = pytest.mark.both_stores

FRAME = LocalFrame(120.15, 30.28)
NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)


def at(x, y):
    lon, lat = FRAME.to_degrees(x, y)
    return float(lon), float(lat)


def box(west, south, east, north):
    return shapely.Polygon([at(west, south), at(east, south), at(east, north), at(west, north)])


BOXES = [box(0, 0, 20, 20), box(100, 0, 120, 20)]
LEFT, RIGHT = building_codes(BOXES, [])


def thing(layer, key, geometry=None, place=None, **more):
    return Feature(**{"layer": layer, "id": key, "community": "c1", "geometry": geometry, "place": place, **more})


def room(number, west, storey):
    key = f"{LEFT}-U00-F{storey:02d}-R{number}"
    return thing("space", key, box(west, 0, west + 10, 20), key, storey=storey)


def home(key, place, storey, persons):
    return thing("household", key, None, place, storey=storey, attributes={"persons": persons})


ROOMS = [room("0101", 0, 1), room("0102", 10, 1), room("0201", 0, 2)]
HOMES = [
    home("H1", ROOMS[0].id, 1, 6),
    home("H2", ROOMS[1].id, 1, 7),
    home("H3", ROOMS[2].id, 2, 5),
    home("H4", f"{RIGHT}-U00-F03", 3, 9),
    home("H5", f"{RIGHT}-U00-F04", 4, 2),
    home("H6", f"{RIGHT}-U00-F05", 5, 8),
]


@pytest.fixture(scope="module")
def town(serving_at):
    with serving_at() as service:
        service.put(
            thing("community", "c1", box(-100, -100, 300, 200)),
            *(thing("building", key, outline, key, name=key) for key, outline in zip((LEFT, RIGHT), BOXES, strict=True)),
            *ROOMS,
            *HOMES,
            *(
                thing("device", f"D{n}", shapely.Point(at(2 + 4 * n, 5)), LEFT, storey=1,
                      attributes={"device_type": "smoke_detector", "family": "fire"})
                for n in range(4)
            ),
            *(thing("hydrant", f"F{n}", shapely.Point(at(100 + n, 100))) for n in range(6)),
        )  # fmt: skip
        yield service


def inside(service, area, **more):
    answer = service.client.post("/v1/analysis/inside", json={"area": area.wkt, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_room_counts_when_its_outline_meets_the_area(town):
    found = inside(town, box(-5, -5, 5, 25))
    assert found["people"] == {"records": 2, "value": 11.0}
    (building,) = found["buildings"]
    assert building["share"] == pytest.approx(0.25, abs=0.01)
    assert {one["storey"]: one["value"] for one in building["storeys"]} == {1: 6.0, 2: 5.0}
    assert found["devices"] == {"count": 1, "by_type": {"smoke_detector": 1}}


def test_of_a_building_without_drawn_rooms_everybody_counts(town):
    assert inside(town, box(115, 10, 130, 30))["people"] == {"records": 3, "value": 19.0}


def test_a_small_group_is_not_told_and_cannot_be_told_from_the_total(town):
    found = inside(town, BOXES[1].buffer(1e-5))
    assert found["people"]["value"] == 19.0
    told = {one["storey"]: one["value"] for one in found["buildings"][0]["storeys"]}
    assert told == {3: 9.0, 4: None, 5: None}, "storey 5 would give storey 4 away"


def test_too_few_persons_in_all_are_not_told(town):
    assert inside(town, BOXES[1].buffer(1e-5), storeys=[4])["people"] == {"records": None, "value": None}


def test_an_empty_area_holds_nobody(town):
    found = inside(town, box(-90, -90, -80, -80))
    assert found["people"] == {"records": 0, "value": 0.0}
    assert found["buildings"] == []


def test_the_density_grid_holds_the_weight_of_what_is_there(town):
    answer = town.client.get("/v1/density", params={"layer": "hydrant", "bandwidth_m": 50, "cell_m": 5}).json()
    assert answer["count"] == 6
    assert np.sum(answer["values"]) * 25 / 1e6 == pytest.approx(6, rel=0.02)


def test_the_hottest_cell_is_where_the_hydrants_are(town):
    answer = town.client.get("/v1/hotspots", params={"layer": "hydrant", "resolution": 12}).json()
    hottest = answer["features"][0]["properties"]
    assert h3.great_circle_distance(h3.cell_to_latlng(hottest["cell"]), at(102, 100)[::-1], unit="m") < 40
    assert hottest["p"] < 0.05


@pytest.mark.parametrize(
    ("path", "parameters", "code"),
    [
        ("/v1/density", {"layer": "resident"}, "layer.aggregate_only"),
        ("/v1/hotspots", {"layer": "household"}, "layer.aggregate_only"),
        ("/v1/density", {"layer": "shelter"}, "density.nothing"),
        ("/v1/density", {"layer": "hydrant", "weight": "name"}, "aggregate.field"),
        ("/v1/hotspots", {"layer": "shelter"}, "hotspots.all_equal"),
        ("/v1/statistics/alarms", {"timezone": "Mars/Olympus"}, "request.parameter"),
        ("/v1/statistics/alarms", {"from": "2026-11-20"}, "query.time"),
        ("/v1/statistics/alarms", {"from": "2026-11-20T00:00:00Z", "to": "2026-11-19T00:00:00Z"}, "query.interval"),
    ],
)
def test_what_cannot_be_counted_is_refused_by_name(town, path, parameters, code):
    answer = town.client.get(path, params=parameters)
    assert answer.json()["code"] == code, answer.text


def report(service, device, result, minutes, seq):
    body = {
        "device": device, "property": "fire_smoke", "result": result, "source": "test", "source_seq": str(seq),
        "phenomenonTime": (NOON + timedelta(minutes=minutes)).isoformat(),
    }  # fmt: skip
    answer = service.client.post("/v1/observations", json={"observations": [body]}).json()
    assert answer["accepted"] == 1, answer


def test_alarms_are_counted_as_often_as_they_were_raised_and_beside_an_earlier_time(serving_at):
    with serving_at(clock=lambda: NOON + timedelta(days=3)) as service:
        device = {"device_type": "smoke_detector", "family": "fire"}
        service.put(
            thing("building", LEFT, BOXES[0], LEFT, name="1幢"),
            *(thing("device", f"D{n}", shapely.Point(at(5, 5)), LEFT, storey=1, attributes=device) for n in (1, 2)),
        )
        report(service, "D1", True, 0, 1)
        report(service, "D1", True, 1, 2)
        service.client.post("/v1/alarms/D1:fire_smoke/acknowledge", json={"by": "王"})
        report(service, "D1", False, 2, 3)
        report(service, "D1", True, 60, 4)
        report(service, "D2", True, 24 * 60, 5)
        ask = {"from": NOON.isoformat(), "to": (NOON + timedelta(hours=2)).isoformat(), "by": "device"}
        first = service.client.get("/v1/statistics/alarms", params=ask).json()
        later = service.client.get(
            "/v1/statistics/alarms",
            params={"from": ask["to"], "to": (NOON + timedelta(days=2)).isoformat(), "compare_from": ask["from"],
                    "compare_to": ask["to"], "by": "hour", "within": LEFT},
        ).json()  # fmt: skip
    assert [(group["key"], group["count"], group["reports"]) for group in first["groups"]] == [("D1", 2, 3)]
    assert first["total"]["handled_share"] == 0.5
    assert later["groups"][0]["key"] == "12", "hours are Shanghai's"
    assert (later["total"]["count"], later["before"]["total"]["count"], later["change"]) == (1, 2, -1)


def test_features_of_one_layer_that_meet_another_are_those_that_shapely_finds(town):
    def ask(**parameters):
        answer = town.client.get("/v1/query", params={"layers": "building", **parameters}).json()
        return {feature["id"] for feature in answer["features"]}

    assert ask(intersects="device") == {LEFT}
    assert ask(intersects="hydrant") == set()
    assert ask(intersects="hydrant", intersects_m=79) == set()
    assert ask(intersects="hydrant", intersects_m=81) == {RIGHT}
    assert ask(intersects="device", intersects_filter="device_type:camera_dome") == set()
    assert ask(intersects="device", area=BOXES[1].wkt) == set()
