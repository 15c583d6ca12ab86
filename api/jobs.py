"""Uploads become imports: read one at a time, rehearsed, shown, and stored when somebody agrees."""

import asyncio
import logging
import queue
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any

from api.import_options import options_of
from api.importing import Progress
from api.problems import members
from api.spool import Job, Spool, State, is_old
from api.uploads import Upload, receive, too_large
from api.workbench import Workbench
from gis.errors import BadInput, Conflict, LifangError, NotFound, Unavailable
from twin.batch import IMPORT_SOURCE
from twin.declaration import Catalogue
from twin.store import Store

MAX_WAITING = 8
MAX_ATTEMPTS = 2
_SWEEP_S = 3600.0

_log = logging.getLogger(__name__)


class _Stop(Exception):
    """Ends a reading whose job was cancelled, or because the service stops."""


class Jobs:
    """The uploads of one service.

    Args:
        store: Where they go.
        catalogue: The declared layers.
        folder: Where they wait; ``None`` takes none.
        community: Community of uploads that name none.
        limit_bytes: Largest upload.
        clock: Returns now in UTC.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        folder: Path | None,
        clock: Callable[[], datetime],
        *,
        community: str | None = None,
        limit_bytes: int = 1024**3,
    ) -> None:
        self._store = store
        self._clock = clock
        self._community = community
        self._limit = limit_bytes
        self._spool = None if folder is None else Spool(folder)
        self._bench = Workbench(store, catalogue, folder or Path())
        self._jobs: dict[str, Job] = {}
        self._tasks: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._lock = threading.RLock()
        self._stopping = False
        self._worker: threading.Thread | None = None

    def start(self) -> None:
        """Take up what an earlier run of the service left, if any."""
        if self._spool is None or not self._spool.exists():
            return
        try:
            self._open()
        except Unavailable as error:
            _log.warning("uploads: %s", error)

    def stop(self) -> None:
        """End the reading in hand; it is begun again at the next start."""
        self._stopping = True
        if self._worker is not None:
            self._tasks.put(None)
            self._worker.join(timeout=10)
        if self._spool is not None:
            self._spool.release()

    def listed(self) -> list[dict[str, Any]]:
        """Return all uploads, newest first."""
        with self._lock:
            return [job.shown() for job in reversed(self._jobs.values())]

    def shown(self, name: str) -> dict[str, Any]:
        """Return one upload.

        Raises:
            NotFound: ``import.unknown``.
        """
        with self._lock:
            return self._job(name).shown()

    def knows(self, name: str) -> bool:
        """Tell whether there is such an upload."""
        return name in self._jobs

    async def receive(self, headers: Mapping[str, str], stream: AsyncIterator[bytes]) -> dict[str, Any]:
        """Take an upload from the wire and queue it; of one that is refused nothing stays.

        Raises:
            BadInput: ``import.bad_upload``, ``import.too_large``, ``import.which_community``, ``request.parameter``.
            Unavailable: ``import.queue_full``, ``import.elsewhere``, ``import.no_room``.
        """
        spool = await asyncio.to_thread(self._open)
        self._check_room()
        stated = headers.get("content-length", "")
        if stated.isdigit() and int(stated) > self._limit + 1024**2:
            raise too_large(self._limit)
        name = uuid.uuid4().hex
        inbox = spool.inbox(name)
        inbox.mkdir(mode=0o700)
        try:
            upload = await receive(stream, headers.get("content-type", ""), inbox, self._limit)
            return await asyncio.to_thread(self._submit, name, upload)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(spool.forget, name))
            raise

    def rehearse(self, name: str, changed: Mapping[str, str | None]) -> dict[str, Any]:
        """Read an upload again, with some options changed; ``None`` takes one back.

        Raises:
            Conflict: ``import.wrong_state`` unless it waits for a decision or has failed.
        """
        with self._lock:
            job = self._in(name, ("rehearsed", "failed"))
            self._check_room()
            options = {key: value for key, value in {**job.options, **changed}.items() if value is not None}
            _check(options)
            job.options, job.attempts, job.error, job.outcome, job.commit = options, 0, None, {}, False
            self._bench.clear(job)
            self._queue(job)
            return job.shown()

    def commit(self, name: str) -> "Future[None]":
        """Store what was rehearsed; the future is done when it is.

        Raises:
            Conflict: ``import.wrong_state``; in the future ``import.twin_changed``.
        """
        with self._lock:
            job = self._in(name, ("rehearsed",))
            self._move(job, "committing")
        done: Future[None] = Future()

        def task() -> None:
            try:
                self._commit(job)
            except Exception as error:  # noqa: BLE001  who waits is told, whatever it was
                done.set_exception(error)
            else:
                done.set_result(None)

        self._tasks.put(task)
        return done

    def cancel(self, name: str) -> dict[str, Any]:
        """Give an upload up: end its reading, remove its file.

        Raises:
            Conflict: ``import.wrong_state`` once it is being stored, or has ended.
        """
        with self._lock:
            job = self._in(name, ("queued", "reading", "rehearsed", "failed"))
            busy = job.state == "reading"
            self._move(job, "cancelled")
            if not busy:  # who reads it removes it
                self._drop(job)
            return job.shown()

    def _open(self) -> Spool:
        with self._lock:
            if self._spool is None:
                raise Unavailable("import.no_room", "This service takes no uploads.", "Start it with lifang serve.")
            self._spool.claim()
            if self._worker is None:
                self._worker = threading.Thread(target=self._run, name="imports", daemon=True)
                for job in self._spool.load():
                    self._resume(job)
                self._worker.start()
            return self._spool

    def _resume(self, job: Job) -> None:
        """Take up a job as the last run of the service left it."""
        self._jobs[job.id] = job
        if job.state == "committing":
            stored = self._store.event(IMPORT_SOURCE, job.id) is not None
            self._move(job, "committed" if stored else "rehearsed")
        elif job.state == "reading" and job.attempts >= MAX_ATTEMPTS:
            broken = BadInput(
                "import.interrupted",
                f"The service stopped {job.attempts} times while it read {job.file}.",
                "Look into its log, then rehearse the import again.",
            )
            self._fail(job, broken)
        elif job.state in ("queued", "reading"):
            self._queue(job)
        if job.state in ("committed", "cancelled"):
            self._drop(job)

    def _submit(self, name: str, upload: Upload) -> dict[str, Any]:
        fields = dict(upload.fields)
        at_once = _truth(fields.pop("commit", "false"))
        community = fields.pop("community", None) or self._community
        options = {key: value for key, value in fields.items() if value}
        _check(options)
        community = self._bench.importer(community).community
        now = self._clock()
        job = Job(
            id=name,
            file=upload.path.name,
            community=community,
            options=options,
            commit=at_once,
            created_at=now,
            changed_at=now,
        )
        with self._lock:
            self._check_room()
            self._jobs[name] = job
            self._queue(job)
            return job.shown()

    def _check_room(self) -> None:
        waiting = sum(job.state == "queued" for job in self._jobs.values())
        if waiting >= MAX_WAITING:
            raise Unavailable(
                "import.queue_full", f"{waiting} uploads wait to be read.", "Send it again when one is done."
            )

    def _queue(self, job: Job) -> None:
        self._move(job, "queued")
        self._tasks.put(lambda: self._rehearse(job))

    def _run(self) -> None:
        """Work on one thing at a time; between two, and once an hour, remove what is old."""
        while True:
            self._sweep()
            try:
                task = self._tasks.get(timeout=_SWEEP_S)
            except queue.Empty:
                continue
            if task is None or self._stopping:
                return
            try:
                task()
            except Exception:  # noqa: BLE001  one job that breaks must not end all imports
                _log.exception("imports")

    def _rehearse(self, job: Job) -> None:
        with self._lock:
            if job.state != "queued":
                return
            job.attempts += 1
            self._move(job, "reading")
        try:
            self._read(job)
        except _Stop:
            self._stopped(job)
        except LifangError as error:
            self._fail(job, error)
        except Exception:  # noqa: BLE001  whatever it was, the job has failed, and the next one is read
            _log.exception("import %s of %s", job.id, job.file)
            self._fail(job, _broken(job))

    def _read(self, job: Job) -> None:
        """Read an upload, then show what storing it would do; or store it at once if that was asked for."""
        known = self._bench.read(job, self._progress(job))
        report = None if job.commit else known or self._bench.rehearse(job, self._progress(job))
        with self._lock:
            if job.state == "cancelled":
                raise _Stop
            if report is not None:
                job.agreed, job.outcome = report.difference(), report.as_json()
            self._move(job, "committing" if report is None else "rehearsed")
        if report is None:
            self._commit(job)

    def _commit(self, job: Job) -> None:
        try:
            report = self._bench.store(job, self._progress(job))
        except _Stop:
            self._move(job, "rehearsed")
            raise Unavailable("import.stopped", "The service stops.", "Commit it when it is back.") from None
        except Unavailable:
            self._move(job, "rehearsed")
            raise
        except LifangError as error:
            self._fail(job, error)
            raise
        except Exception as error:
            _log.exception("import %s of %s", job.id, job.file)
            self._fail(job, _broken(job))
            raise _broken(job) from error
        with self._lock:
            job.agreed, job.outcome = report.difference(), report.as_json()
            self._move(job, "committed" if report.stored else "rehearsed")
        if not report.stored:
            raise Conflict(
                "import.twin_changed",
                f"Since {job.file} was rehearsed the twin has changed, and so would what it does.",
                "Look at the new difference, and commit that.",
                batch=job.id,
            )
        self._drop(job)

    def _progress(self, job: Job) -> Progress:
        def tell(stage: str, share: float) -> None:
            if self._stopping or job.state == "cancelled":
                raise _Stop
            job.stage, job.share = stage, share

        return tell

    def _stopped(self, job: Job) -> None:
        """Tidy up after a reading that was ended: for good, or until the service is back."""
        if job.state == "cancelled":
            self._drop(job)
        else:
            job.attempts -= 1
            self._move(job, "queued")

    def _fail(self, job: Job, error: LifangError) -> None:
        with self._lock:
            if job.state == "cancelled":
                self._drop(job)
                return
            job.error = members(error)
            self._move(job, "failed")

    def _move(self, job: Job, state: State) -> None:
        with self._lock:
            job.state, job.stage, job.share, job.changed_at = state, state, float(state == "committed"), self._clock()
            if self._spool is not None:
                self._spool.save(job)

    def _drop(self, job: Job) -> None:
        """Remove what was sent."""
        self._bench.clear(job)
        if self._spool is not None:
            self._spool.empty(job.id)

    def _sweep(self) -> None:
        now = self._clock()
        with self._lock:
            for job in [job for job in self._jobs.values() if is_old(job, now)]:
                del self._jobs[job.id]
                self._bench.clear(job)
                if self._spool is not None:
                    self._spool.forget(job.id)

    def _job(self, name: str) -> Job:
        if name not in self._jobs:
            raise NotFound("import.unknown", f"There was no import {name!r}.", "See lifang import list.", batch=name)
        return self._jobs[name]

    def _in(self, name: str, states: tuple[State, ...]) -> Job:
        job = self._job(name)
        if job.state not in states:
            raise Conflict(
                "import.wrong_state",
                f"Import {name} is {job.state}.",
                f"That is for one that is {' or '.join(states)}.",
                batch=name,
                state=job.state,
            )
        return job


def _broken(job: Job) -> LifangError:
    return BadInput(
        "import.broke", f"The import of {job.file} broke down.", "Look into the service's log.", file=job.file
    )


def _check(options: Mapping[str, str]) -> None:
    """Refuse options that mean nothing, and one that would open any file of the server."""
    if "dem" in options:
        raise BadInput(
            "request.parameter", "dem names a file of the server.", "Use the command line for it.", parameter="dem"
        )
    options_of(dict(options))


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise BadInput(
            "request.parameter",
            f"commit={text!r:.40} is neither true nor false.",
            "Write true or false.",
            parameter="commit",
        )
    return text.lower() in ("true", "1")
