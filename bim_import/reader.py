"""The rim: a model is read in a process of its own, so that whatever the geometry kernel does has a name."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from bim_import.model import Envelope, ImportedModel, Placement
from bim_import.remembered import Remembered
from bim_import.workers import WORKERS
from gis.errors import BadInput, LifangError, NotFound, Unavailable

_WORKER = (sys.executable, "-P", "-m", "bim_import.worker")
_FAREWELL_S = 10
_TICK_S = 0.2
_STALL_S = 30.0
"""The slowest wall of 458 real models takes the kernel 44 s, nearly all less than one."""

_MOST_WORKERS = 20
_OUT_OF_MEMORY = ("bad_alloc", "MemoryError", "Cannot allocate memory", "failed to map segment")
_ERRORS = {kind.__name__: kind for kind in (BadInput, NotFound, Unavailable)}


def read_ifc(
    path: Path,
    *,
    at: Placement | None = None,
    remembered: Sequence[Remembered] = (),
    progress: Callable[[str, float], None] | None = None,
    on_places: Callable[[ImportedModel], None] | None = None,
    time_limit_s: float = 600,
    memory_limit_mb: int = 4096,
) -> ImportedModel:
    """Return the buildings, units, storeys and spaces of an IFC file (.ifc, .ifczip; IFC2X3, IFC4, IFC4X3).

    Geometry is CRS84 (longitude, latitude; polygons without Z). Heights are metres in the vertical frame the receipt
    names. A storey number is unique in its building; levels at almost one height are merged into one storey. Storeys
    without rooms get those that their walls enclose, marked ``derived``. A product whose geometry cannot be computed
    is left out and named in the receipt.

    Args:
        path: The file.
        at: Position given by the planner; overrides every statement of the model.
        remembered: Placements of earlier models, for a version of one of them that states no position.
        progress: Called with a stage and the share done, 0 to 1, several times a second while the worker is busy too;
            an error it raises ends the worker at once, and the reading with that error.
        on_places: Called once with the places and the receipt, before the envelope is drawn.
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
    return _Reading(path.name, started, started + time_limit_s, progress, on_places).run(request)


@dataclass(slots=True)
class _Reading:
    """One reading, by as many workers as it takes: what the kernel cannot do is found, named and left out."""

    file: str
    started: float
    deadline: float
    progress: Callable[[str, float], None] | None
    on_places: Callable[[ImportedModel], None] | None
    trying: Sequence[int] = ()
    skipped: set[int] = field(default_factory=set)
    suspects: set[int] = field(default_factory=set)
    model: ImportedModel | None = None
    envelope: list[Envelope] = field(default_factory=list)

    def run(self, request: Mapping[str, Any]) -> ImportedModel:
        """Return the model; a worker that the kernel took down is followed by a more careful one."""
        for _ in range(_MOST_WORKERS):
            fault = self._converse({**request, "skipped": sorted(self.skipped), "suspects": sorted(self.suspects)})
            if fault is None and self.model is not None:
                return self._timed(replace(self.model, envelope=self.envelope))
            if fault is None or not self._learned(fault):
                break
        raise fault or _timeout(self.file)

    def _learned(self, fault: LifangError) -> bool:
        """Look closer at what was in hand when the worker ended; ``False`` when that promises nothing."""
        if fault.code not in ("ifc.crashed", "ifc.timeout") or not self.trying or time.monotonic() > self.deadline:
            return False
        (self.skipped if len(self.trying) == 1 else self.suspects).update(self.trying)
        self.trying = ()
        return True

    def _converse(self, request: Mapping[str, Any]) -> LifangError | None:
        """Let one worker read; return what ended it before it was done."""
        with WORKERS.hire(_WORKER) as worker:
            try:
                for message in _messages(worker.process, request, self._patience):
                    if self._over(message):
                        return None
                worker.process.wait(_FAREWELL_S)
            except (TimeoutError, subprocess.TimeoutExpired):
                return _timeout(self.file)
            finally:
                worker.process.kill()
            return _death(worker.process.wait(), worker.complaints, self.file)

    def _patience(self, heard: float) -> float:
        """Return until when to wait for a worker last heard at a moment: the kernel has less time for a product."""
        return min(self.deadline, heard + _STALL_S) if self.trying else self.deadline

    def _over(self, message: Mapping[str, Any]) -> bool:
        """Take note of what the worker says; tell whether it was the last."""
        if "error" in message:
            raise _error(message["error"])
        if "progress" in message and self.progress is not None:
            self.progress(*message["progress"])
        self.trying = message.get("trying", self.trying)
        if "places" in message:
            self.model = self._timed(ImportedModel.from_json(message["places"]))
            if self.on_places is not None:
                self.on_places(self.model)
        if "envelope" in message:
            self.envelope.append(Envelope.from_json(message["envelope"]))
        return "over" in message

    def _timed(self, model: ImportedModel) -> ImportedModel:
        seconds = round(time.monotonic() - self.started, 3)
        return replace(model, receipt=replace(model.receipt, seconds=seconds))


def _messages(
    worker: subprocess.Popen[bytes], request: Mapping[str, Any], patience: Callable[[float], float]
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
    progress: Mapping[str, Any] = {"progress": ["open", 0.0]}
    heard = time.monotonic()
    while (chunk := _read(worker.stdout.fileno(), patience(heard))) != b"":
        if chunk is None:
            yield progress  # who waits is asked whether to go on
            continue
        heard = time.monotonic()
        head, *rest = chunk.split(b"\n")
        pending.append(head)
        for line in rest:
            said = json.loads(b"".join(pending))
            progress = said if "progress" in said else progress
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
