"""What importers read becomes records at their places, all in one transaction."""

from collections import Counter
from collections.abc import Iterable, Sequence

from twin.batch import Batch, Taken, announce, end, put, standing_in
from twin.feature import Feature, RecordDraft
from twin.locate import Locator
from twin.store import Transaction

_PLACES = ("building", "unit", "storey", "space")


def take_records(transaction: Transaction, layer: str, drafts: Iterable[RecordDraft], batch: Batch) -> Taken:
    """Store records of a layer at their places; records of the same source that are missing now are ended."""
    taken = Taken()
    add_records(transaction, layer, list(drafts), batch, taken)
    announce(transaction, taken, batch)
    return taken


def add_records(
    transaction: Transaction, layer: str, drafts: Sequence[RecordDraft], batch: Batch, taken: Taken
) -> None:
    """Store records as :func:`take_records` does, as part of what an import has taken."""
    standing = {old.id: old for old in standing_in(transaction, batch.community, layer)}
    locator = _locator(transaction, batch.community) if drafts else Locator((), {})
    given, seen, lost = [], set(), Counter[str]()
    for draft in drafts:
        located = locator.locate(draft)
        lost.update([located.problem] if located.problem else [])
        seen.add(draft.id)
        feature = Feature(
            layer=layer,
            id=draft.id,
            community=batch.community,
            name=draft.name,
            place=located.place,
            storey=located.storey,
            z_min_m=draft.height_m,
            z_max_m=draft.height_m,
            geometry=draft.geometry,
            attributes=draft.attributes,
            source=batch.source,
            source_element=None if draft.row is None else str(draft.row),
            batch=batch.id,
        )
        given.append((feature, standing.get(draft.id)))
    put(transaction, given, taken)
    gone = [old for old in standing.values() if old.source == batch.source and old.id not in seen]
    end(transaction, gone, batch, taken)
    taken.problems += [f"{problem} ({count} records)" for problem, count in lost.most_common(20)]


def _locator(transaction: Transaction, community: str) -> Locator:
    """Return a locator over the community's places."""
    places = [place for layer in _PLACES for place in standing_in(transaction, community, layer)]
    numbers: dict[str, str] = {}
    for place in places:
        number = place.attributes.get("building_no") if place.layer == "building" else None
        if number is not None:
            numbers[str(number)] = place.id
    return Locator(places, numbers)
