"""Create, replace, update and delete features of editable layers (OGC API Features Part 4): every edit is a version."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
import shapely
from shapely.geometry.base import BaseGeometry

from gis.crs import CRS84, to_crs84
from gis.errors import BadInput, Conflict, Forbidden, NotFound, Outdated
from layers.values import typed
from twin.declaration import FieldDeclaration, Layer
from twin.event import NewEvent
from twin.feature import Feature, RecordDraft
from twin.filter import COLUMNS
from twin.locate import Locator
from twin.query import Query, Row
from twin.store import Transaction

EVENT_SOURCE = "lifang:edit"
MAX_BYTES = 4_000_000
_PLACES = ("building", "unit", "storey", "space")
SHAPES = {
    "polygon": {"Polygon", "MultiPolygon"},
    "line": {"LineString", "MultiLineString"},
    "point": {"Point", "MultiPoint"},
}
WRITABLE = ("name", "z_min_m", "z_max_m")
KEPT = frozenset({"layer", "id", *COLUMNS}) - set(WRITABLE)
"""Members that the twin itself keeps: a client that hands back what it was given need not take them out."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What an edit states.

    Attributes:
        id: The feature's; ``None`` leaves it to the twin.
        geometry: CRS84 without heights; ``None`` for none.
        named: Properties the client named, typed; ``None`` as a value forgets one.
        placed: The client named the geometry.
    """

    id: str | None
    geometry: BaseGeometry | None
    named: Mapping[str, Any]
    placed: bool


@dataclass(frozen=True, slots=True)
class By:
    """Who edits, when, and what he believes to stand.

    Attributes:
        who: Name of a person or program, or the address it came from.
        at: UTC.
        tags: ETags of the ``If-Match`` header; empty when it was not sent.
        community: Only used for new features.
    """

    who: str
    at: datetime
    tags: str = ""
    community: str | None = None


def tag_of(version: Feature | Row) -> str:
    """Return the ETag of a version, the same however it was read.

    >>> read = Feature(layer="a", id="1", community="c", valid_from=datetime.min, recorded_at=datetime.min)
    >>> kept = Row._make(["a", "1", *[None] * 8, "0001-01-01 00:00:00", None, "0001-01-01T00:00:00", "{}", None])
    >>> tag_of(read) == tag_of(kept)
    True
    """
    seen = version.layer, version.id, _moment(version.valid_from), _moment(version.recorded_at)
    return f'"{hashlib.blake2b(repr(seen).encode(), digest_size=10).hexdigest()}"'


def _moment(said: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(said) if isinstance(said, str) else said


def check_editable(layer: Layer) -> None:
    """Refuse layers that are not edited one by one.

    Raises:
        Forbidden: ``edit.not_editable``.
    """
    if not layer.editable:
        raise Forbidden(
            "edit.not_editable",
            f"{layer.name} is not edited here.",
            "Import it, or declare it editable: true.",
            layer=layer.name,
        )


def read(layer: Layer, body: bytes, crs: str = CRS84, *, partly: bool = False) -> Edit:
    """Return what the body of a request states.

    Args:
        layer: Its declaration says which properties there are, of what type, and which are required.
        body: A GeoJSON feature; with ``partly`` a merge patch of one (RFC 7396).
        crs: Of the geometry, in its own axis order.
        partly: What is not named stays.

    Raises:
        BadInput: ``edit.not_geojson``, ``edit.too_large``, ``edit.unknown_field``, ``edit.bad_value``,
            ``edit.no_value``, ``edit.geometry``, ``edit.wrong_shape``, ``edit.id``.
    """
    document = _document(body, partly=partly)
    named = _named(layer, document.get("properties") or {})
    own = named.get(layer.id_field or "")
    stated = document.get("id", own)
    if stated is not None and own is not None and str(stated) != str(own):
        raise BadInput("edit.id", f"id is {stated!r:.60}, {layer.id_field} is {own!r:.60}.", "Say one.", field="id")
    shape = _shape(layer, document.get("geometry"), crs)
    if "geometry" in document and shape is not None and shape.has_z and shape.geom_type == "Point":
        height_m = float(shapely.get_z(shape))
        named = {"z_min_m": height_m, "z_max_m": height_m} | named
    return Edit(
        None if stated is None else str(stated),
        None if shape is None else shapely.force_2d(shape),
        named,
        "geometry" in document,
    )


def _document(body: bytes, *, partly: bool) -> dict[str, Any]:
    if len(body) > MAX_BYTES:
        raise BadInput("edit.too_large", f"A feature of {len(body)} bytes is too large.", "Simplify its geometry.")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInput("edit.not_geojson", f"The body is not JSON: {error}.", "Send a GeoJSON feature.") from error
    fitting = isinstance(document, dict) and isinstance(document.get("properties", {}), dict | None)
    if not fitting or (not partly and document.get("type") != "Feature"):
        raise BadInput("edit.not_geojson", "The body is no GeoJSON feature.", 'Send {"type": "Feature", ...}.')
    return dict(document)


def _named(layer: Layer, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(layer, name, value) for name, value in properties.items() if not _is_kept(layer, name)}


def _is_kept(layer: Layer, name: str) -> bool:
    return name in KEPT and layer.field(name) is None


def _value(layer: Layer, name: str, value: Any) -> Any:
    field = layer.field(name)
    if field is not None and field.grade in ("P0", "P1"):
        return _typed(field, value)
    if name == "name" and field is None:
        return None if value is None else str(value)
    if name in WRITABLE and field is None:
        return _height(name, value)
    known = ", ".join([*WRITABLE, *(one.name for one in layer.fields if one.grade in ("P0", "P1"))])
    raise BadInput(
        "edit.unknown_field", f"{layer.name} has no property {name!r:.60} to write.", f"Use: {known}.", field=name
    )


def _typed(field: FieldDeclaration, value: Any) -> Any:
    try:
        return typed(field, value)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadInput("edit.bad_value", f"{field.name}: {error}.", "See the schema.", field=field.name) from error


def _height(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput("edit.bad_value", f"{name}: {value!r:.60} is not a number.", "Give metres.", field=name)
    return float(value)


def _shape(layer: Layer, literal: Any, crs: str) -> BaseGeometry | None:
    if literal is None:
        return None
    try:
        shape = shapely.from_geojson(orjson.dumps(literal))
    except shapely.errors.GEOSException as error:
        raise _bad_shape("The geometry cannot be read.") from error
    if shape is None or shape.is_empty or not shape.is_valid:
        raise _bad_shape(f"The geometry is not valid: {shapely.is_valid_reason(shape)}.")
    allowed = SHAPES.get(layer.geometry)
    if layer.geometry == "none" or (allowed is not None and shape.geom_type not in allowed):
        raise BadInput(
            "edit.wrong_shape",
            f"A {shape.geom_type} is no geometry of {layer.name}, which holds {layer.geometry}.",
            "Draw it so.",
            field="geometry",
        )
    return shape if crs == CRS84 and _on_earth(shape) else to_crs84(shape, crs)


def _on_earth(shape: BaseGeometry) -> bool:
    west, south, east, north = shape.bounds
    return -180 <= west <= east <= 180 and -90 <= south <= north <= 90


def _bad_shape(text: str) -> BadInput:
    return BadInput("edit.geometry", text, "Mend it.", field="geometry")


# --- in the transaction ---------------------------------------------------------------------------------------------


def create(transaction: Transaction, layer: Layer, edit: Edit, by: By) -> Feature:
    """Store a new feature and return it.

    Raises:
        Conflict: ``edit.exists``.
        BadInput: ``edit.no_value``, ``edit.heights``, ``edit.no_community``.
    """
    feature_id = edit.id or uuid.uuid4().hex
    if transaction.current(layer.name, feature_id) is not None:
        raise Conflict("edit.exists", f"{layer.name} has a {feature_id!r} already.", "Replace it.", id=feature_id)
    if by.community is None:
        raise BadInput("edit.no_community", "The twin holds several communities.", "Name one: ?community=.")
    blank = Feature(layer=layer.name, id=feature_id, community=by.community)
    return _put(transaction, layer, blank, edit, by)


def change(transaction: Transaction, layer: Layer, feature_id: str, edit: Edit, by: By, *, partly: bool) -> Feature:
    """Store what an edit makes of a feature and return it; what the asker may not see stays as it is.

    Raises:
        NotFound: ``feature.unknown``.
        Outdated: ``edit.outdated``.
        BadInput: ``edit.id``, ``edit.no_value``, ``edit.heights``.
    """
    before = _standing(transaction, layer, feature_id, by)
    if edit.id not in (None, feature_id):
        raise BadInput("edit.id", f"The feature is {feature_id!r}, not {edit.id!r:.60}.", "Its id stays.", field="id")
    if not partly:
        hidden = {name: value for name, value in before.attributes.items() if _is_hidden(layer, name)}
        blank = Feature(layer=layer.name, id=feature_id, community=before.community, attributes=hidden)
        return _put(transaction, layer, blank, edit, by)
    kept = edit if edit.placed else replace(edit, geometry=before.geometry)
    return _put(transaction, layer, before, kept, by)


def _is_hidden(layer: Layer, name: str) -> bool:
    field = layer.field(name)
    return field is None or field.grade not in ("P0", "P1")


def delete(transaction: Transaction, layer: Layer, feature_id: str, by: By) -> None:
    """End a feature now; its history stays.

    Raises:
        NotFound: ``feature.unknown``.
        Outdated: ``edit.outdated``.
    """
    before = _standing(transaction, layer, feature_id, by)
    transaction.end(layer.name, feature_id, by.at)
    _announce(transaction, before, by, "ended")


def _standing(transaction: Transaction, layer: Layer, feature_id: str, by: By) -> Feature:
    before = transaction.current(layer.name, feature_id)
    if before is None:
        raise NotFound("feature.unknown", f"{layer.name} has no {feature_id!r} now.", "See its items.", id=feature_id)
    if by.tags and by.tags.strip() != "*" and tag_of(before) not in by.tags:
        raise Outdated(
            "edit.outdated",
            f"{feature_id} has changed since it was read.",
            "Read it again, then send If-Match with its ETag.",
            id=feature_id,
        )
    return before


def _put(transaction: Transaction, layer: Layer, before: Feature, edit: Edit, by: By) -> Feature:
    feature = _stated(layer, before, edit, by)
    _check_whole(layer, feature)
    located = _locator(transaction, feature).locate(
        RecordDraft(id=feature.id, geometry=feature.geometry, height_m=feature.z_min_m)
    )
    feature = replace(feature, place=located.place, storey=located.storey)
    if transaction.put(feature):
        _announce(transaction, feature, by, "changed" if before.recorded_at else "added")
    return transaction.current(layer.name, feature.id) or feature


def _stated(layer: Layer, before: Feature, edit: Edit, by: By) -> Feature:
    named = dict(edit.named)
    if layer.id_field is not None:
        named[layer.id_field] = before.id
    columns = {name: named.pop(name) for name in WRITABLE if name in named and _is_column(layer, name)}
    attributes = {name: value for name, value in (dict(before.attributes) | named).items() if value is not None}
    return replace(
        before,
        **columns,
        geometry=edit.geometry,
        attributes=attributes,
        source=f"edit:{by.who}",
        source_element=None,
        batch=None,
        valid_from=by.at,
        valid_to=None,
    )


def _is_column(layer: Layer, name: str) -> bool:
    """Tell whether a property is a feature's own: a name that is declared as a field and open is one as well."""
    field = layer.field(name)
    return name in WRITABLE and (field is None or name == "name")


