"""The stream's filters, its resumption and its WebSocket, over real connections."""

import json
import random
import socket
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import shapely
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from twin.event import NewEvent, Reading
from twin.feature import Feature

NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
NEAR, FAR = "N51H0429733232-0", "N51H0429733233-0"
PLACES = (
    (f"{NEAR}-U01-F05-R0501", 5, 120.15),
    (f"{NEAR}-U01-B01", -1, 120.15),
    (f"{FAR}-U01-F05-R0501", 5, 120.25),
    (None, None, None),
)


def fill(service):
    service.put(
        *(
            Feature(
                layer="building",
                id=key,
                community="c1",
                place=key,
                geometry=shapely.box(lon - 0.01, 30.1, lon + 0.01, 30.2),
            )
            for key, lon in ((NEAR, 120.15), (FAR, 120.25))
        ),
        *(
            Feature(
                layer="device",
                id=f"D-{number}",
                community="c1",
                place=place,
                storey=storey,
                geometry=None if lon is None else shapely.Point(lon, 30.15),
                attributes={"device_type": "smoke_detector"},
            )
            for number, (place, storey, lon) in enumerate(PLACES)
        ),
        Feature(layer="device", id="D-4", community="c1", place=NEAR, attributes={"device_type": "smoke_detector"}),
        Feature(layer="device", id="D-5", community="c1", place=NEAR, attributes={"device_type": "camera_plate"}),
        Feature(layer="device", id="D-6", community="c1", place=NEAR,
                attributes={"device_type": "body_monitor", "family": "elder_health"}),
    )  # fmt: skip
    return service


@pytest.fixture(scope="module")
def live(serving_at):
    with serving_at() as service:
        yield fill(service)


def readings(service, devices, name="smoke", values=None):
    """Write readings and return their numbers, as the log has them."""
    stamp = time.monotonic_ns()
    sent = [
        Reading("c1", device, name, 1 if values is None else values[at], NOON, "t", f"{stamp}-{at}")
        for at, device in enumerate(devices)
    ]
    return [one.seq for one in service.store.write(lambda tx: tx.observe(sent)).result()]


def event(service, kind, **body):
    stamp = str(time.monotonic_ns())
    made = NewEvent(kind=kind, community="c1", subject="s", source="t", source_seq=stamp, occurred_at=NOON, body=body)
    return service.store.write(lambda tx: tx.append(made)).result().seq


def messages(lines):
    message = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            message[name] = value
        else:
            yield message
            message = {}


