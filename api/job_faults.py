"""What may be wrong with an upload, beside its file: where its job stands, and who works on it."""

from collections.abc import Sequence

from api.spool import Job
from gis.errors import BadInput, Conflict, LifangError, NotFound, Unavailable


def unknown(name: str) -> NotFound:
    """Return the fault of an upload that nobody knows."""
    return NotFound("import.unknown", f"There was no import {name!r}.", "See lifang import list.", batch=name)


def wrong_state(job: Job, states: Sequence[str]) -> Conflict:
    """Return the fault of a job that is in none of the states something is for."""
    return Conflict(
        "import.wrong_state",
        f"Import {job.id} is {job.state}.",
        f"That is for one that is {' or '.join(states)}.",
        batch=job.id,
        state=job.state,
    )


def twin_changed(job: Job) -> Conflict:
    """Return the fault of a commit that would do something else than what was shown."""
    return Conflict(
        "import.twin_changed",
        f"Since {job.file} was rehearsed the twin has changed, and so would what it does.",
        "Look at the new difference, and commit that.",
        batch=job.id,
    )


def interrupted(job: Job) -> BadInput:
    """Return the fault of a file whose reading ended the service too often."""
    return BadInput(
        "import.interrupted",
        f"The service stopped {job.attempts} times while it read {job.file}.",
        "Look into its log, then rehearse the import again.",
    )


def broken(job: Job) -> LifangError:
    """Return the fault of an import for whose failure there is no other word."""
    return BadInput(
        "import.broke", f"The import of {job.file} broke down.", "Look into the service's log.", file=job.file
    )


def queue_full(waiting: int) -> Unavailable:
    """Return the fault of an upload too many."""
    return Unavailable("import.queue_full", f"{waiting} uploads wait to be read.", "Send it again when one is done.")


def stops() -> Unavailable:
    """Return the fault of a service that stops."""
    return Unavailable("import.stopped", "The service stops.", "Try again when it is back.")
