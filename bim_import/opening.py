"""Opens what planners hand in: .ifc and .ifczip, with the faults real exporters and uploads leave in them."""

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ifcopenshell

from bim_import import step
from bim_import.model import Notice
from gis.errors import BadInput

LARGEST_MEMBER_BYTES = 2 * 1024**3
LARGEST_RATIO = 300
"""An IFC text deflates 4 to 40 times; far above that the archive is a bomb."""

UNREADABLE_SHARE = 0.5
"""Below this share of instances loaded, what was loaded is not the model."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An open model and what was learned on the way."""

    model: Any
    schema: str
    sha256: str
    size_bytes: int
    notices: tuple[Notice, ...]


def open_model(path: Path) -> Opened:
    """Return the model of a file; known faults are repaired and noted.

    Raises:
        BadInput: A code of :func:`bim_import.step.prepare`, or ``ifc.bad_zip``, ``ifc.zip_bomb``, ``ifc.zip_method``,
            ``ifc.unreadable``, ``ifc.truncated``.
    """
    raw = path.read_bytes()
    zipped = raw[:4] == b"PK\x03\x04"
    text = step.prepare(_unzip(raw, path.name) if zipped else raw, path.name)
    model, notices = _parse(text, None if zipped or text.changed else path, path.name)
    loaded, stated = len(model.entity_names()), step.count_instances(text.data)
    counted = _compare_counts(loaded, stated, path.name)
    return Opened(model, text.schema, hashlib.sha256(raw).hexdigest(), len(raw), (*text.notices, *notices, *counted))


def _unzip(raw: bytes, file: str) -> bytes:
    """Return the one .ifc member; its name is never used as a path."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            member = _member(archive, file)
            with archive.open(member) as stream:
                return stream.read(LARGEST_MEMBER_BYTES)
    except NotImplementedError as error:
        raise BadInput(
            "ifc.zip_method", f"{file} is packed with a method that cannot be read ({error}).",
            "Unpack it and pack it again with Deflate, or hand in the .ifc.", file=file,
        ) from error  # fmt: skip
    except (zipfile.BadZipFile, RuntimeError, EOFError, OSError) as error:
        raise BadInput(
            "ifc.bad_zip", f"{file} is not a readable archive ({error}).", "Hand in the .ifc itself.", file=file
        ) from error


def _member(archive: zipfile.ZipFile, file: str) -> zipfile.ZipInfo:
    members = [entry for entry in archive.infolist() if not entry.is_dir()]
    models = [entry for entry in members if entry.filename.lower().endswith(".ifc")] or members[:1]
    if len(models) != 1:
        raise BadInput("ifc.bad_zip", f"{file} holds {len(models)} models.", "Pack one .ifc per archive.", file=file)
    entry = models[0]
    if entry.file_size > min(LARGEST_MEMBER_BYTES - 1, LARGEST_RATIO * max(entry.compress_size, 4096)):
        raise BadInput(
            "ifc.zip_bomb", f"{file} would unpack to {entry.file_size} bytes.", "Hand in the .ifc itself.", file=file
        )
    return entry


def _parse(text: step.Text, path: Path | None, file: str) -> tuple[Any, list[Notice]]:
    """Parse as it is, then with strings repaired, then with a new header; the first that opens wins."""
    fault = ""
    for attempt in _attempts(text):
        try:
            return _open(attempt.data, path if attempt.data is text.data else None), list(attempt.notices)
        except (ifcopenshell.Error, ifcopenshell.SchemaError, OSError) as error:
            fault = str(error)
    raise BadInput(
        "ifc.unreadable", f"{file} cannot be parsed: {fault}.",
        "Open it in the authoring tool and export it again.", file=file, line=step.odd_line(text.data),
    )  # fmt: skip


def _attempts(text: step.Text) -> Iterator[step.Text]:
    yield step.Text(text.data, text.schema)
    repaired = step.repair_strings(text.data)
    strings = Notice(code="ifc.strings_repaired", message="Broken text escapes or units were repaired.")
    yield step.Text(repaired, text.schema, (strings,))
    header = Notice(code="ifc.header_rebuilt", message="The header cannot be parsed and was replaced.")
    known = step.SCHEMAS[step.family(text.schema)]
    yield step.Text(step.rebuild_header(repaired, known), text.schema, (strings, header))


def _open(data: bytes, path: Path | None) -> Any:
    open_file: Any = ifcopenshell.open  # its overloads do not know ``lazy``
    if path is not None and path.suffix.lower() == ".ifc":
        return open_file(str(path), lazy=True)
    with tempfile.NamedTemporaryFile(suffix=".ifc") as copy:
        copy.write(data)
        copy.flush()
        # A lazy model reads on from its file, which is gone after this block.
        return open_file(copy.name)


def _compare_counts(loaded: int, stated: int, file: str) -> list[Notice]:
    """The parser skips what it cannot read without an exception, so the counts must agree."""
    if loaded < UNREADABLE_SHARE * stated:
        raise BadInput(
            "ifc.truncated", f"Only {loaded} of {stated} instances of {file} can be read.",
            "Open it in the authoring tool and export it again.", file=file,
        )  # fmt: skip
    if loaded >= stated:
        return []
    return [
        Notice(
            code="ifc.instances_skipped", message=f"{stated - loaded} of {stated} instances were not read.",
            cure="Look for entities outside the schema, or repeated instance numbers.", count=stated - loaded,
        )
    ]  # fmt: skip
