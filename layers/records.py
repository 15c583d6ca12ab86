"""From rows of a file to drafts the twin can take in."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import shapely

from gis.dem import Dem
from gis.errors import BadInput, LifangError
from gis.read import Row
from layers.columns import ColumnMap, map_columns
from layers.device.types import with_family
from layers.values import PLACE_READERS, cell_text, typed
from twin.characters import is_odd
from twin.declaration import FieldDeclaration, Layer
from twin.feature import PlaceDraft, RecordDraft

__all__ = ["ColumnMap", "OnProblem", "building_drafts", "map_columns", "record_drafts"]

OnProblem = Callable[[LifangError], None]
"""Called with each cell or row that cannot be used; the work goes on."""

AS_WRITTEN = "（原值）"
"""Marks a column whose cell could not be read as the field's value."""

_STOREY_HEIGHT_M = 3.0
_SHAPES = {
    "polygon": {"Polygon", "MultiPolygon"},
    "line": {"LineString", "MultiLineString"},
    "point": {"Point", "MultiPoint"},
}
# What follows from a row's own values and is therefore never asked of the planner.
_COMPLETIONS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"device": with_family}


class _Reader:
    """Reads the rows of one file; what its columns mean is looked up once, not for every row."""

    def __init__(self, layer: Layer, columns: ColumnMap, on_problem: OnProblem) -> None:
        self.layer = layer
        self.columns = columns
        self.on_problem = on_problem
        # An address says where, and is kept as it was written too: the twin may not know it yet.
        addresses = [column for column, role in columns.places.items() if role == "address"]
        self._kept = (*columns.others, *addresses)
        self._required = [field.name for field in layer.fields if field.required]
        name = layer.field("name")
        # A name that is personal stays among the attributes, where it is masked.
        self._named = name is not None and name.grade in {"P0", "P1"}
        self._codes: dict[tuple[str, str], Any] = {}

    def drafts(self, rows: Iterable[Row]) -> Iterator[RecordDraft]:
        seen: dict[str, int] = {}
        for row in rows:
            draft = self._draft(row)
            if draft is None:
                continue
            if draft.id in seen:
                self._tell(
                    row,
                    "layer.duplicate_id",
                    f"{draft.id} stands in row {seen[draft.id]} already; this row is left out",
                    "Give every row its own id.",
                    self.layer.id_field,
                )
                continue
            seen[draft.id] = row.number
            yield draft

    def _draft(self, row: Row) -> RecordDraft | None:
        odd = [name for name, cell in row.properties.items() if isinstance(cell, str) and is_odd(cell)]
        if odd:
            fault = f"{odd[0]} holds a character that cannot be stored; the row is left out"
            self._tell(row, "layer.bad_value", fault, "Leave out NUL and halves of surrogate pairs.", None)
            return None
        values = self._values(row)
        lacking = [name for name in self._required if name not in values]
        if lacking:
            self._tell(row, "layer.no_value", f"{lacking[0]} is required; the row is left out", "", lacking[0])
            return None
        if not self._shape_fits(row):
            return None
        where = self._where(row)
        height = where.pop("height_m", None)
        name = values.pop("name", None) if self._named else None
        return RecordDraft(
            id=str(values.get(self.layer.id_field or "") or f"row {row.number}"),
            name=name,
            geometry=row.geometry,
            height_m=row.z if height is None else height,
            where=where,
            attributes=_COMPLETIONS.get(self.layer.name, dict)(values),
            row=row.number,
        )

    def _values(self, row: Row) -> dict[str, Any]:
        values: dict[str, Any] = {}
        unread: dict[str, Any] = {}
        for column, field in self.columns.fields.items():
            written = row.properties.get(column)
            try:
                value = self._typed(column, field, written)
            except ValueError as error:
                self._tell(row, "layer.bad_value", f"{column}: {error}", f"Mend {column} in this row.", field.name)
                if field.grade in {"P0", "P1"}:  # undeclared columns are not masked, so personal ones stay out
                    unread[f"{column}{AS_WRITTEN}"] = written
                continue
            if value is not None:
                values[field.name] = value
        cells = row.properties
        kept = {name: cell for name in self._kept if (cell := cells.get(name)) is not None}
        return kept | unread | {**self.columns.constants, **values}

    def _typed(self, column: str, field: FieldDeclaration, cell: Any) -> Any:
        unit = self.columns.units.get(column)
        if not (field.values and isinstance(cell, str)):
            return typed(field, cell, unit)
        if (column, cell) not in self._codes:  # the same few words in every row
            self._codes[column, cell] = typed(field, cell, unit)
        return self._codes[column, cell]

    def _where(self, row: Row) -> dict[str, Any]:
        where: dict[str, Any] = {}
        for column, role in self.columns.places.items():
            cell = row.properties.get(column)
            if cell is None or cell == "":
                continue
            read: Callable[[Any], Any] = PLACE_READERS.get(role, cell_text)
            try:
                where[role] = read(cell)
            except ValueError as error:
                self._tell(row, "layer.bad_value", f"{column}: {error}", f"Mend {column} in this row.", role)
        return where

    def _shape_fits(self, row: Row) -> bool:
        allowed = _SHAPES.get(self.layer.geometry)
        if row.geometry is None or allowed is None or row.geometry.geom_type in allowed:
            return True
        self._tell(
            row,
            "layer.wrong_shape",
            f"a {row.geometry.geom_type} is no {self.layer.geometry}; the row is left out",
            f"The layer {self.layer.name} holds {self.layer.geometry}s; draw it so.",
            None,
        )
        return False

    def _tell(self, row: Row, code: str, message: str, cure: str, field: str | None) -> None:
        self.on_problem(
            BadInput(code, f"Row {row.number}: {message}.", cure, layer=self.layer.name, row=row.number, field=field)
        )


