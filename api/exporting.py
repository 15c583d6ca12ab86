"""The twin as a file: what the asker may read, in any of the formats; the path that command line and API share."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import Any

from gis.errors import BadInput, NotFound
from gis.write import cityjson, geojson, glb, parquet, text_table, tiles, vector
from gis.write.solid import Volume
from gis.write.table import Column, Table
from twin.access import Access
from twin.asker import still_asked
from twin.declaration import Catalogue, Layer
from twin.feature import Feature
from twin.minting import storey_key
from twin.query import Query
from twin.spacecode import KINDS, SpaceCode

_FIXED: Mapping[str, str] = {
    "name": "string",
    "place": "string",
    "parent": "string",
    "storey": "integer",
    "z_min_m": "number",
    "z_max_m": "number",
    "stage": "string",
    "source": "string",
    "valid_from": "datetime",
    "valid_to": "datetime",
}
_TAKEN = {*_FIXED, "id", "fid", "geom", "geometry", "bbox", "layer", "other", "longitude", "latitude", "wkt"}
"""Names that a format or we ourselves use; a declared field of such a name gets an underscore."""


_BLOCK = 1 << 16


@dataclass(frozen=True)
class Material:
    """What is to be written: features as the asker may see them, by layer, and what the formats need besides."""

    layers: Mapping[str, Sequence[Feature]]
    catalogue: Catalogue
    title: str
    now: datetime

    @cached_property
    def tables(self) -> list[Table]:
        """A table a layer."""
        return [_table(self.catalogue[layer], features) for layer, features in self.layers.items()]

    @property
    def table(self) -> Table:
        """The table of the only layer."""
        if len(self.tables) != 1:
            raise BadInput(
                "export.one_layer",
                f"This format holds one layer, not {len(self.tables)}.",
                "Export them one by one, or choose gpkg or geojson.",
                parameter="layers",
            )
        return self.tables[0]

    @cached_property
    def volumes(self) -> list[Volume]:
        """The places as volumes."""
        flat = [layer for layer in self.layers if layer not in KINDS]
        if flat:
            raise BadInput(
                "export.flat_layer",
                f"{', '.join(flat)} has no bodies, which this format is made of.",
                f"Export {', '.join(KINDS)}; choose gpkg or geojson for the rest.",
                parameter="layers",
            )
        return [_volume(feature) for features in self.layers.values() for feature in features]

    @property
    def bodies(self) -> list[Volume]:
        """The volumes, of which at least one has a body."""
        if not any(volume.heights_m for volume in self.volumes):
            raise NotFound(
                "export.no_body",
                "Nothing that matches has a footprint and a lower and an upper height.",
                "Name other layers or another place; unknown heights are never made up.",
                parameter="layers",
            )
        return self.volumes

    @property
    def colors(self) -> Mapping[str, tuple[float, float, float, float]]:
        """The declared colour and opacity of each kind of place, linear."""
        styles = {volume.kind: self.catalogue[volume.kind].style for volume in self.volumes}
        return {kind: _linear(style.color, style.opacity) for kind, style in styles.items()}


@dataclass(frozen=True, slots=True)
class Format:
    """A file format.

    Attributes:
        suffix: Of file names.
        write: Yields the file.
        nested: Places stand in one another: those above the wanted ones come along.
        solid: Only what has a lower and an upper height has a body in it.
    """

    suffix: str
    media_type: str
    write: Callable[[Material], Iterator[bytes]]
    nested: bool = False
    solid: bool = False


def _ifc(material: Material) -> Iterator[bytes]:
    from bim_import.export import write_ifc

    yield write_ifc(material.bodies, material.title, material.now)


FORMATS: Mapping[str, Format] = {
    "gpkg": Format(".gpkg", "application/geopackage+sqlite3", lambda it: vector.encode_geopackage(it.tables, it.now)),
    "geojson": Format(".geojson", "application/geo+json", lambda it: geojson.encode(it.tables)),
    "geojsonseq": Format(".geojsons", "application/geo+json-seq", lambda it: geojson.encode_sequence(it.tables)),
    "flatgeobuf": Format(".fgb", "application/flatgeobuf", lambda it: vector.encode_flatgeobuf(it.table)),
    "geoparquet": Format(".parquet", "application/vnd.apache.parquet", lambda it: parquet.encode(it.table)),
    "arrow": Format(".arrow", "application/vnd.apache.arrow.stream", lambda it: parquet.encode_arrow(it.table)),
    "csv": Format(".csv", "text/csv; charset=utf-8", lambda it: text_table.encode(it.table)),
    "cityjson": Format(
        ".city.json",
        "application/city+json",
        lambda it: cityjson.encode(it.bodies, it.title, it.now),
        nested=True,
        solid=True,
    ),
    "glb": Format(".glb", "model/gltf-binary", lambda it: glb.encode(it.bodies, it.colors), solid=True),
    "3dtiles": Format(
        ".3dtiles.zip", "application/zip", lambda it: tiles.encode(it.bodies, it.colors, it.title), solid=True
    ),
    "ifc": Format(".ifc", "application/x-step", _ifc, nested=True, solid=True),
}


@dataclass(frozen=True, slots=True)
class Export:
    """A file being written.

    Attributes:
        pieces: Its bytes.
        count: How many features it holds.
        bodiless: Ids of places that have no body in it, because nobody knows a footprint and both heights.
    """

    pieces: Iterator[bytes]
    count: int
    bodiless: tuple[str, ...]


def export(access: Access, catalogue: Catalogue, form: Format, query: Query, now: datetime) -> Export:
    """Return the file that holds what matches; whatever can fail has failed before the first piece is asked for.

    Args:
        access: Who asks; nothing it does not show is written.
        catalogue: The declared layers.
        form: One of :data:`FORMATS`.
        query: Layers, place, box and moment.
        now: For formats that bear a date.

    Raises:
        NotFound: ``layer.unknown``, ``export.no_body``.
        Forbidden: ``layer.aggregate_only``.
        BadInput: ``export.one_layer``, ``export.flat_layer``, ``datum.no_zone``.
        Unavailable: ``export.no_pyarrow``.
    """
    features = list(access.find(query).features)
    if form.nested:
        features += _above(access, query, features)
    material = Material(_by_layer(catalogue, query, features), catalogue, _title(access, query), now)
    pieces = _blocks(form.write(material))
    first = next(pieces, b"")
    bodiless = tuple(volume.id for volume in material.volumes if not volume.heights_m) if form.solid else ()
    return Export(chain([first], pieces), len(features), bodiless)


def written(
    catalogue: Catalogue, form: Format, layers: Sequence[str], features: Sequence[Feature], now: datetime
) -> Iterator[bytes]:
    """Yield features that the asker may see, of these layers, in a format.

    Raises:
        BadInput: ``export.one_layer``.
        Unavailable: ``export.no_pyarrow``.
    """
    by_layer = {name: [feature for feature in features if feature.layer == name] for name in dict.fromkeys(layers)}
    return form.write(Material(by_layer, catalogue, "Lifang", now))


def _blocks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in blocks worth a system call."""
    waiting, size = [], 0
    for piece in pieces:
        still_asked()
        waiting.append(piece)
        size += len(piece)
        if size >= _BLOCK:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def form_of(file_name: str) -> Format:
    """Return the format that a file name's ending asks for.

    Raises:
        BadInput: ``export.format``.

    >>> form_of("社区.city.json").media_type
    'application/city+json'
    >>> form_of("plan.dwg")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: export.format: There is no format for 'plan.dwg'. Use one of: .gpkg, ...
    """
    found = [form for form in FORMATS.values() if file_name.lower().endswith(form.suffix)]
    if not found:
        known = ", ".join(form.suffix for form in FORMATS.values())
        raise BadInput("export.format", f"There is no format for {file_name!r}.", f"Use one of: {known}.")
    return found[0]


