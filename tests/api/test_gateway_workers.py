"""Several processes over one PostgreSQL: what one writes the other tells, and time passes once."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from api.lease import Lease

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60


def until(found, what):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if (value := found()) is not None:
            return value
        time.sleep(0.1)
    pytest.fail(f"not within {PATIENCE_S} s: {what}")


# --- the lease ------------------------------------------------------------------------------------------------------


def test_of_two_one_leads_and_the_other_takes_over(database):
    first, second = Lease(database), Lease(database)
    assert [first.held(), second.held(), first.held()] == [True, False, True]
    first.release()
    assert [second.held(), first.held()] == [True, False]
    second.release()


def test_who_lost_its_connection_does_not_lead_any_more(database, postgres):
    first, second = Lease(database), Lease(database)
    assert first.held()
    postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2")
    until(lambda: True if second.held() else None, "the second leads")
    assert not first.held()
    second.release()


def test_twins_in_other_schemas_have_leaders_of_their_own(database, postgres):
    postgres.execute("CREATE SCHEMA elsewhere AUTHORIZATION twin")
    first, second = Lease(database), Lease(postgres.url(options="-csearch_path%3Delsewhere,public"))
    assert [first.held(), second.held()] == [True, True]
    first.release()
    second.release()
    postgres.execute("DROP SCHEMA elsewhere")


def test_a_database_that_is_away_is_led_by_nobody(postgres):
    assert not Lease(postgres.url("nowhere")).held()


# --- the processes --------------------------------------------------------------------------------------------------


@contextmanager
def serving(database, folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "LIFANG_STORE": database,
        "LIFANG_KEYS": str(folder / "master.key"),
        "PYTHONPATH": str(ROOT),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "api", "serve", "--workers", "2", "--port", str(port)],
            cwd=folder,
            env=environment,
            stderr=log,
        )
        try:
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def who(answer):
    """Which process answered: the numbers of its requests begin alike."""
    return answer.headers["x-request-id"].partition("-")[0]


def fresh(url):
    """A client with a connection of its own: any process may take it."""
    return httpx.Client(base_url=url, trust_env=False, timeout=30)


def leaders(url):
    """How many of the two processes lead, once both have answered."""
    found = {}

    def ask():
        try:
            with fresh(url) as client:
                answer = client.get("/metrics")
        except httpx.HTTPError:
            return None
        found[who(answer)] = float(re.search(r"^lifang_leads (.+)$", answer.text, re.MULTILINE)[1])
        return sum(found.values()) if len(found) == 2 else None

    return until(ask, "two processes answer")


def children(pid):
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in listed if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


def device(number):
    return {"device_no": number, "device_type": "smoke_detector", "community": "c1"}


def registered_elsewhere(url, here, number):
    """Register a device with another process than the one named; ``None`` when that one took the connection."""
    with fresh(url) as client:
        if who(client.get("/livez")) == here:
            return None
        assert client.post("/v1/devices", json=device(number)).status_code == 201
        return number


def told(url, number):
    """Which process tells what of a device that the other registers."""
    with fresh(url) as client, client.stream("GET", "/v1/stream") as stream:
        lines = stream.iter_lines()
        next(lines)
        until(lambda: registered_elsewhere(url, who(stream), number), "the other process answers")
        return who(stream), next(line for line in lines if number in line)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the processes in /proc")
def test_two_processes_are_one_service(database, tmp_path):
    with serving(database, tmp_path) as (process, url):
        assert leaders(url) == 1
        tellers = {}

        def both_tell():
            teller, line = told(url, f"D-{len(tellers)}-{time.monotonic_ns()}")
            tellers[teller] = line
            return tellers if len(tellers) == 2 else None

        until(both_tell, "each tells what the other wrote")
        os.kill(children(process.pid)[0], signal.SIGKILL)
        until(lambda: True if leaders(url) == 1 else None, "two answer and one leads again")
    assert process.returncode == 130
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)


def test_a_twin_in_a_file_is_served_by_one_process(tmp_path):
    command = [sys.executable, "-m", "api", "serve", "--workers", "2", "--store", "twin.gpkg", "--create"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "server.one_process" in done.stderr) == (2, True)
