"""What the service answers, as types: the description holds them by name, and who asks in Python is told by them.

An answer is declared, not examined again on its way out: it leaves as it was built, and the tests hold every answer to
its type, member by member.
"""

import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

from typing_extensions import is_typeddict

JSON = "application/json"
_REF = "#/components/schemas/{model}"
_TEXT = {"type": "string"}
_BYTES = {"type": "string", "format": "binary"}


def tells(
    *shapes: Any, status: int = 200, media_type: str = JSON, beside: Iterable[str] = ()
) -> dict[int | str, dict[str, Any]]:
    """Return how a route declares an answer.

    Args:
        shapes: Types of this package; the answer is of one of them.
        status: Status that it is answered with.
        media_type: What it is sent as.
        beside: Media types that the same is sent as when so asked, and that have no schema.

    >>> from api.answers.service import Alive
    >>> tells(Alive, status=201)
    {201: {'content': {'application/json': {'schema': {'$ref': '#/components/schemas/Alive'}}}}}
    """
    refs = [{"$ref": _REF.format(model=shape.__name__)} for shape in shapes]
    schema = refs[0] if len(refs) == 1 else {"anyOf": refs}
    return {status: {"content": {media_type: {"schema": schema}, **_contents(beside)}}}


def sends(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """Return how a route declares an answer that is no JSON: text, or bytes.

    >>> sends("text/csv")
    {200: {'content': {'text/csv': {'schema': {'type': 'string'}}}}}
    """
    return {200: {"content": _contents(media_types)}}


def _contents(media_types: Iterable[str]) -> dict[str, Any]:
    return {
        one: {"schema": _TEXT if one.startswith("text/") or one.endswith("+xml") else _BYTES} for one in media_types
    }


def schemas(names: Iterable[str]) -> Mapping[str, Any]:
    """Return the JSON schemas of the types of this package that bear these names, and of all that they hold.

    >>> sorted(schemas(["Layers"]))
    ['FieldDeclaration', 'Layer', 'Layers', 'LegendEntry', 'Style', 'Text']
    """
    from pydantic import TypeAdapter

    wanted = set(names)
    inputs = [(name, "serialization", TypeAdapter(shape)) for name, shape in _shapes() if name in wanted]
    _, found = TypeAdapter.json_schemas(inputs, ref_template=_REF)  # type: ignore[arg-type]  # its modes are literals
    return {name: _plain(schema) for name, schema in found["$defs"].items()}


def _plain(schema: Any) -> Any:
    """Return a schema as the framework writes those of bodies: a default of null is not told."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if isinstance(schema, dict):
        return {name: _plain(part) for name, part in schema.items() if part is not None}
    return schema


def _shapes() -> Iterator[tuple[str, Any]]:
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        for name, value in vars(import_module(module.name)).items():
            if is_typeddict(value) and value.__module__ == module.name:
                yield name, value
