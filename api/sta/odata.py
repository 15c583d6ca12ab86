"""The query options of SensorThings (OGC 18-088, 9.3), read into trees; what cannot be read is named."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import shapely
from shapely.geometry.base import BaseGeometry

from gis.errors import BadInput

MAX_TOP = 1000
DEFAULT_TOP = 100
MAX_CHARACTERS = 8_000
MAX_DEPTH = 32

Literal_ = str | float | bool | datetime | BaseGeometry | None


@dataclass(frozen=True, slots=True)
class Value:
    """A literal."""

    value: Literal_


@dataclass(frozen=True, slots=True)
class Path:
    """A property, reached over navigation: ``Datastream/Thing/name``."""

    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function or operator and what it is applied to."""

    name: str
    of: tuple["Expression", ...]


Expression = Value | Path | Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is asked of a collection or an entity.

    Attributes:
        filter: Which entities; ``None`` for all.
        expand: Navigation property → options of what is behind it.
        select: Properties to tell; empty for all.
        orderby: Expressions, each with whether it descends.
        top: Page size.
    """

    filter: Expression | None = None
    expand: Mapping[str, "Options"] = field(default_factory=dict)
    select: tuple[str, ...] = ()
    orderby: tuple[tuple[Path, bool], ...] = ()
    top: int = DEFAULT_TOP
    skip: int = 0
    count: bool = False
    token: str | None = None


_NAMES = ("$filter", "$expand", "$select", "$orderby", "$top", "$skip", "$count", "$skiptoken", "$resultFormat")


def options_of(texts: Mapping[str, str], *, depth: int = 0) -> Options:
    """Return the options that parameters state.

    Raises:
        BadInput: ``sta.option``, ``sta.syntax``, naming the option.

    >>> options_of({"$top": "5", "$expand": "Datastreams($select=name),Locations"}).expand["Datastreams"].select
    ('name',)
    >>> options_of({"$top": "-1"})
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: sta.option: $top='-1' is no whole number. Write 0 or more.
    """
    for name in texts:
        if name not in _NAMES:
            raise _fault("option", name, "there is no such option", f"Use some of: {', '.join(_NAMES)}.")
    if depth > 4:
        raise _fault("option", "$expand", "it is nested too deeply", "Ask in several requests.")
    return Options(
        filter=parse(texts["$filter"]) if "$filter" in texts else None,
        expand=_expand(texts.get("$expand", ""), depth),
        select=tuple(part.strip() for part in texts.get("$select", "").split(",") if part.strip()),
        orderby=tuple(_order(part) for part in texts.get("$orderby", "").split(",") if part.strip()),
        top=min(_whole(texts.get("$top", str(DEFAULT_TOP)), "$top"), MAX_TOP),
        skip=_whole(texts.get("$skip", "0"), "$skip"),
        count=_boolean(texts.get("$count", "false")),
        token=texts.get("$skiptoken"),
    )


def _expand(text: str, depth: int) -> dict[str, Options]:
    found: dict[str, Options] = {}
    for part in _split(text, ","):
        name, bracket, inner = part.partition("(")
        first, slash, rest = name.strip().partition("/")
        if bracket and not inner.endswith(")"):
            raise _fault("syntax", "$expand", f"{part!r:.60} has an open bracket", "Close it.")
        texts = _texts(inner[:-1]) if bracket else {}
        if slash:
            texts = {"$expand": rest + (f"({inner}" if bracket else "")}
        found[first] = options_of(texts, depth=depth + 1)
    return found


def _texts(inner: str) -> dict[str, str]:
    found = {}
    for part in _split(inner, ";"):
        name, equals, value = part.partition("=")
        if not equals:
            raise _fault("syntax", "$expand", f"{part!r:.60} is no option", "Write $select=name.")
        found[name.strip()] = value
    return found


def _split(text: str, separator: str) -> list[str]:
    """Return the parts of a list; separators in brackets and quotes do not count."""
    parts, depth, quoted, start = [], 0, False, 0
    for index, character in enumerate(text):
        quoted ^= character == "'"
        depth += 0 if quoted else (character == "(") - (character == ")")
        if character == separator and depth == 0 and not quoted:
            parts.append(text[start:index])
            start = index + 1
    return [part.strip() for part in [*parts, text[start:]] if part.strip()]


def _order(text: str) -> tuple[Path, bool]:
    name, _, way = text.strip().partition(" ")
    if way.strip() not in ("", "asc", "desc"):
        raise _fault("syntax", "$orderby", f"{way.strip()!r:.30} is no order", "Write asc or desc.")
    return Path(tuple(name.split("/"))), way.strip() == "desc"


def _whole(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise _fault("option", f"{name}={text!r:.30}", "is no whole number", "Write 0 or more.", joint=" ")
    return int(text)


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise _fault("option", "$count", "is neither true nor false", "Write true.", joint=" ")
    return text == "true"


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<geography>geography'(?:[^']|'')*')
    | (?P<text>'(?:[^']|'')*')
    | (?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?P<name>[@A-Za-z_][\w.]*(?:/[@A-Za-z_][\w.]*)*)
    | (?P<sign>[(),])
    )""",
    re.VERBOSE,
)
_COMPARISONS = ("eq", "ne", "gt", "ge", "lt", "le")
_LEVELS = (("or",), ("and",), _COMPARISONS, ("add", "sub"), ("mul", "div", "mod"))


