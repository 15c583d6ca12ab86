"""The one matcher: what keeps its code through a new survey, what a person must decide, and that order never matters."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import affinity, box

from gis.datum import Datum, convert_geometry
from gis.local import LocalFrame
from twin.matching import integrity, match, shifted_datum
from twin.minting import building_codes

FRAME = LocalFrame(120.1536, 30.2874)
BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "resurvey.py"

# Footprints in whole metres, many of them overlapping and of one shape, to provoke ties.
shapes = st.lists(
    st.builds(
        lambda x, y, width, depth: box(x, y, x + width, y + depth),
        st.integers(0, 30),
        st.integers(0, 30),
        st.sampled_from((3, 6, 12)),
        st.sampled_from((3, 6, 12)),
    ),
    max_size=12,
    unique_by=lambda shape: shape.bounds,
)


def lonlat(metres):
    return [None if shape is None else FRAME.inverse(shape) for shape in metres]


def matched(new, old):
    """Match shapes given in metres."""
    return match(lonlat(new), dict(zip(old, lonlat(old.values()), strict=True)))


def keyed(old):
    return {f"K{at:03d}": shape for at, shape in enumerate(old)}


def estate(count=12):
    """Houses that differ enough for a common shift to be told."""
    return keyed([box(40 * at, 0, 40 * at + 12 + at, 10 + at) for at in range(count)])


def shifted(shapes, east, north):
    return [affinity.translate(shape, east, north) for shape in shapes]


def test_the_same_survey_matches_itself():
    old = estate()
    found = matched(list(old.values()), old)
    assert {at: candidate.key for at, candidate in found.assigned.items()} == dict(enumerate(old))
    assert all(candidate.score == pytest.approx(1) for candidate in found.assigned.values())
    assert (found.altered, found.review, found.splits, found.merges, found.unmatched, found.gone) == ((),) * 6
    assert found.shift_m == pytest.approx((0, 0), abs=1e-6)


@pytest.mark.parametrize(("east", "north"), [(1.0, 0.5), (3.0, -4.0), (-9.0, 7.0)])
def test_a_common_shift_is_found_and_taken_away(east, north):
    old = estate()
    found = matched(shifted(old.values(), east, north), old)
    assert found.shift_m == pytest.approx((east, north), abs=1e-3)
    assert [found.assigned[at].key for at in range(len(old))] == list(old)
    assert found.altered == ()


def test_few_buildings_give_no_evidence_of_a_common_shift():
    old = estate(3)
    assert matched(shifted(old.values(), 2, 0), old).shift_m == (0, 0)


def test_a_shift_is_found_although_many_buildings_were_altered():
    old = estate(20)
    new = shifted(old.values(), 2, 1)
    new[:6] = [affinity.scale(shape, 1.3, 1, origin=shape.exterior.coords[2]) for shape in new[:6]]
    assert matched(new, old).shift_m == pytest.approx((2, 1), abs=0.01)


@pytest.mark.parametrize("east", [1.0, 3.0, 6.5])
def test_a_row_of_equal_sheds_is_not_matched_one_shed_too_far(east):
    old = keyed([box(3.5 * at, 0, 3.5 * at + 3, 3) for at in range(30)])
    found = matched(shifted(old.values(), east, 0.5), old)
    assert found.shift_m == pytest.approx((east, 0.5), abs=1e-3)
    assert [found.assigned[at].key for at in range(30)] == list(old)


def test_a_part_of_an_estate_of_equal_slabs_is_not_matched_one_row_too_far():
    slabs = [box(50 * x, 25 * y, 50 * x + 40, 25 * y + 12) for x in range(4) for y in range(8)]
    old = keyed(slabs)
    part = shifted(slabs[8:24], 1, 1)
    del old["K010"]  # one of the part is new, so one row further on every slab would find an old one
    found = matched(part, old)
    assert found.shift_m == pytest.approx((1, 1), abs=1e-3)
    assert found.unmatched == (2,)
    assert all(found.assigned[at].key == f"K{at + 8:03d}" for at in range(16) if at != 2)


def test_another_town_on_the_same_ground_has_no_common_shift():
    rng = np.random.default_rng(3)
    old, new = ([box(x, y, x + 10, y + 10) for x, y in rng.uniform(0, 2000, (300, 2))] for _ in range(2))
    shift_m = matched(new, keyed(old)).shift_m
    assert shift_m == (0, 0)


@given(shapes, shapes, st.randoms())
def test_the_order_of_the_input_does_not_matter(new, old, random):
    def named(found, new):
        """Say the result with outlines in place of indices."""
        name = [shape.bounds for shape in new]
        return (
            {name[at]: candidate for at, candidate in found.assigned.items()},
            {name[at] for at in found.altered},
            {(name[doubt.index], doubt.reason, doubt.candidates) for doubt in found.review},
            {(split.key, name[split.kept], frozenset(name[at] for at in split.parts)) for split in found.splits},
            {(name[merge.index], merge.kept, merge.retired) for merge in found.merges},
            {name[at] for at in found.unmatched},
            found.gone,
            found.shift_m,
        )

    old = keyed(old)
    first = named(matched(new, old), new)
    random.shuffle(new)
    mixed = list(old.items())
    random.shuffle(mixed)
    assert named(matched(new, dict(mixed)), new) == first


@given(shapes, shapes)
def test_every_footprint_and_every_building_is_accounted_for_once(new, old):
    old = keyed(old)
    found = matched(new, old)
    reviewed = [doubt.index for doubt in found.review]
    assert sorted([*found.assigned, *reviewed, *found.unmatched]) == list(range(len(new)))
    given_keys = [candidate.key for candidate in found.assigned.values()]
    retired = [key for merge in found.merges for key in merge.retired]
    assert len(set(given_keys + retired)) == len(given_keys + retired)
    in_doubt = {candidate.key for doubt in found.review for candidate in doubt.candidates}
    assert set(given_keys) | set(retired) | in_doubt | set(found.gone) == set(old)
    assert not set(found.gone) & (set(given_keys) | set(retired) | in_doubt)
    assert set(found.altered) <= set(found.assigned)


def test_an_overlap_that_is_neither_small_nor_large_is_left_to_a_person():
    found = matched([box(5, 0, 15, 10)], {"A": box(0, 0, 10, 10)})
    (doubt,) = found.review
    assert (doubt.index, doubt.reason, doubt.candidates[0].key) == (0, "weak", "A")
    assert doubt.candidates[0].score == pytest.approx(1 / 3, abs=1e-4)
    assert (found.gone, found.unmatched) == ((), ())


def test_of_two_footprints_for_one_building_the_better_gets_the_code_and_the_other_is_contested():
    found = matched([box(0, 0, 10, 14), box(0, 0, 10, 11)], {"A": box(0, 0, 10, 10)})
    assert found.assigned[1].key == "A"
    assert [(doubt.index, doubt.reason) for doubt in found.review] == [(0, "contested")]


def test_buildings_that_only_touch_have_nothing_to_do_with_one_another():
    found = matched([box(10, 0, 20, 10)], {"A": box(0, 0, 10, 10)})
    assert (found.unmatched, found.gone) == ((0,), ("A",))


def test_a_divided_building_leaves_its_code_to_the_largest_part():
    found = matched([box(0, 0, 8, 10), box(8, 0, 20, 10), box(20, 0, 26, 10)], {"A": box(0, 0, 26, 10)})
    (split,) = found.splits
    assert (split.key, split.kept, split.parts) == ("A", 1, (0, 2))
    assert found.assigned[1].key == "A"
    assert (found.unmatched, found.gone, found.review) == ((0, 2), (), ())


def test_a_row_divided_into_many_houses_is_still_a_division():
    found = matched([box(5 * at, 0, 5 * at + 5, 8) for at in range(8)], {"A": box(0, 0, 40, 8)})
    (split,) = found.splits
    assert len(split.parts) == 7
    assert found.assigned[split.kept].key == "A"


def test_united_buildings_keep_the_code_of_the_largest():
    found = matched([box(0, 0, 26, 10)], {"A": box(0, 0, 8, 10), "B": box(8, 0, 20, 10), "C": box(20, 0, 26, 10)})
    (merge,) = found.merges
    assert (merge.index, merge.kept, merge.retired) == (0, "B", ("A", "C"))
    assert found.assigned[0].key == "B"
    assert found.gone == ()


def test_a_tower_on_a_podium_is_no_division_of_the_podium():
    podium, tower = box(0, 0, 60, 40), box(5, 5, 15, 15)
    found = matched([podium, tower], {"podium": podium, "tower": tower})
    assert [found.assigned[at].key for at in (0, 1)] == ["podium", "tower"]
    assert (found.splits, found.merges) == ((), ())


def test_a_tower_on_a_divided_podium_is_no_part_of_it():
    old = {"podium": box(0, 0, 60, 40), "tower": box(5, 5, 15, 15)}
    found = matched([box(0, 0, 35, 40), box(35, 0, 60, 40), box(5, 5, 15, 15)], old)
    assert [(split.key, split.kept, split.parts) for split in found.splits] == [("podium", 0, (1,))]
    assert found.assigned[2].key == "tower"


def test_a_building_that_lost_a_sliver_to_an_annex_was_not_divided():
    found = matched([box(0, 0, 19, 10), box(19, 0, 20, 10)], {"A": box(0, 0, 20, 10)})
    assert found.assigned[0].key == "A"
    assert (found.splits, found.unmatched) == ((), (1,))


def test_kiosks_on_the_ground_of_a_hall_pulled_down_are_not_its_parts():
    found = matched([box(5, 5, 10, 10), box(40, 5, 45, 10)], {"hall": box(0, 0, 60, 40)})
    assert (found.splits, found.unmatched, found.gone) == ((), (0, 1), ("hall",))


def test_footprints_on_top_of_one_another_are_not_parts_of_a_whole():
    found = matched([box(0, 0, 16, 10), box(4, 0, 20, 10), box(1, 0, 18, 10)], {"A": box(0, 0, 20, 10)})
    assert found.splits == ()
    assert found.assigned[2].key == "A"
    assert [(doubt.index, doubt.reason) for doubt in found.review] == [(0, "contested"), (1, "contested")]


def test_a_part_of_a_divided_building_does_not_also_unite_others():
    old = {"A": box(0, 0, 20, 10), "B": box(0, 0, 4, 10), "C": box(4, 0, 8, 10)}
    found = matched([box(0, 0, 10, 10), box(10, 0, 20, 10)], old)
    (split,) = found.splits
    assert split.key == "A"
    assert found.assigned[split.kept].key == "A"
    assert found.merges == ()


def test_half_of_a_building_pulled_down_is_an_alteration_not_a_division():
    found = matched([box(0, 0, 12, 10)], {"A": box(0, 0, 20, 10)})
    assert found.assigned[0].key == "A"
    assert found.altered == (0,)
    assert found.splits == ()


def test_a_shed_surveyed_anew_is_not_called_altered():
    found = matched([box(0.3, 0.2, 3.2, 3.1)], {"A": box(0, 0, 3, 3)})
    assert found.assigned[0].key == "A"
    assert found.altered == ()


def test_footprints_without_area_are_new_and_buildings_without_area_are_gone():
    house = box(0, 0, 10, 10)
    found = matched([None, shapely.Polygon(), shapely.Point(1, 1), house], {"A": house, "B": None})
    assert found.assigned[3].key == "A"
    assert found.unmatched == (0, 1, 2)
    assert found.gone == ("B",)
    assert matched([None], {"B": None}).gone == ("B",)


def test_a_self_crossing_outline_is_mended_before_it_is_compared():
    crossed = shapely.Polygon([(0, 0), (10, 0), (10, 10), (4, -0.5), (0, 10)])
    assert not crossed.is_valid
    found = matched([crossed], {"A": crossed})
    assert found.assigned[0].score == pytest.approx(1)


@pytest.mark.parametrize("datum", [Datum.GCJ02, Datum.BD09])
def test_a_survey_left_in_a_shifted_map_datum_is_told(datum):
    old = dict(zip(estate(), lonlat(estate().values()), strict=True))
    new = [convert_geometry(shape, Datum.WGS84, datum) for shape in lonlat(shifted(estate().values(), 1, -2))]
    assert shifted_datum([*new, None], old) is datum


def test_a_survey_in_the_right_place_or_of_another_place_is_not_called_shifted():
    old = dict(zip(estate(), lonlat(estate().values()), strict=True))
    assert shifted_datum(lonlat(shifted(estate().values(), 3, 3)), old) is None
    assert shifted_datum(lonlat(shifted(estate().values(), 900, 900)), old) is None
    assert shifted_datum([affinity.translate(shape, -110, 0) for shape in old.values()], old) is None


@pytest.mark.parametrize(("cells", "verdict"), [(0, "exact"), (1, "near"), (2, "drift")])
def test_integrity_tells_how_far_a_building_has_left_its_code(cells, verdict):
    footprint = FRAME.inverse(box(-5, -5, 5, 5))
    (key,) = building_codes([footprint], [])
    assert integrity(key, affinity.translate(footprint, cells / 14400, -cells / 14400)) == verdict


@pytest.mark.parametrize("shift_m", [1.0, 3.0])
def test_at_least_99_percent_of_a_town_keep_their_codes_and_no_error_is_silent(shift_m):
    spec = importlib.util.spec_from_file_location("resurvey", BENCHMARK)
    resurvey = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(resurvey)
    score = resurvey.score(resurvey.resurvey(np.random.default_rng(20), 38, shift_m))
    assert score.asked >= 2_000
    assert score.right / score.asked >= 0.99
    assert score.wrong_silent == 0
    assert score.by_code / score.asked < 0.85
