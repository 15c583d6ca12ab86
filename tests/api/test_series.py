"""Readings over time and the latest values of a building, beside the readings that were sent."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
import shapely

from twin.feature import Feature
from twin.minting import building_codes

HOUSE = shapely.box(120.2, 30.3, 120.2004, 30.3002)
KEY = building_codes([HOUSE], [])[0]
DAWN = datetime(2026, 11, 19, 16, tzinfo=UTC)
"""Midnight in Shanghai."""
SENT = [(n, 10.0 + n % 7) for n in range(0, 50 * 60, 30)]
"""Minute and value: fifty hours, one reading in half an hour."""


@pytest.fixture(scope="module")
def town(serving_at):
    with serving_at(clock=lambda: DAWN + timedelta(hours=51)) as service:
        device = {"device_type": "room_temp", "family": "environment"}
        service.put(
            Feature(layer="building", id=KEY, community="c1", place=KEY, geometry=HOUSE, valid_from=DAWN),
            Feature(layer="device", id="T-1", community="c1", place=KEY, storey=1, attributes=device, valid_from=DAWN),
            Feature(layer="device", id="P-1", community="c1", place=KEY, attributes={"device_type": "patrol_set"}),
        )
        items = [
            {"device": "T-1", "property": "room_temperature", "result": value, "source": "gw", "source_seq": str(minute),
             "phenomenonTime": (DAWN + timedelta(minutes=minute)).isoformat()}
            for minute, value in SENT
        ]  # fmt: skip
        items.append({"device": "P-1", "property": "position", "result": {"lon": 120.2, "lat": 30.3}, "source": "gw",
                      "source_seq": "p", "phenomenonTime": DAWN.isoformat()})  # fmt: skip
        assert service.client.post("/v1/observations", json={"observations": items}).json()["rejected"] == []
        yield service


def ask(service, **parameters):
    asked = {"device": "T-1", "property": "room_temperature", "from": DAWN.isoformat(),
             "to": (DAWN + timedelta(hours=50)).isoformat(), **parameters}  # fmt: skip
    return service.client.get("/v1/series", params=asked)


def test_raw_readings_come_in_pages_that_lead_on(town):
    first = ask(town, limit=60).json()
    assert [point["value"] for point in first["points"]] == [value for _, value in SENT[:60]]
    rest = ask(town, **{"from": first["next"]}).json()
    assert [point["value"] for point in rest["points"]] == [value for _, value in SENT[60:]]
    assert (rest["next"], rest["unit"]) == (None, "Cel")


@pytest.mark.parametrize(("rollup", "minutes"), [("hour", 60), ("day", 24 * 60)])
def test_rollups_are_those_of_the_readings_by_local_days(town, rollup, minutes):
    points = ask(town, rollup=rollup).json()["points"]
    groups = {}
    for minute, value in SENT:
        groups.setdefault(minute // minutes, []).append(value)
    expected = [(len(held), sum(held) / len(held), min(held), max(held), held[-1]) for held in groups.values()]
    told = [(one["count"], one["mean"], one["low"], one["high"], one["last"]) for one in points]
    assert told == [(count, pytest.approx(mean), low, high, last) for count, mean, low, high, last in expected]
    assert datetime.fromisoformat(points[0]["time"]) == DAWN


def test_a_table_for_a_spreadsheet_says_where_it_goes_on(town):
    answer = ask(town, rollup="hour", format="csv", limit=3)
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [int(row["count"]) for row in rows] == [2, 2, 2]
    assert datetime.fromisoformat(answer.headers["lifang-next"]) == DAWN + timedelta(hours=3)


def test_the_latest_of_a_building_is_told_with_its_age_and_without_where_people_went(town):
    found = town.client.get(f"/v1/places/{KEY}/latest").json()
    (one,) = found["values"]
    assert (one["device"], one["value"]) == ("T-1", SENT[-1][1])
    then = (DAWN + timedelta(minutes=45)).isoformat()
    earlier = town.client.get(f"/v1/places/{KEY}/latest", params={"at": then}).json()
    assert [(value["value"], value["age_s"]) for value in earlier["values"]] == [(SENT[1][1], 900.0)]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"device": "nobody"}, "device.unknown"),
        ({"property": "soul"}, "series.property"),
        ({"device": "P-1", "property": "position"}, "series.property"),
        ({"from": "2026-11-19"}, "query.time"),
        ({"to": "2026-11-18T00:00:00Z"}, "query.interval"),
        ({"timezone": "Mars/Olympus", "rollup": "day"}, "request.parameter"),
        ({"timezone": "Asia/Kolkata", "rollup": "day"}, "series.offset"),
        ({"limit": 0}, "request.parameter"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(town, parameters, code):
    assert ask(town, **parameters).json()["code"] == code
