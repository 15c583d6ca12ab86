"""Kills a whole service while readings come in; tells, one JSON line a kill, what it had answered and what is stored.

``python kill_harness.py STORE KILLS``. The services are forked, for a fork has nothing to import: each is the one of
``lifang serve`` on a real socket, which stays open between two lives, so that a gateway's connection waits for the next.
"""

import http.client
import json
import os
import random
import signal
import socket
import sys
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import api.app  # noqa: F401 - here, so that no fork has to
from api.commands.common import Progress
from api.commands.serve import server_for
from api.settings import Settings
from layers.alarm.desk import KINDS
from layers.catalogue import load_catalogue
from twin.embedded import EmbeddedStore
from twin.feature import Feature

PER_MESSAGE = 6
START = datetime.now(UTC) - timedelta(hours=1)


def message(first):
    """Return smoke and no smoke in turn: each moves the alarm of the only gateway."""
    readings = [
        {
            "device": "D-1",
            "property": "fire_smoke",
            "result": number % 2 == 0,
            "phenomenonTime": (START + timedelta(milliseconds=number)).isoformat(),
            "source": "gateway",
            "source_seq": str(number),
        }
        for number in range(first, first + PER_MESSAGE)
    ]
    return json.dumps({"observations": readings})


def serve(chosen, listener):
    with closing(EmbeddedStore(chosen.store, load_catalogue())) as store:
        server_for(store, load_catalogue(), chosen, Progress()).run(sockets=[listener])


def post_until_killed(port, number, kill_in_s, child):
    """Post message after message, each when the one before was answered; return the number of what is not answered."""
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        first = number
        with suppress(OSError, http.client.HTTPException):
            while True:
                connection.request("POST", "/v1/observations", message(number), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                told = json.loads(answer.read())
                if answer.status != http.client.CREATED or told["rejected"]:
                    raise RuntimeError(told)
                if number == first:
                    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
                    signal.setitimer(signal.ITIMER_REAL, kill_in_s)
                number += PER_MESSAGE
    return number


def stored(path):
    """Return the numbers in the log, and whether each reading stands there with what it did to the alarm."""
    with closing(EmbeddedStore(path, load_catalogue())) as store:
        events = store.events(0, 1_000_000)
    readings = [event for event in events if event.kind == "observation"]
    moved = {event.source_seq for event in events if event.kind in KINDS}
    whole = all(f"event:{event.seq}" in moved for event in readings)
    return {"stored": [int(event.source_seq) for event in readings], "whole": whole}


def main(path, kills):
    chosen = Settings(store=path)
    device = Feature(layer="device", id="D-1", community="c1", attributes={"device_type": "smoke_detector"})
    with closing(EmbeddedStore(path, load_catalogue())) as store:
        store.write(lambda transaction: transaction.put(device)).result()
    chance, answered = random.Random(2026), 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(kills):
            child = os.fork()
            if child == 0:
                serve(chosen, listener)
                os._exit(0)
            answered = post_until_killed(listener.getsockname()[1], answered, chance.uniform(0.0, 0.4), child)
            os.waitpid(child, 0)
            print(json.dumps({"answered": answered, **stored(path)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
