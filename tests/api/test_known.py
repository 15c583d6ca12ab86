"""A parameter that a call does not know is refused: passed over, it would be answered with everything."""

import json

import pytest
from websockets.sync.client import connect

from api.description import operations


@pytest.fixture(scope="module")
def open_service(serving_at):
    with serving_at() as service:
        yield service


def test_an_unknown_parameter_is_named_with_the_known_ones_and_the_nearest(open_service):
    answer = open_service.client.get("/v1/query?layers=building&storeies=3")
    told = answer.json()
    assert (answer.status_code, told["code"], told["parameter"]) == (422, "request.unknown_parameter", "storeies")
    assert told["nearest"] == "storeys"
    assert {"layers", "within", "storeys", "at", "known_at"} <= set(told["known"])


def test_where_nothing_is_like_it_nothing_is_proposed(open_service):
    told = open_service.client.get("/v1/query?layers=building&qqqqq=3").json()
    assert told["code"] == "request.unknown_parameter"
    assert "nearest" not in told
    assert "storeys" in told["cure"]


def test_a_name_without_end_is_not_told_back_whole(open_service):
    answer = open_service.client.get(f"/v1/query?layers=building&{'x' * 5000}=3")
    assert len(answer.json()["parameter"]) < 100


def test_every_call_refuses_what_it_does_not_know_and_knows_what_it_declares(open_service):
    for path, method, operation in operations(open_service.client.get("/openapi.json").json()):
        if not path.startswith("/v1/") or path.startswith("/v1/applications"):
            continue  # who administers applications is asked for a token first
        declared = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
        answer = open_service.client.request(method, f"{path}?nonsense=1")
        told = answer.json()
        assert told["code"] == "request.unknown_parameter", (method, path)
        assert set(told["known"]) == declared, (method, path)


@pytest.mark.parametrize("path", ["/livez", "/openapi.json", "/docs", "/sta/v1.1/Things", "/cockpit"])
def test_beside_v1_the_rule_is_each_ones_own(open_service, path):
    answer = open_service.client.get(f"{path}?nonsense=1")
    assert "request.unknown_parameter" not in answer.text


def test_a_web_socket_whose_questions_are_messages_is_let_in(open_service):
    with connect(f"{open_service.url.replace('http', 'ws')}/v1/stream/ws?nonsense=1") as socket:
        socket.send(json.dumps({"ping": 1}))
        assert "pong" in socket.recv(timeout=5)
