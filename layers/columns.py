"""Which column of a planner's file is which field of a layer."""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

from gis.errors import BadInput
from gis.read.encoding import decode_cut
from layers.names import dictionary_names, folded, is_personal, readings
from layers.units import unit_of_heading
from layers.values import PLACE_READERS, cell_text, typed
from twin.declaration import FieldDeclaration, Layer

How = Literal["given", "title", "alias", "dictionary", "cut", "values", "similar"]
"""Why a column is taken for a field: told so; its name or title; another name; a name of the data dictionary; what a
shapefile leaves of a name; the same, told from others by its values; a name like it, which is only proposed."""

CONFIDENCE: Mapping[How, float] = {
    "given": 1.0, "title": 1.0, "alias": 0.95, "dictionary": 0.9, "cut": 0.8, "values": 0.75, "similar": 0.5,
}  # fmt: skip

_LEAST_ALIKE = 0.7
_CODE_LIKE = re.compile(r"[A-Za-z]{0,8}[-_ ]?\d[-_.\dA-Za-z]*")


@dataclass(frozen=True, slots=True)
class Match:
    """How one column was understood.

    Attributes:
        target: The layer's field; or what the column says of the place: ``code``, ``building_no``, ``unit``,
            ``storey``, ``room``, ``height_m`` or ``address``.
        kind: Which of the two.
        confidence: 0 to 1; from 0.75 on it is taken as understood.
    """

    column: str
    target: str
    kind: Literal["field", "place"]
    how: How
    confidence: float


@dataclass(frozen=True, slots=True)
class Guess:
    """What the columns of a file seem to be.

    Attributes:
        matches: The columns understood, in the file's order.
        doubts: Column → the fields it may be; its values do not tell which.
        proposals: Columns of an unknown name that is like a field's; for a person to confirm.
        claims: Field → the columns that claim it equally well.
        missing: Required fields that no column is.
        others: Columns the layer does not know.
        personal: Those of them that hold personal data by the data dictionary; they are not imported.
    """

    layer: Layer
    headers: tuple[str, ...]
    matches: tuple[Match, ...]
    doubts: Mapping[str, tuple[str, ...]]
    proposals: tuple[Match, ...]
    claims: Mapping[str, tuple[str, ...]]
    missing: tuple[FieldDeclaration, ...]
    others: tuple[str, ...]
    personal: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """How the columns of one file are read.

    Attributes:
        fields: Column → the layer's field.
        places: Column → ``code``, ``building_no``, ``unit``, ``storey``, ``room``, ``height_m`` or ``address``.
        others: Columns the layer does not know; they are kept under their own names.
        units: Column → the unit its heading names.
        constants: Field → value of every row that says nothing else.
    """

    fields: Mapping[str, FieldDeclaration]
    places: Mapping[str, str]
    others: tuple[str, ...]
    units: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Target:
    """What a column can be: a field, or a word about the place."""

    name: str
    kind: Literal["field", "place"]
    ranks: tuple[tuple[How, frozenset[str]], ...]
    cuts: frozenset[str]
    fits: Callable[[Sequence[Any]], bool]
    closed: Callable[[Sequence[Any]], bool]


Sample = Sequence[Mapping[str, Any]]
"""Rows of the file, column → cell."""


