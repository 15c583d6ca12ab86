"""Vector files that GDAL reads: GeoPackage, Shapefile, GeoJSON, FlatGeobuf, OpenStreetMap extracts and others."""

import json
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gis.errors import BadInput
from gis.read import shapefile
from gis.read.encoding import known_encoding
from gis.read.row import OnWarning, Row, Unplaced
from gis.read.values import geometries_of, plain

_OTHER_NAME = "non conformant file extension"  # bytes decide what a file is
_UNSORTED = "Non increasing"  # what GDAL says of a street map whose ids do not rise


def read_vector(path: Path, encoding: str | None, layer: str | None, on_warning: OnWarning) -> Unplaced:
    """Read one layer of a vector file.

    Raises:
        BadInput: ``gis.unreadable``, ``gis.missing_part``, ``gis.truncated``, ``gis.which_layer``, ``gis.encoding``,
            ``gis.empty``.
    """
    if _is_shapefile(path):
        shapefile.check_parts(path)
        with shapefile.with_plain_frame(path) as plain_path:
            return _read_layer(plain_path, encoding, layer, on_warning)
    return _read_layer(path, encoding, layer, on_warning)


def _read_layer(path: Path, encoding: str | None, layer: str | None, on_warning: OnWarning) -> Unplaced:
    name = known_encoding(encoding) if encoding else _encoding(path, on_warning)
    try:
        meta, wkb, columns = _read(path, name, layer, on_warning)
    except _refusals() as error:
        reason = str(error).replace(str(path), path.name).split(";")[0].rstrip(".")
        raise BadInput(
            "gis.unreadable",
            f"{path.name} cannot be read: {reason}.",
            "Check that the file is complete and is what its name says.",
            file=path.name,
        ) from error
    except UnicodeDecodeError as error:
        raise BadInput(
            "gis.encoding",
            f"The text of {path.name} is not {name or 'UTF-8'}.",
            "Name the right one with --encoding.",
            file=path.name,
        ) from error
    if not len(wkb if wkb is not None else columns[0] if columns else ()):
        raise BadInput("gis.empty", f"{path.name} holds no features.", "Send a file with features.", file=path.name)
    return Unplaced(_rows(path, meta, wkb, columns, on_warning), meta["crs"])


def _read(path: Path, encoding: str | None, layer: str | None, on_warning: OnWarning) -> tuple[Any, Any, Any]:
    import pyogrio

    options: dict[str, Any] = {"encoding": shapefile.ANY_BYTES if _is_shapefile(path) else encoding}
    with _remarks(path, on_warning):
        options["layer"] = _layer(path, layer)
        try:
            meta, _, wkb, columns = pyogrio.raw.read(str(path), datetime_as_string=True, **options)
        except pyogrio.errors.FeatureError as error:
            if _UNSORTED not in str(error):
                raise
            options["USE_CUSTOM_INDEXING"] = "NO"
            meta, _, wkb, columns = pyogrio.raw.read(str(path), datetime_as_string=True, **options)
    if _is_shapefile(path) and encoding:
        meta["fields"], columns = shapefile.decoded(path, meta["fields"], columns, encoding, on_warning)
    return meta, wkb, columns


def _refusals() -> tuple[type[Exception], ...]:
    from pyogrio import errors

    return (errors.DataSourceError, errors.DataLayerError, errors.FeatureError, errors.GeometryError, errors.FieldError)


def _is_shapefile(path: Path) -> bool:
    return path.suffix.lower() == ".shp"


@contextmanager
def _remarks(path: Path, on_warning: OnWarning) -> Iterator[None]:
    """Hand over what GDAL remarks on the way; it says so through Python's warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        yield
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        if _OTHER_NAME in message:
            continue
        on_warning(BadInput("gis.remark", f"{path.name}: {message.replace(str(path), path.name)}", file=path.name))


def _encoding(path: Path, on_warning: OnWarning) -> str | None:
    # Only shapefiles leave it open: GeoPackage, GeoJSON and OpenStreetMap are UTF-8 by their standards.
    return shapefile.table_encoding(path, on_warning) if _is_shapefile(path) else None


def _layer(path: Path, wanted: str | None) -> str:
    import pyogrio

    names = [str(name) for name, _ in pyogrio.list_layers(str(path))]
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted in names:
        return str(wanted)
    if not names:
        raise BadInput(
            "gis.unreadable", f"{path.name} has no layers.", "Check that the file is complete.", file=path.name
        )
    raise BadInput(
        "gis.which_layer",
        f"{path.name} has the layers {', '.join(names)}.",
        "Name one of them with --table.",
        file=path.name,
        parameter="layer",
    )


def _rows(path: Path, meta: Mapping[str, Any], wkb: Any, columns: Any, on_warning: OnWarning) -> list[Row]:
    names = [str(name) for name in meta["fields"]]
    plain = [_plain_column(*column) for column in zip(columns, meta["ogr_types"], meta["ogr_subtypes"], strict=True)]
    geometries = geometries_of(wkb, path.name, on_warning) if wkb is not None else [None] * len(plain[0])
    cells = zip(*plain, strict=True) if plain else ([] for _ in geometries)
    return [
        Row(number, geometry, None, dict(zip(names, values, strict=True)))
        for number, (geometry, values) in enumerate(zip(geometries, cells, strict=True), 1)
    ]


def _plain_column(values: Any, ogr_type: str, ogr_subtype: str) -> list[Any]:
    if ogr_subtype == "OFSTJSON":
        return [None if value is None else json.loads(value) for value in values]
    if ogr_subtype == "OFSTBoolean":
        return [None if _missing(value) else bool(value) for value in values]
    if ogr_type in ("OFTInteger", "OFTInteger64"):
        # A column of integers with gaps arrives as floats.
        if values.dtype.kind in "iu":
            return list(values.tolist())
        return [None if _missing(value) else int(value) for value in values]
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 - not a number
    return [(value.strip() or None) if type(value) is str else plain(value) for value in values]


def _missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))
