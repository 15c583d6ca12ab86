"""Uploads become imports: read one at a time, rehearsed, shown, and stored when somebody agrees."""

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from api.door import Door
from api.import_options import check_sent, truth
from api.importing import Progress
from api.job_faults import broken, interrupted, queue_full, stops, twin_changed, unknown, wrong_state
from api.problems import members
from api.spool import Job, Spool, State, is_old
from api.uploads import Upload, too_large
from api.workbench import Workbench
from gis.errors import LifangError, NotFound, Unavailable
from twin.batch import IMPORT_SOURCE
from twin.declaration import Catalogue
from twin.store import Store

MAX_WAITING = 8
MAX_ATTEMPTS = 2
_SWEEP_S = 3600.0
_QUESTIONS = frozenset({"listed", "shown", "knows", "ready", "submit", "rehearse", "commit", "cancel"})

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
        self.limit_bytes = limit_bytes
        self._spool = None if folder is None else Spool(folder)
        self._bench = Workbench(store, catalogue, folder or Path())
        self._jobs: dict[str, Job] = {}
        self._tasks: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._lock = threading.RLock()
        self._stopping = False
        self._worker: threading.Thread | None = None
        self._door: Door | None = None
        self._promised: set[Future[None]] = set()
        self._complaint = ""

    def works(self) -> bool:
        """Tell whether this process works on the uploads; it does as soon as no other does and there are any."""
        if self._spool is None or self._stopping or not self._spool.exists():
            return True
        try:
            self._open()
        except Unavailable as error:
            if error.code == "import.elsewhere":
                return False
            if error.code != self._complaint:  # asked every second, told once
                self._complaint = error.code
                _log.warning("uploads: %s", error)
        return True

    def spool(self) -> Spool:
        """Return where uploads lie.

        Raises:
            Unavailable: ``import.no_room`` when there is no such place.
        """
        if self._spool is None:
            raise Unavailable("import.no_room", "This service takes no uploads.", "Start it with lifang serve.")
        return self._spool

    def answer(self, question: str, given: tuple[Any, ...]) -> Any:
        """Return what another process, or this one, wants to know or to be done; see the method of that name."""
        if question not in _QUESTIONS:
            raise NotFound("import.unknown", f"Nobody can be asked {question!r}.", "Start all processes anew.")
        return getattr(self, question)(*given)

    def stop(self) -> None:
        """End the reading in hand; it is begun again at the next start."""
        with self._lock:
            self._stopping = True
        if self._worker is not None:
            self._tasks.put(None)
            self._worker.join(timeout=10)
        for promise in list(self._promised):
            with suppress(InvalidStateError):
                promise.set_exception(stops())
        with self._lock:
            door, self._door = self._door, None
        if door is not None:
            door.close()
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

    def ready(self, stated: str) -> None:
        """Refuse an upload of a stated length before it comes.

        Raises:
            BadInput: ``import.too_large``.
            Unavailable: ``import.queue_full``, ``import.elsewhere``, ``import.no_room``, ``import.stopped``.
        """
        self._open()
        self._check_room()
        if stated.isdigit() and int(stated) > self.limit_bytes + 1024**2:
            raise too_large(self.limit_bytes)

    def rehearse(self, name: str, changed: Mapping[str, str | None]) -> dict[str, Any]:
        """Read an upload again, with some options changed; ``None`` takes one back.

        Raises:
            Conflict: ``import.wrong_state`` unless it waits for a decision or has failed.
        """
        with self._lock:
            job = self._in(name, ("rehearsed", "failed"))
            self._check_room()
            options = {key: value for key, value in {**job.options, **changed}.items() if value is not None}
            check_sent(options)
            job.options, job.attempts, job.error, job.outcome, job.commit = options, 0, None, {}, False
            self._bench.clear(job)
            self._queue(job)
            return job.shown()

    def commit(self, name: str) -> dict[str, Any]:
        """Store what was rehearsed; return it when that is done.

        Raises:
            Conflict: ``import.wrong_state``, ``import.twin_changed``.
        """
        with self._lock:
            job = self._in(name, ("rehearsed",))
            self._move(job, "committing")
        done: Future[None] = Future()

        def task() -> None:
            with suppress(InvalidStateError):  # who waited was told already that the service stops
                try:
                    self._commit(job)
                except Exception as error:  # noqa: BLE001  who waits is told, whatever it was
                    done.set_exception(error)
                else:
                    done.set_result(None)

        self._promised.add(done)
        self._tasks.put(task)
        try:
            done.result()
        finally:
            self._promised.discard(done)
        return self.shown(name)

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

    def _open(self) -> None:
        with self._lock:
            spool = self.spool()
            if self._stopping:
                raise stops()
            spool.claim()
            if self._worker is None:
                self._worker = threading.Thread(target=self._run, name="imports", daemon=True)
                for job in spool.load():
                    self._resume(job)
                self._worker.start()
                self._door = Door(self.answer)
                spool.tell(self._door.address)

    def _resume(self, job: Job) -> None:
        """Take up a job as the last run of the service left it."""
        self._jobs[job.id] = job
        if job.state == "committing":
            stored = self._store.event(IMPORT_SOURCE, job.id) is not None
            self._move(job, "committed" if stored else "rehearsed")
        elif job.state == "reading" and job.attempts >= MAX_ATTEMPTS:
            self._fail(job, interrupted(job))
        elif job.state in ("queued", "reading"):
            self._queue(job)
        if job.state in ("committed", "cancelled"):
            self._drop(job)

    def submit(self, name: str, upload: Upload) -> dict[str, Any]:
        """Queue what has come in; the same again changes nothing.

        Raises:
            BadInput: ``import.which_community``, ``request.parameter``.
            Unavailable: ``import.queue_full``.
        """
        if self.knows(name):
            return self.shown(name)
        fields = dict(upload.fields)
        at_once = truth(fields.pop("commit", "false"))
        community = fields.pop("community", None) or self._community
        options = {key: value for key, value in fields.items() if value}
        check_sent(options)
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
            raise queue_full(waiting)

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
            self._fail(job, broken(job))

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
            raise stops() from None
        except Unavailable:
            self._move(job, "rehearsed")
            raise
        except LifangError as error:
            self._fail(job, error)
            raise
        except Exception as error:
            _log.exception("import %s of %s", job.id, job.file)
            self._fail(job, broken(job))
            raise broken(job) from error
        with self._lock:
            job.agreed, job.outcome = report.difference(), report.as_json()
            self._move(job, "committed" if report.stored else "rehearsed")
        if not report.stored:
            raise twin_changed(job)
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
            raise unknown(name)
        return self._jobs[name]

    def _in(self, name: str, states: tuple[State, ...]) -> Job:
        job = self._job(name)
        if job.state not in states:
            raise wrong_state(job, states)
        return job