def map_columns(layer: Layer, headers: Sequence[str], id_column: str | None = None, sample: Sample = ()) -> ColumnMap:
    """Match the columns of a file with the fields of a layer.

    A column matches by the field's name or titles, failing that by one of its aliases; case, spaces, underscores,
    full-width forms and a unit in trailing brackets do not matter. A column that nothing matches, but that is what a
    shapefile's ten bytes leave of a field's names, is that field's if no other column is; where the ten bytes are
    those of several fields, the values decide.

    Args:
        layer: The layer.
        headers: The file's columns.
        id_column: The column that holds the id, whatever it is called.
        sample: Some rows, to tell apart what the names alone do not.

    Raises:
        BadInput: ``layer.ambiguous_column`` when two columns claim one field equally well,
            ``layer.missing_column`` when a required field or the id has no column, ``layer.wrong_unit``. Buildings
            may lack a number: the twin knows them by their footprint.

    >>> from layers.catalogue import load_catalogue
    >>> columns = map_columns(load_catalogue()["green"], ["绿地编号", " 面积（平方米） ", "养护单位"])
    >>> {column: field.name for column, field in columns.fields.items()}, columns.others
    ({'绿地编号': 'green_no', ' 面积（平方米） ': 'area_m2'}, ('养护单位',))
    >>> [field.name for field in map_columns(load_catalogue()["building"], ["建筑编", "地面标"]).fields.values()]
    ['building_no']
    >>> map_columns(load_catalogue()["green"], [])
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: layer.missing_column: The layer green needs a column 绿地编号; ...
    """
    return as_map(guess_columns(layer, headers, id_column, sample))


def as_map(guess: Guess) -> ColumnMap:
    """Return how the file is to be read, if nothing stands against it.

    Raises:
        BadInput: As :func:`map_columns`.
    """
    for target, columns in guess.claims.items():
        raise BadInput(
            "layer.ambiguous_column",
            f"The columns {' and '.join(columns)} all mean {target} of the layer {guess.layer.name}.",
            "Remove or rename all but one.",
            layer=guess.layer.name,
            field=target,
        )
    if guess.missing:
        raise _missing(guess)
    declared = {one.name: one for one in guess.layer.fields}
    fields = {match.column: declared[match.target] for match in guess.matches if match.kind == "field"}
    places = {match.column: match.target for match in guess.matches if match.kind == "place"}
    units = {column: unit for column, field in fields.items() if (unit := unit_of_heading(column, field))}
    kept = tuple(name for name in guess.others if name not in guess.personal)
    return ColumnMap(fields, places, kept, units)


def guess_columns(layer: Layer, headers: Sequence[str], id_column: str | None = None, sample: Sample = ()) -> Guess:
    """Return what the columns of a file seem to be; nothing is refused.

    Args:
        layer: The layer.
        headers: The file's columns.
        id_column: The column that holds the id, whatever it is called.
        sample: Some rows.

    Raises:
        BadInput: ``layer.missing_column`` when there is no column ``id_column``.

    >>> from layers.catalogue import load_catalogue
    >>> rows = [{"消火栓": "XHS-1", "备注": None}, {"消火栓": "XHS-2", "备注": None}]
    >>> guess_columns(load_catalogue()["hydrant"], ["消火栓", "备注"], None, rows).matches
    (Match(column='消火栓', target='hydrant_no', kind='field', how='values', confidence=0.75),)
    >>> guess_columns(load_catalogue()["hydrant"], ["消火栓"]).doubts
    {'消火栓': ('hydrant_no', 'name', 'hydrant_class')}
    """
    found = _Guesser(layer, headers, sample)
    if id_column is not None and layer.id_field is not None:
        _check_present(layer, id_column, headers)
        found.give(id_column, layer.id_field)
    found.by_name()
    found.by_cut()
    return found.result()


