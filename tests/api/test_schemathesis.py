"""Whatever is asked, nothing breaks, and every answer is one that the description declares."""

import json
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.description import operations
from api.gateway.applications import Applications
from api.gateway.families import SCOPES
from api.gateway.gate import GatewayOptions
from api.live import LiveOptions
from tests.api.everything import example_of, furnish

pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
"""schemathesis uses the module ``random`` inside its strategies, and Hypothesis tells it so now and then."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
LEFT_OUT = {
    "live_stream": "its answer never ends",
    "subscriptions_subscribe": "what it takes is called, outside",
}
EXAMPLES = 8  # of each operation, well formed and malformed


@pytest.fixture(scope="module")
def town(serving_at, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    keys = folder / "twin.key"
    live = LiveOptions(keys=keys, photos=folder / "photos")
    with serving_at(live=live, gateway=GatewayOptions(keys=keys)) as service:
        service.named = furnish(service)
        service.statuses = Counter()
        service.client.headers["Authorization"] = f"Bearer {token_of_an_administrator(service, keys)}"
        yield service


def token_of_an_administrator(service, keys):
    book = Applications(service.store, keys, lambda: datetime.now(UTC))
    found = book.apply({"name": "检验", "owner": "检验", "scopes": list(SCOPES)}).result()
    _, secret = book.renew(found.id).result()

    for _ in range(100):
        time.sleep(0.05)
        answer = httpx.post(
            f"{service.url}/v1/token", data={"grant_type": "client_credentials"}, auth=(found.id, secret)
        )
        if answer.is_success:
            return answer.json()["access_token"]
    raise AssertionError(answer.text)


@pytest.fixture(scope="module")
def description(town):
    return town.client.get("/openapi.json").json()


def broken(town, operation, **about):
    """Return what was wrong with the answers to random requests."""
    faults = []

    @seed(2026)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(**about))
    def ask(case):
        answer = case.call(base_url=town.url, headers=dict(town.client.headers))
        town.statuses[answer.status_code] += 1
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as fault:  # told all together, and not shrunk: the service is no longer as it was
            faults.append(f"{operation.label}: {fault}")

    with suppress(Unsatisfiable):  # nothing can be asked wrongly of it
        ask()
    return faults


def operations_of(description):
    schema = schemathesis.openapi.from_dict(description)
    found = [one.ok() for one in schema.get_all_operations()]
    return [one for one in found if name_of(one) not in LEFT_OUT]


def name_of(operation):
    return operation.definition.raw["operationId"]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_breaks_the_service_and_every_answer_is_declared(town, description, mode):
    asked = [one for one in operations_of(description) if mode == GenerationMode.POSITIVE or can_be_wrong(one)]
    faults = [fault for one in asked for fault in broken(town, one, generation_mode=mode)]
    assert not faults, "\n\n".join(faults)


def can_be_wrong(operation):
    """Tell whether something can be malformed: a name in a path is any text."""
    raw = operation.definition.raw
    return "requestBody" in raw or any(one["in"] == "query" for one in raw.get("parameters", ()))


def test_nothing_breaks_either_where_the_things_asked_about_are_there(town, description):
    faults = []
    for operation in operations_of(description):
        named = example_of(town, operation.definition.raw)["path"]
        if named:
            faults += broken(town, operation, path_parameters=named)
    assert not faults, "\n\n".join(faults)
    assert town.statuses[200] > 100, "so few answers tell nothing"


# --- what people who mean ill send ----------------------------------------------------------------------------------

VALUES = [
    *("", "0", "-1", "1000000000", "1" + "0" * 400, "NaN", "inf", "1e309", "%00", "N51%00", "%ff%fe", "%ED%A0%80"),
    *("x" * 5000, "1," * 2000, "%27%3B%20DROP%20TABLE%20feature%3B--", "..%2F..%2Fetc%2Fpasswd", "%D9%A1", "%25s%00"),
]  # fmt: skip
BODIES = [
    *(b"", b"{", b"[]", b"null", b"0", b'"x"', b"NaN", b"\xff\xfe\x00", b'"\\ud800"', b"[" * 100_000, b'{"a":' * 50_000),
]  # fmt: skip
MEMBERS = [
    *("null", '""', '"\\u0000"', '"\\ud800"', "1e999", "-1", "1" + "0" * 400, "NaN", "[]", "{}", "true"),
    *('"' + "x" * 100_000 + '"', "[" * 300 + "]" * 300, '["\\ud800"]', '{"\\ud800": "\\u0000"}'),
]  # fmt: skip


def judged(description, operation, answer, what):
    """Return what is wrong with an answer, in a list."""
    declared = operation["responses"].get(str(answer.status_code))
    kind = answer.headers.get("content-type", "").partition(";")[0]
    label = f"{operation['operationId']} {what[:80]}: {answer.status_code} {answer.text[:200]}"
    if answer.status_code >= 500 or declared is None:
        return [label]
    return [label] if answer.status_code >= 400 and kind != "application/problem+json" else []


def test_no_value_of_a_parameter_breaks_the_service(town, description):
    faults = []
    for path, method, operation in operations(description):
        if operation["operationId"] in LEFT_OUT:
            continue
        example = example_of(town, operation)
        for parameter in operation.get("parameters", ()):
            if parameter["in"] not in ("path", "query"):
                continue
            for value in VALUES:
                if parameter["in"] == "path" and ("%2F" in value or not value):
                    continue  # that is another address
                asked = {name: quote(str(one), safe="") for name, one in (example["path"] | example["query"]).items()}
                asked[parameter["name"]] = value
                query = "&".join(f"{name}={one}" for name, one in asked.items() if name not in example["path"])
                where = path.format(**{name: asked[name] for name in example["path"]})
                answer = town.client.request(method, f"{where}?{query}", headers=example["header"], **example["body"])
                faults += judged(description, operation, answer, f"{parameter['name']}={value}")
    assert not faults, "\n".join(faults)


@pytest.mark.both_stores
def test_no_body_breaks_the_service(town, description):
    faults = []
    for path, method, operation in operations(description):
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            continue
        example = example_of(town, operation)
        for body in [*BODIES, *spoilt(example["body"]["json"])]:
            answer = town.client.request(
                method,
                path.format(**example["path"]),
                params=example["query"],
                headers={"Content-Type": "application/json"},
                content=body,
            )
            faults += judged(description, operation, answer, repr(body))
        for media_type in ("text/plain", "application/xml", "application/json; charset=utf-16", "/"):
            answer = town.client.request(
                method, path.format(**example["path"]), headers={"Content-Type": media_type}, content=b"{}"
            )
            faults += judged(description, operation, answer, media_type)
    assert not faults, "\n".join(faults)


def spoilt(value):
    """Yield a body with each of its members replaced by what it should not be."""
    for name in value if isinstance(value, dict) else ():
        for member in MEMBERS:
            others = {other: held for other, held in value.items() if other != name}
            text = json.dumps(others)[:-1] + (", " if others else "") + f"{json.dumps(name)}: {member}}}"
            yield text.encode()
