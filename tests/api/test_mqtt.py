"""MQTT through a real mosquitto: stored before acknowledged, nothing lost, nothing twice, no message that loops."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.live import LiveOptions, live_part
from api.sources.mqtt import _tls, broker_at, mqtt_part
from gis.errors import Unavailable
from layers.catalogue import load_catalogue
from layers.device.types import load_device_types
from layers.sources.rejected import PER_SUBJECT
from layers.sources.topics import command_topic
from tests.api import broker as mosquitto
from tests.api.broker import Broker, Device, wait
from twin.embedded import EmbeddedStore
from twin.feature import Feature

NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
TOPIC = "lifang/c1/D-1/observations"


def devices(*numbers):
    kind = {"device_type": "room_temp"}
    return [Feature(layer="device", id=number, community="c1", attributes=kind) for number in numbers]


def said(number, **more):
    at = (NOON + timedelta(milliseconds=number)).isoformat()
    return {"property": "room_temperature", "result": 20.5, "phenomenonTime": at, "source_seq": number, **more}


def payload(number, **more):
    return json.dumps(said(number, **more)).encode()


def numbers(store, kind="observation"):
    return [event.source_seq for event in store.events(0, 1_000_000, (kind,))]


def presence(link, number):
    standing = link.parts.watchman.standing().get(number)
    return standing and standing.presence


def rejected(store):
    return [event.body["code"] for event in store.events(0, 1000, ("rejected",))]


@pytest.fixture
def broker(tmp_path):
    running = Broker(tmp_path / "broker").start()
    yield running
    running.stop()


@pytest.fixture
def store(tmp_path):
    with closing(EmbeddedStore(tmp_path / "twin.gpkg", load_catalogue())) as opened:
        opened.write(lambda tx: tx.put_all(devices("D-1", "D-2"))).result()
        yield opened


@pytest.fixture
def live(store, broker):
    with linked(store, broker_at(broker.url)) as link:
        yield link


@pytest.fixture
def device(broker):
    client = Device(broker)
    yield client
    client.close()


def now():
    return datetime.now(UTC)


class Link:
    """The connection of a service, with its store and without HTTP."""

    def __init__(self, store, options):
        self.store = store
        self.parts = live_part(store, load_device_types(), now, LiveOptions())
        self.mqtt = mqtt_part(store, self.parts, options, now)

    def put(self, *features):
        self.store.write(lambda tx: tx.put_all(features)).result()


@contextmanager
def linked(store, options, *, connects=True):
    link = Link(store, options)
    link.mqtt.start()
    try:
        if connects:
            wait(lambda: link.mqtt.state()["connected"])
        yield link
    finally:
        link.mqtt.stop()


def state(link):
    return link.mqtt.state()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_message_is_stored_and_then_acknowledged(store, broker, device, version):
    with linked(store, broker_at(broker.url, version=version)) as live:
        device.send(TOPIC, payload(1))
        wait(lambda: state(live)["acknowledged"] == 1)
        assert numbers(live.store) == ["1"]
        assert [one.value for one in live.store.latest(["D-1"])] == [20.5]


def test_a_list_and_a_property_in_the_topic_are_understood(live, device):
    device.send(TOPIC, json.dumps([said(1), said(2)]))
    device.send(f"{TOPIC}/room_temperature", json.dumps({k: v for k, v in said(3).items() if k != "property"}))
    wait(lambda: len(numbers(live.store)) == 3)


def test_the_same_message_again_changes_nothing(live, device):
    for _ in range(3):
        device.send(TOPIC, payload(1))
    wait(lambda: state(live)["acknowledged"] == 3)
    assert (numbers(live.store), state(live)["duplicates"]) == (["1"], 2)


POISON = {
    "garbage": (b"\x00\xff not json", "source.not_json"),
    "another encoding": ('{"device": "烟感"}'.encode("gb18030"), "source.not_json"),
    "nothing": (b"", "source.not_json"),
    "ten megabytes": (b"[" + b" " * 10_000_000 + b"]", "source.too_large"),
    "depth": (b"[" * 100_000, "source.not_json"),
    "a number": (b"7", "observation.malformed"),
    "no property": (payload(1, property="colour"), "observation.unknown_property"),
    "a clock years off": (payload(1, phenomenonTime="1970-01-01T00:00:00Z"), "observation.clock_behind"),
    "no zone": (payload(1, phenomenonTime="2026-11-21T08:00:00"), "observation.malformed"),
    "another device": (payload(1, device="D-2"), "observation.foreign_device"),
}


def test_what_cannot_be_taken_is_acknowledged_counted_and_shown_and_never_comes_back(live, device, broker):
    for content, _ in POISON.values():
        device.send(TOPIC, content)
    device.send("lifang/elsewhere/D-1/observations", payload(2))
    device.send(TOPIC, payload(3))
    wait(lambda: state(live)["acknowledged"] == len(POISON) + 2)
    assert numbers(live.store) == ["3"]
    assert sorted(rejected(live.store)) == sorted([*(code for _, code in POISON.values()), "mqtt.foreign_community"])
    assert state(live)["rejected"] == len(POISON) + 1


def test_a_storm_of_garbage_leaves_a_bounded_trace(live, device):
    for number in range(3 * PER_SUBJECT):
        device.send(TOPIC, f"garbage {number}")
    wait(lambda: state(live)["acknowledged"] == 3 * PER_SUBJECT)
    assert len(rejected(live.store)) == PER_SUBJECT
    assert state(live)["rejected_untold"] == 2 * PER_SUBJECT


def test_a_last_will_tells_that_a_device_is_offline(live, broker):
    will = ("lifang/c1/D-2/status", b"offline")
    leaving = Device(broker, "D-2", will=will)
    leaving.send("lifang/c1/D-2/status", b"online").wait_for_publish(5)
    wait(lambda: presence(live, "D-2") == "online")
    leaving.client.socket().close()  # no farewell
    leaving.client.loop_stop()
    wait(lambda: presence(live, "D-2") == "offline")


def test_an_uplink_of_chirpstack_becomes_observations(live, device):
    live.put(*devices("0102030405060708"))
    uplink = {
        "deduplicationId": "3ac7e3c4",
        "time": NOON.isoformat(),
        "fCnt": 7,
        "deviceInfo": {"devEui": "0102030405060708"},
        "object": {"room_temperature": 19.0, "battery": 80},
    }
    for _ in range(2):
        device.send("application/a1/device/0102030405060708/event/up", json.dumps(uplink))
    wait(lambda: state(live)["acknowledged"] == 2)
    assert numbers(live.store) == ["7:3ac7e3c4:room_temperature"]
    assert rejected(live.store) == ["observation.unknown_property"]


def test_a_device_hears_what_it_is_told(live, broker):
    heard = []
    listener = Device(broker, "listener")
    listener.client.on_message = lambda _client, _data, message: heard.append(message.payload)
    listener.client.on_subscribe = lambda *_: heard.append("ready")
    listener.client.subscribe(command_topic("c1", "D-1"), qos=1)
    wait(lambda: heard)
    live.mqtt.publish(command_topic("c1", "D-1"), b'{"command": "unlock"}')
    wait(lambda: b'{"command": "unlock"}' in heard)
    listener.close()
    broker.kill()
    wait(lambda: not state(live)["connected"])
    with pytest.raises(Unavailable, match="not connected"):
        live.mqtt.publish(command_topic("c1", "D-1"), b"nobody hears this")


def test_a_broker_that_goes_away_and_returns_is_listened_to_again(live, broker, device):
    broker.kill()
    wait(lambda: not state(live)["connected"])
    broker.start()
    wait(lambda: state(live)["connected"])
    device.send(TOPIC, payload(1))
    wait(lambda: numbers(live.store) == ["1"])


def test_what_arrives_while_the_service_is_down_is_kept_for_it(store, broker, device):
    with linked(store, broker_at(broker.url)):
        pass
    sent = [device.send(TOPIC, payload(number)) for number in range(100)]
    [one.wait_for_publish(10) for one in sent]
    with linked(store, broker_at(broker.url)):
        wait(lambda: len(numbers(store)) == 100)


def test_two_processes_with_one_share_divide_the_messages(store, broker, device):
    first, second = (broker_at(broker.url, client=f"worker-{n}", share="workers") for n in range(2))
    with linked(store, first) as one, linked(store, second) as two:
        for number in range(200):
            device.send(TOPIC, payload(number))
        wait(lambda: len(numbers(store)) == 200)
        wait(lambda: state(one)["acknowledged"] + state(two)["acknowledged"] == 200)
        assert min(state(one)["accepted"], state(two)["accepted"]) > 0


def test_the_service_tells_how_its_broker_is_and_what_it_could_not_take(broker, serving_at):
    with serving_at(mqtt=broker_at(broker.url)) as service:
        asked = service.client.get
        wait(lambda: asked("/v1/sources").json()["mqtt"]["connected"])
        device = Device(broker)
        device.send(TOPIC, b"garbage")
        wait(lambda: asked("/v1/sources").json()["mqtt"]["acknowledged"])
        (told,) = asked("/v1/sources/rejected").json()["rejected"]
        assert (told["code"], told["subject"], told["bytes"]) == ("source.not_json", "D-1", 7)
        device.close()


def test_with_the_documented_access_list_a_device_can_write_for_no_other(tmp_path, store):
    passwords, rules = tmp_path / "passwords", tmp_path / "rules"
    passwords.touch(mode=0o600)
    for name, secret in (("lifang", "s0"), ("D-1", "s1")):
        subprocess.run(
            [mosquitto.program("mosquitto_passwd"), "-b", passwords, name, secret], check=True, capture_output=True
        )
    rules.write_text(
        "user lifang\ntopic read lifang/#\ntopic write lifang/+/+/commands\n"
        "pattern write lifang/+/%u/#\npattern read lifang/+/%u/commands\n"
    )
    for path in (passwords, rules):
        path.chmod(0o644)
    own = Broker(tmp_path / "own", f"password_file {passwords}", f"acl_file {rules}").start()
    topics = {"lifang/{community}/{device}/observations": "observations"}
    options = broker_at(own.url.replace("//", "//lifang@"), password="s0", topics=topics)
    with linked(store, options):
        device = Device(own, "D-1", user="D-1", password="s1")
        device.send(TOPIC.replace("D-1", "D-2"), payload(1))
        device.send(TOPIC, payload(2))
        wait(lambda: numbers(store))
        assert [event.subject for event in store.events(0, 10, ("observation",))] == ["D-1"]
        device.close()
    own.stop()


def test_with_tls_the_broker_must_prove_who_it_is(tmp_path, store):
    key, certificate = tmp_path / "server.key", tmp_path / "server.pem"
    made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1")
    named = ("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate)
    subprocess.run([mosquitto.program("openssl"), *made, *named], check=True, capture_output=True)
    own = Broker(tmp_path / "own", f"certfile {certificate}", f"keyfile {key}", "allow_anonymous true").start()
    url = own.url.replace("mqtt:", "mqtts:")
    with linked(store, broker_at(url, ca=certificate)) as link:
        assert state(link)["fault"] is None
    with socket.create_connection(("127.0.0.1", own.port)) as plain, pytest.raises(ssl.SSLCertVerificationError):
        _tls(None).wrap_socket(plain, server_hostname="127.0.0.1")  # the certificates of the system do not know it
    own.stop()


def test_a_broker_that_refuses_the_service_is_told_of(tmp_path, store):
    nobody = tmp_path / "nobody"
    nobody.touch()
    own = Broker(tmp_path / "own", f"password_file {nobody}").start()
    with linked(store, broker_at(own.url.replace("//", "//lifang@"), password="wrong"), connects=False) as link:
        wait(lambda: state(link)["fault"] == "Not authorized")
    own.stop()


# --- kill -9 --------------------------------------------------------------------------------------------------------

EACH = 150
KILLS = 10


class Log:
    """The numbers in the log, read on from where it was read last."""

    def __init__(self, store):
        self.store, self.seq, self.numbers = store, 0, []

    def __len__(self):
        for event in self.store.events(self.seq, 1_000_000, ("observation",)):
            self.numbers.append(int(event.source_seq))
            self.seq = event.seq
        return len(self.numbers)


class Gateway:
    """Sends readings with numbers that go on, and knows which it sent."""

    def __init__(self, device, log):
        self.device, self.log, self.sent = device, log, []

    def send(self):
        more = range(len(self.sent), len(self.sent) + EACH)
        self.sent.extend(self.device.send(TOPIC, payload(number)) for number in more)

    def send_again(self, begun):
        for number in range(begun, len(self.sent)):
            self.device.send(TOPIC, payload(number))

    def some_more(self):
        """Wait until more is stored than was; return how much that was."""
        begun = len(self.log)
        wait(lambda: len(self.log) > begun)
        return begun

    def all_is_stored_once(self):
        wait(lambda: len(self.log) >= len(self.sent), 30)
        assert sorted(self.log.numbers) == list(range(len(self.sent)))


@pytest.fixture
def subscriber(tmp_path, store, broker, device):
    """A subscriber that comes back when it is killed; gives its process numbers, one a life."""
    script = Path(__file__).with_name("subscriber.py")
    command = [sys.executable, script, tmp_path / "twin.gpkg", broker.url, "again"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as running:
        lives = (int(line) for line in running.stdout)
        try:
            life = next(lives)
            wait(lambda: device.send(TOPIC, payload(0)) and numbers(store))  # until it has subscribed
            yield life, lives
        finally:
            os.killpg(running.pid, signal.SIGKILL)


def test_ten_killed_subscribers_lose_nothing_that_was_acknowledged_and_double_nothing(store, device, subscriber):
    life, lives = subscriber
    gateway, under_way = Gateway(device, Log(store)), 0
    for _ in range(KILLS):
        gateway.send()
        gateway.some_more()
        os.kill(life, signal.SIGKILL)
        life = next(lives)  # the other is gone
        under_way += len(gateway.log) < len(gateway.sent)
        gateway.send()
    assert under_way  # else the kills did not fall on the load
    [one.wait_for_publish(20) for one in gateway.sent]
    gateway.all_is_stored_once()


def test_ten_killed_brokers_double_nothing_and_lose_nothing_that_its_sender_still_held(
    store, broker, device, subscriber
):
    gateway = Gateway(device, Log(store))
    for _ in range(KILLS):
        gateway.send()
        begun = gateway.some_more()
        broker.kill()
        broker.start()
        wait(device.client.is_connected)
        gateway.send_again(begun)
        gateway.all_is_stored_once()
