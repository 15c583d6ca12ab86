"""What must not enter a twin, told by the names of groups, properties and columns; ``unrelated.yaml`` lists it."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import yaml

_BREAKS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z0-9])(?=[^\x00-\x7f])|[^\w]+|_+")
_MARKS = {"pset", "cpset", "epset", "qto", "ifc", "里坊"}
"""How property sets are marked as such; the name proper comes after."""


@dataclass(frozen=True, slots=True)
class _Topic:
    words: tuple[tuple[str, ...], ...]
    groups: tuple[tuple[str, ...], ...]
    kept: tuple[tuple[str, ...], ...]


def topic_of_group(name: str | None) -> str | None:
    """Return the topic, ``tax`` or ``public_security``, for which a whole group of properties is left out.

    >>> topic_of_group("Pset_TaxInformation"), topic_of_group("公安业务信息"), topic_of_group("police_case")
    ('tax', 'public_security', 'public_security')
    >>> topic_of_group("地址信息"), topic_of_group("Pset_Taxonomy"), topic_of_group("档案件数"), topic_of_group(None)
    (None, None, None, None)
    """
    return _topic(name or "", whole_group=True)


def topic_of_property(name: str | None) -> str | None:
    """Return the topic for which a property or a column is left out by its own name; ``None`` when it stays.

    >>> topic_of_property("纳税人识别号"), topic_of_property("户主_前科"), topic_of_property("PoliceCaseNo")
    ('tax', 'public_security', 'public_security')
    >>> topic_of_property("所属公安机构"), topic_of_property("派出所"), topic_of_property("police_station")
    (None, None, None)
    >>> topic_of_property("警务室"), topic_of_property("taxi_stand"), topic_of_property("")
    (None, None, None)
    """
    return _topic(name or "", whole_group=False)


def topic_of(group: str | None, name: str | None) -> str | None:
    """Return the topic for which a property of a group is left out; ``None`` when it stays.

    >>> topic_of("公安业务", "派出所"), topic_of("地址", "派出所"), topic_of("地址", "涉案编号")
    ('public_security', None, 'public_security')
    """
    return topic_of_group(group) or topic_of_property(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A group, or single properties of one, that were left out.

    Attributes:
        topic: ``tax`` or ``public_security``.
        group: Name of the property set; of the file's columns, ``None``.
        names: Names of the properties; their values are gone.
        count: How many values.
        elements: What bore them: GlobalIds.
    """

    topic: str
    group: str | None
    names: tuple[str, ...]
    count: int
    elements: tuple[str, ...] = ()


@dataclass(slots=True)
class Screen:
    """Keeps unrelated content out, and remembers what it kept out.

    >>> screen = Screen()
    >>> [screen.admits("税务", name, "2XQ") for name in ("税号", "税额")], screen.admits("地址", "派出所", "3YR")
    ([False, False], True)
    >>> screen.left_out()
    (LeftOut(topic='tax', group='税务', names=('税号', '税额'), count=2, elements=('2XQ',)),)
    """

    _found: dict[tuple[str, str | None], tuple[dict[str, int], dict[str, None]]] = field(default_factory=dict)

    def admits(self, group: str | None, name: str, element: str | None = None) -> bool:
        """Tell whether a property may enter, and note it when it may not."""
        topic = topic_of(group, name)
        if topic is None:
            return True
        names, elements = self._found.setdefault((topic, group), ({}, {}))
        names[name] = names.get(name, 0) + 1
        if element:
            elements[element] = None
        return False

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return what was kept out, a group at a time."""
        return tuple(
            LeftOut(topic=topic, group=group, names=tuple(names), count=sum(names.values()), elements=tuple(elements))
            for (topic, group), (names, elements) in self._found.items()
        )


def related_columns(rows: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], tuple[LeftOut, ...]]:
    """Return the rows of a file without the columns that must not enter, and what was left out.

    >>> rows, left_out = related_columns([{"派出所": "翠苑", "tax_no": "913"}, {"派出所": None, "tax_no": None}])
    >>> rows, [(one.topic, one.names, one.count) for one in left_out]
    ([{'派出所': '翠苑'}, {'派出所': None}], [('tax', ('tax_no',), 1)])
    >>> related_columns([])
    ([], ())
    """
    topics = {name: topic for name in _columns(rows) if (topic := topic_of_property(name))}
    if not topics:
        return [dict(row) for row in rows], ()
    kept = [{name: value for name, value in row.items() if name not in topics} for row in rows]
    left_out = []
    for topic in dict.fromkeys(topics.values()):
        names = tuple(name for name in topics if topics[name] == topic)
        count = sum(row.get(name) not in (None, "") for row in rows for name in names)
        left_out.append(LeftOut(topic=topic, group=None, names=names, count=count))
    return kept, tuple(left_out)


def _columns(rows: Iterable[Mapping[str, Any]]) -> dict[str, None]:
    return {name: None for row in rows for name in row}


@lru_cache(maxsize=65536)
def _topic(name: str, *, whole_group: bool) -> str | None:
    parts = _parts(name)
    for topic, rules in _topics().items():
        if not whole_group and any(_begins(parts, kept) for kept in rules.kept):
            continue
        if any(_begins(parts, words) for words in (rules.words + rules.groups if whole_group else rules.words)):
            return topic
    return None


def _parts(name: str) -> tuple[str, ...]:
    bare = unicodedata.normalize("NFKC", name)
    parts = [part.casefold() for part in _BREAKS.split(bare) if part]
    while parts and parts[0] in _MARKS:
        parts.pop(0)
    return tuple(parts)


def _begins(parts: tuple[str, ...], words: tuple[str, ...]) -> bool:
    """Tell whether a name starts with whole English words, or one of its parts with a Chinese word."""
    if words[0].isascii():
        return parts[: len(words)] == words
    return any(part.startswith(words[0]) for part in parts)


@cache
def _topics() -> Mapping[str, _Topic]:
    table = yaml.safe_load(files("twin").joinpath("unrelated.yaml").read_text("utf-8"))["topics"]
    kinds = ("words", "groups", "kept")
    return {
        topic: _Topic(*(tuple(map(_parts, rules.get(kind, ()))) for kind in kinds)) for topic, rules in table.items()
    }