@contextmanager
def listening(service, headers=None, **asked):
    with (
        httpx.Client(base_url=service.url, timeout=20, trust_env=False) as client,
        client.stream("GET", "/v1/stream", params=asked, headers=headers) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        yield messages(answer.iter_lines())


def numbers(message):
    """The numbers in the log of what a message tells."""
    if message.get("event") == "observations":
        return [item[4] for item in json.loads(message["data"])["items"]]
    return [json.loads(message["data"])["seq"]] if message.get("event") in ("alarm", "change", "device") else []


def heard(service, count, **asked):
    """The numbers of the first messages of a stream."""
    found = []
    with listening(service, **asked) as told:
        for message in told:
            found += numbers(message)
            if len(found) >= count:
                return found
    return found


@pytest.mark.parametrize(
    ("asked", "devices"),
    [
        ({"place": NEAR}, {0, 1, 4}),
        ({"place": f"{NEAR}-U01-F05"}, {0}),
        ({"storeys": "5"}, {0, 2}),
        ({"storeys": "-1,2"}, {1}),
        ({"bbox": "120.2,30,120.3,31"}, {2}),
        ({"area": "POLYGON((120.1 30, 120.2 30, 120.2 31, 120.1 31, 120.1 30))"}, {0, 1, 4}),
        ({"area": "POLYGON((120.1 30, 120.2 30, 120.2 31, 120.1 31, 120.1 30))", "storeys": "5"}, {0}),
        ({"layers": "device"}, {0, 1, 2, 3, 4}),
        ({"kinds": "observations", "place": FAR}, {2}),
    ],
)
def test_a_filter_admits_what_happens_there_and_nothing_else_missed_or_live(live, asked, devices):
    after = live.store.last_seq()
    wanted = [seq for at, seq in enumerate(readings(live, [f"D-{n}" for n in range(5)])) if at in devices]
    assert heard(live, len(wanted), after=after, **asked) == wanted
    with listening(live, **asked) as told:
        assert next(told)["event"] == "hello"
        wanted = [seq for at, seq in enumerate(readings(live, [f"D-{n}" for n in range(5)])) if at in devices]
        assert numbers(next(told)) == wanted


def test_every_observation_comes_with_the_place_the_storey_and_the_position_of_its_device(live):
    with listening(live) as told:
        next(told)
        readings(live, ["D-0", "D-3", "D-4"])
        assert json.loads(next(told)["data"])["at"] == {
            "D-0": {"place": PLACES[0][0], "storey": 5, "center": [120.15, 30.15]},
            "D-3": {"place": None, "storey": None, "center": None},
            "D-4": {"place": NEAR, "storey": None, "center": pytest.approx([120.15, 30.15])},
        }


def test_a_device_that_moves_is_followed_to_its_new_place(live):
    with listening(live, place=FAR) as told, listening(live, layers="device") as all_told:
        next(told), next(all_told)
        moved = Feature(
            layer="device",
            id="D-9",
            community="c1",
            geometry=shapely.Point(120.15, 30.15),
            attributes={"device_type": "smoke_detector"},
        )
        live.put(moved)
        readings(live, ["D-9"])
        live.put(Feature(layer="device", id="D-9", community="c1", place=FAR, attributes=moved.attributes))
        seqs = readings(live, ["D-9"])
        assert numbers(next(told)) == seqs


def test_a_change_of_whole_layers_concerns_every_place(live):
    with listening(live, place=FAR, kinds="device,change") as told:
        next(told)
        event(live, "device", device="D-0", place=PLACES[0][0])
        seq = event(live, "change", layers=["water"])
        assert numbers(next(told)) == [seq]
    with listening(live, layers="green") as told:
        next(told)
        event(live, "change", layers=["water"])
        seq = event(live, "change", layers=["water", "green"])
        assert numbers(next(told)) == [seq]


def test_what_speaks_of_persons_is_not_told(live):
    with listening(live) as told:
        next(told)
        event(live, "access", who="王", whose="李")
        readings(live, ["D-5"], "vehicle_pass", [{"plate_no": "浙A12345", "driver": "李"}])
        message = next(told)
        assert json.loads(message["data"])["items"][0][:3] == ["D-5", "vehicle_pass", None]


def test_where_a_person_in_care_is_is_not_told(live):
    with listening(live, kinds="observations") as heard:
        next(heard)
        readings(live, ["D-6"], "position", [{"lon": 120.2501, "lat": 30.1501}])
        told = json.loads(next(heard)["data"])
    assert told["items"][0][:3] == ["D-6", "position", None]
    assert "120.2501" not in json.dumps(told)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"place": "nowhere"}, "code.bad_structure"),
        ({"area": "POINT(120 30)"}, "request.parameter"),
        ({"bbox": "121,30,120,31"}, "query.bbox"),
        ({"bbox": "1,2"}, "request.parameter"),
        ({"storeys": "five"}, "request.parameter"),
        ({"layers": "nothing"}, "layer.unknown"),
        ({"layers": "resident"}, "layer.aggregate_only"),
        ({"layers": "device_key"}, "layer.unknown"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_by_name_also_over_a_websocket(live, asked, code):
    assert live.client.get("/v1/stream", params=asked).json()["code"] == code
    if set(asked) <= {"place", "area", "layers"}:
        words = {name: [text] if name == "layers" else text for name, text in asked.items()}
        with talking(live) as line:
            line.send(json.dumps({"subscribe": words}))
            answer = json.loads(line.recv(timeout=10))
            assert (answer["kind"], answer["data"]["code"]) == ("error", code)


def test_a_number_the_log_never_had_is_answered_with_resync(live):
    with listening(live, after=10**12) as told:
        hello, resync = next(told), next(told)
    assert (hello["event"], resync["event"], json.loads(resync["data"])["why"]) == ("hello", "resync", "unknown")


def test_a_line_that_breaks_before_anything_happened_loses_nothing(live):
    with listening(live) as told:
        last = next(told)["id"]
    seqs = readings(live, ["D-0"])
    with listening(live, headers={"Last-Event-ID": last}) as told:
        next(told)
        assert numbers(next(told)) == seqs


def test_a_client_cut_off_two_hundred_times_has_exactly_the_log_under_its_filter(live):
    chance = random.Random(200)
    after, rounds = live.store.last_seq(), 420

    def happen():
        for number in range(rounds):
            readings(live, [f"D-{chance.randrange(5)}" for _ in range(chance.randrange(1, 5))])
            if number % 7 == 0:
                event(live, "device", place=chance.choice([NEAR, FAR]), status="t")
            time.sleep(0.002)

    writer = threading.Thread(target=happen)
    writer.start()
    last, cuts, found, cutting = after, 0, [], random.Random(7)
    with httpx.Client(base_url=live.url, timeout=20, trust_env=False) as client:
        while writer.is_alive() or cuts < 200 or last < live.store.last_seq():
            with client.stream(
                "GET", "/v1/stream", params={"place": NEAR}, headers={"Last-Event-ID": str(last)}
            ) as answer:
                left, told = cutting.randrange(0, 4), messages(answer.iter_lines())
                next(told)
                while left and last < live.store.last_seq():
                    message = next(told)
                    found += numbers(message)
                    last, left = int(message.get("id", last)), left - 1
                    if not writer.is_alive() and found and found[-1] >= _wanted(live, after)[-1]:
                        last = live.store.last_seq()
            cuts += 1
    writer.join()
    assert cuts >= 200
    assert found == _wanted(live, after)


def _wanted(live, after):
    """What the filter must admit, told from the log by other means."""
    mine = {"D-0", "D-1", "D-4"}
    log = live.store.events(after, 100_000)
    return [one.seq for one in log if one.subject in mine or (one.kind == "device" and one.body["place"] == NEAR)]


# --- a slow client -----------------------------------------------------------------------------------------------


def test_a_client_that_does_not_read_is_told_to_resync_and_the_others_are_not_held_up(live):
    host, port = live.url.removeprefix("http://").split(":")
    before = live.client.get("/v1/health").json()["stream"]["resynced"]
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect((host, int(port)))
        slow.sendall(b"GET /v1/stream?kinds=retention HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"hello" in slow.recv(4096) + slow.recv(4096)
        with listening(live, kinds="device") as told:
            next(told)
            deadline = time.monotonic() + 60
            while live.client.get("/v1/health").json()["stream"]["resynced"] == before:
                assert time.monotonic() < deadline
                live.store.write(lambda tx: tx.append_all(list(_storm(1500)))).result()
            seq = event(live, "device", device="D-0")
            assert [seq] in map(numbers, told)  # what was told a moment before may come first
        slow.settimeout(20)
        rest = b""
        while part := slow.recv(1 << 20):
            rest = rest[-4000:] + part
    resync = rest[rest.rindex(b"event: resync") :]
    assert b'"why":"slow"' in resync
    assert b"id: " not in resync  # its last id stays: reading on from there loses nothing


def _storm(count):
    stamp = time.monotonic_ns()
    for number in range(count):
        yield NewEvent(
            kind="retention",
            community="c1",
            subject="s",
            source="storm",
            source_seq=f"{stamp}-{number}",
            occurred_at=NOON,
            body={"text": "x" * 2000},
        )


def test_the_health_page_counts_the_subscribers_and_their_filters(live):
    with listening(live, place=NEAR) as one, listening(live, place=NEAR) as other:
        next(one), next(other)
        seq = readings(live, ["D-0"])
        assert numbers(next(one)) == numbers(next(other)) == seq
        shown = live.client.get("/v1/health").json()["stream"]
        assert shown["subscribers"] >= 2
        assert shown["filters"] < shown["subscribers"]


# --- the WebSocket -------------------------------------------------------------------------------------------------


@contextmanager
def talking(service, **options):
    with connect(service.url.replace("http", "ws") + "/v1/stream/ws", proxy=None, **options) as line:
        yield line


def said(line):
    return json.loads(line.recv(timeout=10))


def test_a_websocket_tells_the_same_messages_from_a_number_on(live):
    after = live.store.last_seq()
    seqs = readings(live, ["D-0", "D-2"])
    with talking(live) as line:
        line.send(json.dumps({"subscribe": {"place": NEAR, "bbox": [120, 30, 121, 31], "after": after}}))
        hello, first = said(line), said(line)
        assert (hello["kind"], hello["seq"]) == ("hello", after)
        assert (first["kind"], first["seq"], first["data"]["items"][0][4]) == ("observations", seqs[0], seqs[0])
        came = event(live, "device", place=NEAR, status="online")
        found = said(line)
        assert (found["kind"], found["seq"], found["data"]["status"]) == ("device", came, "online")
        assert found["data"]["center"] == pytest.approx([120.15, 30.15])


def test_a_second_subscription_takes_the_place_of_the_first(live):
    with talking(live) as line:
        line.send(json.dumps({"subscribe": {"place": NEAR}}))
        said(line)
        line.send(json.dumps({"subscribe": {"place": FAR}}))
        assert said(line)["kind"] == "hello"
        readings(live, ["D-0"])
        seqs = readings(live, ["D-2"])
        assert said(line)["seq"] == seqs[0]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"subscribe": 1}', '{"subscribe": {"person": "王"}}', '{"x": 1}'])
def test_a_message_nobody_understands_is_answered_and_the_line_stays(live, text):
    with talking(live) as line:
        line.send(text)
        assert (answer := said(line))["kind"] == "error"
        assert answer["data"]["code"] == "stream.message"
        line.send('{"ping": 5}')
        assert said(line) == {"kind": "pong", "seq": 0, "data": 5}


def test_bytes_end_the_conversation_without_a_fault(live):
    with talking(live) as line:
        line.send(b"\x00")
        with pytest.raises(ConnectionClosed):
            line.recv(timeout=10)


def test_a_page_of_another_site_may_not_open_a_websocket(live):
    with pytest.raises(InvalidStatus), talking(live, origin="https://elsewhere.example"):
        pass
    with talking(live, origin=live.url) as line:
        line.send('{"ping": null}')
        assert said(line)["kind"] == "pong"
