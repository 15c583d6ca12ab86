"""Webhooks against a real receiver that fails, hangs, answers 500 and recovers."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import shapely

from api.live import LiveOptions
from api.webhooks.options import WebhookOptions
from tests.api.test_stream import FAR, NEAR, PLACES, event, fill, readings
from twin.feature import Feature

FAST = {"tick_s": 0.05, "base_s": 0.02, "cap_s": 0.1, "timeout_s": 0.5, "checkpoint_s": 0.0}


class Receiver:
    """Keeps what it took; ``plan`` says what becomes of the next calls: a status, or ``hang``."""

    def __init__(self):
        self.calls, self.taken, self.plan, self.default = [], [], [], 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.calls.append((dict(self.headers.items()), body))
                step = receiver.plan.pop(0) if receiver.plan else receiver.default
                if step == "hang":
                    time.sleep(0.8)
                    return
                if step == 204:
                    receiver.taken.append(body)
                self.send_response(step)
                if step == 302:
                    self.send_header("Location", receiver.url)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def events(self):
        return [one for body in self.taken for one in json.loads(body)["events"]]

    def seqs(self):
        return [one["seq"] for one in self.events()]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.close()


@pytest.fixture(scope="module")
def serve(serving_at, tmp_path_factory):
    def start(**options):
        live = LiveOptions(keys=tmp_path_factory.mktemp("keys") / "twin.key")
        return serving_at(live=live, webhooks=WebhookOptions(**{**FAST, **options}))

    return start


@pytest.fixture(scope="module")
def shared(serve):
    with serve() as service:
        yield fill(service)


@pytest.fixture
def live(shared):
    """The service of all tests; each leaves it without subscriptions."""
    yield shared
    for one in shared.client.get("/v1/subscriptions").json()["subscriptions"]:
        shared.client.delete(f"/v1/subscriptions/{one['id']}").raise_for_status()
    until(lambda: shared.client.get("/v1/health").json()["webhooks"]["served"] == 0)


def until(condition):
    deadline = time.monotonic() + 20
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)
    return found


def subscribe(service, receiver, **more):
    said = {"url": receiver.url, "owner": "应急办", "filter": {"kinds": ["observations"]}, **more}
    answer = service.client.post("/v1/subscriptions", json=said)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.both_stores
def test_a_receiver_that_fails_hangs_and_recovers_gets_each_event_once_and_in_order(live, receiver):
    receiver.plan = [500, "hang", 503, 302, "hang", 429, 204, 500, 204, "hang"]
    made = subscribe(live, receiver, filter={"place": NEAR, "kinds": ["observations"]})
    wanted = []
    for number in range(120):
        seqs = readings(live, [f"D-{number % 5}", "D-2"])
        wanted += seqs[:1] if number % 5 in (0, 1, 4) else []
        time.sleep(0.005)
    until(lambda: len(receiver.seqs()) >= len(wanted))
    assert receiver.seqs() == wanted
    assert set(Counter(one["id"] for one in receiver.events()).values()) == {1}
    assert len(receiver.calls) > len(receiver.taken)
    shown = live.client.get(f"/v1/subscriptions/{made['id']}").json()
    assert (shown["status"], shown["dead_letters"]) == ("active", 0)
    assert "secret" not in json.dumps(shown)


def test_a_call_is_signed_and_says_where_it_happened(live, receiver):
    made = subscribe(live, receiver)
    (seq,) = readings(live, ["D-0"])
    until(receiver.seqs)
    headers, body = receiver.calls[0]
    headers = {name.lower(): value for name, value in headers.items()}
    told = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(made["secret"].removeprefix("whsec_"))
    signature = base64.b64encode(hmac.new(key, told, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{signature}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    (one,) = receiver.events()
    assert (one["id"], one["seq"], one["kind"]) == (f"{made['id']}:{seq}", seq, "observation")
    assert (one["data"]["place"], one["data"]["storey"]) == PLACES[0][:2]
    assert one["data"]["center"] == [120.15, 30.15]


def test_a_webhook_that_never_answers_holds_up_no_other(live, receiver):
    dead = Receiver()
    try:
        dead.default = "hang"
        subscribe(live, dead)
        subscribe(live, receiver)
        seqs = [seq for _ in range(5) for seq in readings(live, ["D-0"])]
        until(lambda: receiver.seqs() == seqs)
        assert dead.taken == []
    finally:
        dead.close()


def test_a_redirect_is_not_followed(live, receiver):
    receiver.plan = [302]
    subscribe(live, receiver)
    readings(live, ["D-0"])
    until(receiver.seqs)
    assert len(receiver.calls) == 2  # the redirect itself, and the same call again


@pytest.mark.both_stores
def test_what_is_not_taken_is_a_dead_letter_and_can_be_sent_again(serve, receiver):
    with serve(attempts=2, pause_after=100) as live:
        fill(live)
        receiver.plan = [500, 500]
        name = subscribe(live, receiver)["id"]
        first = readings(live, ["D-0", "D-1"])
        (letter,) = until(lambda: live.client.get(f"/v1/subscriptions/{name}/dead-letters").json()["dead_letters"])
        assert (letter["seqs"], letter["reason"]) == (first, "HTTP 500")
        later = readings(live, ["D-0"])
        until(lambda: receiver.seqs() == later)
        asked = live.client.post(f"/v1/subscriptions/{name}/redeliver", json={"ids": [letter["id"]]})
        assert (asked.status_code, asked.json()["queued"]) == (202, 1)
        until(lambda: receiver.seqs() == [*later, *first])
        until(lambda: not live.client.get(f"/v1/subscriptions/{name}/dead-letters").json()["dead_letters"])
        unknown = live.client.post(f"/v1/subscriptions/{name}/redeliver", json={"ids": ["x"]})
        assert unknown.json()["code"] == "subscription.no_letter"


def test_a_receiver_that_takes_nothing_is_paused_told_so_and_goes_on_where_it_stopped(serve, receiver):
    with serve(attempts=1, pause_after=2, batch=1) as live:
        fill(live)
        receiver.default = 500
        name = subscribe(live, receiver)["id"]
        seqs = readings(live, ["D-0", "D-1", "D-2", "D-3"])
        until(lambda: live.client.get(f"/v1/subscriptions/{name}").json()["status"] == "paused")
        told = [one.body for one in live.store.events(0, 1000, ("subscription",))]
        assert [(one["status"], one["reason"]) for one in told] == [("created", None), ("paused", "HTTP 500")]
        receiver.default = 204
        assert live.client.post(f"/v1/subscriptions/{name}/resume").json()["status"] == "active"
        until(lambda: receiver.seqs() == seqs[2:])
        again = live.client.post(f"/v1/subscriptions/{name}/resume")
        assert (again.status_code, again.json()["code"]) == (409, "subscription.not_paused")


def test_a_receiver_that_is_gone_is_paused_at_once(live, receiver):
    receiver.default = 410
    name = subscribe(live, receiver)["id"]
    readings(live, ["D-0"])
    until(lambda: live.client.get(f"/v1/subscriptions/{name}").json()["status"] == "paused")
    assert len(receiver.calls) == 1


def test_what_happens_while_the_service_is_down_is_told_after_it_is_up(tmp_path, receiver):
    from tests.api.conftest import serving

    given = {"live": LiveOptions(keys=tmp_path / "key"), "webhooks": WebhookOptions(**FAST)}
    with serving(tmp_path / "twin.gpkg", **given) as service:
        fill(service)
        subscribe(service, receiver)
        first = readings(service, ["D-0", "D-1"])
        until(lambda: receiver.seqs() == first)
    from layers.catalogue import load_catalogue
    from twin.embedded import EmbeddedStore

    class Closed:
        store = EmbeddedStore(tmp_path / "twin.gpkg", load_catalogue())

    missed = readings(Closed, ["D-0"])
    Closed.store.close()
    with serving(tmp_path / "twin.gpkg", **given) as service:
        until(lambda: len(receiver.seqs()) >= 3)
        assert receiver.seqs() == [*first, *missed]


# --- surveillance --------------------------------------------------------------------------------------------------


ZONE = "POLYGON((120.1 30, 120.2 30, 120.2 31, 120.1 31, 120.1 30))"


def test_a_vehicle_is_watched_by_its_plate_inside_its_area_and_time_only(live, receiver):
    live.put(
        *(
            Feature(
                layer="device",
                id=f"C-{number}",
                community="c1",
                geometry=shapely.Point(lon, 30.15),
                attributes={"device_type": "camera_plate"},
            )
            for number, lon in enumerate((120.15, 120.25))
        )
    )
    now = datetime.now(UTC)
    task = subscribe(
        live,
        receiver,
        filter={"area": ZONE},
        target={"type": "vehicle", "values": ["浙A·12345"]},
        starts_at=(now - timedelta(days=1)).isoformat(),
        ends_at=(now + timedelta(days=1)).isoformat(),
    )
    late = subscribe(
        live,
        receiver,
        target={"type": "vehicle", "values": ["浙A12345"]},
        ends_at=(now - timedelta(hours=2)).isoformat(),
    )
    assert live.client.get(f"/v1/subscriptions/{late['id']}").json()["over"]
    passes = [{"plate_no": "浙A12345", "driver": "李"}, {"plate_no": "浙A12345"}, {"plate_no": "浙B99999"}]
    seqs = readings(live, ["C-0", "C-1", "C-0"], "vehicle_pass", passes)
    until(receiver.seqs)
    time.sleep(0.3)
    (hit,) = receiver.events()
    assert (hit["seq"], hit["data"]["plate_no"], hit["data"]["device"]) == (seqs[0], "浙A12345", "C-0")
    assert hit["data"]["result"] is None  # the driver is nobody's business
    past = live.client.get(f"/v1/subscriptions/{task['id']}/history").json()
    assert [one["seq"] for one in past["events"]] == [seqs[0]]
    assert past["next"] is None


def test_a_device_and_a_zone_are_watched(live, receiver):
    kinds = {"kinds": ["observations"]}
    subscribe(live, receiver, filter=kinds, target={"type": "device", "values": ["D-2"]})
    subscribe(live, receiver, filter={**kinds, "area": ZONE, "storeys": [5]}, target={"type": "zone"})
    seqs = readings(live, [f"D-{number}" for number in range(5)])
    until(lambda: len(receiver.seqs()) >= 2)
    assert sorted(receiver.seqs()) == [seqs[0], seqs[2]]


@pytest.mark.parametrize("target", ["person", "face", "person_category", "key_person", "人脸", "Resident"])
def test_a_person_is_never_watched_neither_by_face_nor_by_category(live, target):
    said = {"url": "http://127.0.0.1/", "owner": "x", "target": {"type": target, "values": ["王"]}}
    answer = live.client.post("/v1/subscriptions", json=said)
    assert (answer.status_code, answer.json()["code"]) == (403, "subscription.persons")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"url": "ftp://x/"}, 422, "subscription.url"),
        ({"url": "http://u:p@x/"}, 422, "subscription.url"),
        ({"url": "nowhere"}, 422, "subscription.url"),
        ({"filter": {"layers": ["resident"]}}, 403, "layer.aggregate_only"),
        ({"filter": {"area": "POINT(1 2)"}}, 422, "request.parameter"),
        ({"filter": {"face": "x"}}, 422, "request.parameter"),
        ({"target": {"type": "zone"}}, 422, "subscription.no_zone"),
        ({"target": {"type": "vehicle"}}, 422, "subscription.target"),
        ({"target": {"type": "ship", "values": ["x"]}}, 422, "subscription.target"),
        ({"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}, 422, "query.interval"),
        ({"starts_at": "2026-01-02T00:00:00"}, 422, "request.parameter"),
    ],
)
def test_a_subscription_that_cannot_be_is_refused_by_name(live, change, status, code):
    said = {"url": "http://127.0.0.1/", "owner": "x", **change}
    answer = live.client.post("/v1/subscriptions", json=said)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.both_stores
def test_a_subscription_that_ended_is_not_served_and_not_known(live, receiver):
    name = subscribe(live, receiver)["id"]
    assert [one["id"] for one in live.client.get("/v1/subscriptions?owner=应急办").json()["subscriptions"]] == [name]
    assert live.client.get("/v1/subscriptions?owner=x").json()["subscriptions"] == []
    until(lambda: live.client.get("/v1/health").json()["webhooks"]["served"] == 1)
    assert live.client.delete(f"/v1/subscriptions/{name}").json()["status"] == "ended"
    until(lambda: live.client.get("/v1/health").json()["webhooks"]["served"] == 0)
    readings(live, ["D-0"])
    for way in ("", "/history", "/dead-letters"):
        assert live.client.get(f"/v1/subscriptions/{name}{way}").json()["code"] == "subscription.unknown"
    assert receiver.calls == []


def test_inside_addresses_are_not_called_where_the_installation_says_so(serve, receiver):
    with serve(inside=False, attempts=1, pause_after=1) as live:
        fill(live)
        name = subscribe(live, receiver)["id"]
        readings(live, ["D-0"])
        shown = until(
            lambda: (found := live.client.get(f"/v1/subscriptions/{name}").json())["status"] == "paused" and found
        )
        assert "127.0.0.1" in shown["reason"]
        assert receiver.calls == []


def test_a_change_of_whole_layers_is_told_beside_what_happens_elsewhere(live, receiver):
    subscribe(live, receiver, filter={"place": FAR, "kinds": ["change"]})
    seq = event(live, "change", layers=["water"])
    until(lambda: receiver.seqs() == [seq])