def record_drafts(layer: Layer, rows: Iterable[Row], column_map: ColumnMap, on_problem: OnProblem) -> list[RecordDraft]:
    """Return a draft of each row that can be used.

    A cell that cannot be read is reported, and kept as written beside the field; a row without its id, without another
    required value, with an id seen before, or with a shape the layer does not hold is reported and left out.

    Raises:
        BadInput: ``layer.no_id_field``: records need an id that stays the same when the file comes again.

    >>> from layers.catalogue import load_catalogue
    >>> layer = load_catalogue()["hydrant"]
    >>> rows = [Row(2, None, None, {"消火栓编号": "X1", "压力": "high"}), Row(3, None, None, {"压力": 0.3})]
    >>> drafts = record_drafts(layer, rows, map_columns(layer, ["消火栓编号", "压力"]), print)
    layer.bad_value: Row 2: 压力: 'high' is not a number. Mend 压力 in this row.
    layer.no_value: Row 3: hydrant_no is required; the row is left out.
    >>> [(draft.id, dict(draft.attributes)) for draft in drafts]
    [('X1', {'压力（原值）': 'high', 'hydrant_no': 'X1'})]
    """
    if layer.id_field is None:
        raise BadInput(
            "layer.no_id_field",
            f"The layer {layer.name} does not say which column holds the id.",
            "Add id_field to its declaration.",
            layer=layer.name,
        )
    return list(_Reader(layer, column_map, on_problem).drafts(rows))


def building_drafts(
    layer: Layer, rows: Iterable[Row], column_map: ColumnMap, on_problem: OnProblem, dem: Dem | None = None
) -> list[PlaceDraft]:
    """Return a draft of each building that has a footprint.

    The ground (``z_min_m``) is what the file states, else the height the outline is drawn at, else the lowest
    ground under the outline in ``dem``, else not known. The top is the ground plus the height; a height that the
    file does not state is estimated as 3 m a storey, and ``height_source`` says so.

    Raises:
        BadInput: As :func:`record_drafts`.
    """
    drafts = []
    for record in record_drafts(layer, rows, column_map, on_problem):
        if record.geometry is None:
            on_problem(
                BadInput(
                    "layer.no_position",
                    f"Row {record.row}: the building {record.id} has no footprint; it is left out.",
                    "Draw it; a building is never placed by guess.",
                    layer=layer.name,
                    row=record.row,
                )
            )
            continue
        drafts.append(_building(record, dem))
    return drafts


def _building(record: RecordDraft, dem: Dem | None) -> PlaceDraft:
    attributes = {**record.attributes, **_height(record)}
    attributes |= _ground(record, dem)
    ground, height = attributes.get("ground_elevation_m"), attributes.get("height_m")
    return PlaceDraft(
        kind="building",
        key=record.id,
        name=record.name,
        z_min_m=ground,
        z_max_m=None if ground is None or height is None else ground + height,
        geometry=record.geometry,
        stage=attributes.pop("stage", None),
        attributes=attributes,
        identifiers={"building_no": str(number)} if (number := attributes.get("building_no")) else {},
        source_element=record.id,
    )


def _height(record: RecordDraft) -> dict[str, Any]:
    stated, storeys = record.attributes.get("height_m"), record.attributes.get("storey_count")
    if stated is not None:
        return {"height_source": "stated"}
    return {} if storeys is None else {"height_m": storeys * _STOREY_HEIGHT_M, "height_source": "storeys"}


def _ground(record: RecordDraft, dem: Dem | None) -> dict[str, Any]:
    if record.attributes.get("ground_elevation_m") is not None:
        return {"ground_source": "stated"}
    if record.height_m is not None:
        return {"ground_elevation_m": record.height_m, "ground_source": "shape"}
    ground = _lowest_ground(record, dem)
    return {} if ground is None else {"ground_elevation_m": ground, "ground_source": "dem"}


def _lowest_ground(record: RecordDraft, dem: Dem | None) -> float | None:
    if dem is None or record.geometry is None:
        return None
    heights = dem.elevations(*shapely.get_coordinates(record.geometry).T)
    known = heights[np.isfinite(heights)]
    return float(known.min()) if known.size else None
