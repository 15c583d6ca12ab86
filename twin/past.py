"""Search in the past: the layers are read as they were, for no index knows what is no longer so."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from twin.feature import Feature
from twin.query import Query
from twin.search import Clause
from twin.wording import Wording

Find = Callable[[Query], Sequence[Feature]]
Bearers = Callable[[str, int], Sequence[tuple[str, str]]]
_Worded = Sequence[tuple[Sequence[str], Feature]]


class PastIndex:
    """The :class:`twin.search.Index` of a moment.

    Args:
        find: Answers queries.
        bearers: Returns identifiers of that moment that begin so, at most so many, in order, with their bearers' keys.
        wording: Tells what features are found by.
        at: When it was so; ``None`` is now.
        known_at: When it was known so; ``None`` is now.
    """

    def __init__(
        self, find: Find, bearers: Bearers, wording: Wording, at: datetime | None, known_at: datetime | None
    ) -> None:
        self._find = find
        self._bearers = bearers
        self._wording = wording
        self._at = at
        self._known_at = known_at
        self._read: dict[str, _Worded] = {}

    def matching(self, clauses: Sequence[Clause], layers: Sequence[str], limit: int) -> list[Feature]:
        """Return features of some layers that meet any of the clauses, those with the shortest name first."""
        found = [
            feature
            for layer in layers
            for words, feature in self._layer(layer)
            if any(all(occurs(phrase, words) for phrase in clause) for clause in clauses if clause)
        ]
        return sorted(found, key=lambda one: (len(one.name or one.id), one.layer, one.id))[:limit]

    def named(self, beginning: str, layers: Sequence[str], limit: int) -> list[tuple[str, Feature]]:
        """Return identifiers that begin so, in order, with the places of some layers that bore them."""
        pairs = self._bearers(beginning, limit)
        if not pairs or not layers:
            return []
        bearers = {one.id: one for one in self._asked(tuple(layers), tuple(sorted({key for _, key in pairs})))}
        return [(value, bearers[key]) for value, key in pairs if key in bearers]

    def _layer(self, layer: str) -> _Worded:
        if layer not in self._read:
            self._read[layer] = list(self._worded(self._asked((layer,))))
        return self._read[layer]

    def _worded(self, features: Sequence[Feature]) -> Iterator[tuple[Sequence[str], Feature]]:
        for feature in features:
            words = self._wording.words(feature)
            if words is not None:
                yield words, feature

    def _asked(self, layers: tuple[str, ...], ids: tuple[str, ...] = ()) -> Sequence[Feature]:
        return self._find(Query(layers=layers, ids=ids, at=self._at, known_at=self._known_at))


def occurs(phrase: Sequence[str], words: Sequence[str]) -> bool:
    """Tell whether a phrase stands among words, its last token perhaps a beginning.

    >>> occurs(["安", "和"], ["杭", "安", "和", "里"]), occurs(["to*"], ["west", "tower"]), occurs(["to"], ["tower"])
    (True, True, False)
    >>> occurs(["和", "里", "1*"], ["安", "和", "里"])
    False
    """
    *whole, last = phrase
    end, begins = last.removesuffix("*"), last.endswith("*")
    for at in range(len(words) - len(whole)):
        word = words[at + len(whole)]
        if (word.startswith(end) if begins else word == end) and list(words[at : at + len(whole)]) == whole:
            return True
    return False
