"""The description of the service (OpenAPI 3.1): faults declared once, stable names, a worked example of each call."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.answers import schemas
from api.problems import MEDIA_TYPE, TITLES, is_bad_request

Document = dict[str, Any]

_PROBLEM: Document = {
    "type": "object",
    "description": "What went wrong and its cure (RFC 9457); further members tell where.",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "description": "urn:lifang: and the code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; programs may compare it. All are in docs/errors.md."},
        "detail": {"type": "string"},
        "cure": {"type": "string", "description": "What to do about it."},
        "parameter": {"type": "string", "description": "Which parameter is wrong."},
    },
}
_HEADERS: Mapping[int, Document] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    429: {"Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}},
}
_ALWAYS = (401, 403, 429, 503)
_END = re.compile(r"\.(?: |$)")
_ATTRIBUTE = re.compile(r"^(\w+): (.+(?:\n +.+)*)", re.MULTILINE)
_WORDS = (
    (re.compile(r":\w+:`~?(?:\w+\.)*(\w+)`"), r"`\1`"),
    (re.compile(r"``"), "`"),
    (re.compile(r"`None`"), "null"),
)


def operation_name(route: APIRoute) -> str:
    """Return the name that generated clients give an operation: its tag and its function, ``places_history``."""
    return f"{route.tags[0] if route.tags else 'page'}_{route.name.rstrip('_')}"


def raw_body(*media_types: str, kind: str = "object") -> Document:
    """Return how a route describes a body that it reads itself; ``kind`` is ``object``, ``array`` or ``binary``."""
    schemas_of = {
        "object": {"type": "object"},
        "array": {"type": "array", "items": {"type": "object"}},
        "binary": {"type": "string", "format": "binary"},
    }
    schema = schemas_of[kind]
    return {"requestBody": {"required": True, "content": {one: {"schema": schema} for one in media_types}}}


def describe(app: FastAPI) -> None:
    """Let an application describe itself completely."""
    plain = app.openapi

    def described() -> Document:
        if app.openapi_schema is None:
            app.openapi_schema = complete(plain())
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # the way that FastAPI documents


def complete(document: Document) -> Document:
    """Return a description with faults and examples; pages, which bear no tag, are left out."""
    document["paths"] = {
        path: held for path, held in document["paths"].items() if any("tags" in one for one in held.values())
    }
    shared = document["components"]
    for unused in ("HTTPValidationError", "ValidationError"):
        shared["schemas"].pop(unused, None)
    _name_answers(document)
    shared["schemas"]["Problem"] = _PROBLEM
    shared["responses"] = {_name(status): _fault(status) for status in TITLES}
    examples = worked_examples()
    for path, method, operation in operations(document):
        _summarise(operation)
        _tell_parameters(path, operation)
        _declare_faults(path, method, operation)
        _illustrate(operation, examples.get(operation["operationId"], {}))
    return document


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Yield path, method and operation."""
    for path, held in document["paths"].items():
        for method, operation in held.items():
            yield path, method, operation


@cache
def worked_examples() -> Mapping[str, Document]:
    """Return operation → its example: parameters by name, and ``body``."""
    found: Mapping[str, Document] = yaml.safe_load((files("api") / "examples.yaml").read_text("utf-8"))
    return found


def _name_answers(document: Document) -> None:
    """Hold the schemas of all answers; of an answer with a named one nothing else is said than its name."""
    named = set()
    for schema in _answers(document):
        for part in schema.get("anyOf", [schema]):
            named |= {part["$ref"].rpartition("/")[2]} if "$ref" in part else set()
        if "$ref" in schema or "anyOf" in schema:
            for said in schema.keys() - {"$ref", "anyOf"}:
                del schema[said]
    held = document["components"]["schemas"]
    for name, schema in schemas(named).items():
        if held.setdefault(name, schema) != schema:
            raise ValueError(f"a body and an answer are both called {name}")
    for schema in held.values():
        _tell_members(schema)
    document["components"]["schemas"] = dict(sorted(held.items()))


def _tell_members(schema: Document) -> None:
    """Let each member say what the docstring of its type says about it, in the words of JSON."""
    about, _, attributes = _in_json(schema.get("description", "")).partition("\n\nAttributes:\n")
    schema["description"] = about
    for name, said in _ATTRIBUTE.findall(textwrap.dedent(attributes)):
        schema["properties"].get(name, {}).setdefault("description", " ".join(said.split()))
    for name, member in schema.get("properties", {}).items():
        if "$ref" not in member and name in known_words()["members"]:
            member.setdefault("description", known_words()["members"][name])


def _summarise(operation: Document) -> None:
    """Let the first sentence of what is told of an operation be its summary."""
    told = operation["description"] = _in_json(operation["description"])
    operation["summary"] = _END.split(" ".join(told.split()), 1)[0]


def _tell_parameters(path: str, operation: Document) -> None:
    words = known_words()["parameters"]
    for parameter in operation.get("parameters", ()):
        name = parameter["name"]
        stands = re.search(rf"[^/]+/[^/]*\{{{name}(:path)?\}}\)?", path)
        told = words.get(name if stands is None else stands[0])
        if told is not None:
            parameter.setdefault("description", told)


@cache
def known_words() -> Mapping[str, Mapping[str, str]]:
    """Return what ``parameters`` and ``members`` are, where nothing else is said of them."""
    found: Mapping[str, Mapping[str, str]] = yaml.safe_load((files("api") / "described.yaml").read_text("utf-8"))
    return found


def _in_json(text: str) -> str:
    for written, meant in _WORDS:
        text = written.sub(meant, text)
    return text


def _answers(document: Document) -> Iterator[Document]:
    for _, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status.startswith("2"):
                yield from (content["schema"] for content in answer.get("content", {}).values() if "schema" in content)


def _name(status: int) -> str:
    return TITLES[status].title().replace(" ", "")


def _fault(status: int) -> Document:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    headers = {"headers": _HEADERS[status]} if status in _HEADERS else {}
    return {"description": TITLES[status], "content": content, **headers}


def _declare_faults(path: str, method: str, operation: Document) -> None:
    operation["responses"].pop("422", None)
    for status in sorted(_faults(path, method, operation)):
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/{_name(status)}"}


def _faults(path: str, method: str, operation: Document) -> set[int]:
    asked = "requestBody" in operation or "parameters" in operation or method != "get"
    known = {*_ALWAYS, 400 if is_bad_request(path) else 422}
    if asked:
        known.add(404)
    if "requestBody" in operation:
        known.add(400)
    if method != "get":
        known.add(409)
    return known


def _illustrate(operation: Document, example: Document) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in example:
            parameter["example"] = example[parameter["name"]]
    if "body" in example:
        for content in operation["requestBody"]["content"].values():
            content["example"] = example["body"]
