"""Observations in, alarms and the stream out, over a real connection."""

import json
import threading
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest
import shapely

from twin.feature import Feature

NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)  # devices whose clocks are off are refused
ROOM = "N51H0429733232-0-U01-F05-R0501"


@pytest.fixture
def live(service):
    service.put(
        Feature(
            layer="building",
            id=ROOM[:16],
            community="c1",
            place=ROOM[:16],
            name="安和里1幢",
            geometry=shapely.box(120.1, 30.1, 120.2, 30.2),
        ),
        Feature(layer="space", id=ROOM, community="c1", place=ROOM, name="0501", storey=5),
        Feature(
            layer="device",
            id="D-1",
            community="c1",
            place=ROOM,
            storey=5,
            name="烟感",
            z_min_m=16.0,
            geometry=shapely.Point(120.15, 30.15),
            attributes={"device_type": "smoke_detector"},
        ),
    )
    return service


def observation(result=True, minutes=0, number=0, **more):
    return {
        "device": "D-1",
        "property": "fire_smoke",
        "result": result,
        "phenomenonTime": (NOON + timedelta(minutes=minutes)).isoformat(),
        "source": "test",
        "source_seq": str(number or minutes),
        **more,
    }


def post(service, *observations):
    return service.client.post("/v1/observations", json={"observations": list(observations)})


def alarms(service, state="open"):
    return service.client.get("/v1/alarms", params={"state": state}).json()["alarms"]


def test_an_observation_is_accepted_after_it_is_durable(live):
    answer = post(live, observation())
    assert answer.status_code == 201
    assert answer.json()["accepted"] == 1
    assert [event.kind for event in live.store.events(0, 10)] == ["observation", "alarm"]


def test_sending_the_same_batch_again_changes_nothing(live):
    post(live, observation())
    again = post(live, observation()).json()
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    assert alarms(live)[0]["count"] == 1


def test_an_alarm_appears_in_its_room_clears_and_waits_for_acknowledgement(live):
    post(live, observation(result=True, minutes=1))
    (raised,) = alarms(live)
    assert raised["id"] == "D-1:fire_smoke"
    assert (raised["active"], raised["acknowledged"], raised["severity"]) == (True, False, 1)
    assert (raised["place"], raised["place_name"], raised["storey"]) == (ROOM, "安和里1幢 0501", 5)
    assert raised["center"] == pytest.approx([120.15, 30.15])
    post(live, observation(result=False, minutes=2))
    (cleared,) = alarms(live)
    assert (cleared["active"], cleared["acknowledged"]) == (False, False)
    assert alarms(live, "active") == []
    seen = live.client.post("/v1/alarms/D-1:fire_smoke/acknowledge", json={"by": "王"})
    assert (seen.status_code, seen.json()["acknowledged_by"]) == (200, "王")
    assert alarms(live) == []
    gone = live.client.post("/v1/alarms/D-1:fire_smoke/acknowledge", json={"by": "李"})
    assert (gone.status_code, gone.json()["code"]) == (404, "alarm.unknown")


def test_a_second_acknowledgement_is_a_conflict_that_names_the_first(live):
    post(live, observation())
    live.client.post("/v1/alarms/D-1:fire_smoke/acknowledge", json={"by": "王"})
    second = live.client.post("/v1/alarms/D-1:fire_smoke/acknowledge", json={"by": "李"})
    assert (second.status_code, second.json()["code"]) == (409, "alarm.acknowledged")
    assert "王" in second.json()["detail"]


def test_ten_reports_of_one_fire_are_one_alarm_with_count_ten(live):
    post(live, *(observation(minutes=n, number=n + 1) for n in range(10)))
    (alarm,) = alarms(live)
    assert alarm["count"] == 10


def test_what_was_wrong_last_night_can_be_asked_in_the_morning(live):
    post(live, observation(minutes=-600, number=1))
    post(live, observation(result=False, minutes=-500, number=2))
    live.client.post("/v1/alarms/D-1:fire_smoke/acknowledge", json={"by": "王"})
    assert alarms(live) == []
    then = (NOON + timedelta(minutes=-550)).isoformat()
    (alarm,) = live.client.get("/v1/alarms", params={"at": then}).json()["alarms"]
    assert (alarm["id"], alarm["active"]) == ("D-1:fire_smoke", True)


def test_times_are_spelt_alike_whatever_zone_a_device_writes(live):
    post(live, observation(phenomenonTime=NOON.astimezone(timezone(timedelta(hours=8))).isoformat()))
    assert alarms(live)[0]["raised_at"] == NOON.isoformat()


