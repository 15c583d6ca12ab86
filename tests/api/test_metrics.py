"""What the service says of itself: figures for Prometheus, health, lines of log."""

import json
import logging
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
import uvicorn
from prometheus_client.parser import text_string_to_metric_families

from api.gateway.gate import GatewayOptions
from api.logs import REQUEST, JsonLines
from api.patience import PatientProtocol
from twin.feature import Feature


@pytest.fixture(scope="module")
def service(serving_at):
    with serving_at(gateway=GatewayOptions(log_requests=True)) as running:
        running.put(
            Feature(layer="device", id="D-1", community="c1", attributes={"device_type": "smoke_detector"}),
        )
        yield running


def figures(service):
    """Sample name and labels → value."""
    text = service.client.get("/metrics").text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def labelled(name, **labels):
    return (name, tuple(sorted(labels.items())))


def test_requests_are_counted_by_the_template_of_their_route(service):
    (status,) = {service.client.get(f"/v1/places/{code}").status_code for code in ("A", "B")}
    found = figures(service)
    at = {"route": "/v1/places/{code}", "method": "GET"}
    assert found[labelled("lifang_requests_total", status=str(status), **at)] == 2
    assert found[labelled("lifang_request_seconds_count", **at)] == 2
    assert found[labelled("lifang_request_seconds_bucket", le="+Inf", **at)] == 2
    assert not [name for name, labels in found if any(value == "/v1/places/A" for _, value in labels)]


def test_what_nobody_serves_shares_one_row_however_many_ask_for_it(service):
    for number, verb in enumerate(("LOCK", "MKCOL", "PROPFIND", "PURGE", "SEARCH")):
        service.client.request(verb, f"/nothing/{number}")
    routes = {labels for name, labels in figures(service) if name == "lifang_requests_total"}
    assert len([labels for labels in routes if ("route", "other") in labels]) == 1


def test_observations_alarms_and_the_log_show(service):
    def item(device, seq):
        said = {"property": "fire_smoke", "result": True, "phenomenonTime": datetime.now(UTC).isoformat()}
        return {"device": device, "source": "g", "source_seq": seq, **said}

    items = [item("D-1", "1"), item("D-9", "2")]
    for _ in range(2):
        service.client.post("/v1/observations", json={"observations": items}).raise_for_status()
    found = figures(service)
    outcomes = {
        o: found[labelled("lifang_observations_total", outcome=o)] for o in ("accepted", "duplicate", "rejected")
    }
    assert outcomes == {"accepted": 1, "duplicate": 1, "rejected": 2}
    assert found[labelled("lifang_alarms", state="active")] == 1
    assert found[labelled("lifang_log_seq")] == service.store.last_seq()
    assert found[labelled("lifang_leads")] == 1


def test_who_follows_the_stream_is_counted_while_connected(service):
    with service.client.stream("GET", "/v1/stream") as answer:
        lines = answer.iter_lines()  # kept, because it ends the stream when it goes
        next(lines)
        deadline = time.monotonic() + 5
        while figures(service)[labelled("lifang_stream_subscribers")] != 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert figures(service)[labelled("lifang_stream_subscribers")] == 1


def test_alive_is_not_ready(serving_at):
    with serving_at() as service:
        assert service.client.get("/readyz").json()["status"] == "ok"
        service.store.close()
        assert service.client.get("/livez").status_code == 200
        assert service.client.get("/readyz").status_code == 503


def test_a_request_is_a_line_with_its_number_and_without_what_its_path_names(service, caplog):
    with caplog.at_level(logging.INFO, "api.gateway"):
        answer = service.client.get("/v1/devices/D-1?at=2026-01-01T00:00:00Z")
        service.client.get("/livez")  # the first is written once its answer is sent; now it is
    record = next(one for one in caplog.records if one.name == "api.gateway.middleware")
    line = json.loads(JsonLines().format(record))
    assert (line["route"], line["method"], line["status"]) == ("/v1/devices/{number}", "GET", answer.status_code)
    assert {"bytes", "ms", "application"} <= set(line)
    assert "D-1" not in json.dumps(line)


def test_a_line_bears_the_request_it_was_written_for():
    record = logging.LogRecord("api", logging.WARNING, "", 0, "忙\n%s", ("x",), None)
    token = REQUEST.set("abc-1")
    try:
        line = JsonLines().format(record)
    finally:
        REQUEST.reset(token)
    assert (json.loads(line)["request"], json.loads(line)["message"], "\n" in line) == ("abc-1", "忙\nx", False)


# --- the wire -------------------------------------------------------------------------------------------------------


class Hasty(PatientProtocol):
    """Waits less long, so that the test does."""

    headers_s = 0.3


@pytest.fixture
def line(service):
    """A connection to a server that soon loses patience."""
    import threading

    server = uvicorn.Server(uvicorn.Config(service.app, port=0, http=Hasty, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    with socket.create_connection(("127.0.0.1", server.servers[0].sockets[0].getsockname()[1])) as connection:
        connection.settimeout(10)
        yield connection
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_headers_that_do_not_come_end_the_connection(line, sent):
    line.sendall(sent)
    answer = b"".join(iter(lambda: line.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "request.slow_headers"


@pytest.mark.parametrize("part", [b"GET /livez?", b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: "])
def test_headers_without_end_end_the_connection(line, part):
    line.sendall(part)
    with suppress(ConnectionError):  # the rest of what is sent finds the line closed
        for _ in range(100):
            line.sendall(b"x" * 1024)
    answer = line.recv(65536)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "request.large_headers"


@pytest.mark.parametrize(
    "sent",
    [
        b"VERB1 / HTTP/1.1\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
        "GET /路 HTTP/1.1\r\n\r\n".encode(),
        bytes(range(256)),
    ],
)
def test_what_is_no_request_is_told_so_like_every_other_fault(line, sent):
    line.sendall(sent)
    answer = b"".join(iter(lambda: line.recv(65536), b""))
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "request.not_http"


def test_a_second_request_that_trickles_is_given_up_too_and_an_idle_line_is_not(line):
    for wait_s in (0.6, 0.0):
        line.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while not answer.endswith(b"}"):
            answer += line.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 ")
        time.sleep(wait_s)
    line.sendall(b"GET /li")
    assert b"".join(iter(lambda: line.recv(65536), b"")).startswith(b"HTTP/1.1 408 ")


def test_a_slow_answer_is_not_cut_short_by_the_patience_for_headers(line):
    line.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.6)
    assert line.recv(65536).startswith(b"HTTP/1.1 200 ")
