"""How many messages a second come in durably over MQTT (QoS 1) through a real mosquitto, and whether any is lost.

The service's part runs in a process of its own (``synchronous=FULL``), the broker in another; this one publishes. What
waits is drained before the clock stops: the figure is that of messages in the log. Run by ``make bench``; judges nothing.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from layers.catalogue import load_catalogue
from tests.api.broker import Broker, Device, wait
from twin.embedded import EmbeddedStore
from twin.feature import Feature

MESSAGES = int(os.environ.get("LIFANG_BENCH_MESSAGES", "40000"))
DEVICES = 100
SUBSCRIBER = Path(__file__).resolve().parents[1] / "api" / "subscriber.py"
AHEAD = 5000
START = datetime.now(UTC) - timedelta(hours=1)


def payload(number: int) -> bytes:
    at = (START + timedelta(milliseconds=number)).isoformat()
    return (
        f'{{"property":"room_temperature","result":{20 + number % 50 / 10},"phenomenonTime":"{at}",'
        f'"source_seq":{number}}}'
    ).encode()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "twin.gpkg"
        with closing(EmbeddedStore(path, load_catalogue())) as store:
            kind = {"device_type": "room_temp"}
            rooms = [Feature(layer="device", id=f"D-{n}", community="c1", attributes=kind) for n in range(DEVICES)]
            store.write(lambda tx: tx.put_all(rooms)).result()
            # A broker that saves at every change would be what is measured.
            broker = Broker(Path(folder) / "broker", save="every_minutes").start()
            service = subprocess.Popen([sys.executable, SUBSCRIBER, path, broker.url])
            try:
                measure(store, broker, service.pid)
            finally:
                service.terminate()
                service.wait()
                broker.stop()


def cpu_s(process: int) -> float:
    """Processor time of a process so far, seconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(store: EmbeddedStore, broker: Broker, service: int) -> None:
    device = Device(broker)
    wait(lambda: device.send("lifang/c1/D-0/observations", payload(0)) and store.last_seq(), 60)
    bodies = [payload(number) for number in range(MESSAGES)]
    before, spent, started = store.last_seq(), cpu_s(service), time.perf_counter()
    sent = []
    for number, body in enumerate(bodies, 1):
        sent.append(device.send(f"lifang/c1/D-{number % DEVICES}/observations", body))
        if number > AHEAD:
            sent[number - AHEAD - 1].wait_for_publish(60)
    published = time.perf_counter() - started
    wait(lambda: store.last_seq() - before >= MESSAGES, 300)
    stored, spent = time.perf_counter() - started, cpu_s(service) - spent
    found = {(event.subject, event.source_seq) for event in store.events(before, MESSAGES + 10, ("observation",))}
    lost = MESSAGES - len(found)
    print(
        f"MQTT QoS 1: {MESSAGES} messages, sent {MESSAGES / published:.0f}/s, durable {MESSAGES / stored:.0f}/s"
        f" (target 4,000), lost {lost}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print(
        f"  the service spends {spent / MESSAGES * 1e6:.0f} µs of a core on a message: {MESSAGES / spent:.0f}/s a core"
    )
    device.close()


if __name__ == "__main__":
    main()
