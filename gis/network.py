"""The walking network: routes, reachable areas and the nearest by walking distance.

Lines meet where they share a vertex, and where an end lies on another line; lines that merely cross do not meet, as
one may be a bridge. Rooms, doors and stairs join in as links between named nodes.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from gis.errors import BadInput, NotFound
from gis.graph import Edges, Graph
from gis.local import LocalFrame
from gis.noding import cut_where_they_meet, joined, same_place

Floats = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]
Position = tuple[float, float]
"""Longitude and latitude, CRS84 degrees."""

ACCESS_M = 150.0
"""Farther from every path than this, a position has no way onto the network."""

PACE_M_PER_S = 1.25
"""Walking speed, 4.5 km/h: 15 minutes are 1,125 m (GB 50180-2018 plans 800 to 1,000 m for them)."""

BESIDE_M = 25.0
"""What lies this near to a path that can be reached counts as reached."""

_STEP_M = 0.01

_ESCAPE_FACTOR = 20.0
"""Ways inside a hazard somebody stands in count so many times their length: out by the shortest way."""


@dataclass(frozen=True, slots=True)
class Way:
    """A line of the network: ``geometry`` is a CRS84 LineString."""

    id: str
    geometry: BaseGeometry


@dataclass(frozen=True, slots=True)
class Link:
    """A connection between two named nodes that is no line on the ground: a door, a flight of stairs.

    ``start`` and ``end`` are names of nodes, such as space codes; :class:`Stop` says where they are.
    """

    id: str
    start: str
    end: str
    length_m: float


@dataclass(frozen=True, slots=True)
class Stop:
    """A named node; ``joined`` ones, such as the entrance of a building, are tied to the nearest line."""

    name: str
    at: Position
    joined: bool = False


@dataclass(frozen=True, slots=True)
class Leg:
    """A stretch of one line or link."""

    id: str
    length_m: float


@dataclass(frozen=True, slots=True)
class Route:
    """The shortest way that may be walked.

    Attributes:
        length_m: Along the network, with the way to it and from it.
        geometry: CRS84 LineString from start to end.
        legs: The lines and links walked, in order; those of no length, such as doors, too.
        exposed_m: How much of it lies inside the area to avoid, because the start does; else 0.
    """

    length_m: float
    geometry: BaseGeometry
    legs: tuple[Leg, ...]
    exposed_m: float = 0.0

    @property
    def seconds(self) -> float:
        """Return how long a person walks."""
        return self.length_m / PACE_M_PER_S


class Network:
    """A walking network.

    Args:
        ways: Lines, CRS84. Empty ones are passed over.
        links: Connections between named nodes.
        stops: Where the named nodes are.

    Raises:
        BadInput: ``network.empty`` without any line or stop; ``network.unknown_stop`` for a link to an unnamed node.

    >>> street = shapely.LineString([(120.0, 30.0), (120.01, 30.0)])
    >>> side = shapely.LineString([(120.005, 30.0), (120.005, 30.005)])
    >>> network = Network([Way("street", street), Way("side", side)])
    >>> route = network.route((120.0, 30.0), (120.005, 30.005))
    >>> round(route.length_m), [leg.id for leg in route.legs]
    (1037, ['street', 'side'])
    >>> network.route((120.0, 30.0), (120.005, 30.005), avoid=shapely.Point(120.005, 30.002).buffer(0.0005)) is None
    True
    >>> network.route((120.0, 30.0), (121.0, 30.0))
    Traceback (most recent call last):
        ...
    gis.errors.NotFound: network.no_access: No path within 150 m of 121.0,30.0. Choose a position nearer to a path.
    """

    def __init__(self, ways: Iterable[Way], links: Iterable[Link] = (), stops: Iterable[Stop] = ()) -> None:
        kept, named = [way for way in ways if not way.geometry.is_empty], list(stops)
        if not kept and not named:
            raise BadInput("network.empty", "The network has no path.", "Import walkways first.")
        self._frame = LocalFrame.around(*(way.geometry for way in kept), *(shapely.Point(stop.at) for stop in named))
        self.ids = [way.id for way in kept]
        self._ways = len(kept)
        self._places, self._edges = _laid([self._frame.forward(way.geometry) for way in kept])
        self._lines = len(self._edges.line)
        self._stops = {stop.name: len(self._places) + index for index, stop in enumerate(named)}
        self._places = self._with_places([stop.at for stop in named])
        tied, _ = _tied(self._edges, [self._stops[stop.name] for stop in named if stop.joined], self._places)
        self._edges = self._edges.and_(tied).and_(Edges.of([self._linked(link) for link in links]))

    def _linked(self, link: Link) -> tuple[int, int, float, int, BaseGeometry]:
        for name in (link.start, link.end):
            if name not in self._stops:
                raise BadInput(
                    "network.unknown_stop", f"{link.id} leads to {name}, which is nowhere.", "Say where it is."
                )
        start, end = self._stops[link.start], self._stops[link.end]
        self.ids.append(link.id)
        return start, end, link.length_m, len(self.ids) - 1, shapely.LineString(self._places[[start, end]])

    def route(
        self,
        start: Position | str,
        end: Position | str,
        *,
        closed: Collection[str] = (),
        avoid: BaseGeometry | None = None,
    ) -> Route | None:
        """Return the shortest way; ``None`` when there is none that may be walked.

        Args:
            start: Longitude and latitude, or the name of a node.
            end: The same.
            closed: Ids of lines and links that cannot be walked.
            avoid: CRS84 area to keep out of; one that holds the start is left by the shortest way.

        Raises:
            NotFound: ``network.no_access`` when start or end is too far from every path, ``network.no_stop``.
        """
        graph, (source, target), places = self._graph([start, end], closed, avoid)
        costs, before = graph.costs(source)
        if not np.isfinite(costs[target]):
            return None
        walked = graph.walked(before, target)
        rows = [row for row, _ in walked]
        lines = [graph.edges.line[row] if ahead else graph.edges.line[row].reverse() for row, ahead in walked]
        track = joined(lines) if lines else shapely.LineString(places[[source, target]])
        exposed_m = 0.0 if avoid is None else float(shapely.length(track.intersection(self._frame.forward(avoid))))
        return Route(
            length_m=float(graph.edges.length_m[rows].sum()),
            geometry=self._frame.inverse(track),
            legs=self._legs(graph, rows),
            exposed_m=exposed_m,
        )

    def nearest(
        self,
        start: Position | str,
        targets: Sequence[Position | str],
        *,
        limit_m: float = np.inf,
        closed: Collection[str] = (),
        avoid: BaseGeometry | None = None,
    ) -> list[tuple[int, float]]:
        """Return index and walking distance (metres) of the targets that can be reached, nearest first.

        Targets that no path leads to are left out, as are those beyond ``limit_m``.

        Raises:
            NotFound: ``network.no_access`` when the start is too far from every path, ``network.no_stop``.
        """
        graph, (source, *nodes), _ = self._graph([start, *targets], closed, avoid, strict=False)
        costs, _ = graph.costs(source, limit_m)
        found = [(index, float(costs[node])) for index, node in enumerate(nodes) if np.isfinite(costs[node])]
        return sorted(found, key=lambda item: item[1])

    def reach(
        self,
        start: Position | str,
        limits_m: Sequence[float],
        *,
        closed: Collection[str] = (),
        avoid: BaseGeometry | None = None,
    ) -> list[BaseGeometry]:
        """Return the CRS84 area within each walking distance: what lies :data:`BESIDE_M` of a path reached in time.

        The area of a larger limit holds that of a smaller one.

        Raises:
            NotFound: ``network.no_access``, ``network.no_stop``.
        """
        graph, (source,), _ = self._graph([start], closed, avoid)
        costs, _ = graph.costs(source, max(limits_m, default=0.0))
        areas: list[BaseGeometry] = []
        for limit_m in sorted(limits_m):
            area = shapely.union_all(_reached(graph, costs, limit_m)).buffer(BESIDE_M)
            areas.append(shapely.union(area, areas[-1]) if areas else area)
        by_limit = dict(zip(sorted(limits_m), areas, strict=True))
        return [self._frame.inverse(by_limit[limit_m]) for limit_m in limits_m]

    def parts(self) -> list[set[str]]:
        """Return the ids that hang together, largest part first; a network without gaps has one part."""
        labels = self._edges.parts(len(self._places))
        found: dict[int, set[str]] = {}
        for node, way in zip(self._edges.start, self._edges.way, strict=True):
            found.setdefault(int(labels[node]), set()).add(self.ids[way])
        return sorted(found.values(), key=len, reverse=True)

    def _graph(
        self,
        positions: Sequence[Position | str],
        closed: Collection[str],
        avoid: BaseGeometry | None,
        *,
        strict: bool = True,
    ) -> tuple[Graph, list[int], Floats]:
        """Return the network with these positions tied to it, their nodes, and where all nodes are.

        Unless ``strict``, positions behind the first may be out of reach.
        """
        added = [position for position in positions if not isinstance(position, str)]
        places = self._with_places(added)
        fresh = iter(range(len(self._places), len(places)))
        nodes = [self._stop(position) if isinstance(position, str) else next(fresh) for position in positions]
        hazard = None if avoid is None or avoid.is_empty else _Hazard(self._frame.forward(avoid), places[nodes[0]])
        edges, lines = self._usable(closed, hazard)
        ties, missed = _tied(edges.chosen(lines), range(len(self._places), len(places)), places)
        _, remote = _tied(self._edges.chosen(np.arange(len(self._edges.way)) < self._lines), sorted(missed), places)
        for position, node in list(zip(positions, nodes, strict=True))[: None if strict else 1]:
            if node in remote:
                where = ",".join(str(value) for value in position)
                raise NotFound(
                    "network.no_access",
                    f"No path within {ACCESS_M:.0f} m of {where}.",
                    "Choose a position nearer to a path.",
                )
        edges = edges.and_(ties)
        cost_m = edges.length_m
        if hazard is not None:
            edges = edges.chosen(hazard.passable(edges.line))
            cost_m = hazard.cost_m(edges.line, edges.length_m)
        return Graph(edges, cost_m, len(places)), nodes, places

    def _legs(self, graph: Graph, rows: Sequence[int]) -> tuple[Leg, ...]:
        """Return what is walked; of lines, not of links, what is shorter than a step is the corner of another."""
        parts: list[Leg] = []
        for row in rows:
            way, length_m = int(graph.edges.way[row]), float(graph.edges.length_m[row])
            if way < self._ways and length_m < _STEP_M:
                continue
            if parts and parts[-1].id == self.ids[way]:
                length_m += parts.pop().length_m
            parts.append(Leg(self.ids[way], length_m))
        return tuple(parts)

    def _stop(self, name: str) -> int:
        if name not in self._stops:
            raise NotFound("network.no_stop", f"No path leads to {name}.", "Choose a position outdoors.", place=name)
        return self._stops[name]

    def _with_places(self, positions: Sequence[Position]) -> Floats:
        if not positions:
            return self._places
        lon, lat = np.array(positions, dtype=np.float64).T
        return np.vstack([self._places, np.column_stack(self._frame.to_metres(lon, lat))])

    def _usable(self, closed: Collection[str], hazard: "_Hazard | None") -> tuple[Edges, npt.NDArray[np.bool_]]:
        """Return the edges that may be walked, and which of them are lines that a position can be tied to."""
        usable = np.ones(len(self._edges.way), dtype=bool)
        if closed:
            usable &= [self.ids[way] not in closed for way in self._edges.way]
        if hazard is not None:
            usable &= hazard.passable(self._edges.line)
        return self._edges.chosen(usable), np.flatnonzero(usable) < self._lines


class _Hazard:
    """An area to keep out of; the part of it that holds the start may be walked, at a price."""

    def __init__(self, area: BaseGeometry, start: Floats) -> None:
        point = shapely.Point(start)
        self._here = shapely.union_all([part for part in shapely.get_parts(area) if part.covers(point)])
        self._elsewhere = area.difference(self._here)

    def passable(self, lines: Objects) -> npt.NDArray[np.bool_]:
        return np.asarray(~shapely.intersects(lines, self._elsewhere))

    def cost_m(self, lines: Objects, length_m: Floats) -> Floats:
        inside_m = shapely.length(shapely.intersection(lines, self._here))
        return np.asarray(length_m + inside_m * (_ESCAPE_FACTOR - 1))


def _tied(edges: Edges, nodes: Sequence[int], places: Floats) -> tuple[Edges, set[int]]:
    """Return the edges that tie nodes to their nearest line, and the nodes that are too far from all lines."""
    if not nodes or not len(edges.line):
        return Edges.of([]), set(nodes)
    feet = shapely.points(places[nodes])
    tied, hits = shapely.STRtree(edges.line).query_nearest(feet, max_distance=ACCESS_M, all_matches=False)
    rows: list[tuple[int, int, float, int, BaseGeometry]] = []
    on_line: dict[int, list[tuple[int, BaseGeometry | None, float]]] = {}
    for index, hit in zip(tied.tolist(), hits.tolist(), strict=True):
        line, foot = edges.line[hit], shapely.LineString([places[nodes[index]]] * 2)
        ends: list[tuple[int, BaseGeometry | None, float]]
        ends = [(int(edges.start[hit]), None, 0.0), (int(edges.end[hit]), None, float(line.length))]
        along = float(line.line_locate_point(shapely.Point(places[nodes[index]])))
        for other, other_foot, position in on_line.setdefault(hit, ends):
            track = joined([foot, substring(line, along, position), other_foot])
            rows.append((nodes[index], other, float(track.length), int(edges.way[hit]), track))
        on_line[hit].append((nodes[index], foot, along))
    return Edges.of(rows), {nodes[index] for index in set(range(len(nodes))) - set(tied.tolist())}


def _laid(lines: Sequence[BaseGeometry]) -> tuple[Floats, Edges]:
    """Return nodes and edges of lines: what is left of them between two meetings is an edge."""
    pieces, ways = cut_where_they_meet(lines)
    ends = shapely.get_coordinates([[shapely.get_point(piece, 0), shapely.get_point(piece, -1)] for piece in pieces])
    _, first, nodes = np.unique(same_place(ends), axis=0, return_index=True, return_inverse=True)
    start, end = nodes.reshape(-1, 2).T
    return ends[first], Edges.of(list(zip(start, end, shapely.length(pieces), ways, pieces, strict=True)))


def _reached(graph: Graph, costs: Floats, limit_m: float) -> list[BaseGeometry]:
    """Return the lines, and the pieces of lines, that lie within a limit."""
    edges, cost_m = graph.edges, graph.cost_m
    from_start = np.clip((limit_m - costs[edges.start]) / cost_m, 0, 1)
    from_end = np.clip((limit_m - costs[edges.end]) / cost_m, 0, 1)
    touched = np.maximum(from_start, from_end) > 0
    found: list[BaseGeometry] = []
    for line, ahead, back in zip(edges.line[touched], from_start[touched], from_end[touched], strict=True):
        if ahead + back >= 1:
            found.append(line)
        else:
            stretches = ((0.0, ahead), (1 - back, 1.0))
            found += [substring(line, first, last, normalized=True) for first, last in stretches if first < last]
    return found
