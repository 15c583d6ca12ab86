"""How complete a building is: what costs points, and how many."""

from dataclasses import replace
from pathlib import Path

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers.health import SHOWN, Subject, checks, groups, health_of, subjects
from twin.feature import Feature

KEY = "N51H0429733232-0"
OUTLINE = shapely.box(120.1535, 30.2873, 120.1537, 30.2875)
WHOLE = {
    "building_no": "1", "height_m": 6.0, "height_source": "stated", "address": "里坊路1号", "main_use": "residential",
    "storey_count": 2,
}  # fmt: skip


def place(layer, suffix="", **values):
    return Feature(layer=layer, id=KEY + suffix, community="c1", place=KEY + suffix, **values)


def storey(number, base):
    return place("storey", f"-U00-F{number:02}", storey=number, z_min_m=base, z_max_m=base + 3, geometry=OUTLINE)


def room(number, west, **values):
    shape = shapely.box(120.1535 + west, 30.2873, 120.1535 + west + 0.0001, 30.2875)
    settled = {"name": f"{number}", "storey": 1, "z_min_m": 7.0, "z_max_m": 9.8, "geometry": shape}
    return place("space", f"-U01-F01-R{number:04}", **(settled | {"attributes": {"use": "dwelling"}} | values))


def device(number, inside):
    return Feature(layer="device", id=f"D{number}", community="c1", place=inside)


@pytest.fixture
def healthy():
    building = place("building", name="1幢", geometry=OUTLINE, z_min_m=7.0, z_max_m=13.0, attributes=WHOLE)
    rooms = [room(101, 0.0), room(102, 0.0001)]
    return Subject(
        building=building,
        units=[place("unit", "-U01"), place("unit", "-U02")],
        storeys=[storey(1, 7.0), storey(2, 10.0)],
        spaces=rooms,
        devices=[device(1, rooms[0].id)],
        schemes={"building_no", "zhejiang_building"},
        heard={"D1"},
    )


def lost(subject):
    return {loss.check: loss.lost for loss in health_of(subject).losses}


def with_building(subject, **values):
    return replace(subject, building=replace(subject.building, **values))


def with_attributes(subject, **values):
    return with_building(subject, attributes={**subject.building.attributes, **values})


def test_the_weights_are_a_hundred_points_and_every_check_has_both_languages():
    assert sum(check.weight for check in checks().values()) == 100
    assert {check.group for check in checks().values()} == set(groups())
    texts = [text for check in checks().values() for text in (check.why, check.cure)]
    assert all(text.zh.strip() and text.en.strip() for text in texts)


def test_a_building_with_everything_has_a_hundred(healthy):
    assert health_of(healthy).losses == ()
    assert health_of(healthy).score == 100


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda one: with_building(one, geometry=None), {"footprint": 10, "anchored": 5}),
        (
            lambda one: with_building(one, geometry=shapely.affinity.translate(OUTLINE, 0.001, 0)),
            {"anchored": 5, "spaces_inside": 2},
        ),
        (lambda one: with_building(one, z_min_m=None), {"ground": 5}),
        (lambda one: with_attributes(one, height_source="storeys"), {"height": 2.5}),
        (lambda one: with_attributes(one, address_source="derived"), {"address": 2}),
        (lambda one: with_attributes(one, address=None), {"address": 4}),
        (lambda one: with_attributes(one, building_no=None), {"building_no": 3}),
        (lambda one: with_attributes(one, main_use=None), {"main_use": 3}),
        (lambda one: with_building(one, name=None), {"name": 3}),
        (lambda one: replace(one, schemes={"building_no", "ifc:GlobalId"}), {"official_code": 3}),
        (lambda one: replace(one, storeys=()), {"storeys_exist": 8}),
        (lambda one: with_attributes(one, storey_count=4), {"storeys_complete": 2}),
        (lambda one: with_attributes(one, basement_count=2), {"storeys_complete": 2}),
        (lambda one: replace(one, storeys=[storey(1, 7.0), storey(2, 11.0)]), {"storeys_adjoin": 1}),
        (
            lambda one: replace(one, storeys=[storey(1, 7.0), replace(storey(2, 10.0), z_max_m=None)]),
            {"storey_heights": 1.5},
        ),
        (
            lambda one: replace(one, storeys=[replace(level, attributes={"derived": True}) for level in one.storeys]),
            {"storeys_modelled": 3},
        ),
        (lambda one: replace(one, spaces=(), devices=()), {"spaces_exist": 13}),
        (lambda one: replace(one, spaces=[room(101, 0.0), room(102, 0.0001, name=None)]), {"spaces_named": 2}),
        (lambda one: replace(one, spaces=[room(101, 0.0), room(102, 0.0001, geometry=None)]), {"spaces_shaped": 2}),
        (lambda one: replace(one, spaces=[room(101, 0.0), room(102, 0.001)]), {"spaces_inside": 1}),
        (lambda one: replace(one, spaces=[room(101, 0.0), room(102, 0.00005)]), {"spaces_apart": 0.5}),
        (lambda one: replace(one, devices=[device(1, KEY)]), {"devices_placed": 5}),
        (lambda one: replace(one, heard=set()), {"devices_heard": 5}),
    ],
)
def test_each_fault_costs_its_own_points(healthy, change, expected):
    assert lost(change(healthy)) == expected


