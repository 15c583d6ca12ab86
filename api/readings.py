"""Readings of building models are kept beside the store: reading is the slow part of an import."""

import gzip
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from api.import_options import fingerprint
from bim_import import ImportedModel, read_ifc

KEPT_BYTES = 512 * 1024**2
"""The readings used least recently go when all of them are larger."""


class Readings:
    """Reads building models; what was read before from the same file, in the same way, by the same code, is kept.

    Args:
        folder: Where they are kept; made when the first is. ``None`` keeps none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def read(
        self, path: Path, options: dict[str, Any], progress: Callable[[str, float], None] | None = None
    ) -> ImportedModel:
        """Return the model; ``options`` are those of :func:`bim_import.read_ifc`, which also says what is raised."""
        name = None if self._folder is None else fingerprint(path, options)
        kept = None if self._folder is None or name is None else self._folder / f"{name}.json.gz"
        if kept is not None and (model := _load(kept)) is not None:
            return model
        model = read_ifc(path, progress=progress, **options)
        if kept is not None:
            _keep(kept, model)
        return model


def _keep(path: Path, model: ImportedModel) -> None:
    """Write a reading; a full or read-only disk costs the next import its time, never this one."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            part.write(gzip.compress(json.dumps(model.as_json()).encode(), compresslevel=1))
        Path(part.name).replace(path)
        _sweep(path.parent)


def _sweep(folder: Path) -> None:
    room = KEPT_BYTES
    for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True):
        room -= path.stat().st_size
        if room < 0:
            path.unlink()


def _load(path: Path) -> ImportedModel | None:
    """Return the reading, ``None`` when there is none or it cannot be used."""
    try:
        model = ImportedModel.from_json(json.loads(gzip.decompress(path.read_bytes())))
        os.utime(path)
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None
    return model
