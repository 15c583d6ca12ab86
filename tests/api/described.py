"""Every JSON answer that a test gets is judged by the description: it is of its type, and no member goes unnamed."""

import re

import jsonschema_rs

from api.description import operations


class Description:
    """The description of a service, as a judge of its answers."""

    def __init__(self, document):
        self._shared = {"components": {"schemas": closed(document["components"]["schemas"])}}
        self._operations = [
            (re.compile(pattern_of(path)), method.upper(), one["operationId"], one["responses"])
            for path, method, one in sorted(operations(document), key=lambda one: one[0].count("{"))
        ]
        self._judges = {}

    def judge(self, response):
        """Fail when an answer is not the one that is described."""
        kind = response.headers.get("content-type", "").partition(";")[0]
        if not response.is_success or not kind.endswith("json"):
            return
        method, path = response.request.method, response.request.url.path
        for pattern, known, name, answers in self._operations:
            if known == method and pattern.fullmatch(path):
                contents = answers.get(str(response.status_code), {}).get("content", {})
                assert kind in contents, f"{name} answers {response.status_code} with {kind}"
                schema = contents[kind]["schema"]
                if schema.get("format") != "binary":
                    response.read()
                    fault = self.fault(f"{name} {response.status_code} {kind}", schema, response.json())
                    assert fault is None, f"{name}: {fault}"
                return

    def fault(self, name, schema, value):
        """Return what is wrong with a value, ``None`` when nothing is."""
        if name not in self._judges:
            whole = closed(schema) | self._shared
            self._judges[name] = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        found = next(self._judges[name].iter_errors(value), None)
        return None if found is None else f"{'/'.join(map(str, found.instance_path))}: {found.message[:300]}"


def closed(schema):
    """Return a schema that admits no member without a name, but where further ones are announced."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(part) for name, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found


def pattern_of(path):
    """Return what the addresses of a path look like; one that takes a whole path is the last resort."""
    parts = re.split(r"\{[^}]*\}", path)
    return (r".+" if path.endswith("{path}") else r"[^/]+").join(re.escape(part) for part in parts)


_known = []


def judge(app, response):
    """Fail when an answer is not the one that is described; the description is the same of every application."""
    if not _known:
        _known.append(Description(app.openapi()))
    _known[0].judge(response)
