"""Positions, tracks and patrols, beside walks whose lengths and stops are known."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.errors import BadInput
from gis.local import LocalFrame
from layers.moving.patrol import Checkpoint, checkpoints_of, judged
from layers.moving.position import Position, position_of
from layers.moving.tracks import GAP, line_of, simplified, track_of

NOON = datetime(2026, 11, 21, 4, tzinfo=UTC)
FRAME = LocalFrame(120.15, 30.28)


def at(x, y, second, **more):
    lon, lat = FRAME.to_degrees(x, y)
    return Position(device="G", at=NOON + timedelta(seconds=second), lon=float(lon), lat=float(lat), **more)


def walk(*corners, pace=1.25, start=0.0):
    """Return a position a second along a line at walking pace."""
    line = shapely.LineString(corners)
    count = int(line.length / pace)
    points = [line.interpolate(pace * n) for n in range(count + 1)]
    return [at(point.x, point.y, start + n) for n, point in enumerate(points)]


def test_a_walk_is_as_long_as_it_was_and_its_order_does_not_matter():
    steps = walk((0, 0), (100, 0), (100, 50))
    assert track_of(steps).length_m == pytest.approx(150, abs=0.5)
    assert track_of(steps[::-1]) == track_of(steps)


@given(st.integers(1, 4), st.floats(0, 20))
@settings(max_examples=30, deadline=None)
def test_whoever_trembles_on_the_spot_moves_nowhere(seed, spread):
    dice = np.random.default_rng(seed)
    trembling = [at(*dice.uniform(-spread / 2, spread / 2, 2), 10 * n) for n in range(60)]
    track = track_of(trembling)
    assert track.length_m == 0
    (stay,) = track.stays
    assert stay.positions == 60
    assert math.hypot(*(float(v) for v in FRAME.to_metres(stay.lon, stay.lat))) <= spread


def test_a_stop_between_two_walks_is_found_with_its_time():
    there = walk((0, 0), (200, 0))
    stop = [at(200, 1, 161 + 20 * n) for n in range(20)]
    onward = walk((200, 0), (200, 300), start=600)
    (stay,) = track_of([*there, *stop, *onward]).stays
    assert (stay.end - stay.start).total_seconds() == pytest.approx(475, abs=30)
    assert float(FRAME.to_metres(stay.lon, stay.lat)[0]) == pytest.approx(197, abs=6)


def test_a_position_that_cannot_be_true_is_put_aside_and_one_with_a_wide_error_is_not():
    steps = [at(1.25 * n, 0, n) for n in range(60)]
    wild = at(5000, 5000, 30.5)
    assert track_of([*steps, wild]).jumps == (wild,)
    vague = at(5000, 5000, 30.5, accuracy_m=8000)
    assert track_of([*steps, vague]).jumps == ()


def test_a_long_silence_parts_two_trips():
    steps = [*walk((0, 0), (50, 0)), *walk((50, 0), (90, 0), start=40 + GAP.total_seconds() + 1)]
    assert [len(trip) for trip in track_of(steps).trips] == [41, 33]


@given(st.floats(0.5, 20))
@settings(max_examples=25, deadline=None)
def test_a_simplified_line_stays_within_its_tolerance(tolerance):
    steps = walk((0, 0), (40, 30), (80, 0), (120, 45))
    kept = [steps[index] for index in simplified(steps, tolerance)]
    assert len(kept) < len(steps)
    apart = FRAME.forward(line_of(kept)).hausdorff_distance(FRAME.forward(line_of(steps)))
    assert apart <= tolerance + 1e-6


@pytest.mark.parametrize(
    ("result", "field"),
    [
        ("here", "result"),
        ({"lat": 30}, "lon"),
        ({"lon": 120, "lat": 95}, "lat"),
        ({"lon": 120, "lat": float("nan")}, "lat"),
        ({"lon": True, "lat": 30}, "lon"),
        ({"lon": 120, "lat": 30, "storey": 0}, "storey"),
        ({"lon": 120, "lat": 30, "storey": 1.5}, "storey"),
        ({"lon": 120, "lat": 30, "speed_m_per_s": -1}, "speed_m_per_s"),
        ({"lon": 120, "lat": 30, "heading_deg": "north"}, "heading_deg"),
    ],
)
def test_what_is_no_position_is_refused_naming_the_field(result, field):
    with pytest.raises(BadInput) as caught:
        position_of("G", result, NOON)
    assert (caught.value.code, caught.value.facts["field"]) == ("position.malformed", field)


def point(name, x, y, until, after=0.0):
    lon, lat = FRAME.to_degrees(x, y)
    return Checkpoint(name, float(lon), float(lat), 10.0, after, until)


GATE, POND, CORNER = point("gate", 0, 0, 1), point("pond", 100, 5, 3), point("corner", 100, 100, 3)


def test_a_round_walked_as_planned_is_done_in_order():
    found = judged([GATE, POND, CORNER], walk((0, 0), (100, 0), (100, 100)), NOON, NOON + timedelta(minutes=10))
    assert [visit.state for visit in found.visits] == ["done", "done", "done"]
    assert all(visit.in_order for visit in found.visits)
    assert found.visits[1].at - NOON == pytest.approx(timedelta(seconds=75), abs=timedelta(seconds=8))


def test_a_point_left_out_is_missed_and_one_visited_late_is_late():
    late = [point("corner", 100, 100, 2), point("nowhere", 500, 500, 2)]
    found = judged(late, walk((0, 0), (100, 0), (100, 100)), NOON, NOON + timedelta(minutes=10))
    assert [visit.state for visit in found.visits] == ["late", "missed"]
    assert [visit.checkpoint.name for visit in found.missed] == ["nowhere"]


def test_the_wrong_order_is_told():
    found = judged([POND, GATE], walk((0, 0), (100, 0)), NOON, NOON + timedelta(minutes=10))
    assert [visit.in_order for visit in found.visits] == [True, False]


def test_a_visit_before_its_time_does_not_count():
    found = judged([point("gate", 0, 0, 9, after=5)], walk((0, 0), (100, 0)), NOON, NOON + timedelta(minutes=10))
    assert found.visits[0].state == "missed"


def test_a_visit_between_two_positions_counts():
    sparse = [at(-50, 0, 0), at(50, 0, 60)]
    (visit,) = judged([GATE], sparse, NOON, NOON + timedelta(minutes=2)).visits
    assert visit.at - NOON == pytest.approx(timedelta(seconds=30), abs=timedelta(seconds=1))


def test_leaving_the_area_is_told_from_when_to_when():
    area = shapely.Polygon([FRAME.to_degrees(x, y) for x, y in ((-10, -10), (60, -10), (60, 10), (-10, 10))])
    found = judged([GATE], walk((0, 0), (100, 0), (0, 0)), NOON, NOON + timedelta(minutes=9), area)
    ((start, end),) = found.outside
    assert (start - NOON).total_seconds() == pytest.approx(49, abs=2)
    assert (end - NOON).total_seconds() == pytest.approx(111, abs=2)


@pytest.mark.parametrize(
    "points",
    [None, [], "东门", [1], [{"name": "a", "lon": 120, "lat": 30}], [{"name": "a", "lon": 120, "lat": 30, "until": "9"}],
     [{"name": "a", "lon": 120, "lat": 30, "until": 3, "after": 3}], [{"name": "a", "lon": 1, "lat": 2, "until": 3, "x": 1}]],
)  # fmt: skip
def test_points_that_cannot_be_walked_are_refused(points):
    with pytest.raises(BadInput, match=r"patrol\.bad_points"):
        checkpoints_of(points, "XL-1")
