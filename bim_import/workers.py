"""Worker processes: who reads several models finds the next worker started while the one before was at work."""

import atexit
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

IDLE_S = 600.0
"""How long a worker waits for a model before it ends."""

_HOME = Path(__file__).resolve().parents[1]
_SPARE_S = 5.0
"""One that is about to end of idleness is not given a model any more."""


@dataclass(slots=True)
class Worker:
    """A process and what it complains about; killed when its context is left."""

    process: subprocess.Popen[bytes]
    complaints: IO[bytes]
    born: float

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, if it has not ended by itself, and close what was open."""
        self.process.kill()
        with self.process, self.complaints:
            self.process.wait()

    def serves(self, command: Sequence[str], now: float) -> bool:
        """Tell whether it waits for a request to this command."""
        fresh = now - self.born < IDLE_S - _SPARE_S
        return fresh and self.process.args == list(command) and self.process.poll() is None


@dataclass(slots=True)
class Workers:
    """Starts workers: the first when it is asked for, those after the second ahead.

    A program that reads one model does not pay for a worker that nobody needs; a service or a list of files does not
    wait for Python to start.
    """

    clock: Callable[[], float] = time.monotonic
    _hired: int = 0
    _ahead: Worker | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hire(self, command: Sequence[str]) -> Worker:
        """Return a worker that waits for its request, or will in a moment."""
        with self._lock:
            waiting, self._ahead = self._ahead, None
            self._hired += 1
            if waiting is not None and not waiting.serves(command, self.clock()):
                waiting.__exit__()
                waiting = None
            hired = waiting or self._start(command)
            if self._hired > 1:
                self._ahead = self._start(command)
            return hired

    def dismiss(self) -> None:
        """End the one that waits."""
        with self._lock:
            waiting, self._ahead = self._ahead, None
        if waiting is not None:
            waiting.__exit__()

    def _start(self, command: Sequence[str]) -> Worker:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_HOME), os.environ.get("PYTHONPATH", "")])}
        complaints = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the worker)
        process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, env=environment
        )
        return Worker(process, complaints, self.clock())


WORKERS = Workers()
atexit.register(WORKERS.dismiss)
