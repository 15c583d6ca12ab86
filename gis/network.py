"""The walking network: routes, reachable areas and the nearest by walking distance.

Lines meet where they share a vertex, and where an end lies on another line; lines that merely cross do not meet, as
one may be a bridge. Rooms, doors and stairs join in as links between named nodes.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from gis.errors import BadInput, NotFound
from gis.graph import Edges, Graph
from gis.hazard import Hazard
from gis.local import LocalFrame
from gis.noding import MEET_M, cut_where_they_meet, joined, same_place

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
        kept, named, linked = [way for way in ways if not way.geometry.is_empty], list(stops), list(links)
        if not kept and not named:
            raise BadInput("network.empty", "The network has no path.", "Import walkways first.")
        self._frame = LocalFrame.around(*(way.geometry for way in kept), *(shapely.Point(stop.at) for stop in named))
        self.ids = [*(way.id for way in kept), *(link.id for link in linked)]
        self._shapes = np.array([self._frame.forward(way.geometry) for way in kept], dtype=object)
        self._stops = {stop.name: stop for stop in named}
        self._links = [self._checked(link) for link in linked]
        self._laid = self._lay(self._shapes)

    def _checked(self, link: Link) -> Link:
        for name in (link.start, link.end):
            if name not in self._stops:
                raise BadInput(
                    "network.unknown_stop", f"{link.id} leads to {name}, which is nowhere.", "Say where it is."
                )
        return link

    def _lay(self, shapes: Objects) -> "_Laid":
        """Return the graph of these lines, one for each way, with the links between named nodes."""
        named = self._with_places(np.empty((0, 2)), [stop.at for stop in self._stops.values()])
        joining = np.array([stop.joined for stop in self._stops.values()], dtype=bool)
        stubs, ways = _stubs(shapes, named[joining])
        places, edges = _laid([*shapes, *stubs], [*range(len(shapes)), *ways])
        # The end of a stub is a node of the lines; other stops, and those far from every line, are nodes of their own.
        nodes = np.arange(len(named)) + len(places)
        if len(stubs):
            away, nearest = cKDTree(places).query(named)
            nodes = np.where(joining & (away < MEET_M), nearest, nodes)
        stops = dict(zip(self._stops, nodes.tolist(), strict=True))
        places = np.vstack([places, named])
        ends = [(stops[link.start], stops[link.end]) for link in self._links]
        links = [
            (*pair, link.length_m, len(shapes) + number, shapely.LineString(places[list(pair)]))
            for number, (pair, link) in enumerate(zip(ends, self._links, strict=True))
        ]
        return _Laid(places, edges.and_(Edges.of(links)), len(edges.way), stops)

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
        edges = self._laid.edges
        labels = edges.parts(len(self._laid.places))
        found: dict[int, set[str]] = {}
        for node, way in zip(edges.start, edges.way, strict=True):
            found.setdefault(int(labels[node]), set()).add(self.ids[way])
        return sorted(found.values(), key=len, reverse=True)

    def on_largest_part(self, positions: Sequence[Position]) -> list[bool]:
        """Tell of each position whether its nearest path, within :data:`ACCESS_M`, is of the largest part."""
        laid = self._laid
        places = self._with_places(laid.places, positions)
        nodes = range(len(laid.places), len(places))
        labels = laid.edges.and_(_tied(laid.edges.chosen(laid.are_lines), nodes, places)).parts(len(places))
        largest = np.bincount(labels[laid.edges.start]).argmax() if len(laid.edges.start) else -1
        return [bool(labels[node] == largest) for node in nodes]

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
        start = positions[0] if not isinstance(positions[0], str) else self._stop(positions[0]).at
        hazard = None if avoid is None or avoid.is_empty else Hazard(self._frame, avoid, start)
        laid = self._laid if hazard is None else self._lay(hazard.spared(self._shapes))
        added = [position for position in positions if not isinstance(position, str)]
        places = self._with_places(laid.places, added)
        fresh = iter(range(len(laid.places), len(places)))
        nodes = [laid.stops[self._stop(at).name] if isinstance(at, str) else next(fresh) for at in positions]
        open_ = np.array([self.ids[way] not in closed for way in laid.edges.way], dtype=bool)
        lines = laid.edges.chosen(open_ & laid.are_lines)
        self._check_near(positions if strict else positions[:1])
        edges = laid.edges.chosen(open_).and_(_tied(lines, range(len(laid.places), len(places)), places))
        if hazard is None:
            return Graph(edges, edges.length_m, len(places)), nodes, places
        edges = edges.chosen(hazard.passable(edges.line))
        return Graph(edges, hazard.cost_m(edges.line, edges.length_m), len(places)), nodes, places

    def _check_near(self, positions: Sequence[Position | str]) -> None:
        """Refuse positions that are too far from every path, open or not."""
        for at in positions:
            if isinstance(at, str):
                continue
            point = self._frame.forward(shapely.Point(at))
            if not len(self._shapes) or shapely.distance(self._shapes, point).min() > ACCESS_M:
                raise NotFound(
                    "network.no_access",
                    f"No path within {ACCESS_M:.0f} m of {at[0]},{at[1]}.",
                    "Choose a position nearer to a path.",
                )

    def _legs(self, graph: Graph, rows: Sequence[int]) -> tuple[Leg, ...]:
        """Return what is walked; of lines, not of links, what is shorter than a step is the corner of another."""
        parts: list[Leg] = []
        for row in rows:
            way, length_m = int(graph.edges.way[row]), float(graph.edges.length_m[row])
            if way < len(self._shapes) and length_m < _STEP_M:
                continue
            if parts and parts[-1].id == self.ids[way]:
                length_m += parts.pop().length_m
            parts.append(Leg(self.ids[way], length_m))
        return tuple(parts)

    def _stop(self, name: str) -> Stop:
        if name not in self._stops:
            raise NotFound("network.no_stop", f"No path leads to {name}.", "Choose a position outdoors.", place=name)
        return self._stops[name]

    def _with_places(self, places: Floats, positions: Sequence[Position]) -> Floats:
        if not positions:
            return places
        lon, lat = np.array(positions, dtype=np.float64).T
        return np.vstack([places, np.column_stack(self._frame.to_metres(lon, lat))])


@dataclass(frozen=True, slots=True)
class _Laid:
    """A graph: where its nodes are, its edges, of which the first ``lines`` are lines, and the named nodes."""

    places: Floats
    edges: Edges
    lines: int
    stops: Mapping[str, int]

    @property
    def are_lines(self) -> npt.NDArray[np.bool_]:
        return np.arange(len(self.edges.way)) < self.lines


def _tied(edges: Edges, nodes: Sequence[int], places: Floats) -> Edges:
    """Return the edges that tie nodes to their nearest line, for those that have one near."""
    if not nodes or not len(edges.line):
        return Edges.of([])
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
    return Edges.of(rows)


def _stubs(shapes: Objects, stops: Floats) -> tuple[list[BaseGeometry], list[int]]:
    """Return lines from stops, n x 2 metres, to the nearest of the shapes, and the index of that shape."""
    known = np.flatnonzero(~shapely.is_empty(shapes))
    if not len(stops) or not len(known):
        return [], []
    points: Any = shapely.points(stops)
    tied, hits = shapely.STRtree(shapes[known]).query_nearest(points, max_distance=ACCESS_M, all_matches=False)
    ways = known[hits]
    lines: Any = shapely.shortest_line(points[tied], shapes[ways])
    return list(lines), ways.tolist()


def _laid(lines: Sequence[BaseGeometry], ways: Sequence[int]) -> tuple[Floats, Edges]:
    """Return nodes and edges of lines: what is left of them between two meetings is an edge."""
    pieces, sources = cut_where_they_meet(lines)
    ends = shapely.get_coordinates([[shapely.get_point(piece, 0), shapely.get_point(piece, -1)] for piece in pieces])
    _, first, nodes = np.unique(same_place(ends), axis=0, return_index=True, return_inverse=True)
    start, end = nodes.reshape(-1, 2).T
    owners = [ways[source] for source in sources]
    return ends[first], Edges.of(list(zip(start, end, shapely.length(pieces), owners, pieces, strict=True)))


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
