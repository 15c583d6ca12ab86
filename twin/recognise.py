"""Which buildings of an import are in the twin already: by identifier, by outline, or by a person's decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shapely.geometry.base import BaseGeometry

from gis.errors import BadInput, NotFound
from gis.local import LocalFrame
from twin.feature import Feature, PlaceDraft
from twin.matching import Doubt, match, shifted_datum
from twin.store import Transaction

NEW = "new"
"""The decision that a doubtful building is none of the candidates."""

_IDENTITY_RANGE_M = 100.0


@dataclass(slots=True)
class Recognition:
    """What is known of a batch's buildings before anything is minted.

    Attributes:
        codes: Draft key → code it keeps.
        doubts: Draft key → what a person must decide.
        splits: Divided building's code → draft keys of the new buildings that succeed it.
        merges: Code that goes on → codes it absorbed.
        altered: Codes whose outline changed by more than survey noise.
    """

    codes: dict[str, str] = field(default_factory=dict)
    doubts: dict[str, Doubt] = field(default_factory=dict)
    splits: dict[str, tuple[str, ...]] = field(default_factory=dict)
    merges: dict[str, tuple[str, ...]] = field(default_factory=dict)
    altered: tuple[str, ...] = ()


def recognise(
    transaction: Transaction,
    drafts: Sequence[PlaceDraft],
    standing: Mapping[str, Feature],
    decided: Mapping[str, str],
) -> Recognition:
    """Return which buildings are known ones.

    Args:
        transaction: To look up identifiers.
        drafts: Buildings.
        standing: Buildings now in the twin, by code.
        decided: Draft key → code or :data:`NEW`, where a person has decided.

    Raises:
        BadInput: ``import.shifted_datum`` when the outlines were left in GCJ-02 or BD-09.
        NotFound: ``place.unknown`` when a decision names a building that does not stand.
    """
    found = Recognition()
    named = set[str]()
    for draft in drafts:
        code = _decision(draft, standing, decided) or _by_identifier(transaction, draft, standing, decided)
        if code is not None and code not in named:
            found.codes[draft.key] = code
            named.add(code)
    rest = [one for one in drafts if one.key not in found.codes and one.key not in decided and one.geometry is not None]
    old = {code: place.geometry for code, place in standing.items() if code not in named}
    if rest and old:
        _by_outline(found, rest, old)
    return found


def _decision(draft: PlaceDraft, standing: Mapping[str, Feature], decided: Mapping[str, str]) -> str | None:
    choice = decided.get(draft.key, NEW)
    if choice != NEW and choice not in standing:
        raise NotFound(
            "place.unknown", f"No building {choice} stands.", "Name one of the candidates, or new.", value=choice
        )
    return None if choice == NEW else choice


def _by_identifier(
    transaction: Transaction, draft: PlaceDraft, standing: Mapping[str, Feature], decided: Mapping[str, str]
) -> str | None:
    """Return the building that bears one of the draft's identifiers, if it stands near enough to be the same.

    Models copied from one another share GlobalIds although they stand elsewhere. A missing identifier matches nothing.
    """
    if draft.key in decided or not standing:
        return None
    for scheme, value in sorted(draft.identifiers.items()):
        code = transaction.lookup(scheme, value)
        if code is not None and code in standing and _near(draft, standing[code]):
            return code
    return None


def _by_outline(found: Recognition, rest: Sequence[PlaceDraft], old: Mapping[str, BaseGeometry | None]) -> None:
    outlines = [draft.geometry for draft in rest]
    datum = shifted_datum(outlines, old)
    if datum is not None:
        raise BadInput(
            "import.shifted_datum",
            f"The outlines lie as {datum.name} would place them, hundreds of metres beside the buildings.",
            f"Say so with --crs {datum.value}.",
        )
    matching = match(outlines, old)
    keys = [draft.key for draft in rest]
    found.codes |= {keys[index]: same.key for index, same in matching.assigned.items()}
    found.doubts = {keys[doubt.index]: doubt for doubt in matching.review}
    found.splits = {split.key: tuple(keys[part] for part in split.parts) for split in matching.splits}
    found.merges = {merge.kept: merge.retired for merge in matching.merges}
    found.altered = tuple(matching.assigned[index].key for index in matching.altered)


def _near(draft: PlaceDraft, place: Feature) -> bool:
    if draft.geometry is None or place.geometry is None:
        return True
    if draft.geometry.intersects(place.geometry):
        return True
    frame = LocalFrame.around(place.geometry)
    return bool(frame.forward(draft.geometry).distance(frame.forward(place.geometry)) <= _IDENTITY_RANGE_M)
