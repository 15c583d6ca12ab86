"""Names of columns, compared as people mean them, and what the data dictionary of the standards calls things."""

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from twin.declaration import Grade, Layer

_PERSONAL: frozenset[Grade] = frozenset({"P2", "P3"})
_PERSONS = frozenset(
    {
        "person", "house_owner", "house_occupancy", "key_person", "special_group",
        "party_member", "vehicle_owner", "grid_force", "access_record",
    }
)  # fmt: skip
# Layer → the dictionary's words for what it holds; of the other layers the dictionary knows nothing.
_ENTITIES: Mapping[str, tuple[str, ...]] = {
    "building": ("building", "building_address"),
    "space": ("house",),
    "household": ("house",),
    "resident": ("person", "house_occupancy"),
    "vehicle": ("motor_vehicle", "nonmotor_vehicle", "vehicle_owner"),
    "staff": ("grid_force",),
    "grid": ("grid",),
    "facility": ("facility",),
    "public_space": ("public_space",),
    "parking": ("parking_space",),
    "device": ("device",),
    "key_place": ("legal_entity",),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the data dictionary.

    Attributes:
        entity: The dictionary's word for what bears the property: ``person``, ``house`` …
        zh: Chinese names, folded.
        en: English names, folded.
        grade: How sensitive it is.
    """

    entity: str
    zh: frozenset[str]
    en: frozenset[str]
    grade: str

    @property
    def names(self) -> frozenset[str]:
        """Return the names in both languages."""
        return self.zh | self.en


def folded(text: str) -> str:
    """Return a text with everything removed that people vary without meaning anything.

    The asterisk that forms put beside a required column goes too.

    >>> folded(" Building_No "), folded("Ｘ坐标"), folded("＊姓名"), folded("")
    ('buildingno', 'x坐标', '姓名', '')
    """
    bare = re.sub(r"[\s_\-*]", "", unicodedata.normalize("NFKC", text))
    # Folding case can take letters apart again.
    return unicodedata.normalize("NFKC", bare.casefold())


def readings(column: str) -> Iterator[str]:
    """Return what a heading may say: all of it, or all but trailing brackets; folded.

    >>> list(readings("面积（平方米）")), list(readings("面积"))
    (['面积(平方米)', '面积'], ['面积', '面积'])
    """
    yield folded(column)
    yield re.sub(r"[(\[].*[)\]]$", "", folded(column))


def dictionary_names(layer: Layer) -> Mapping[str, frozenset[str]]:
    """Return further names that the data dictionary gives the fields of a layer, folded.

    An entry is a field's if one of its names is the field's own; its other names then are the field's too.

    >>> from layers.catalogue import load_catalogue
    >>> "公安机关" in dictionary_names(load_catalogue()["building"])["police_org"]
    True
    >>> dictionary_names(load_catalogue()["green"])     # the dictionary does not speak of it
    {}
    """
    known = {folded(name): field.name for field in reversed(layer.fields) for name in field.aliases}
    known |= {folded(name): field.name for field in layer.fields for name in (field.name, field.title.zh)}
    found: dict[str, set[str]] = defaultdict(set)
    for entry in _dictionary():
        if entry.entity in _ENTITIES.get(layer.name, ()):
            bearers = {known[name] for name in entry.names if name in known}
            for bearer in bearers if len(bearers) == 1 else ():
                found[bearer] |= entry.names - known.keys()
    return {name: frozenset(names) for name, names in found.items() if names}


def is_personal(column: str) -> bool:
    """Tell whether a column no layer declares holds what the dictionary calls personal.

    An English name counts only where it is sensitive: an ``age`` may be a house's.

    >>> is_personal("身份证号码"), is_personal("房主姓名"), is_personal("备注"), is_personal("age"), is_personal("")
    (True, True, False, False, False)
    """
    names = set(readings(column))
    bearing = [entry for entry in _dictionary() if not entry.names.isdisjoint(names)]
    told = any(
        entry.entity in _PERSONS and not (entry.names if entry.grade == "P3" else entry.zh).isdisjoint(names)
        for entry in bearing
    )
    return told and all(entry.grade in _PERSONAL for entry in bearing)


@cache
def _dictionary() -> tuple[Entry, ...]:
    text = files("layers").joinpath("data_dictionary.csv").read_text("utf-8")
    return tuple(
        Entry(row["entity"], _names(row["zh"]), _names(row["field"]), row["grade"])
        for row in csv.DictReader(text.splitlines())
    )


def _names(text: str) -> frozenset[str]:
    """Return the names in a cell: ``a / b`` are two; what follows a space explains; lists of several things are none.

    >>> sorted(_names("号牌号码 / 车牌")), _names("性别、年龄"), _names("人员类别 常住/流动/重点")
    (['号牌号码', '车牌'], frozenset(), frozenset({'人员类别'}))
    """
    names = (part.split()[0] for part in text.split(" / ") if part.split())
    return frozenset(folded(name) for name in names if not re.search("[、,，]", name))
