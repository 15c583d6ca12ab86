"""Commands to devices through a real mosquitto, with the service around it."""

import json

import pytest

from api.sources.mqtt import broker_at
from layers.sources.topics import command_topic
from tests.api.broker import Broker, Device, wait
from twin.feature import Feature

WISH = {"command": "unlock", "by": "王", "reason": "检修"}


@pytest.fixture
def broker(tmp_path):
    running = Broker(tmp_path / "broker").start()
    yield running
    running.stop()


@pytest.fixture
def service(serving_at, broker):
    kind = {"device_type": "access_controller_smart"}
    with serving_at(mqtt=broker_at(broker.url)) as running:
        running.put(*(Feature(layer="device", id=name, community="c1", attributes=kind) for name in ("D-1", "+")))
        yield running


@pytest.fixture
def heard(broker):
    messages, ready = [], []
    listener = Device(broker, "door")
    listener.client.on_message = lambda _client, _data, message: messages.append(json.loads(message.payload))
    listener.client.on_subscribe = lambda *_: ready.append(True)
    listener.client.subscribe(command_topic("c1", "D-1"), qos=1)
    wait(lambda: ready)
    yield messages
    listener.close()


def ask(service, number="D-1"):
    return service.client.post(f"/v1/devices/{number}/commands", json=WISH).json()["id"]


def states(service, number="D-1"):
    return [one.body["state"] for one in service.store.events(0, 100, ("command",), subjects=(number,))]


def test_a_command_reaches_its_device_over_the_broker_and_is_noted_as_sent(service, heard):
    command = ask(service)
    wait(lambda: states(service) == ["requested", "sent"])
    (message,) = wait(lambda: heard)
    assert (message["id"], message["command"]) == (command, "unlock")
    service.client.post(f"/v1/commands/{command}/ack", json={"state": "acknowledged"})
    assert states(service) == ["requested", "sent", "acknowledged"]
    assert "by" not in message  # who asked is nobody's business at the door


def test_a_command_waits_for_a_broker_that_is_away_and_for_no_device_that_no_topic_can_name(service, broker, heard):
    wait(lambda: service.client.get("/v1/sources").json()["mqtt"]["connected"])
    broker.kill()
    wait(lambda: not service.client.get("/v1/sources").json()["mqtt"]["connected"])
    ask(service, "+")
    ask(service)
    assert states(service) == ["requested"]
    broker.start()
    wait(lambda: states(service) == ["requested", "sent"])
    assert states(service, "+") == ["requested"]