def parse(text: str) -> Expression:
    """Return the tree of a filter.

    Raises:
        BadInput: ``sta.syntax``.

    >>> parse("result gt 5 and not startswith(Datastream/name,'x''y')")
    Call(name='and', of=(Call(name='gt', of=(Path(steps=('result',)), Value(value=5.0))), Call(name='not', ...
    >>> parse("result gt")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: sta.syntax: $filter: it ends too early. Complete it.
    """
    if len(text) > MAX_CHARACTERS:
        raise _fault("syntax", "$filter", "it is too long", "Ask in several requests.")
    reader = _Reader(_tokens(text))
    tree = reader.level(0)
    if not reader.done:
        raise _fault("syntax", "$filter", f"{reader.peek()[1]!r:.40} is not expected", "Join conditions by and, or.")
    return tree


def _tokens(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _fault("syntax", "$filter", f"{text[position:].strip()!r:.40} cannot be read", "Quote texts: 'a'.")
        found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


class _Reader:
    """Reads a filter by descending through the levels of precedence."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    @property
    def done(self) -> bool:
        return self._at >= len(self._tokens)

    def peek(self) -> tuple[str, str]:
        if self.done:
            raise _fault("syntax", "$filter", "it ends too early", "Complete it.")
        return self._tokens[self._at]

    def take(self, expected: str | None = None) -> tuple[str, str]:
        token = self.peek()
        if expected is not None and token[1] != expected:
            raise _fault("syntax", "$filter", f"{token[1]!r:.40} stands where {expected!r} should", "Mend it.")
        self._at += 1
        return token

    def level(self, number: int) -> Expression:
        self._depth += 1
        if self._depth > MAX_DEPTH * len(_LEVELS):
            raise _fault("syntax", "$filter", "it is nested too deeply", "Ask in several requests.")
        left = self.level(number + 1) if number + 1 < len(_LEVELS) else self._operand()
        while not self.done and self.peek()[0] == "name" and self.peek()[1] in _LEVELS[number]:
            operator = self.take()[1]
            right = self.level(number + 1) if number + 1 < len(_LEVELS) else self._operand()
            left = Call(operator, (left, right))
        self._depth -= 1
        return left

    def _operand(self) -> Expression:
        kind, text = self.take()
        if text == "(":
            inner = self.level(0)
            self.take(")")
            return inner
        if kind == "name" and text == "not":
            return Call("not", (self.level(2),))
        if kind == "name" and not self.done and self.peek()[1] == "(":
            return Call(text, self._arguments())
        if kind == "name":
            return _WORDS[text] if text in _WORDS else Path(tuple(text.split("/")))
        return Value(_literal(kind, text))

    def _arguments(self) -> tuple[Expression, ...]:
        self.take("(")
        found = []
        while self.peek()[1] != ")":
            found.append(self.level(0))
            if self.peek()[1] != ")":
                self.take(",")
        self.take(")")
        return tuple(found)


_WORDS = {"true": Value(True), "false": Value(False), "null": Value(None)}


def _literal(kind: str, text: str) -> Literal_:
    if kind == "number":
        return float(text)
    if kind == "text":
        return text[1:-1].replace("''", "'")
    if kind == "moment":
        return _moment(text)
    if kind == "geography":
        shape = shapely.from_wkt(text[len("geography'") : -1], on_invalid="ignore")
        if shape is None:
            raise _fault("syntax", "$filter", f"{text!r:.40} is no geometry", "Write geography'POINT(120 30)'.")
        return shape
    raise _fault("syntax", "$filter", f"{text!r:.40} is not expected", "Mend it.")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _fault("syntax", "$filter", f"{text!r} is no time", "Write 2026-11-21T08:00:00Z.") from None
    if moment.tzinfo is None:
        raise _fault("syntax", "$filter", f"{text!r} has no time zone", "Add Z or +08:00.")
    return moment


def _fault(what: str, where: str, fault: str, cure: str, joint: str = ": ") -> BadInput:
    return BadInput(f"sta.{what}", f"{where}{joint}{fault}.", cure, parameter=where.partition("=")[0])
