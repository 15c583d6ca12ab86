"""The walking network of a twin: walkways outdoors, doors and stairs indoors, entrances between them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import shapely

from gis.errors import NotFound
from gis.local import distance_m
from gis.network import Link, Network, Position, Stop, Way
from twin.connection import CONNECTION, OUTSIDE
from twin.feature import Feature
from twin.spacecode import building_of

LAYERS = ("walkway", "entrance", CONNECTION)
"""What the network is made of; it is made anew when one of these changes."""

CLIMB_FACTOR = 3.0
"""A metre of height on stairs takes as long as so many metres on the level."""

_MANY_DOORS = 40
"""In a room with more doors people are led over its middle: ways from each to each would be too many."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a walk begins or ends.

    Attributes:
        at: A node of the network or a position.
        indoors: Whether the way leads through the rooms of a model; ``False`` for a place without doors in the twin,
            whose entrance stands for it.
    """

    at: Position | str
    indoors: bool


@dataclass(frozen=True, slots=True)
class Walking:
    """A network, and how places are tied to it.

    Attributes:
        connections: The doors and stairs by id, to tell the way in words.
        exits: Nodes that lead out of a building, by building key.
        rooms: The spaces from which doors and stairs lead outside.
        entrances: Positions of the entrances, by the place they belong to.
    """

    network: Network
    connections: Mapping[str, Feature]
    exits: Mapping[str, Sequence[str]]
    rooms: frozenset[str]
    entrances: Mapping[str, Sequence[Position]] = field(default_factory=dict)

    def starts(self, place: Feature) -> list[Start]:
        """Return where walks from or to a place begin: its room, else the entrances of its unit or building.

        Raises:
            NotFound: ``network.no_entrance``.
        """
        if place.id in self.rooms:
            return [Start(place.id, indoors=True)]
        parts = place.id.split("-")
        above = ("-".join(parts[:length]) for length in range(len(parts), 1, -1))
        doors = next((found for key in above if (found := self.entrances.get(key))), ())
        if doors:
            return [Start(at, indoors=False) for at in doors]
        if exits := self.exits.get(building_of(place.id)):
            return [Start(name, indoors=False) for name in exits]
        if place.geometry is None:
            raise NotFound(
                "network.no_entrance", f"Nobody knows where {place.id} is entered.", "Import entrances.", place=place.id
            )
        point = place.geometry.representative_point()
        return [Start((point.x, point.y), indoors=False)]


def walking(
    walkways: Iterable[Feature],
    entrances: Iterable[Feature],
    connections: Iterable[Feature],
    spaces: Iterable[Feature] = (),
) -> Walking:
    """Return the walking network that these features make.

    Lifts and escalators are left out: who flees must not use them, and they may stand still.

    Args:
        walkways: Lines outdoors.
        entrances: Points, each in the place it leads into.
        connections: Doors, openings, stairs and ramps between spaces.
        spaces: The spaces they connect, to know where in a room a walk begins.

    Raises:
        BadInput: ``network.empty`` when there is neither a walkway nor a door.

    >>> path = Feature(layer="walkway", id="w", community="c", geometry=shapely.LineString([(120, 30), (120, 30.001)]))
    >>> walking([path], [], []).network.parts()
    [{'w'}]
    """
    used = [one for one in connections if one.geometry is not None and one.attributes.get("evacuation")]
    indoors = _Indoors(used, {space.id: _position(space) for space in spaces if space.geometry is not None})
    ways = [Way(one.id, one.geometry) for one in walkways if one.geometry is not None]
    return Walking(
        network=Network(ways, indoors.links(), indoors.stops),
        connections={one.id: one for one in used},
        exits=indoors.exits,
        rooms=frozenset(_led_outside(used)),
        entrances=_entrances(entrances),
    )


class _Indoors:
    """Every connection is two nodes, one in each of the spaces it joins; spaces are crossed from node to node."""

    def __init__(self, connections: Sequence[Feature], middles: Mapping[str, Position]) -> None:
        self.stops: list[Stop] = []
        self.exits: dict[str, list[str]] = defaultdict(list)
        self.rooms: dict[str, list[tuple[str, Position]]] = defaultdict(list)
        self._climbs: list[Link] = []
        for one in connections:
            self._add(one)
        self._middles = {room: middles.get(room) or _middle(doors) for room, doors in self.rooms.items()}
        self.stops += [Stop(room, at) for room, at in self._middles.items()]

    def _add(self, one: Feature) -> None:
        at = _position(one)
        sides = [(side, str(one.attributes[name])) for side, name in (("<", "from_space"), (">", "to_space"))]
        for side, space in sides:
            name = f"{one.id}{side}"
            self.stops.append(Stop(name, at, joined=space == OUTSIDE))
            if space == OUTSIDE:
                self.exits[building_of(sides[0][1])].append(name)
            else:
                self.rooms[space].append((name, at))
        rise_m = abs(float(one.attributes.get("rise_m") or 0.0))
        self._climbs.append(Link(one.id, f"{one.id}<", f"{one.id}>", rise_m * CLIMB_FACTOR))

    def links(self) -> list[Link]:
        crossings = [
            link for room, doors in self.rooms.items() for link in _crossings(room, self._middles[room], doors)
        ]
        return [*self._climbs, *crossings]


def _led_outside(connections: Sequence[Feature]) -> set[str]:
    """Return the spaces from which a way leads outside."""
    beside: dict[str, set[str]] = defaultdict(set)
    for one in connections:
        start, end = str(one.attributes["from_space"]), str(one.attributes["to_space"])
        beside[start].add(end)
        beside[end].add(start)
    found, edge = {OUTSIDE}, {OUTSIDE}
    while edge:
        edge = {room for space in edge for room in beside[space]} - found
        found |= edge
    return found - {OUTSIDE}


def _crossings(room: str, middle: Position, doors: Sequence[tuple[str, Position]]) -> Iterable[Link]:
    """Yield the ways through a room: from its middle to each door, and from door to door."""
    yield from (Link(room, room, name, distance_m(*middle, *at)) for name, at in doors)
    if len(doors) <= _MANY_DOORS:
        for (name, at), (other, other_at) in combinations(doors, 2):
            yield Link(room, name, other, distance_m(*at, *other_at))


def _middle(doors: Sequence[tuple[str, Position]]) -> Position:
    lon, lat = zip(*(at for _, at in doors), strict=True)
    return sum(lon) / len(lon), sum(lat) / len(lat)


def _position(feature: Feature) -> Position:
    point = shapely.point_on_surface(feature.geometry)
    return float(shapely.get_x(point)), float(shapely.get_y(point))


def _entrances(features: Iterable[Feature]) -> dict[str, list[Position]]:
    found: dict[str, list[Position]] = defaultdict(list)
    for one in features:
        if one.geometry is not None and one.place is not None:
            found[one.place].append(_position(one))
            found[building_of(one.place)].append(_position(one))
    return {place: sorted(set(positions)) for place, positions in found.items()}
