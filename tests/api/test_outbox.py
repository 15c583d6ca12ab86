"""Commands to devices through a real mosquitto, with the service around it."""

import json
from datetime import UTC, datetime

import pytest

from api.sources.mqtt import broker_at
from layers.device.commands import ANSWER_WITHIN, Commands
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
        running.put(
            *(Feature(layer="device", id=name, community="c1", attributes=kind) for name in ("D-1", "D-2", "+"))
        )
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


@pytest.fixture
def door(broker):
    client = Device(broker, "answering door")
    yield client
    client.close()


def ask(service, number="D-1"):
    return service.client.post(f"/v1/devices/{number}/commands", json=WISH).json()["id"]


def time_out(service):
    """Let the time to answer be over."""
    later = Commands(service.store, lambda: datetime.now(UTC) + ANSWER_WITHIN)
    later.tick().result()


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


def test_a_device_answers_on_its_topic_once_as_over_http_and_only_for_itself(service, heard, door):
    command = ask(service)
    wait(lambda: heard)

    def answer(number, **said):
        door.send(f"{command_topic('c1', number)}/ack", json.dumps({"id": command, "state": "acknowledged", **said}))

    answer("D-2")
    answer("D-1", result="门已开")
    answer("D-1", result="门已开")
    answer("D-1", state="failed")
    answer("D-1", id="D-1:unlock:7")
    answer("D-1", state="perhaps")
    answer("D-9")
    wait(lambda: service.client.get("/v1/sources").json()["mqtt"]["acknowledged"] == 7)
    assert states(service) == ["requested", "sent", "acknowledged"]
    (settled,) = service.client.get("/v1/commands?device=D-1").json()["commands"]
    assert (settled["state"], settled["result"]) == ("acknowledged", "门已开")
    refused = service.client.get("/v1/sources/rejected").json()["rejected"]
    assert sorted((one["subject"], one["code"]) for one in refused) == [
        ("D-1", "command.answered"),
        ("D-1", "command.malformed"),
        ("D-1", "command.no_such"),
        ("D-2", "command.foreign"),
        ("D-9", "device.unknown"),
    ]


def test_an_answer_after_the_time_to_answer_still_tells_how_it_went(service, heard, door):
    command = ask(service)
    wait(lambda: states(service) == ["requested", "sent"])
    time_out(service)
    door.send(f"{command_topic('c1', 'D-1')}/ack", json.dumps({"id": command, "state": "failed", "result": "卡住"}))
    wait(lambda: states(service) == ["requested", "sent", "timed_out", "failed"])


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
