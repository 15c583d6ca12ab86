"""How other names of places follow one another: versions on both clocks, the same in every store."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, Protocol

from gis.errors import Conflict
from twin.store import Identifier

NameKey = tuple[str, str, str]
"""Scheme, value, and place: of these one version is believed, or none."""


class Names(Protocol):
    """What a store contributes: the names as one transaction sees and changes them."""

    def say(self, names: Sequence[Identifier]) -> None:
        """Record names, each once: said alike adds nothing, said otherwise supersedes what was believed.

        Without ``valid_from`` a name keeps the beginning that was known; its community it keeps always.
        """

    def add(self, names: Sequence[Identifier]) -> None:
        """Believe names from now on, none of which is believed."""

    def believed(self, keys: Sequence[NameKey]) -> Sequence[Identifier]:
        """Return those of these names that are believed, in no order."""

    def retire(self, keys: Sequence[NameKey]) -> None:
        """Believe names until now and no longer; what this transaction itself recorded was never believed."""

    def left(self, moment: datetime) -> Sequence[tuple[Identifier, bool]]:
        """Return the names that the transaction of this moment left as believed, and whether they still stand so."""

    def superseded(self, moment: datetime) -> Sequence[Identifier]:
        """Return the names that were believed until this moment."""


class Reversal(NamedTuple):
    """What takes a transaction back: names no longer believed, and those believed again."""

    gone: Sequence[NameKey]
    back: Sequence[Identifier]


def together(said: Iterable[Identifier]) -> list[Identifier]:
    """Return what was said in order, each name once: the same as one after another."""
    given: dict[NameKey, Identifier] = {}
    for one in said:
        key = _key(one)
        given[key] = _said_again(given[key], one) if key in given else one
    return list(given.values())


def reversal(names: Names, moment: datetime) -> Reversal:
    """Return what takes back the transaction recorded at this moment.

    Raises:
        Conflict: ``import.changed_since`` when what is believed now of its names is not what it left.
    """
    left = names.left(moment)
    before, after = _by_key(names.superseded(moment)), _by_key(one for one, _ in left)
    stands = {_key(one) for one, standing in left if standing}
    changed = [key for key in before | after if before.get(key) != after.get(key)]
    asked = [key for key in changed if key not in stands]
    now = _by_key(names.believed(asked))
    later = [key for key in asked if now.get(key) != after.get(key)]
    if later:
        scheme, value, place = later[0]
        raise Conflict(
            "import.changed_since",
            f"{len(later)} of the names it gave changed again, {scheme} {value} first.",
            "Undo the later imports first.",
            place=place,
            scheme=scheme,
            value=value,
        )
    return Reversal([key for key in changed if key in after], [before[key] for key in changed if key in before])


def take_back(names: Names, wanted: Reversal) -> None:
    """Take a transaction back; what was known in between stays on record."""
    names.retire(wanted.gone)
    names.add(wanted.back)


def _said_again(before: Identifier, again: Identifier) -> Identifier:
    return replace(again, community=before.community, valid_from=again.valid_from or before.valid_from)


def _key(name: Identifier) -> NameKey:
    return name.scheme, name.value, name.place


def _by_key(names: Iterable[Identifier]) -> dict[NameKey, Identifier]:
    return {_key(one): one for one in names}
