"""The bookkeeping of an import: what it is, what it did, and how the twin's log hears of it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from twin.difference import Change, change_of
from twin.event import NewEvent
from twin.feature import Feature
from twin.query import Query
from twin.store import Transaction

IMPORT_SOURCE = "lifang:import"
"""Source of the events that tell of imports; their ``source_seq`` is the batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One import.

    Attributes:
        id: Unique; its event in the log bears it.
        source: Name of the file or system.
        at: When it is taken in, UTC.
        fingerprint: Tells the file and what was asked of it; the same again changes nothing.
    """

    id: str
    community: str
    source: str
    at: datetime
    fingerprint: str | None = None


@dataclass(slots=True)
class Taken:
    """What an import did.

    Attributes:
        counts: ``added``, ``changed``, ``unchanged``, ``ended`` → number of features, per layer.
        codes: Key of each place draft → its space code.
        problems: What could not be done, one sentence each.
        changes: Every place and record that is different now.
        doubtful: Records of the doubts that wait for a decision.
    """

    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    codes: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    doubtful: list[Feature] = field(default_factory=list)


def standing_in(transaction: Transaction, community: str, layer: str) -> list[Feature]:
    """Return what now stands of a layer in a community."""
    return [found for found in transaction.find(Query(layers=(layer,))).features if found.community == community]


def put(transaction: Transaction, given: Sequence[tuple[Feature, Feature | None]], taken: Taken) -> None:
    """Store features, each in the place of what stood, and count what that did."""
    outcomes = transaction.put_all([feature for feature, _ in given])
    for (feature, standing), differs in zip(given, outcomes, strict=True):
        if not differs:
            taken.counts[feature.layer]["unchanged"] += 1
            continue
        taken.counts[feature.layer]["added" if standing is None else "changed"] += 1
        taken.changes.append(change_of(standing, feature))


def end(transaction: Transaction, gone: Iterable[Feature], batch: Batch, taken: Taken) -> None:
    """End what is there no more, and count it."""
    for old in gone:
        transaction.end(old.layer, old.id, batch.at)
        taken.changes.append(Change(old.layer, old.id, old.name, "ended", {}))
        taken.counts[old.layer]["ended"] += 1


def announce(transaction: Transaction, taken: Taken, batch: Batch) -> None:
    """Tell the log which layers changed, so that every open map fetches them anew."""
    changed = sorted(layer for layer, counts in taken.counts.items() if set(counts) - {"unchanged"})
    if changed:
        transaction.append(
            NewEvent(
                kind="change",
                community=batch.community,
                subject=batch.source,
                source=IMPORT_SOURCE,
                source_seq=batch.id,
                occurred_at=batch.at,
                body={
                    "layers": changed,
                    "batch": batch.id,
                    "counts": {layer: dict(taken.counts[layer]) for layer in changed},
                    "fingerprint": batch.fingerprint,
                },
            )
        )
