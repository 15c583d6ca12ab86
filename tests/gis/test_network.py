"""The walking network, beside a plain search that knows nothing of it."""

import heapq
import itertools
import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.errors import BadInput, NotFound
from gis.local import LocalFrame, area_m2
from gis.network import ACCESS_M, Link, Network, Stop, Way

FRAME = LocalFrame(120.15, 30.28)


def degrees(x, y):
    lon, lat = FRAME.to_degrees(x, y)
    return float(lon), float(lat)


def line(*points):
    return shapely.LineString([degrees(*point) for point in points])


def grid(size, missing=()):
    """Return the streets of a square town, 100 m apart, one way a block; some are missing."""
    ways = []
    for x in range(size):
        for y in range(size):
            for name, end in ((f"e{x}{y}", (x + 1, y)), (f"n{x}{y}", (x, y + 1))):
                if max(end) < size and name not in missing:
                    ways.append(Way(name, line((x * 100, y * 100), (end[0] * 100, end[1] * 100))))
    return ways


def shortest(ways, start, end):
    """Return the length of the shortest way between two corners by a search of its own."""
    steps = {}
    for way in ways:
        ends = [tuple(round(float(v) / 100) for v in FRAME.to_metres(*point)) for point in way.geometry.coords]
        steps.setdefault(ends[0], []).append(ends[1])
        steps.setdefault(ends[1], []).append(ends[0])
    queue, seen = [(0, start)], set()
    while queue:
        length, at = heapq.heappop(queue)
        if at == end:
            return length
        if at not in seen:
            seen.add(at)
            for other in steps.get(at, []):
                heapq.heappush(queue, (length + 100, other))
    return None


def ids(route):
    return tuple(leg.id for leg in route.legs)


corners = st.tuples(st.integers(0, 3), st.integers(0, 3))


@given(st.sets(st.sampled_from([way.id for way in grid(4)]), max_size=14), corners, corners)
@settings(deadline=None, max_examples=60)
def test_the_shortest_way_is_as_long_as_a_plain_search_finds_it(missing, start, end):
    ways = grid(4, missing)
    expected = shortest(ways, start, end)
    if start == end:
        expected = 0
    network = Network(ways)
    nodes = {tuple(round(float(v)) for v in FRAME.to_metres(*point)) for way in ways for point in way.geometry.coords}
    if any((x * 100, y * 100) not in nodes for x, y in (start, end)):
        return  # every street at this corner is gone
    route = network.route(degrees(start[0] * 100, start[1] * 100), degrees(end[0] * 100, end[1] * 100))
    if expected is None:
        assert route is None
    else:
        assert route.length_m == pytest.approx(expected, abs=0.05)


def test_a_street_closed_changes_the_route_and_says_which_way_it_goes():
    network = Network(grid(2))
    straight = network.route(degrees(0, 0), degrees(100, 0))
    around = network.route(degrees(0, 0), degrees(100, 0), closed={"e00"})
    assert ids(straight) == ("e00",)
    assert ids(around) == ("n00", "e01", "n10")
    assert around.length_m == pytest.approx(300, abs=0.05)
    assert LocalFrame(120.15, 30.28).forward(around.geometry).length == pytest.approx(around.length_m, abs=0.05)


def test_lines_that_cross_without_a_shared_vertex_do_not_meet():
    bridge = [Way("road", line((0, 0), (100, 0))), Way("bridge", line((50, -50), (50, 50)))]
    assert Network(bridge).route(degrees(0, 0), degrees(50, 50)) is None
    crossing = [Way("road", line((0, 0), (50, 0), (100, 0))), Way("lane", line((50, -50), (50, 0), (50, 50)))]
    assert Network(crossing).route(degrees(0, 0), degrees(50, 50)).length_m == pytest.approx(100, abs=0.05)


def test_an_end_that_all_but_touches_a_line_touches_it():
    network = Network([Way("road", line((0, 0), (100, 0))), Way("drive", line((40, 0.3), (40, 30)))])
    assert network.route(degrees(0, 0), degrees(40, 30)).length_m == pytest.approx(70, abs=0.5)
    assert len(network.parts()) == 1


def test_parts_tell_what_hangs_together():
    ways = [*grid(2), Way("island", line((1000, 0), (1100, 0)))]
    assert [len(part) for part in Network(ways).parts()] == [4, 1]


def test_two_positions_on_one_street_walk_straight_between_them():
    network = Network([Way("road", line((0, 0), (100, 0)))])
    assert network.route(degrees(20, 5), degrees(60, -5)).length_m == pytest.approx(50, abs=0.05)
    same = network.route(degrees(20, 0), degrees(20, 0))
    assert same.length_m == pytest.approx(0, abs=0.01)


def test_targets_come_by_walking_distance_not_as_the_crow_flies():
    wall = [Way("east", line((0, 0), (0, 200), (20, 200), (20, 0)))]
    network = Network(wall)
    found = network.nearest(degrees(0, 10), [degrees(20, 10), degrees(0, 100), degrees(3000, 3000)])
    assert [index for index, _ in found] == [1, 0]
    assert found[1][1] == pytest.approx(190 + 20 + 190, abs=0.1)


