"""Clients that leave before they are answered: what they asked stops, what they wrote stays."""

import json
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.gateway import leaving
from api.state import Here
from twin.feature import Feature

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
THREADS = 40
"""So many requests a process works on at a time."""


@pytest.fixture(scope="module")
def service(serving_on):
    with serving_on() as running:

        @running.app.get("/v1/query/endless")
        def endless(here: Here) -> int:
            return len(here.store._rows(ENDLESS))

        running.put(Feature(layer="device", id="D-1", community="c1", attributes={"device_type": "smoke_detector"}))
        yield running


@contextmanager
def asking(service, request, number=1):
    """Connections that have sent a request each, and end with the context."""
    host, port = service.url.removeprefix("http://").split(":")
    opened = []
    try:
        for _ in range(number):
            opened.append(socket.create_connection((host, int(port))))
            opened[-1].sendall(request)
        yield opened
    finally:
        for one in opened:
            one.close()


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def running(service):
    """How many endless statements the store works on; only a server can tell."""
    store = service.store
    if not hasattr(store, "_pool"):
        return 0
    sql = "SELECT count(*) AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'WITH RECURSIVE n%%'"
    return store._rows(sql)[0]["n"]


def left(service, route):
    """How many requests of a route were counted as left."""
    families = text_string_to_metric_families(service.client.get("/metrics").text)
    samples = (sample for family in families for sample in family.samples)
    return sum(
        sample.value
        for sample in samples
        if sample.name == "lifang_requests_total"
        and (sample.labels["route"], sample.labels["status"]) == (route, "499")
    )


def until(true, seconds=20):
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert true()


def test_questions_whose_clients_leave_stop_in_the_store_and_give_way_to_the_next(service):
    before = left(service, "/v1/query/endless")
    with asking(service, get("/v1/query/endless"), THREADS + 5):
        time.sleep(0.3)
        with suppress(TimeoutError), asking(service, get("/v1/query?layers=device")) as (late,):
            late.settimeout(0.5)
            assert not late.recv(1), "there was a thread left, so the test shows nothing"
    assert service.client.get("/v1/query?layers=device").json()["matched"] == 1
    until(lambda: left(service, "/v1/query/endless") == before + THREADS + 5)
    until(lambda: running(service) == 0)


def test_a_question_that_takes_too_long_is_stopped_and_told_the_cure(service, monkeypatch):
    monkeypatch.setattr(leaving, "ANSWER_S", 0.3)
    answer = service.client.get("/v1/query/endless")
    assert (answer.status_code, answer.json()["code"]) == (503, "request.too_long")
    assert "smaller area" in answer.json()["cure"]
    assert running(service) == 0


def test_an_answer_that_has_begun_may_last(service, monkeypatch):
    monkeypatch.setattr(leaving, "ANSWER_S", 0.3)
    with service.client.stream("GET", "/v1/stream") as answer:
        lines = answer.iter_lines()  # kept, because it ends the stream when it goes
        next(lines)
        time.sleep(0.5)
        service.put(Feature(layer="device", id="D-2", community="c1", attributes={"device_type": "smoke_detector"}))
        assert service.client.get("/v1/query?layers=device&ids=D-2").json()["matched"] == 1
        item = {"device": "D-2", "source": "g", "source_seq": "1", "property": "fire_smoke", "result": True}
        item["phenomenonTime"] = "2026-11-21T12:00:00Z"
        service.client.post("/v1/observations", json={"observations": [item]}).raise_for_status()
        assert any("D-2" in line for line in lines)


def test_a_download_whose_client_leaves_ends_quietly(service, caplog):
    attributes = {"device_type": "smoke_detector", "model": "x" * 20_000}
    service.put(*(Feature(layer="device", id=f"M-{n}", community="c1", attributes=attributes) for n in range(500)))
    before = left(service, "/v1/export")
    with asking(service, get("/v1/export?layers=device&format=geojson")) as (line,):
        assert line.recv(100).startswith(b"HTTP/1.1 200")
    until(lambda: left(service, "/v1/export") == before + 1)
    assert not caplog.records


def test_a_write_is_finished_though_its_sender_has_left(service):
    body = json.dumps({"device_no": "D-3", "device_type": "smoke_detector", "community": "c1"}).encode()
    head = f"POST /v1/devices HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    writer = threading.Event()
    held = service.store.write(lambda _transaction: writer.wait(10))
    with asking(service, head.encode() + b"\r\n\r\n" + body):
        time.sleep(0.3)  # the writer has it in its queue now
    writer.set()
    held.result()
    until(lambda: service.client.get("/v1/query?layers=device&ids=D-3").json()["matched"] == 1)


def test_an_upload_that_breaks_off_leaves_nothing_behind(service, caplog):
    before = left(service, "/v1/imports")
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + b"x" * 100_000
    head = b"POST /v1/imports HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    with asking(service, head + b"Content-Length: 500000\r\n\r\n" + form):
        until(lambda: any(service.spool.rglob("a.csv")))
    until(lambda: not any(service.spool.rglob("a.csv")))
    until(lambda: left(service, "/v1/imports") == before + 1)
    assert service.client.get("/v1/imports").json()["jobs"] == []
    assert not caplog.records
