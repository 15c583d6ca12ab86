"""A graph of lines between numbered nodes, and the cheapest ways through it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from shapely.geometry.base import BaseGeometry

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Objects = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Edges:
    """Edges of the graph, both ways: row ``i`` leads from ``start[i]`` to ``end[i]`` along ``line[i]`` (metres)."""

    start: Integers
    end: Integers
    length_m: Floats
    way: Integers
    line: Objects

    @classmethod
    def of(cls, rows: Sequence[tuple[int, int, float, int, BaseGeometry]]) -> "Edges":
        """Return edges from rows of start, end, length, way and line."""
        start, end, length, way, line = zip(*rows, strict=True) if rows else ([], [], [], [], [])
        lines = np.empty(len(line), dtype=object)
        lines[:] = line
        return cls(np.array(start, int), np.array(end, int), np.array(length, float), np.array(way, int), lines)

    def parts(self, count: int) -> Integers:
        """Return the number of the part each of ``count`` nodes hangs in."""
        ends = (self.start, self.end)
        _, labels = connected_components(
            csr_array((np.ones(len(self.way)), ends), shape=(count, count)), directed=False
        )
        return np.asarray(labels)

    def chosen(self, mask: npt.NDArray[np.bool_]) -> "Edges":
        """Return those edges the mask names."""
        return Edges(*(getattr(self, name)[mask] for name in self.__slots__))

    def and_(self, more: "Edges") -> "Edges":
        """Return these edges and more."""
        return Edges(*(np.concatenate([getattr(self, name), getattr(more, name)]) for name in self.__slots__))


class Graph:
    """The edges of one question, with what each costs; ``count`` nodes."""

    def __init__(self, edges: Edges, cost_m: Floats, count: int) -> None:
        self.edges = edges
        # Of parallel edges the cheapest counts; a sparse matrix would add them up.
        low, high = np.minimum(edges.start, edges.end), np.maximum(edges.start, edges.end)
        order = np.lexsort((cost_m, high, low))
        first = np.ones(len(order), dtype=bool)
        first[1:] = (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)
        self._kept = order[first]
        self.cost_m = np.maximum(cost_m, 1e-6)  # a zero is no edge to a sparse matrix
        ends = (edges.start[self._kept], edges.end[self._kept])
        self._matrix = csr_array((self.cost_m[self._kept], ends), shape=(count, count))

    def costs(self, source: int, limit_m: float = np.inf) -> tuple[Floats, Integers]:
        """Return the cost to every node, infinite where no way leads, and the node before it on the way."""
        # The stubs of scipy know neither a single source nor its one-dimensional answer.
        search: Any = dijkstra
        costs, before = search(self._matrix, directed=False, indices=source, return_predecessors=True, limit=limit_m)
        return costs, before

    def walked(self, before: Integers, end: int) -> list[tuple[int, bool]]:
        """Return the edges to a node in order, and whether each is walked from its start."""
        edges = self.edges
        by_ends = {(int(edges.start[row]), int(edges.end[row])): int(row) for row in self._kept}
        found = []
        while (previous := int(before[end])) >= 0:
            row = by_ends.get((previous, end))
            found.append((by_ends[end, previous], False) if row is None else (row, True))
            end = previous
        return found[::-1]
