"""The layer declaration: one data file makes a layer stored, imported, queried, listed and drawn."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gis.errors import BadInput, NotFound

Grade = Literal["P0", "P1", "P2", "P3"]
"""Sensitivity: P0 public, P1 internal, P2 personal (mask), P3 sensitive personal (mask, encrypt)."""

FieldType = Literal["string", "integer", "number", "boolean", "datetime", "json"]


Frequency = Literal[
    "continual", "daily", "weekly", "fortnightly", "monthly", "quarterly", "biannually", "annually", "asNeeded"
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(_Model):
    """A label in the two languages of the product."""

    zh: str
    en: str


class FieldDeclaration(_Model):
    """One column of a layer.

    Attributes:
        unit: UCUM code (``m``, ``m2``, ``Cel``); ``None`` for a number that counts or names.
        values: Code → label, when the field is a code list.
        aliases: Column names that planners' files use for it, Chinese and English.
        indexed: Filters name it often; stores answer them by an index.
        source: Clause that asks for it, such as ``E 7.2.3.5.1``.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: FieldType = "string"
    title: Text
    unit: str | None = None
    grade: Grade = "P1"
    values: Mapping[str, Text] = Field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    required: bool = False
    indexed: bool = False
    source: str | None = None


class LegendEntry(_Model):
    """One line of a legend: the records whose ``style.by`` field has this value are drawn so."""

    value: str
    title: Text
    color: str = Field(pattern=r"^#[0-9a-f]{6}$")
    glyph: str | None = None


class Style(_Model):
    """How the cockpit draws a layer.

    Attributes:
        draw: What is drawn: ``extruded`` volumes, flat ``polygon``, ``line``, ``point``, ``heat`` cells, or ``none``.
        by: Field that chooses the legend entry; ``None`` when all records look alike.
        visible: Shown when the cockpit opens.
        order: Stacking and listing order, low first.
        weight: For ``heat``: the field that is summed; ``None`` counts records.
    """

    draw: Literal["extruded", "polygon", "line", "point", "heat", "none"]
    color: str = Field(default="#8aa4c8", pattern=r"^#[0-9a-f]{6}$")
    by: str | None = None
    legend: tuple[LegendEntry, ...] = ()
    visible: bool = False
    order: int = 100
    opacity: float = Field(default=1.0, ge=0, le=1)
    weight: str | None = None


class Layer(_Model):
    """A layer: what it holds, how its records find their place, who may see it and how it looks.

    Attributes:
        kind: ``place`` (the id is a space code), ``record``, or ``derived`` (computed from ``derived_from``).
        geometry: Geometry the layer holds; ``none`` when records are placed by code only.
        access: ``open``: every field of grade P0 and P1 may be read; ``aggregate``: only counts and sums of
            groups large enough to hide persons may leave the store; ``private``: the service's own notes, with
            history like everything else, which no face knows of.
        id_field: Column of a planner's file that holds the id.
        editable: Its features may be created, replaced, changed and ended one by one through the API.
        update: How often it is brought up to date, by the codes of ISO 19115-1 (MD_MaintenanceFrequencyCode).
        group: Heading in the layer list.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: Text
    kind: Literal["place", "record", "derived"] = "record"
    group: Text
    geometry: Literal["polygon", "line", "point", "any", "none"]
    access: Literal["open", "aggregate", "private"] = "open"
    derived_from: str | None = None
    id_field: str | None = None
    editable: bool = False
    update: Frequency = "asNeeded"
    fields: tuple[FieldDeclaration, ...] = ()
    style: Style
    refresh_s: int | None = None
    source: str | None = None

    @model_validator(mode="after")
    def _fields_are_known(self) -> "Layer":
        names = [field.name for field in self.fields]
        if len(set(names)) != len(names):
            raise ValueError("a field is declared twice")
        if self.editable and (self.kind != "record" or self.access != "open" or self.id_field is None):
            raise ValueError("only an open layer of records with an id_field is editable")
        for used in (self.id_field, self.style.by, self.style.weight):
            if used is not None and used not in names:
                raise ValueError(f"{used!r} is not among the declared fields")
        return self

    def __hash__(self) -> int:
        """Return a hash, so that what follows from a layer can be kept beside it; its mappings have none."""
        return hash(self.name)

    def field(self, name: str) -> FieldDeclaration | None:
        """Return the declaration of a field, ``None`` when the layer does not declare it."""
        return next((field for field in self.fields if field.name == name), None)


class Catalogue(Mapping[str, Layer]):
    """All declared layers, by name, in drawing order; read-only."""

    def __init__(self, layers: Iterable[Layer]) -> None:
        ordered = sorted(layers, key=lambda layer: (layer.style.order, layer.name))
        self._layers = MappingProxyType({layer.name: layer for layer in ordered})
        if len(self._layers) != len(ordered):
            raise BadInput("layer.twice", "Two layers are declared with one name.", "Rename one of the files.")

    def shown(self) -> "Catalogue":
        """Return the layers that faces may know of: all but the private ones."""
        return Catalogue(layer for layer in self._layers.values() if layer.access != "private")

    def __getitem__(self, name: str) -> Layer:
        """Return the layer of this name, or raise ``layer.unknown`` naming the known ones."""
        if name not in self._layers:
            known = ", ".join(self._layers)
            raise NotFound("layer.unknown", f"There is no layer {name!r}.", f"Use one of: {known}.", layer=name)
        return self._layers[name]

    def __contains__(self, name: object) -> bool:
        """Tell whether a layer of this name is declared."""
        return name in self._layers

    def __iter__(self) -> Any:
        """Iterate over the names in drawing order."""
        return iter(self._layers)

    def __len__(self) -> int:
        """Count the layers."""
        return len(self._layers)


def parse_layer(document: Any, where: str) -> Layer:
    """Return the layer that a parsed YAML document declares.

    Raises:
        BadInput: ``layer.bad_declaration``, naming the file and the key.

    >>> parse_layer({"name": "Bad Name"}, "bad.yaml")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: layer.bad_declaration: bad.yaml: name: String should match pattern '^[a-z][a-z0-9_]*$' ...
    """
    try:
        return Layer.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            "layer.bad_declaration",
            f"{where}: {path}: {first['msg']}",
            "Mend the declaration; docs/layers.md describes every key.",
            file=where,
            field=path,
        ) from error