class _Guesser:
    """One run of :func:`guess_columns`."""

    def __init__(self, layer: Layer, headers: Sequence[str], sample: Sample) -> None:
        self._layer = layer
        self._headers = headers
        self._targets = _targets(layer)
        self._cells = {column: [row.get(column) for row in sample] for column in headers}
        self._found: dict[str, Match] = {}
        self._doubts: dict[str, tuple[str, ...]] = {}
        self._claims: dict[str, tuple[str, ...]] = {}

    def give(self, column: str, target: str) -> None:
        self._found[column] = Match(column, target, "field", "given", 1.0)

    def by_name(self) -> None:
        """Take columns by their names, fields before words about the place, before the dictionary's names."""
        for kinds, hows in ((("field",), ("title", "alias")), (("place",), ("title",)), (("field",), ("dictionary",))):
            for target in self._targets:
                if target.kind in kinds and not self._is_taken(target.name):
                    self._claim(target, hows)

    def by_cut(self) -> None:
        """Take columns that are what ten bytes leave of a name; again while what is settled narrows the rest."""
        cut = {column: [one for one in self._targets if _stem(column) in one.cuts] for column in self._open()}
        left = {column: self._likely(column, targets) for column, targets in cut.items() if targets}
        while True:
            free = {
                column: [one for one in targets if not self._is_taken(one.name)] for column, targets in left.items()
            }
            single = {column: targets[0] for column, targets in free.items() if len(targets) == 1}
            claimed = Counter(target.name for target in single.values())
            sure = {column: target for column, target in single.items() if claimed[target.name] == 1}
            if not sure:
                break
            for column, target in sure.items():
                self._take(column, target, "cut" if len(cut[column]) == 1 else "values")
                del left[column]
        self._doubts = {column: tuple(one.name for one in targets) for column, targets in free.items() if targets}

    def result(self) -> Guess:
        matches = tuple(self._found[name] for name in self._headers if name in self._found)
        others = tuple(self._open())
        present = {match.target for match in matches}
        missing = [
            one
            for one in self._layer.fields
            if one.name not in present
            and (one.required or (one.name == self._layer.id_field and self._layer.kind == "record"))
        ]
        return Guess(
            layer=self._layer,
            headers=tuple(self._headers),
            matches=matches,
            doubts=self._doubts,
            proposals=tuple(found for name in others if name not in self._doubts and (found := self._like(name))),
            claims=self._claims,
            missing=tuple(missing),
            others=others,
            personal=tuple(name for name in others if is_personal(name)),
        )

    def _open(self) -> list[str]:
        claimed = {column for columns in self._claims.values() for column in columns}
        return [name for name in self._headers if name not in self._found and name not in claimed]

    def _is_taken(self, target: str) -> bool:
        return target in self._claims or any(match.target == target for match in self._found.values())

    def _take(self, column: str, target: _Target, how: How) -> None:
        self._found[column] = Match(column, target.name, target.kind, how, CONFIDENCE[how])

    def _claim(self, target: _Target, hows: Sequence[str]) -> None:
        for how, names in target.ranks:
            found = [column for column in self._open() if how in hows and not names.isdisjoint(readings(column))]
            if len(found) > 1:
                self._claims[target.name] = tuple(found)
            elif found:
                self._take(found[0], target, how)
            if found:
                return

    def _likely(self, column: str, targets: Sequence[_Target]) -> Sequence[_Target]:
        """Return which of the targets the column's values may be; a closed set they all lie in speaks for itself."""
        cells = self._cells[column]
        if len(targets) == 1 or not any(cell not in (None, "") for cell in cells):
            return targets
        fitting = [target for target in targets if target.fits(cells)]
        closed = [target for target in fitting if target.closed(cells)]
        return closed if len(closed) == 1 else fitting or targets

    def _like(self, column: str) -> Match | None:
        """Return the one free field whose name is most like the column's, if any is like it at all."""
        likeness = sorted(
            (
                (_alike(column, target), target.name, target)
                for target in self._targets
                if not self._is_taken(target.name)
            ),
            reverse=True,
            key=lambda one: one[:2],
        )
        if not likeness or likeness[0][0] < _LEAST_ALIKE or (len(likeness) > 1 and likeness[0][0] == likeness[1][0]):
            return None
        share, _, target = likeness[0]
        return Match(column, target.name, target.kind, "similar", round(share * CONFIDENCE["similar"], 2))


def _alike(column: str, target: _Target) -> float:
    return max(
        (difflib.SequenceMatcher(None, folded(column), name).ratio() for _, names in target.ranks for name in names),
        default=0.0,
    )


# --- what a column can be -------------------------------------------------------------------------------------------


def _targets(layer: Layer) -> tuple[_Target, ...]:
    # A place is itself; only records say in which place they stand.
    words = () if layer.kind == "place" else _place_targets()
    dictionary = dictionary_names(layer)
    return (*(_field_target(layer, one, dictionary.get(one.name, frozenset())) for one in layer.fields), *words)


