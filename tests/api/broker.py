"""A real mosquitto for tests: started, killed, started again on the same port and the same files."""

import shutil
import signal
import socket
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion


def program(name="mosquitto"):
    """Path of a program of mosquitto's, which Debian keeps out of the path of ordinary users."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: mosquitto)")
    return found


class Broker:
    """A broker with persistence, saved at every change unless told; ``more`` are further lines of its configuration."""

    def __init__(self, folder: Path, *more: str, save="at_once"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        lines = [
            f"listener {self.port} 127.0.0.1",
            "user root",  # as whoever started it; another user could not write into the test's folder
            "persistence true",
            f"persistence_location {folder}/",
            *(("autosave_interval 1", "autosave_on_changes true") if save == "at_once" else ()),
            "max_inflight_messages 2000",
            "max_queued_messages 0",
            "allow_anonymous true" if not more else "",
            *more,
        ]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self.process = None

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self):
        with (self.folder / "mosquitto.log").open("ab") as log:
            command = [program(), "-c", str(self.folder / "mosquitto.conf")]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        while True:
            assert self.process.poll() is None, (self.folder / "mosquitto.log").read_text()
            with suppress(OSError), closing(socket.create_connection(("127.0.0.1", self.port), timeout=1)):
                return self
            time.sleep(0.02)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


class Device:
    """A client that publishes with QoS 1 and knows what the broker took."""

    def __init__(self, broker, name="device", version=5, user=None, password=None, will=None):
        protocol = MQTTProtocolVersion.MQTTv5 if version == 5 else MQTTProtocolVersion.MQTTv311
        self.client = Client(CallbackAPIVersion.VERSION2, name, protocol=protocol)
        if user is not None:
            self.client.username_pw_set(user, password)
        if will is not None:
            self.client.will_set(*will, qos=1)
        self.client.reconnect_delay_set(1, 1)
        self.client.max_inflight_messages_set(1000)
        self.client.connect(broker if isinstance(broker, str) else "127.0.0.1", broker.port)
        self.client.loop_start()
        wait(self.client.is_connected)

    def send(self, topic, payload):
        return self.client.publish(topic, payload, qos=1)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def wait(until, seconds=20):
    """Wait until something is true; return it."""
    end = time.monotonic() + seconds
    while not (found := until()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)
    return found
