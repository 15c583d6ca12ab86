"""Vector files, by GDAL: GeoPackage, Shapefile, GeoJSON and its line-by-line form, OpenStreetMap extracts."""

import json
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from gis.errors import BadInput
from gis.read import shapefile
from gis.read.encoding import known_encoding
from gis.read.row import OnWarning, Row


@dataclass(frozen=True, slots=True)
class VectorFile:
    """A layer of a file as read, geometry still in the source's frame, with Z, possibly invalid.

    Attributes:
        crs: What the file says about its frame; ``None`` when it says nothing.
    """

    rows: list[Row]
    crs: str | None


def read_vector(path: Path, encoding: str | None, layer: str | None, on_warning: OnWarning) -> VectorFile:
    """Read one layer of a vector file.

    Raises:
        BadInput: ``gis.unreadable``, ``gis.missing_part``, ``gis.truncated``, ``gis.which_layer``, ``gis.encoding``,
            ``gis.empty``.
    """
    import pyogrio

    if _is_shapefile(path):
        shapefile.check_parts(path)
    name = known_encoding(encoding) if encoding else _encoding(path, on_warning)
    try:
        meta, wkb, columns = _read(path, name, layer, on_warning)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError) as error:
        reason = str(error).split(";")[0].rstrip(".")
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
    return VectorFile(_rows(path, meta, wkb, columns, on_warning), meta["crs"])


def _read(path: Path, encoding: str | None, layer: str | None, on_warning: OnWarning) -> tuple[Any, Any, Any]:
    import pyogrio

    known = shapefile.ANY_BYTES if _is_shapefile(path) else encoding
    with _remarks(path, on_warning):
        meta, _, wkb, columns = pyogrio.raw.read(
            str(path), layer=_layer(path, layer), encoding=known, datetime_as_string=True
        )
    if _is_shapefile(path) and encoding:
        meta["fields"], columns = shapefile.decoded(path, meta["fields"], columns, encoding, on_warning)
    return meta, wkb, columns


def _is_shapefile(path: Path) -> bool:
    return path.suffix.lower() == ".shp"


@contextmanager
def _remarks(path: Path, on_warning: OnWarning) -> Iterator[None]:
    """Hand over what GDAL remarks on the way; it says so through Python's warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        yield
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        on_warning(BadInput("gis.remark", f"{path.name}: {message}", file=path.name))


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
    raise BadInput(
        "gis.which_layer",
        f"{path.name} has the layers {', '.join(names) or '(none)'}.",
        "Name one of them with --table.",
        file=path.name,
        parameter="layer",
    )


def _rows(path: Path, meta: Mapping[str, Any], wkb: Any, columns: Any, on_warning: OnWarning) -> list[Row]:
    names = [str(name) for name in meta["fields"]]
    plain = [_plain_column(*column) for column in zip(columns, meta["ogr_types"], meta["ogr_subtypes"], strict=True)]
    geometries = _geometries(path, wkb, on_warning) if wkb is not None else [None] * len(plain[0])
    cells = zip(*plain, strict=True) if plain else ([] for _ in geometries)
    return [
        Row(number, geometry, None, dict(zip(names, values, strict=True)))
        for number, (geometry, values) in enumerate(zip(geometries, cells, strict=True), 1)
    ]


def _geometries(path: Path, wkb: Any, on_warning: OnWarning) -> list[Any]:
    geometries = shapely.from_wkb(wkb, on_invalid="ignore")
    present = np.array([part is not None for part in wkb])
    for index in np.flatnonzero(present & (geometries == np.array(None))):
        # GEOS refuses rings of two points or rings left open; closing them lets the repair decide.
        geometries[index] = shapely.from_wkb(wkb[index], on_invalid="fix")
        if not shapely.is_valid(geometries[index]):
            continue  # reported with what the repair makes of it
        on_warning(
            BadInput(
                "gis.repaired",
                f"Feature {index + 1} of {path.name} has a ring left open; it was closed.",
                file=path.name,
                row=int(index) + 1,
            )
        )
    return list(geometries)


def _plain_column(values: Any, ogr_type: str, ogr_subtype: str) -> list[Any]:
    if ogr_subtype == "OFSTJSON":
        return [None if value is None else json.loads(value) for value in values]
    if ogr_subtype == "OFSTBoolean":
        return [None if _missing(value) else bool(value) for value in values]
    if ogr_type in ("OFTInteger", "OFTInteger64"):
        # A column of integers with gaps arrives as floats.
        return [None if _missing(value) else int(value) for value in values]
    return [None if _missing(value) else _plain(value) for value in values]


def _missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value