def form_named(name: str) -> Format:
    """Return the format of this name.

    Raises:
        BadInput: ``export.format``.
    """
    if name not in FORMATS:
        known = ", ".join(FORMATS)
        raise BadInput("export.format", f"There is no format {name!r}.", f"Use one of: {known}.", parameter="format")
    return FORMATS[name]


def _by_layer(catalogue: Catalogue, query: Query, features: Sequence[Feature]) -> Mapping[str, Sequence[Feature]]:
    wanted = {*query.layers, *(feature.layer for feature in features)}
    return {name: [feature for feature in features if feature.layer == name] for name in catalogue if name in wanted}


def _above(access: Access, query: Query, features: Sequence[Feature]) -> Sequence[Feature]:
    """Return the places above: buildings, units, the unit's storeys and the building's."""
    codes = {code for feature in features if feature.layer in KINDS for code in _holders(SpaceCode(feature.id))}
    missing = sorted(codes - {feature.id for feature in features})
    if not missing:
        return ()
    return access.find(_elsewhere(query, KINDS[:3], tuple(missing))).features


def _elsewhere(query: Query, layers: tuple[str, ...], ids: tuple[str, ...] = ()) -> Query:
    """Return a question about other things as of the same moment."""
    return Query(layers=layers, ids=ids, at=query.at, known_at=query.known_at)


def _holders(code: SpaceCode) -> Iterator[str]:
    above = [one.key for one in code.ancestors]
    yield from above
    if code.storey is not None:
        yield storey_key(above[0], None, code.storey)


def _title(access: Access, query: Query) -> str:
    names = [place.name for place in access.find(_elsewhere(query, ("community",))).features if place.name]
    return "、".join(names) or "Lifang"


def _table(layer: Layer, features: Sequence[Feature]) -> Table:
    columns = {name: Column(kind, [_fixed(feature, name) for feature in features]) for name, kind in _FIXED.items()}
    declared = {field.name for field in layer.fields}
    for field in layer.fields:
        if field.grade in ("P0", "P1") and field.name not in _FIXED:
            name = f"{field.name}_" if field.name in _TAKEN else field.name
            columns[name] = Column(field.type, [feature.attributes.get(field.name) for feature in features])
    others = [
        {name: value for name, value in feature.attributes.items() if name not in declared} or None
        for feature in features
    ]
    if any(others):
        columns["other"] = Column("json", others)
    return Table(
        name=layer.name,
        title=layer.title.zh,
        ids=[feature.id for feature in features],
        geometries=[feature.geometry for feature in features],
        columns=columns,
    )


def _fixed(feature: Feature, name: str) -> Any:
    value = getattr(feature, name)
    return value.isoformat() if isinstance(value, datetime) else value


def _volume(feature: Feature) -> Volume:
    return Volume(
        id=feature.id,
        kind=feature.layer,
        name=feature.name,
        above=tuple(code.key for code in reversed(SpaceCode(feature.id).ancestors)),
        storey=feature.storey,
        footprint=feature.geometry,
        z_min_m=feature.z_min_m,
        z_max_m=feature.z_max_m,
        attributes=feature.attributes,
    )


def _linear(color: str, opacity: float) -> tuple[float, float, float, float]:
    """Return an sRGB colour as linear red, green, blue (IEC 61966-2-1), and opacity.

    >>> _linear("#ff0080", 0.5)
    (1.0, 0.0, 0.2159, 0.5)
    """
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
    return round(parts[0], 4), round(parts[1], 4), round(parts[2], 4), opacity
