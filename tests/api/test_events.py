"""The event interface: eight fields in, an alarm or an incident, and what became of it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import shapely

from api.live import LiveOptions
from layers.device.secrets import sign
from twin.feature import Feature

pytestmark = pytest.mark.both_stores

HOUSE = "N51H0429733232-0"
NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@pytest.fixture(scope="module")
def live(serving_at, tmp_path_factory):
    keys = tmp_path_factory.mktemp("keys") / "master.key"
    with serving_at(live=LiveOptions(keys=keys)) as service:
        outline = shapely.box(120.15, 30.15, 120.1502, 30.1501)
        place = {"community": "c1", "place": HOUSE, "geometry": outline.centroid}
        service.put(
            Feature(layer="building", id=HOUSE, place=HOUSE, community="c1", geometry=outline, z_min_m=0, z_max_m=30),
            *(
                Feature(layer="device", id=number, attributes={"device_type": kind}, **place)
                for number, kind in (("D-1", "smoke_detector"), ("D-2", "smoke_detector"))
            ),
        )
        yield service


def event(number, **more):
    return {
        "event_no": number,
        "name": "烟雾报警",
        "device_no": "D-1",
        "event_type": "fire_smoke",
        "description": "3层走廊有烟",
        "source": "消防平台",
        "occurred_at": NOON.isoformat(),
        **more,
    }


def report(live, *events):
    answer = live.client.post("/v1/events", json={"events": list(events)})
    assert answer.status_code == 201, answer.text
    return answer.json()


def taken(live, *events):
    answer = report(live, *events)
    assert not answer["rejected"], answer
    return answer["events"]


def test_what_a_device_can_raise_becomes_its_alarm_once(live):
    (first,), (again,) = taken(live, event("E-1")), taken(live, event("E-1"))
    assert (first["became"], first["id"], first["created"]) == ("alarm", "D-1:fire_smoke", True)
    assert (first["status"], first["status_zh"], again["created"]) == ("unhandled", "未处置", False)
    (alarm,) = [one for one in live.client.get("/v1/alarms").json()["alarms"] if one["device"] == "D-1"]
    assert alarm["count"] == 1


def test_the_disposal_comes_back_and_goes_in(live):
    chinese = {
        "事件编号": "E-2",
        "事件名称": "烟雾报警",
        "设备编号": "D-2",
        "事件类型": "fire_smoke",
        "事件描述": "有烟",
        "事件来源": "消防平台",
        "事件发生时间": NOON.isoformat(),
    }
    taken(live, chinese)
    live.client.post("/v1/alarms/D-2:fire_smoke/acknowledge", json={"by": "张三"})
    assert live.client.get("/v1/events/消防平台/E-2").json()["status"] == "handling"
    done = {"处置状态": "已处置", "处置人": "李四", "处置时间": (NOON + timedelta(minutes=5)).isoformat()}
    (after,) = taken(live, {**chinese, **done})
    assert (after["status"], after["handled_at"]) == ("handled", (NOON + timedelta(minutes=5)).isoformat())


def test_what_no_device_raises_becomes_an_incident_and_its_result_is_told(live):
    hole = event("G-1", device_no=None, event_type="设施故障", name="井盖破损", place=HOUSE)
    (first,), (again,) = taken(live, hole), taken(live, hole)
    assert (first["became"], first["status"], first["created"], again["created"]) == (
        "incident", "unhandled", True, False,
    )  # fmt: skip
    assert again["id"] == first["id"]
    assert live.client.post(f"/v1/incidents/{first['id']}/accept", json={"by": "值班员"}).status_code < 300
    assert live.client.get("/v1/events/消防平台/G-1").json()["status"] == "handling"
    done = {"status": "handled", "handler": "市政", "handled_at": NOON.isoformat(), "result": "已更换"}
    (after,) = taken(live, {**hole, **done})
    assert (after["status"], after["handler"]) == ("handled", "消防平台")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"event_no": ""}, "event.malformed"),
        ({"occurred_at": "2026-11-21T08:00:00"}, "event.malformed"),
        ({"status": "perhaps"}, "event.malformed"),
        ({"severity": 9}, "event.malformed"),
        ({"longitude": 1}, "event.malformed"),
        ({"event_type": "invasion from Mars"}, "event.unknown_type"),
        ({"device_no": "nobody"}, "event.unknown_device"),
        ({"occurred_at": "1970-01-01T00:00:00Z"}, "observation.clock_behind"),
        ({"device_no": None, "event_type": "fire"}, "incident.nowhere"),
        ({"device_no": None, "event_type": "fire", "place": "here"}, "code.bad_structure"),
    ],
)
def test_an_event_that_cannot_be_is_rejected_alone(live, more, code):
    answer = report(live, event("bad", **more), "no event", event("E-1"))
    assert [(one["index"], one["code"]) for one in answer["rejected"]] == [(0, code), (1, "event.malformed")]
    assert [one["index"] for one in answer["events"]] == [2]


def test_a_device_that_signs_reports_for_itself_only(live):
    secret = live.client.post("/v1/devices/D-1/secret").json()["secret"]
    body = b'{"events": [%s]}' % json.dumps(event("S-1", device_no="D-2")).encode()
    headers = {"X-Lifang-Device": "D-1", "X-Lifang-Signature": sign(bytes.fromhex(secret), body)}
    answer = live.client.post("/v1/events", content=body, headers={**headers, "Content-Type": "application/json"})
    assert [one["code"] for one in answer.json()["rejected"]] == ["event.foreign_device"]


def test_an_event_nobody_reported_is_not_found(live):
    assert live.client.get("/v1/events/消防平台/none").json()["code"] == "event.unknown"