def test_a_hazard_is_walked_around_and_when_that_fails_the_answer_is_that_there_is_no_safe_way():
    network = Network(grid(2))
    hazard = shapely.Polygon([degrees(*point) for point in ((40, -10), (60, -10), (60, 10), (40, 10))])
    route = network.route(degrees(0, 0), degrees(100, 0), avoid=hazard)
    assert route.length_m == pytest.approx(300, abs=0.05)
    assert route.exposed_m == 0
    band = shapely.Polygon([degrees(*point) for point in ((40, -10), (60, -10), (60, 110), (40, 110))])
    assert network.route(degrees(0, 0), degrees(100, 0), avoid=band) is None


def test_who_stands_in_the_hazard_leaves_it_by_the_shortest_way():
    network = Network(
        [Way("road", line((0, 0), (100, 0), (300, 0))), Way("back", line((0, 0), (0, 400), (300, 400), (300, 0)))]
    )
    hazard = shapely.Polygon([degrees(*point) for point in ((-10, -10), (200, -10), (200, 10), (-10, 10))])
    route = network.route(degrees(20, 0), degrees(300, 0), avoid=hazard)
    assert ids(route) == ("road", "back")
    assert route.exposed_m == pytest.approx(30, abs=0.5)


@given(st.lists(st.floats(10, 900), min_size=2, max_size=4))
@settings(deadline=None, max_examples=25)
def test_areas_of_longer_walks_hold_those_of_shorter_ones(limits):
    areas = Network(grid(5)).reach(degrees(130, 200), limits)
    ordered = [area for _, area in sorted(zip(limits, areas, strict=True), key=lambda pair: pair[0])]
    for smaller, larger in itertools.pairwise(ordered):
        assert larger.buffer(1e-7).covers(smaller)


def test_the_area_of_a_straight_street_is_a_strip_around_what_is_walked():
    (area,) = Network([Way("road", line((0, 0), (1000, 0)))]).reach(degrees(500, 0), [100])
    assert area_m2(area) == pytest.approx(200 * 50 + math.pi * 25**2, rel=0.01)


def test_links_lead_through_doors_and_stairs_from_room_to_street():
    stops = [
        Stop("room", degrees(10, 40)),
        Stop("hall", degrees(15, 40)),
        Stop("entrance", degrees(15, 20), joined=True),
    ]
    links = [Link("door", "room", "hall", 5.0), Link("stair", "hall", "entrance", 30.0)]
    network = Network([Way("road", line((0, 0), (100, 0)))], links, stops)
    route = network.route("room", degrees(100, 0))
    assert ids(route) == ("door", "stair", "road")
    assert route.length_m == pytest.approx(5 + 30 + 20 + 85, abs=0.1)
    assert [round(leg.length_m) for leg in route.legs] == [5, 30, 105]
    assert network.route("room", degrees(100, 0), closed={"stair"}) is None


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda: Network([]), "network.empty"),
        (lambda: Network([], [Link("door", "a", "b", 1.0)], [Stop("a", (120, 30))]), "network.unknown_stop"),
        (lambda: Network(grid(2)).route(degrees(0, ACCESS_M + 1000), degrees(0, 0)), "network.no_access"),
        (lambda: Network(grid(2)).route("nowhere", degrees(0, 0)), "network.no_stop"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(ask, code):
    with pytest.raises((BadInput, NotFound)) as caught:
        ask()
    assert caught.value.code == code


def test_a_network_of_ten_thousand_streets_answers():
    ways = grid(9)
    many = [
        Way(f"{way.id}.{n}", shapely.affinity.translate(way.geometry, 0.008 * n)) for n in range(70) for way in ways
    ]
    route = Network(many).route(degrees(0, 0), degrees(800, 800))
    assert route.length_m == pytest.approx(1600, abs=0.5)
    assert np.isfinite(route.seconds)


def test_a_position_is_on_the_largest_part_when_its_nearest_path_is():
    network = Network([*grid(2), Way("island", line((1000, 0), (1100, 0)))])
    assert network.on_largest_part([degrees(50, 5), degrees(1050, 5), degrees(5000, 0)]) == [True, False, False]


def test_ends_that_all_but_meet_meet():
    network = Network([Way("a", line((0, 0), (50, 0))), Way("b", line((50.3, 0.1), (90, 0)))])
    assert network.route(degrees(0, 0), degrees(90, 0)).length_m == pytest.approx(90, abs=0.5)


def test_a_hazard_on_part_of_a_street_leaves_the_rest_of_it_to_walk_on():
    ways = [Way("long", line((0, 0), (400, 0))), Way("lane", line((300, 0), (300, 50)))]
    hazard = shapely.Polygon([degrees(*point) for point in ((40, -10), (60, -10), (60, 10), (40, 10))])
    route = Network(ways).route(degrees(100, 0), degrees(300, 50), avoid=hazard)
    assert route.length_m == pytest.approx(250, abs=0.1)
    assert Network(ways).route(degrees(20, 0), degrees(300, 50), avoid=hazard) is None
