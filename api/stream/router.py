"""Who gets which message: equal filters are asked once, areas through an index, and answers are kept."""

from collections import Counter
from collections.abc import Iterable

import shapely

from api.stream.filter import Facts, Filter
from api.stream.told import OBSERVATIONS, Told

_MAX_KEPT = 20_000


class Router:
    """Sorts messages by filter.

    What a filter says of a message depends on its facts only, and the readings of a device share theirs: most
    messages cost one look-up, however many subscribers there are.
    """

    def __init__(self) -> None:
        self._held: Counter[Filter] = Counter()
        self._plain: list[Filter] = []
        self._placed: list[Filter] = []
        self._tree = shapely.STRtree([])
        self._kept: dict[Facts, tuple[Filter, ...]] = {}

    def __bool__(self) -> bool:
        """Tell whether anybody wants anything."""
        return bool(self._held)

    @property
    def kinds(self) -> frozenset[str]:
        """Kinds of event in the log that somebody wants; empty: all of them."""
        if not all(wanted.kinds for wanted in self._held):
            return frozenset()
        return frozenset(kind for wanted in self._held for kind in in_log(wanted.kinds))

    def add(self, wanted: Filter) -> None:
        """Take in one more subscriber."""
        self._held[wanted] += 1
        if self._held[wanted] == 1:
            self._index()

    def remove(self, wanted: Filter) -> None:
        """Let one go."""
        self._held[wanted] -= 1
        if not self._held[wanted]:
            del self._held[wanted]
            self._index()

    def sort(self, told: Iterable[Told]) -> dict[Filter, list[Told]]:
        """Return the messages of each filter, in their order."""
        found: dict[Filter, list[Told]] = {}
        for one in told:
            for wanted in self._wanting(one.facts):
                found.setdefault(wanted, []).append(one)
        return found

    def _wanting(self, facts: Facts) -> tuple[Filter, ...]:
        kept = self._kept.get(facts)
        if kept is None:
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            near = self._placed if facts.everywhere else self._at(facts)
            kept = tuple(wanted for wanted in (*self._plain, *near) if wanted.admits_but_area(facts))
            self._kept[facts] = kept
        return kept

    def _at(self, facts: Facts) -> list[Filter]:
        center = facts.where.center
        if center is None:
            return []
        return [self._placed[index] for index in self._tree.query(shapely.Point(center), predicate="intersects")]

    def _index(self) -> None:
        self._plain = [wanted for wanted in self._held if wanted.area is None]
        self._placed = [wanted for wanted in self._held if wanted.area is not None]
        self._tree = shapely.STRtree([wanted.area for wanted in self._placed if wanted.area is not None])
        self._kept.clear()


def in_log(kinds: Iterable[str]) -> frozenset[str]:
    """Return the kinds of event that messages of these kinds are made of.

    >>> in_log(["observations"])
    frozenset({'observation'})
    """
    return frozenset("observation" if kind == OBSERVATIONS else kind for kind in kinds)
