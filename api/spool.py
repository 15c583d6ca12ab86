"""Uploads on the disk: each has a file that tells its state, and a folder with what was sent until it ends."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Literal

from api.door import Address, remove
from gis.errors import Unavailable

State = Literal["queued", "reading", "rehearsed", "committing", "committed", "failed", "cancelled"]
WAITING: tuple[State, ...] = ("queued", "reading", "rehearsed", "committing")
ENDED: tuple[State, ...] = ("committed", "failed", "cancelled")

UNDECIDED_KEPT = timedelta(days=14)
ENDED_KEPT = timedelta(days=7)


@dataclass(slots=True, kw_only=True)
class Job:
    """One upload on its way into the twin; its id becomes that of the import.

    Attributes:
        file: Name of what was sent; the source of what it brings.
        options: What is asked of the import, as it was sent.
        commit: Whether it is stored without a decision.
        changed_at: When its state last changed.
        stage: What is being done, and ``share``, how much of it, 0 to 1.
        attempts: How often its reading was begun.
        agreed: Token of the difference that was shown; a commit does that or nothing.
        outcome: Receipt and difference, once rehearsed.
        error: Problem that it failed with.
    """

    id: str
    file: str
    community: str
    options: dict[str, str]
    commit: bool
    created_at: datetime
    changed_at: datetime
    state: State = "queued"
    stage: str = "queued"
    share: float = 0.0
    attempts: int = 0
    agreed: str | None = None
    outcome: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None

    def shown(self) -> dict[str, Any]:
        """Return what people are told of it."""
        hidden = ("attempts", "agreed", "outcome")
        told = {name: value for name, value in asdict(self).items() if name not in hidden}
        return {**told, **self.outcome}


class Spool:
    """The folder; one process at a time works on it.

    Args:
        folder: Where uploads lie; made when the first comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "jobs"
        self._lock: IO[bytes] | None = None

    def claim(self) -> None:
        """Make this process the one that works on the folder.

        Raises:
            Unavailable: ``import.elsewhere`` while another does, ``import.no_room`` when it cannot be written.
        """
        if self._lock is not None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (self.folder / "lock").open("ab")
        except OSError as error:
            raise Unavailable(
                "import.no_room", f"Uploads cannot be kept: {error}.", "Set LIFANG_SPOOL to a folder for them."
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise elsewhere() from None
        if (left := self.door()) is not None:
            remove(left)
        self._lock = lock

    def tell(self, door: Address) -> None:
        """Let the other processes know where to ask the one that works on the folder."""
        if self._lock is None:
            return
        os.fchmod(self._lock.fileno(), 0o600)
        self._lock.truncate(0)
        self._lock.write(f"{door.key.hex()} {door.path}".encode())
        self._lock.flush()

    def door(self) -> Address | None:
        """Return where to ask the process that works on the folder, ``None`` before it has said so."""
        try:
            key, _, path = (self.folder / "lock").read_text("utf-8").partition(" ")
            return Address(Path(path), bytes.fromhex(key)) if path else None
        except (FileNotFoundError, ValueError):
            return None

    def release(self) -> None:
        """Let another process work on the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def exists(self) -> bool:
        """Tell whether anything was ever uploaded."""
        return self.folder.is_dir()

    def inbox(self, job: str) -> Path:
        """Return the folder for what is sent."""
        return self.folder / job

    @contextmanager
    def receiving(self, inbox: Path) -> Iterator[None]:
        """Make a folder for what is sent; meanwhile it is no leftover, whichever process looks."""
        inbox.mkdir(mode=0o700)
        held = os.open(inbox, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
        finally:
            os.close(held)

    def save(self, job: Job) -> None:
        """Write the state of a job, whole or not at all."""
        text = json.dumps(asdict(job), ensure_ascii=False, default=lambda value: value.isoformat())
        path = self.folder / f"{job.id}.json"
        part = path.with_suffix(".part")
        with part.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)

    def load(self) -> list[Job]:
        """Return the jobs on the disk, oldest first; uploads that never became one are removed."""
        jobs = [job for path in self.folder.glob("*.json") if (job := _job(path)) is not None]
        known = {job.id for job in jobs}
        for folder in self.folder.iterdir():
            if folder.is_dir() and folder.name not in known and not _is_held(folder):
                shutil.rmtree(folder)
        return sorted(jobs, key=lambda job: job.created_at)

    def empty(self, job: str) -> None:
        """Remove what was sent; the state stays."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.inbox(job))

    def forget(self, job: str) -> None:
        """Remove a job."""
        self.empty(job)
        (self.folder / f"{job}.json").unlink(missing_ok=True)


def elsewhere() -> Unavailable:
    """Return the fault of a process that neither works on the uploads nor reaches the one that does."""
    return Unavailable(
        "import.elsewhere",
        "Another process of the service works on the uploads, and does not answer.",
        "Try again; give each machine a LIFANG_SPOOL of its own.",
    )


def _is_held(folder: Path) -> bool:
    """Tell whether a process receives something into a folder."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(held)
    return False


def is_old(job: Job, now: datetime) -> bool:
    """Tell whether a job has been left alone for so long that it goes."""
    return now - job.changed_at > (ENDED_KEPT if job.state in ENDED else UNDECIDED_KEPT)


def _job(path: Path) -> Job | None:
    """Return the job of a state file, ``None`` for one that another version of the program wrote."""
    try:
        values = json.loads(path.read_text("utf-8"))
        times = {name: datetime.fromisoformat(values[name]) for name in ("created_at", "changed_at")}
        return Job(**{one.name: values[one.name] for one in fields(Job)} | times)
    except (ValueError, KeyError, TypeError):
        return None