def test_rooms_of_two_storeys_or_heights_above_one_another_do_not_overlap(healthy):
    above = replace(room(102, 0.0), storey=2)
    loft = room(102, 0.0, z_min_m=9.8, z_max_m=12.0)
    assert lost(replace(healthy, spaces=[room(101, 0.0), above])) == {}
    assert lost(replace(healthy, spaces=[room(101, 0.0), loft])) == {}


def test_a_basement_may_be_wider_than_the_house_above_it(healthy):
    garage = room(102, 0.001, storey=-1, attributes={"use": "parking"})
    assert lost(replace(healthy, spaces=[room(101, 0.0), garage])) == {}


def test_a_dwelling_without_unit_costs_points_only_where_there_are_units(healthy):
    stray = replace(room(102, 0.0001), id=f"{KEY}-U00-F01-R0102")
    assert lost(replace(healthy, spaces=[room(101, 0.0), stray])) == {"spaces_in_units": 0.5}
    assert lost(replace(healthy, units=(), spaces=[room(101, 0.0), stray])) == {}


def test_without_rooms_a_device_may_stand_on_a_storey(healthy):
    assert lost(replace(healthy, spaces=(), devices=[device(1, f"{KEY}-U00-F01")])) == {"spaces_exist": 13}


def test_basements_follow_the_ground_storey_without_a_zero(healthy):
    basement = place("storey", "-U00-B01", storey=-1, z_min_m=4.0, z_max_m=7.0)
    assert lost(replace(healthy, storeys=[basement, *healthy.storeys])) == {}


def test_a_loss_names_a_few_things_and_counts_all(healthy):
    many = [device(number, KEY) for number in range(3 * SHOWN)]
    loss = next(one for one in health_of(replace(healthy, devices=many)).losses if one.check == "devices_placed")
    assert (len(loss.things), loss.count) == (SHOWN, 3 * SHOWN)


def test_what_stands_in_no_known_building_belongs_to_nobody(healthy):
    found = subjects([healthy.building, *healthy.spaces], [device(1, None), device(2, "N51H0429733299-0")], {}, set())
    assert [(one.building.id, len(one.spaces), len(one.devices)) for one in found] == [(KEY, 2, 0)]


@given(
    kept=st.sets(st.sampled_from(["units", "storeys", "spaces", "devices", "schemes", "heard"])),
    attributes=st.dictionaries(
        st.sampled_from([*WHOLE, "address_source", "unit_count"]),
        st.none() | st.integers(-1, 200) | st.text(max_size=3),
    ),
)
def test_whatever_is_known_the_score_is_between_nothing_and_a_hundred(kept, attributes):
    parts = {
        "units": [place("unit", "-U01")], "storeys": [storey(1, 7.0), replace(storey(2, 7.0), storey=None)],
        "spaces": [room(101, 0.0), room(102, 0.0, geometry=shapely.Polygon())], "devices": [device(1, None), device(2, KEY)],
        "schemes": {"x"}, "heard": {"D2"},
    }  # fmt: skip
    found = health_of(Subject(place("building", attributes=attributes), **{name: parts[name] for name in kept}))
    assert 0 <= found.score <= 100
    assert found.score == pytest.approx(100 - sum(loss.lost for loss in found.losses), abs=0.05)
    assert all(0 < loss.lost <= checks()[loss.check].weight for loss in found.losses)


def test_the_page_lists_every_check_with_its_weight():
    page = (Path(__file__).resolve().parents[2] / "docs" / "health.md").read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    listed = [(name.strip("`"), group, float(weight)) for name, group, weight, _ in rows]
    assert listed == [(name, check.group, check.weight) for name, check in checks().items()]