def _field_target(layer: Layer, one: FieldDeclaration, dictionary: frozenset[str]) -> _Target:
    titles = (one.name, one.title.zh, one.title.en, f"{one.title.zh} {one.title.en}")
    # A title of a sibling is not this field's, even if listed among its aliases.
    taken = {folded(name) for other in layer.fields if other != one for name in (other.name, other.title.zh)}
    return _Target(
        one.name,
        "field",
        (
            ("title", frozenset(folded(name) for name in titles)),
            ("alias", frozenset(folded(name) for name in one.aliases) - taken),
            ("dictionary", dictionary),
        ),
        _cuts((*titles[:3], *one.aliases)),
        lambda cells: _fits_field(layer, one, cells),
        lambda _cells: bool(one.values) or one.type in ("boolean", "datetime"),
    )


@cache
def _place_targets() -> tuple[_Target, ...]:
    return tuple(
        _Target(
            role,
            "place",
            (("title", frozenset(folded(name) for name in names)),),
            _cuts(names),
            lambda cells, role=role: _fits_place(role, cells),  # type: ignore[misc]
            # 3 may be anything; 3层 is a storey.
            lambda cells, role=role: (
                role in PLACE_READERS and not all(cell_text(cell).isdigit() for cell in cells if cell)
            ),  # type: ignore[misc]
        )
        for role, names in place_words().items()
    )


@cache
def place_words() -> Mapping[str, Sequence[str]]:
    """Return role → the headings under which rows of any layer say where they stand."""
    table: Mapping[str, Sequence[str]] = yaml.safe_load(
        files("layers").joinpath("place_columns.yaml").read_text("utf-8")
    )
    return table


def _fits_field(layer: Layer, one: FieldDeclaration, cells: Sequence[Any]) -> bool:
    filled = [cell for cell in cells if cell not in (None, "")]
    texts = [cell_text(cell) for cell in filled]
    if one.name == layer.id_field and len(set(texts)) != len(cells):
        return False
    if one.name == "name" and all(_CODE_LIKE.fullmatch(text) for text in texts):
        return False
    return _reads(lambda cell: typed(one, cell), filled)


def _fits_place(role: str, cells: Sequence[Any]) -> bool:
    return _reads(PLACE_READERS.get(role, cell_text), [cell for cell in cells if cell not in (None, "")])


def _reads(reader: Callable[[Any], Any], cells: Iterable[Any]) -> bool:
    try:
        for cell in cells:
            reader(cell)
    except ValueError:
        return False
    return True


def _cuts(names: Iterable[str]) -> frozenset[str]:
    """Return what a .dbf keeps of names that are too long for it, in either encoding."""
    whole = set(names)
    kept = {decode_cut(name.encode(code)[:10], code) for name in whole for code in ("utf-8", "gb18030")}
    return frozenset(folded(cut) for cut in kept - whole)


def _stem(column: str) -> str:
    # GDAL, and our own reader, tell columns of one cut name apart by _1, _2 ...
    return folded(re.sub(r"_\d$", "", column))


# --- what stands against it -----------------------------------------------------------------------------------------


def _check_present(layer: Layer, column: str, headers: Sequence[str]) -> None:
    if column not in headers:
        raise BadInput(
            "layer.missing_column",
            f"The file has no column {column}; it has {', '.join(headers) or 'none'}.",
            "Name one of these with --id.",
            layer=layer.name,
            field=column,
        )


def _missing(guess: Guess) -> BadInput:
    names = ", ".join(one.title.zh for one in guess.missing)
    accepted = "; ".join(", ".join((one.name, *one.aliases)) for one in guess.missing)
    doubtful = "".join(f" {column} may be {' or '.join(targets)}." for column, targets in guess.doubts.items())
    return BadInput(
        "layer.missing_column",
        f"The layer {guess.layer.name} needs a column {names}; the file has {', '.join(guess.headers) or 'none'}."
        + doubtful,
        f"Add it, or name your column for the id with --id; also understood: {accepted}.",
        layer=guess.layer.name,
        field=guess.missing[0].name,
    )