def _check_whole(layer: Layer, feature: Feature) -> None:
    for field in layer.fields:
        stands = feature.name if field.name == "name" else feature.attributes.get(field.name)
        if field.required and stands is None:
            raise BadInput("edit.no_value", f"{field.name} is required.", "Give it.", field=field.name)
    if feature.z_min_m is not None and feature.z_max_m is not None and feature.z_min_m > feature.z_max_m:
        raise BadInput("edit.heights", "z_min_m lies above z_max_m.", "Swap them.", field="z_min_m")


def _locator(transaction: Transaction, feature: Feature) -> Locator:
    """Return a locator over the places that touch a feature."""
    if feature.geometry is None:
        return Locator((), {})
    west, south, east, north = feature.geometry.bounds
    return Locator(transaction.find(Query(layers=_PLACES, bbox=(west, south, east, north))).features, {})


def _announce(transaction: Transaction, feature: Feature, by: By, kind: str) -> None:
    """Tell the log, so that every open map fetches the layer anew."""
    transaction.append(
        NewEvent(
            kind="change",
            community=feature.community,
            subject=feature.id,
            source=EVENT_SOURCE,
            source_seq=uuid.uuid4().hex,
            occurred_at=by.at,
            body={"layers": [feature.layer], "counts": {feature.layer: {kind: 1}}, "by": by.who},
        )
    )
