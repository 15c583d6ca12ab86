"""Which column of a planner's file is which field of a layer."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from gis.errors import BadInput
from gis.read.encoding import decode_cut
from twin.declaration import FieldDeclaration, Layer


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """How the columns of one file are read.

    Attributes:
        fields: Column → the layer's field.
        places: Column → ``code``, ``building_no``, ``unit``, ``storey``, ``room``, ``height_m`` or ``address``.
        others: Columns the layer does not know; they are kept under their own names.
    """

    fields: Mapping[str, FieldDeclaration]
    places: Mapping[str, str]
    others: tuple[str, ...]


def map_columns(layer: Layer, headers: Sequence[str], id_column: str | None = None) -> ColumnMap:
    """Match the columns of a file with the fields of a layer.

    A column matches by the field's name or titles, failing that by one of its aliases; case, spaces, underscores,
    full-width forms and a unit in trailing brackets do not matter. A column that nothing matches, but that is what a
    shapefile's ten bytes leave of the names of one field only, is that field's if no other column is.

    Args:
        layer: The layer.
        headers: The file's columns.
        id_column: The column that holds the id, whatever it is called.

    Raises:
        BadInput: ``layer.ambiguous_column`` when two columns claim one field equally well,
            ``layer.missing_column`` when a required field or the id has no column. Buildings may lack a number: the
            twin knows them by their footprint.

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
    fields = {column: field for field in layer.fields for column in _claimed(layer, field, headers)}
    id_field = layer.field(layer.id_field or "")
    if id_column is not None and id_field is not None:
        _check_present(layer, id_column, headers)
        fields = {column: field for column, field in fields.items() if field != id_field} | {id_column: id_field}
    # A place is itself; only records say in which place they stand.
    places = {} if layer.kind == "place" else _place_columns(layer, [name for name in headers if name not in fields])
    fields |= _cut_columns(layer, [name for name in headers if name not in fields and name not in places], fields)
    _check_required(layer, fields.values(), headers)
    others = tuple(name for name in headers if name not in fields and name not in places)
    return ColumnMap(fields, places, others)


def folded(text: str) -> str:
    """Return a text with everything removed that people vary without meaning anything.

    >>> folded(" Building_No "), folded("Ｘ坐标"), folded("")
    ('buildingno', 'x坐标', '')
    """
    bare = re.sub(r"[\s_\-]", "", unicodedata.normalize("NFKC", text))
    # Folding case can take letters apart again.
    return unicodedata.normalize("NFKC", bare.casefold())


def _claimed(layer: Layer, field: FieldDeclaration, headers: Iterable[str]) -> list[str]:
    own = {folded(name) for name in (field.name, field.title.zh, field.title.en)}
    # A title of a sibling is not this field's, even if listed among its aliases.
    taken = {folded(name) for other in layer.fields if other != field for name in (other.name, other.title.zh)}
    aliases = {folded(name) for name in field.aliases} - taken
    for names in (own, aliases):
        found = [column for column in headers if not names.isdisjoint(_readings(column))]
        if len(found) > 1:
            raise _ambiguous(layer, field.name, found)
        if found:
            return found
    return []


def _cut_columns(
    layer: Layer, headers: Iterable[str], found: Mapping[str, FieldDeclaration]
) -> dict[str, FieldDeclaration]:
    present = {field.name for field in found.values()}
    cuts = {field.name: _cuts(field) for field in layer.fields}
    claims = {column: [name for name in cuts if folded(column) in cuts[name]] for column in headers}
    sure = {column: names[0] for column, names in claims.items() if len(names) == 1 and names[0] not in present}
    claimed = Counter(sure.values())
    return {column: field for column, name in sure.items() if claimed[name] == 1 and (field := layer.field(name))}


def _cuts(field: FieldDeclaration) -> set[str]:
    """Return what a .dbf keeps of a field's names that are too long for it, in either encoding."""
    names = (field.name, field.title.zh, field.title.en, *field.aliases)
    kept = {decode_cut(name.encode(code)[:10], code) for name in names for code in ("utf-8", "gb18030")}
    return {folded(cut) for cut in kept.difference(names)}


def _readings(column: str) -> Iterator[str]:
    yield folded(column)
    yield re.sub(r"[(\[].*[)\]]$", "", folded(column))


def _check_present(layer: Layer, column: str, headers: Sequence[str]) -> None:
    if column not in headers:
        raise BadInput(
            "layer.missing_column",
            f"The file has no column {column}; it has {', '.join(headers) or 'none'}.",
            "Name one of these with --id.",
            layer=layer.name,
            field=column,
        )


def _check_required(layer: Layer, found: Iterable[FieldDeclaration], headers: Sequence[str]) -> None:
    present = {field.name for field in found}
    missing = [
        field
        for field in layer.fields
        if (field.required or (field.name == layer.id_field and layer.kind == "record")) and field.name not in present
    ]
    if missing:
        names = ", ".join(field.title.zh for field in missing)
        accepted = "; ".join(", ".join((field.name, *field.aliases)) for field in missing)
        raise BadInput(
            "layer.missing_column",
            f"The layer {layer.name} needs a column {names}; the file has {', '.join(headers) or 'none'}.",
            f"Add it, or name your column for the id with --id; also understood: {accepted}.",
            layer=layer.name,
            field=missing[0].name,
        )


@cache
def _place_names() -> Mapping[str, str]:
    table = yaml.safe_load(files("layers").joinpath("place_columns.yaml").read_text("utf-8"))
    return {folded(name): role for role, names in table.items() for name in names}


def _place_columns(layer: Layer, headers: Iterable[str]) -> dict[str, str]:
    roles = defaultdict(list)
    for column in headers:
        role = next((_place_names()[name] for name in _readings(column) if name in _place_names()), None)
        if role:
            roles[role].append(column)
    for role, columns in roles.items():
        if len(columns) > 1:
            raise _ambiguous(layer, role, columns)
    return {columns[0]: role for role, columns in roles.items()}


def _ambiguous(layer: Layer, field: str, columns: Sequence[str]) -> BadInput:
    return BadInput(
        "layer.ambiguous_column",
        f"The columns {' and '.join(columns)} all mean {field} of the layer {layer.name}.",
        "Remove or rename all but one.",
        layer=layer.name,
        field=field,
    )
