"""Doubtful matches wait here until a planner decides; each is a record of the ``review`` layer."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from gis.errors import NotFound
from twin.difference import Change
from twin.feature import Feature, PlaceDraft
from twin.matching import Doubt
from twin.query import Query
from twin.store import Store, Transaction

LAYER = "review"


def waiting(store: Store) -> tuple[Feature, ...]:
    """Return the doubts that nobody has decided yet."""
    return store.find(Query(layers=(LAYER,))).features


def record_of(draft: PlaceDraft, doubt: Doubt, community: str, source: str, batch: str) -> Feature:
    """Return the record of a doubt; it holds the whole draft, so nothing is lost while it waits."""
    return Feature(
        layer=LAYER,
        id=f"{source}:{draft.key}",
        community=community,
        name=draft.name,
        geometry=draft.geometry,
        z_min_m=draft.z_min_m,
        z_max_m=draft.z_max_m,
        attributes={
            "reason": doubt.reason,
            "candidates": [{"code": one.key, "overlap": round(one.score, 3)} for one in doubt.candidates],
            "draft": draft.as_json(),
        },
        source=source,
        source_element=draft.source_element,
        batch=batch,
    )


def draft_of(record: Feature) -> PlaceDraft:
    """Return the draft that a record holds."""
    stored: Mapping[str, object] = record.attributes["draft"]
    return PlaceDraft.from_json(stored)


def pending(transaction: Transaction, review: str) -> Feature:
    """Return an undecided doubt.

    Raises:
        NotFound: ``review.unknown``.
    """
    record = transaction.current(LAYER, review)
    if record is None:
        raise NotFound("review.unknown", f"No doubt {review!r} is waiting.", "See lifang review list.", review=review)
    return record


def close(transaction: Transaction, record: Feature, code: str, by: str, at: datetime) -> Change:
    """Note the decision and take the doubt off the queue, where it stays on record; return what that changed."""
    decision = {"decision": code, "decided_by": by, "decided_at": at.isoformat()}
    transaction.put(replace(record, attributes={**record.attributes, **decision}, valid_from=None))
    transaction.end(LAYER, record.id, at)
    return Change(LAYER, record.id, record.name, "ended", {})