def test_a_late_all_clear_does_not_clear_what_came_after_it(live):
    post(live, observation(result=True, minutes=10))
    post(live, observation(result=False, minutes=5))
    assert alarms(live)[0]["active"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"device": "D-9"}, "observation.unknown_device"),
        ({"property": "colour"}, "observation.unknown_property"),
        ({"result": "yes"}, "observation.wrong_type"),
        ({"phenomenonTime": "yesterday"}, "observation.malformed"),
        ({"phenomenonTime": "2026-11-21T12:00:00"}, "observation.malformed"),
        ({"source_seq": ""}, "observation.malformed"),
        ({"source": None}, "observation.malformed"),
        ({"phenomenonTime": "1970-01-01T00:00:00Z"}, "observation.clock_behind"),
        ({"phenomenonTime": "2199-01-01T00:00:00Z"}, "observation.clock_ahead"),
        ({"property": "smoke", "result": 11}, "observation.out_of_range"),
        ({"property": "smoke", "result": 10**400}, "observation.wrong_type"),
        ({"property": "smoke", "result": 1, "unit": "kg"}, "observation.incompatible_unit"),
        ({"property": "smoke", "result": 1, "unit": "smokes"}, "observation.unknown_unit"),
        ({"property": "fire_smoke", "unit": "kg"}, "observation.incompatible_unit"),
        ({"position": [30, 120]}, "observation.malformed"),
    ],
)
def test_a_bad_observation_is_rejected_alone_with_its_reason(live, change, code):
    answer = post(live, {**observation(number=1), **change}, observation(number=2))
    assert answer.status_code == 201
    assert answer.json()["accepted"] == 1
    (rejected,) = answer.json()["rejected"]
    assert (rejected["index"], rejected["code"]) == (0, code)
    assert rejected["cure"]


def test_too_many_observations_at_once_are_refused_before_anything_is_written(live):
    answer = post(live, *([observation()] * 10_001))
    assert (answer.status_code, answer.json()["code"]) == (422, "observation.too_many")
    assert live.store.last_seq() == 0


def test_a_body_that_is_no_batch_is_a_problem_not_a_crash(live):
    answer = live.client.post("/v1/observations", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_a_device_that_measures_but_was_never_heard_is_silent_and_one_in_alarm_says_so(live):
    assert live.client.get("/v1/states").json()["devices"] == {"D-1": "silent"}
    post(live, observation())
    assert live.client.get("/v1/states").json()["devices"] == {"D-1": "alarm"}


class Listener:
    """Collects the messages of the stream until told to stop."""

    def __init__(self, service, **parameters):
        self.messages = []
        self._arrived = threading.Condition()
        self._client = httpx.Client(base_url=service.url, timeout=10, trust_env=False)
        self._thread = threading.Thread(target=self._listen, args=(parameters,))
        self._thread.start()

    def _listen(self, parameters):
        try:
            with self._client.stream("GET", "/v1/stream", **parameters) as answer:
                message = {}
                for line in answer.iter_lines():
                    if line:
                        name, _, value = line.partition(": ")
                        message[name] = value
                    elif message:
                        with self._arrived:
                            self.messages.append((message.get("event"), message.get("id"), json.loads(message["data"])))
                            self._arrived.notify_all()
                        message = {}
        except (httpx.ReadError, httpx.StreamClosed, httpx.RemoteProtocolError):
            return  # closed by the test or the service

    def wait(self, count):
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.messages) >= count, timeout=10), self.messages
            return self.messages[:count]

    def close(self):
        self._client.close()


@pytest.fixture
def listen(live):
    listeners = []

    def start(**parameters):
        listeners.append(Listener(live, **parameters))
        return listeners[-1]

    yield start
    live.client.close()
    for listener in listeners:
        listener.close()


def test_the_stream_tells_observations_and_alarms_as_they_happen(live, listen):
    listener = listen()
    listener.wait(1)
    post(live, observation())
    hello, seen, alarm = listener.wait(3)
    assert hello[0] == "hello"
    assert (seen[0], seen[1]) == ("observations", "1")
    assert seen[2]["items"] == [["D-1", "fire_smoke", True, NOON.isoformat(), 1]]
    assert (alarm[0], alarm[1], alarm[2]["id"], alarm[2]["place_name"]) == (
        "alarm",
        "2",
        "D-1:fire_smoke",
        "安和里1幢 0501",
    )


def test_a_client_that_comes_back_misses_nothing_and_sees_nothing_twice(live, listen):
    for number in range(1, 6):
        post(live, observation(result=number % 2 == 1, minutes=number))
    everything = [(kind, seq) for kind, seq, _ in listen(params={"after": 0}).wait(11)[1:]]
    for cut in range(0, 10, 3):
        last = everything[cut][1]
        resumed = listen(headers={"Last-Event-ID": last}).wait(1 + len(everything) - cut - 1)
        assert [(kind, seq) for kind, seq, _ in resumed[1:]] == everything[cut + 1 :]


def test_only_the_kinds_asked_for_are_sent(live, listen):
    listener = listen(params={"kinds": "alarm", "after": 0})
    listener.wait(1)
    post(live, observation())
    assert [message[0] for message in listener.wait(2)] == ["hello", "alarm"]


def test_a_last_event_id_that_is_no_number_is_refused(live):
    answer = live.client.get("/v1/stream", headers={"Last-Event-ID": "abc"})
    assert (answer.status_code, answer.json()["parameter"]) == (422, "Last-Event-ID")
