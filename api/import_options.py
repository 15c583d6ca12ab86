"""What is asked of an import: the same options for the command line, the API and a job that waits on the disk."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import to_jsonable_python

from api.parameters import numbers
from bim_import import Placement, placement_from_pairs, read_pair
from gis.errors import BadInput
from layers.profiles import Profile

_READERS = ("bim_import", "layers", "twin", "gis")
_HOME = Path(__file__).resolve().parents[1]


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelOptions(_Options):
    """How a building model is imported.

    Attributes:
        at: Position given by the planner, or computed from pairs of points.
        fit: Code of the building onto whose footprint the model is laid.
        bearing: Bearing of the model's +Y axis, degrees clockwise from north; decides where an outline fits twice.
        same_as: Code of the building it is, or ``new``, where the twin was in doubt.
    """

    at: Placement | None = None
    fit: str | None = None
    bearing: float | None = Field(default=None, ge=-360, le=360)
    same_as: str | None = None

    @model_validator(mode="after")
    def _one_position(self) -> "ModelOptions":
        if self.at is not None and self.fit is not None:
            raise ValueError("at, pair and fit exclude one another")
        if self.bearing is not None and self.fit is None:
            raise ValueError("bearing belongs to fit; at has its own")
        return self

    def reading(self) -> dict[str, Any]:
        """Return what the reading depends on; the rest matters when the places are taken in."""
        return {"at": self.at}


class TableOptions(_Options):
    """How a vector file or a table is imported.

    Attributes:
        layer: Layer of the twin it becomes.
        table: Table or sheet inside the file.
        crs: Coordinate system, where the file names none.
        encoding: Text encoding, where the file names none.
        dem: Elevation model that buildings stand on.
        id_column: Column that holds the id, where its name is not understood.
        profile: Saved mapping of its columns to fields.
        mapping: The mapping itself.
    """

    layer: str
    table: str | None = None
    crs: str | None = None
    encoding: str | None = None
    dem: Path | None = None
    id_column: str | None = None
    profile: str | None = None
    mapping: Profile | None = None


Options = ModelOptions | TableOptions


def placement(text: str, parameter: str) -> Placement:
    """Return the position ``lon,lat[,bearing]``: CRS84 degrees, and degrees clockwise from north.

    >>> placement("120.2,30.3", "at").bearing_deg
    0.0
    >>> placement("120.2", "at")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: request.parameter: at='120.2' is not lon,lat. Separate the numbers by commas.
    """
    count = len(text.split(","))
    return Placement(*numbers(text, ("lon", "lat", "bearing")[: max(2, count)], parameter))


def options_of(given: dict[str, Any]) -> Options:
    """Return the options that plain values mean; with a ``layer`` they are those of a table.

    Raises:
        BadInput: ``request.parameter``, naming one that does not fit.

    >>> options_of({"at": "120.2,30.3,12"}).at.bearing_deg
    12.0
    >>> options_of({"layer": "building", "at": "120.2,30.3"})
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: request.parameter: at: Extra inputs are not permitted. See docs/import.md.
    """
    values = {name: value for name, value in given.items() if value is not None}
    if "layer" not in values:
        values = _placed(values)
    try:
        return (TableOptions if "layer" in values else ModelOptions).model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "at"
        fault = first["msg"].removeprefix("Value error, ")
        raise BadInput("request.parameter", f"{name}: {fault}.", "See docs/import.md.", parameter=name) from error


def _placed(values: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a model with its position read; ``crs`` is that of the pairs' positions on the ground."""
    rest = {name: value for name, value in values.items() if name not in ("pair", "crs")}
    pairs = values.get("pair") or ()
    if isinstance(pairs, str):  # one form field
        pairs = pairs.split(";")
    if pairs:
        if "at" in values:
            raise BadInput("request.parameter", "at and pair exclude one another.", "Leave one out.", parameter="pair")
        return rest | {"at": placement_from_pairs([read_pair(text, values.get("crs")) for text in pairs])}
    if isinstance(values.get("at"), str):
        return values | {"at": placement(values["at"], "at")}
    return values


def fingerprint(path: Path, options: object, declared: BaseModel | None = None) -> str | None:
    """Return 64 hexadecimal digits that differ when the file, its companions, what is asked or the readers differ.

    ``None`` for what is no file and so may change without a trace: a folder, a database, a service.

    Args:
        path: The file.
        options: What is asked.
        declared: The layer it becomes; installations declare their own.

    >>> fingerprint(Path("nowhere.ifc"), ModelOptions())
    """
    if not path.is_file():
        return None
    digest = hashlib.sha256(f"{path.name}\n{_plain(options)}\n{_plain(declared)}\n{readers_version()}\n".encode())
    for part in _parts(path, options):
        digest.update(f"{part.suffix}\n".encode())
        with part.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _parts(path: Path, options: object) -> Iterator[Path]:
    """Yield the files that are read: a shapefile's columns and frame stand in files beside it."""
    if isinstance(options, TableOptions):
        if options.dem is not None and options.dem.is_file():
            yield options.dem
        beside = (part for part in path.parent.glob("*") if part.stem == path.stem and part.is_file())
        yield from sorted(part for part in beside if part != path)
    yield path


def _plain(options: object) -> str:
    return json.dumps(to_jsonable_python(options), sort_keys=True)


@cache
def readers_version() -> str:
    """Return a token that changes with every change of the code or tables that read files."""
    digest = hashlib.sha256(version("ifcopenshell").encode())
    for package in _READERS:
        for path in sorted((_HOME / package).rglob("*")):
            if path.suffix in (".py", ".yaml", ".csv"):
                digest.update(path.read_bytes())
    return digest.hexdigest()


def check_sent(options: Mapping[str, str]) -> None:
    """Refuse options that mean nothing, and one that would open any file of the server."""
    if "dem" in options:
        raise BadInput(
            "request.parameter", "dem names a file of the server.", "Use the command line for it.", parameter="dem"
        )
    options_of(dict(options))


def truth(text: str) -> bool:
    """Return whether a file sent in is to be stored without a decision.

    >>> truth("True"), truth("0")
    (True, False)
    """
    if text.lower() not in ("true", "false", "1", "0"):
        raise BadInput(
            "request.parameter",
            f"commit={text!r:.40} is neither true nor false.",
            "Write true or false.",
            parameter="commit",
        )
    return text.lower() in ("true", "1")
