"""Two services on one PostgreSQL; the one that lets time pass is killed in the middle of it, and the other goes on."""

import os
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

pytest.importorskip("psycopg", reason="psycopg is not installed (pip install 'lifang[postgis]')")

from layers.catalogue import load_catalogue
from layers.device.commands import ANSWER_WITHIN, Order, request
from layers.incident import Report, report
from layers.incident.policy import load_policy
from tests.api.test_webhooks import Receiver
from twin.feature import Feature
from twin.postgis import PostgisStore

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 240
EACH, APART_S = 20, 0.3
EBIKE_S = 1800


@dataclass
class Running:
    """A ``lifang serve``."""

    process: subprocess.Popen
    client: httpx.Client

    def leads(self):
        """Tell whether it is the one that lets time pass; ``None`` while it does not answer."""
        try:
            told = self.client.get("/metrics").text
        except httpx.HTTPError:
            return None
        return bool(float(re.search(r"^lifang_leads (.+)$", told, re.MULTILINE)[1]))


@contextmanager
def running(database, folder, name):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = {"LIFANG_STORE": database, "LIFANG_KEYS": str(folder / "master.key"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "api", "serve", "--port", str(port)]
    with (folder / name).open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **given}, stderr=log)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            try:
                yield Running(process, client)
            finally:
                process.terminate()
                process.wait(30)


def until(found, what):
    deadline = time.monotonic() + PATIENCE_S
    while not (value := found()):
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.05)
    return value


def device(number, kind):
    return Feature(layer="device", id=f"{kind[0]}-{number}", community="c1", attributes={"device_type": kind})


def due(number):
    """Return when the timers with a number run out: one after another, so that a kill falls between."""
    return timedelta(seconds=2 + APART_S * number)


def begin(store, client, now):
    """Begin timers of every kind: alarms that pass, commands that nobody answers, incidents that nobody accepts."""
    doors = [device(number, "access_controller_smart") for number in range(EACH)]
    bikes = [device(number, "ebike_entry_monitor") for number in range(EACH)]
    wait = timedelta(seconds=load_policy().within_s("fire", 1, "accept"))

    def work(transaction):
        transaction.put_all([*doors, *bikes])
        for number, door in enumerate(doors):
            order = Order(device=door, command="unlock", by="王")
            request(transaction, [order], now + due(number) - ANSWER_WITHIN)
            then = now + due(number) - wait
            said = {"class_": "fire", "severity": 1, "source": "hotline", "title": "起火", "by": "12345"}
            report(transaction, Report(**said, device=door.id, occurred_at=then), then)

    store.write(work).result()
    seen = [now + due(number) - timedelta(seconds=EBIKE_S) for number in range(EACH)]
    readings = [
        {"device": bike.id, "property": "ebike_entry", "result": True, "phenomenonTime": at.isoformat()}
        | {"source": "gw", "source_seq": bike.id}
        for bike, at in zip(bikes, seen, strict=True)
    ]
    assert client.post("/v1/observations", json={"observations": readings}).json()["rejected"] == []


def fired(store, after):
    """Return which timers ran out, by kind, as the log tells it."""
    told = Counter()
    for event in store.events(after, 100_000, ("alarm", "command", "incident", "notice")):
        body = event.body
        over = {
            "alarm": body.get("active") is False,
            "command": body.get("state") == "timed_out",
            "incident": body.get("entry", {}).get("step") == "overdue",
            "notice": True,
        }
        if over[event.kind]:
            told[event.kind, event.subject] += 1
    return told


def kinds(told):
    return Counter(kind for kind, _ in told)


def test_when_the_leading_process_is_killed_the_other_goes_on_and_nothing_happens_twice(database, tmp_path):
    receiver = Receiver()
    with ExitStack() as stack:
        stack.callback(receiver.close)
        store = stack.enter_context(closing(PostgisStore(database, load_catalogue())))
        both = [stack.enter_context(running(database, tmp_path, name)) for name in ("one.log", "two.log")]
        until(lambda: None not in [one.leads() for one in both] and any(one.leads() for one in both), "one leads")
        leader, other = sorted(both, key=lambda one: not one.leads())
        subscribed = {"url": receiver.url, "owner": "应急办", "community": "c1", "filter": {"kinds": ["alarm"]}}
        assert other.client.post("/v1/subscriptions", json=subscribed).status_code == 201
        text = {"zh": "电动车已离开", "en": "The e-bike is gone"}
        when = {"alarm": {"types": ["ebike_entry"], "phase": "cleared"}}
        rule = {"title": text, "when": [when], "do": [{"notify": {"to": ["物业"], "text": text}}]}
        other.client.put("/v1/linkage/rules/gone", json={"by": "王", "rule": rule}).raise_for_status()
        other.client.post("/v1/linkage/rules/gone/enable", json={"by": "王"}).raise_for_status()
        begin(store, other.client, datetime.now(UTC))
        after = store.last_seq()

        until(lambda: len(kinds(fired(store, after))) == 4, "timers of every kind run out")
        leader.process.kill()
        done = kinds(fired(store, after))
        assert max(done.values()) < EACH, "the kill fell too late to prove anything"
        until(lambda: kinds(fired(store, after)).total() == 4 * EACH, "the other goes on")
        assert other.leads()
        time.sleep(2.5)  # two more rounds of the clock
        told = fired(store, after)
        assert kinds(told) == dict.fromkeys(("alarm", "command", "incident", "notice"), EACH)
        assert set(told.values()) == {1}
        alarms = {event.seq for event in store.events(0, 100_000, ("alarm",))}
        until(lambda: set(receiver.seqs()) == alarms, "every alarm has been called")
        again = [seq for seq, times in Counter(receiver.seqs()).items() if times > 1]
        assert len(again) < len(alarms)  # calls are made at least once: those under way at the kill may come again
