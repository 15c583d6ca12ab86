"""The rim: a model is read in a process of its own, so that whatever the geometry kernel does has a name."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

from bim_import.model import ImportedModel, Placement
from bim_import.remembered import Remembered
from gis.errors import BadInput, LifangError, NotFound, Unavailable

_HOME = Path(__file__).resolve().parents[1]
_WORKER = (sys.executable, "-P", "-m", "bim_import.worker")
_FAREWELL_S = 10
_TICK_S = 0.2
_OUT_OF_MEMORY = ("bad_alloc", "MemoryError", "Cannot allocate memory", "failed to map segment")
_ERRORS = {kind.__name__: kind for kind in (BadInput, NotFound, Unavailable)}


def read_ifc(
    path: Path,
    *,
    at: Placement | None = None,
    remembered: Sequence[Remembered] = (),
    progress: Callable[[str, float], None] | None = None,
    time_limit_s: float = 600,
    memory_limit_mb: int = 4096,
) -> ImportedModel:
    """Return the buildings, units, storeys and spaces of an IFC file (.ifc, .ifczip; IFC2X3, IFC4, IFC4X3).

    Geometry is CRS84 (longitude, latitude; polygons without Z). Heights are metres in the vertical frame the receipt
    names. A storey number is unique in its building; levels at almost one height are merged into one storey.

    Args:
        path: The file.
        at: Position given by the planner; overrides every statement of the model.
        remembered: Placements of earlier models, for a version of one of them that states no position.
        progress: Called with a stage and the share done, 0 to 1, several times a second while the worker is busy too;
            an error it raises ends the worker at once, and the reading with that error.
        time_limit_s: Wall time after which the reading is stopped.
        memory_limit_mb: Address space the reading may take.

    Raises:
        NotFound: ``ifc.no_file``.
        BadInput: What is wrong with the model, such as ``ifc.no_position``, ``ifc.no_building``, ``ifc.truncated``,
            ``ifc.not_step``, ``ifc.unreadable``; or how reading it failed: ``ifc.timeout``, ``ifc.too_large``,
            ``ifc.crashed``.

    >>> read_ifc(Path("nowhere.ifc"))
    Traceback (most recent call last):
        ...
    gis.errors.NotFound: ifc.no_file: There is no file nowhere.ifc. Check the path.
    """
    if not path.is_file():
        raise NotFound("ifc.no_file", f"There is no file {path.name}.", "Check the path.", file=str(path))
    started = time.monotonic()
    request = {
        "path": str(path.resolve()),
        "at": asdict(at) if at else None,
        "remembered": [one.as_json() for one in remembered],
        "memory_limit_mb": memory_limit_mb,
        "time_limit_s": time_limit_s,
    }
    with tempfile.TemporaryFile() as complaints:
        result = _converse(request, complaints, path.name, started + time_limit_s, progress)
    model = ImportedModel.from_json(result)
    return replace(model, receipt=replace(model.receipt, seconds=round(time.monotonic() - started, 3)))


def _converse(
    request: Mapping[str, Any],
    complaints: IO[bytes],
    file: str,
    deadline: float,
    progress: Callable[[str, float], None] | None,
) -> Mapping[str, Any]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_HOME), os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen(  # noqa: S603  (our own interpreter and module)
        _WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, env=environment
    ) as worker:
        try:
            for message in _messages(worker, request, deadline):
                if "progress" in message and progress is not None:
                    progress(*message["progress"])
                if "error" in message:
                    raise _error(message["error"])
                if "result" in message:
                    result: Mapping[str, Any] = message["result"]
                    return result
            worker.wait(_FAREWELL_S)
        except (TimeoutError, subprocess.TimeoutExpired):
            raise _timeout(file) from None
        finally:
            worker.kill()
    raise _death(worker.returncode, complaints, file)


def _messages(
    worker: subprocess.Popen[bytes], request: Mapping[str, Any], deadline: float
) -> Iterator[Mapping[str, Any]]:
    """Yield what the worker says, a JSON object a line, until it falls silent."""
    if worker.stdin is None or worker.stdout is None:
        return
    try:
        worker.stdin.write(json.dumps(request).encode())
        worker.stdin.close()
    except BrokenPipeError:
        return
    pending: list[bytes] = []
    said: Mapping[str, Any] = {"progress": ["open", 0.0]}
    while (chunk := _read(worker.stdout.fileno(), deadline)) != b"":
        if chunk is None:
            yield said  # who waits is asked whether to go on
            continue
        head, *rest = chunk.split(b"\n")
        pending.append(head)
        for line in rest:
            said = json.loads(b"".join(pending))
            yield said
            pending = [line]


def _read(descriptor: int, deadline: float) -> bytes | None:
    """Return what the worker wrote, nothing at its end, ``None`` when it was silent for a moment."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    ready, _, _ = select.select([descriptor], [], [], min(left, _TICK_S))
    return os.read(descriptor, 1 << 20) if ready else None


def _error(said: Mapping[str, Any]) -> LifangError:
    return _ERRORS[said["kind"]](said["code"], said["message"], said["cure"], **said["facts"])


def _timeout(file: str) -> BadInput:
    return BadInput(
        "ifc.timeout", f"{file} could not be read in the time allowed.", "Raise the limit, or split the model.",
        file=file,
    )  # fmt: skip


def _death(status: int, complaints: IO[bytes], file: str) -> LifangError:
    complaints.seek(max(complaints.seek(0, os.SEEK_END) - 2000, 0))
    last_words = complaints.read().decode("utf-8", "replace").strip()
    if -status in (signal.SIGXCPU, signal.SIGALRM):
        return _timeout(file)
    if any(sign in last_words for sign in _OUT_OF_MEMORY):
        return BadInput(
            "ifc.too_large", f"{file} needs more memory than allowed.", "Raise the limit, or split the model.",
            file=file,
        )  # fmt: skip
    how = signal.Signals(-status).name if status < 0 else f"status {status}"
    return BadInput(
        "ifc.crashed", f"The reading of {file} broke down ({how}).",
        "Export the model without furniture and equipment, or from another version of the tool.",
        file=file, last_words=last_words or None,
    )  # fmt: skip
