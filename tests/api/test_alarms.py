"""Alarms over HTTP: pages and filters, the roll-up, shelving and handling."""

from datetime import UTC, datetime, timedelta

import pytest
import shapely

from twin.feature import Feature

pytestmark = pytest.mark.both_stores

HOUSES = ("N51H0429733232-0", "N51H0429733233-0")
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def live(serving_at):
    with serving_at() as service:
        service.put(
            *(Feature(layer="building", id=key, community="c1", place=key, name=key[-4:]) for key in HOUSES),
            *(
                Feature(
                    layer="device",
                    id=f"D-{number}",
                    community="c1",
                    place=f"{HOUSES[number % 2]}-U00-F0{number + 1}",
                    storey=number + 1,
                    geometry=shapely.Point(120.15, 30.15),
                    attributes={"device_type": kind},
                )
                for number, kind in enumerate(
                    ["smoke_detector", "ebike_entry_monitor", "gas_detector", "street_lamp_monitor"]
                )
            ),
        )
        reports = [("D-0", "fire_smoke"), ("D-1", "ebike_entry"), ("D-2", "gas_leak"), ("D-3", "lamp_fault")]
        items = [
            {
                "device": device,
                "property": name,
                "result": True,
                "phenomenonTime": (NOW - timedelta(minutes=10 - number)).isoformat(),
                "source": "test",
                "source_seq": number,
            }
            for number, (device, name) in enumerate(reports)
        ]
        answer = service.client.post("/v1/observations", json={"observations": items})
        assert answer.json()["rejected"] == []
        yield service


def listed(live, **asked):
    return [alarm["id"] for alarm in live.client.get("/v1/alarms", params=asked).raise_for_status().json()["alarms"]]


def test_the_list_is_worst_first_and_narrows_by_every_filter(live):
    assert listed(live) == ["D-2:gas_leak", "D-0:fire_smoke", "D-1:ebike_entry", "D-3:lamp_fault"]
    assert listed(live, severity="1") == ["D-2:gas_leak", "D-0:fire_smoke"]
    assert listed(live, type="lamp_fault,ebike_entry") == ["D-1:ebike_entry", "D-3:lamp_fault"]
    assert listed(live, place=HOUSES[0]) == ["D-2:gas_leak", "D-0:fire_smoke"]
    assert listed(live, device="D-3") == ["D-3:lamp_fault"]
    assert listed(live, since=(NOW - timedelta(minutes=8)).isoformat()) == ["D-2:gas_leak", "D-3:lamp_fault"]
    assert listed(live, acknowledged="true") == []


def test_pages_follow_one_another_without_gap(live):
    first = live.client.get("/v1/alarms", params={"limit": 3}).json()
    rest = live.client.get("/v1/alarms", params={"limit": 3, "cursor": first["next"]}).json()
    assert [alarm["id"] for alarm in (*first["alarms"], *rest["alarms"])] == listed(live)
    assert rest["next"] is None
    wrong = live.client.get("/v1/alarms", params={"cursor": "abc"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "alarm.cursor")


def test_the_past_is_filtered_as_the_present_is(live):
    then = (NOW - timedelta(minutes=8, seconds=30)).isoformat()
    assert listed(live, at=then) == ["D-0:fire_smoke", "D-1:ebike_entry"]
    assert listed(live, at=then, severity="1") == ["D-0:fire_smoke"]


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("building", [HOUSES[0], HOUSES[1]]),
        ("storey", [f"{HOUSES[n % 2]}-U00-F0{n + 1}" for n in (0, 2, 1, 3)]),
        ("severity", ["1", "3", "4"]),
        ("community", ["c1"]),
    ],
)
def test_the_roll_up_counts_what_is_open_worst_first(live, by, keys):
    answer = live.client.get("/v1/alarms/summary", params={"by": by}).json()
    assert (answer["open"], answer["active"], answer["shelved"]) == (4, 4, 0)
    assert [group["key"] for group in answer["groups"]] == keys
    assert sum(group["count"] for group in answer["groups"]) == 4


def test_a_shelved_alarm_leaves_the_list_stays_in_the_count_and_returns(live):
    note = {"by": "王", "minutes": 10, "reason": "检修"}
    shelved = live.client.post("/v1/alarms/D-3:lamp_fault/shelve", json=note).json()
    assert (shelved["shelved_by"], shelved["shelf_reason"]) == ("王", "检修")
    assert "D-3:lamp_fault" not in listed(live)
    assert listed(live, state="shelved") == ["D-3:lamp_fault"]
    assert live.client.get("/v1/alarms/summary").json()["shelved"] == 1
    assert live.client.post("/v1/alarms/D-3:lamp_fault/unshelve").status_code == 200
    again = live.client.post("/v1/alarms/D-3:lamp_fault/unshelve")
    assert (again.status_code, again.json()["code"]) == (409, "alarm.not_shelved")
    assert "D-3:lamp_fault" in listed(live)


def test_handling_closes_what_no_device_ends_and_is_refused_for_the_rest(live):
    note = {"by": "李", "result": "已推出"}
    refused = live.client.post("/v1/alarms/D-0:fire_smoke/handle", json=note)
    assert (refused.status_code, refused.json()["code"]) == (409, "alarm.clears_itself")
    assert live.client.post("/v1/alarms/D-1:ebike_entry/handle", json=note).json()["ended_by"] == "handled"
    assert "D-1:ebike_entry" not in listed(live)
