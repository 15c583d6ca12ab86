"""The list of a synthetic community's files, in the order in which to import them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from gis.errors import BadInput, NotFound

_NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One file to import.

    Attributes:
        importer: ``ifc`` for a building model, ``gis`` for a map file or a table.
        layer: The layer its rows belong to.
        options: What the importer cannot see in the file: ``table`` (of a GeoPackage or workbook), ``encoding``.
    """

    path: Path
    importer: Literal["ifc", "gis"]
    layer: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What lies in a directory: the seed and the community's code, and the files in import order."""

    seed: int
    community: str
    files: tuple[SampleFile, ...]


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write ``manifest.json``; the paths in it are relative to the directory."""
    files = [asdict(file) | {"path": file.path.relative_to(directory).as_posix()} for file in manifest.files]
    document = {"seed": manifest.seed, "community": manifest.community, "files": files}
    text = json.dumps(document, ensure_ascii=False, indent=1)
    (directory / _NAME).write_text(text + "\n", encoding="utf-8")


def read_manifest(directory: Path) -> Manifest:
    """Return the manifest of a directory that :func:`sample_data.generate` filled.

    Raises:
        NotFound: ``sample.no_manifest``.
        BadInput: ``sample.bad_manifest``.

    >>> read_manifest(Path("nowhere"))
    Traceback (most recent call last):
        ...
    gis.errors.NotFound: sample.no_manifest: There is no manifest.json in nowhere. Generate the community there first.
    """
    path = directory / _NAME
    if not path.is_file():
        cure = "Generate the community there first."
        raise NotFound("sample.no_manifest", f"There is no {_NAME} in {directory}.", cure, file=str(path))
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        files = tuple(SampleFile(**{**file, "path": directory / file["path"]}) for file in document["files"])
        return Manifest(document["seed"], document["community"], files)
    except (KeyError, TypeError, ValueError) as error:
        cure = "Delete the directory and generate the community anew."
        raise BadInput("sample.bad_manifest", f"{path} is not a manifest.", cure, file=str(path)) from error
