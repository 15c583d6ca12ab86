"""Where an upload is worked on: read, rehearsed, stored."""

from pathlib import Path
from typing import Any

from api.import_options import options_of
from api.importing import Importer, Progress, Reading, Report
from api.readings import Readings
from api.spool import Job
from twin.declaration import Catalogue
from twin.store import Store


class Workbench:
    """Keeps what was read until it is stored, so that a decision takes effect at once.

    Args:
        store: Where imports go.
        catalogue: The declared layers.
        folder: Holds an upload in ``jobs/ID`` and readings of models in ``readings``.
    """

    def __init__(self, store: Store, catalogue: Catalogue, folder: Path) -> None:
        self._store = store
        self._catalogue = catalogue
        self._folder = folder
        self._cache = Readings(folder / "readings")
        self._readings: dict[str, Reading] = {}

    def importer(self, community: str | None, *, dry_run: bool = False) -> Importer:
        """Return an importer into a community; see there what is raised when none is named."""
        return Importer(self._store, self._catalogue, community, dry_run=dry_run, readings=self._cache)

    def read(self, job: Job, progress: Progress) -> Report | None:
        """Read an upload; return what there is to tell already when the twin knows it as it is."""
        known = self.importer(job.community).known(*self._asked(job))
        if known is None:
            self._reading(job, progress)
        return known

    def rehearse(self, job: Job, progress: Progress) -> Report:
        """Return what storing it would do."""
        return self.importer(job.community, dry_run=True).take(self._reading(job, progress))

    def store(self, job: Job, progress: Progress) -> Report:
        """Store what was agreed to; what was read before a restart of the service is read again."""
        importer = self.importer(job.community)
        if job.id not in self._readings and (known := importer.known(*self._asked(job))) is not None:
            return known
        return importer.take(self._reading(job, progress), job.id, agreed=None if job.commit else job.agreed)

    def clear(self, job: Job) -> None:
        """Let go of what was read."""
        self._readings.pop(job.id, None)

    def _reading(self, job: Job, progress: Progress) -> Reading:
        if job.id not in self._readings:
            self._readings[job.id] = self.importer(job.community).read(*self._asked(job), progress)
        progress("match", 0.0)
        return self._readings[job.id]

    def _asked(self, job: Job) -> tuple[Path, Any]:
        return self._folder / "jobs" / job.id / job.file, options_of(job.options)
