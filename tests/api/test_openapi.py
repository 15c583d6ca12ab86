"""The description of the service: complete, stable, and its examples work."""

import re

import pytest
import schemathesis

from api.description import operations, worked_examples
from api.gateway.gate import GatewayOptions
from api.live import LiveOptions
from tests.api.described import Description
from tests.api.everything import example_of, furnish
from tests.api.test_schemathesis import token_of_an_administrator


@pytest.fixture(scope="module")
def town(serving_at, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    keys = folder / "twin.key"
    live = LiveOptions(keys=keys, photos=folder / "photos")
    with serving_at(live=live, gateway=GatewayOptions(keys=keys)) as service:
        service.named = furnish(service)
        service.client.headers["Authorization"] = f"Bearer {token_of_an_administrator(service, keys)}"
        yield service


@pytest.fixture(scope="module")
def described(town):
    return town.client.get("/openapi.json").json()


def test_every_operation_has_a_name_of_its_own_a_summary_a_tag_and_its_faults(described):
    found = list(operations(described))
    names = [one["operationId"] for _, _, one in found]
    assert len(set(names)) == len(names)
    for path, method, one in found:
        assert re.fullmatch(r"[a-z][a-z0-9_]+", one["operationId"]), path
        assert one["summary"], path
        assert one["description"], path
        assert len(one["tags"]) == 1, path
        assert {"401", "403", "429", "503"} <= set(one["responses"]), (method, path)
        assert any(status.startswith("2") for status in one["responses"]), path


def test_every_fault_is_the_same_problem_document(described):
    fault = described["components"]["responses"]["NotFound"]["content"]["application/problem+json"]["schema"]
    assert fault == {"$ref": "#/components/schemas/Problem"}
    assert "HTTPValidationError" not in str(described)


def test_the_description_is_valid_openapi(described):
    schemathesis.openapi.from_dict(described).validate()


def test_every_json_answer_has_a_type_with_a_name(described):
    bare = {
        one["operationId"]
        for _, _, one in operations(described)
        for kind, content in contents(one)
        if kind.endswith("json") and not any("$ref" in part for part in alternatives(content["schema"]))
        and content["schema"].get("format") != "binary"
    }  # fmt: skip
    assert bare == {"sensorthings_create_many"}, "a list of links is all it answers"


def contents(operation):
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            yield from answer.get("content", {}).items()


def alternatives(schema):
    return schema.get("anyOf", [schema])


def test_every_type_bears_a_plain_name_says_what_it_is_and_has_members(described):
    for name, schema in described["components"]["schemas"].items():
        assert re.fullmatch(r"[A-Z][A-Za-z0-9]{2,27}", name)
        assert schema["description"], name
        assert schema["properties"] or schema["additionalProperties"], name


def test_no_member_of_an_answer_goes_unnamed(described):
    judge = Description(described)
    told = {"status": "ok", "seq": 1}
    schema = {"$ref": "#/components/schemas/Ready"}
    assert judge.fault("", schema, told) is None
    assert "more" in judge.fault("", schema, {**told, "more": 1})
    assert "seq" in judge.fault("", schema, {"status": "ok"})


def test_every_operation_that_can_be_told_something_has_an_example_and_no_example_is_of_nothing(described):
    asking = {
        one["operationId"] for _, _, one in operations(described) if one.get("parameters") or "requestBody" in one
    }
    assert set(worked_examples()) == asking - {"incidents_photo"}


def test_every_example_is_of_the_type_that_its_body_has(described):
    judge = Description(described)
    for _, _, one in operations(described):
        content = one.get("requestBody", {}).get("content", {}).get("application/json")
        if content is not None:
            assert judge.fault(one["operationId"], content["schema"], content["example"]) is None, one["operationId"]


def test_every_parameter_and_every_number_says_what_it_is(described):
    for path, method, one in operations(described):
        for parameter in one.get("parameters", ()):
            assert parameter.get("description"), (method, path, parameter["name"])
    for name, schema in described["components"]["schemas"].items():
        for member, about in schema.get("properties", {}).items():
            numbers = [part for part in alternatives(about) if part.get("type") == "number"]
            assert all(part.get("description") or about.get("description") for part in numbers), (name, member)


NOT_SENT = {
    "incidents_photo": "an image is no text",
    "imports_send": "a file is no text; tests of imports send some",
    "live_stream": "its answer never ends",
}
REFUSED = {
    "applications_token": "application.not_authenticated",  # a secret is told to nobody
    "places_envelope": "envelope.none",  # no model was imported
    "live_handle": "alarm.clears_itself",
    "incidents_shown_photo": "photo.unknown",
    "subscriptions_resume": "subscription.not_paused",
    "imports_show": "import.unknown",
    "imports_cancel": "import.unknown",
    "imports_follow": "import.unknown",
    "imports_rehearse": "import.unknown",
    "imports_commit": "import.unknown",
    "imports_undo": "import.unknown",
    "imports_decide_review": "review.unknown",
}


def test_every_example_is_taken_or_refused_for_the_reason_known(town, described):
    refused = {}
    for path, method, one in in_order(described):
        if one["operationId"] not in NOT_SENT:
            answer = sent(town, path, method, one)
            if not answer.is_success:
                refused[one["operationId"]] = answer.json()["code"]
    assert refused == REFUSED


def in_order(described):
    """Yield the operations, those last that end what others speak of."""
    ending = ("_end", "_retire", "_remove", "_revoke", "_end_profile", "_assess")
    return sorted(operations(described), key=lambda one: one[2]["operationId"].endswith(ending))


def sent(town, path, method, one):
    given = example_of(town, one)
    return town.client.request(
        method, path.format(**given["path"]), params=given["query"], headers=given["header"], **given["body"]
    )
