"""A service's MQTT part in a process of its own, to be killed: ``python subscriber.py STORE URL``.

With a third word, ``again``, it is forked once more whenever it was killed, and the number of each process is printed: a
fork has nothing to import, so that many kills cost little time.
"""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from api.live import LiveOptions, live_part
from api.sources.mqtt import broker_at, mqtt_part
from layers.catalogue import load_catalogue
from layers.device.types import load_device_types
from twin.embedded import EmbeddedStore


def serve(path, url):
    store = EmbeddedStore(Path(path), load_catalogue())

    def clock():
        return datetime.now(UTC)

    live = live_part(store, load_device_types(), clock, LiveOptions())
    mqtt_part(store, live, broker_at(url), clock).start()
    while True:
        time.sleep(1)


def again(path, url):
    while True:
        child = os.fork()
        if child == 0:
            serve(path, url)
        print(child, flush=True)
        os.waitpid(child, 0)


if __name__ == "__main__":
    (again if len(sys.argv) > 3 else serve)(*sys.argv[1:3])
