"""The imports that were done, as the log tells them, and taking one back."""

from datetime import datetime
from typing import Any

from gis.errors import Conflict, NotFound
from twin.batch import IMPORT_SOURCE
from twin.event import Event, NewEvent
from twin.store import Store, Transaction

_PLACES = frozenset({"building", "unit", "storey", "space", "review"})
"""What any import looks at: buildings are matched with those that stand, records find their place among them."""


def imports(store: Store) -> list[dict[str, Any]]:
    """Return every import, newest first, with what it did and who undid it."""
    events = _events(store)
    undone = {event.body["batch"]: event.body["by"] for event in events if event.kind == "undo"}
    return [_shown(event, undone.get(event.source_seq)) for event in reversed(events) if event.source == IMPORT_SOURCE]


def import_done(store: Store, batch: str) -> dict[str, Any]:
    """Return one import.

    Raises:
        NotFound: ``import.unknown``.
    """
    event = _event(store, batch)
    undo = store.event("lifang:undo", batch)
    return _shown(event, None if undo is None else undo.body["by"])


def unchanged_since(store: Store, community: str, mark: str) -> str | None:
    """Return the import that brought exactly this, if nothing that it looked at has been imported or undone since."""
    since: set[str] = set()
    for event in reversed(_events(store)):
        if event.community != community:
            continue
        if event.body.get("fingerprint") == mark:
            return None if since & (_PLACES | set(event.body["layers"])) else event.source_seq
        since.update(event.body["layers"])
    return None


def undo_import(store: Store, batch: str, by: str, now: datetime) -> int:
    """Take an import back as a whole; return how many versions were taken back.

    Raises:
        NotFound: ``import.unknown``.
        Conflict: ``import.undone`` when it was taken back before, ``import.changed_since`` when later imports changed
            the same things.
    """
    done = _event(store, batch)

    def work(transaction: Transaction) -> int:
        noted = transaction.append(
            NewEvent(
                kind="undo",
                community=done.community,
                subject=done.subject,
                source="lifang:undo",
                source_seq=batch,
                occurred_at=now,
                body={"batch": batch, "by": by, "layers": done.body["layers"]},
            )
        )
        if noted is None:
            raise Conflict(
                "import.undone", f"Import {batch} was taken back before.", "Nothing needs to be done.", batch=batch
            )
        return transaction.undo(done.recorded_at)

    return store.write(work).result()


def _events(store: Store) -> list[Event]:
    return store.events(0, 1_000_000, ("change", "undo"))


def _event(store: Store, batch: str) -> Event:
    event = store.event(IMPORT_SOURCE, batch)
    if event is None:
        raise NotFound("import.unknown", f"There was no import {batch!r}.", "See lifang import list.", batch=batch)
    return event


def _shown(event: Event, undone_by: str | None) -> dict[str, Any]:
    return {
        "batch": event.source_seq,
        "source": event.subject,
        "community": event.community,
        "at": event.recorded_at.isoformat(),
        "counts": event.body["counts"],
        "undone_by": undone_by,
    }
