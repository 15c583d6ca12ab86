"""Connections speak of space codes, and keep their id from version to version."""

import pytest
from shapely import Point

from twin.connection import OUTSIDE, ConnectionDraft, connection_records
from twin.feature import Feature

HERE = Point(120.15, 30.28)
CODES = {"b": "B", "one": "B-U00-F01-R0101", "two": "B-U00-F01-R0102", "up": "B-U00-F02-R0201"}


def draft(kind="door", key="K1", ends=("one", "two"), at=HERE, storey=1, **attributes):
    return ConnectionDraft(
        kind=kind, key=key, building_key="b", from_key=ends[0], to_key=ends[1], storey=storey, geometry=at,
        height_m=0.0, attributes=attributes,
    )  # fmt: skip


def stored(records):
    return [
        Feature(layer="connection", id=one.id, community="c", geometry=one.geometry, attributes=one.attributes)
        for one in records
    ]


def test_a_door_is_the_same_whichever_side_is_named_first():
    one, other = (connection_records([draft(ends=ends)], CODES, [])[0] for ends in (("one", "two"), ("two", "one")))
    assert one == other
    assert (one.id, one.attributes["from_space"], one.where) == ("B:K1", CODES["one"], {"code": CODES["one"]})


def test_stairs_lead_from_below_to_above_and_lifts_never_serve_an_escape():
    stair, lift = connection_records([draft("stair", "S", ("two", "up")), draft("lift", "L", ("two", "up"))], CODES, [])
    assert (stair.attributes["from_space"], stair.attributes["to_space"]) == (CODES["two"], CODES["up"])
    assert (stair.attributes["evacuation"], lift.attributes["evacuation"]) == (True, False)


@pytest.mark.parametrize(
    ("storey", "stated", "leads_out"), [(1, {}, True), (-1, {}, True), (2, {}, False), (2, {"fire_exit": True}, True)]
)
def test_a_balcony_door_is_no_exit(storey, stated, leads_out):
    (one,) = connection_records([draft(ends=("one", None), storey=storey, **stated)], CODES, [])
    assert (one.attributes["to_space"], one.attributes["exit"]) == (OUTSIDE, leads_out)


def test_a_connection_to_a_room_without_a_code_is_left_out():
    assert connection_records([draft(ends=("one", "nowhere")), draft(ends=("one", "one"))], CODES, []) == []


def test_rewritten_global_ids_keep_the_ids_of_the_doors_that_stood_there():
    east = Point(120.15005, 30.28)
    before = connection_records([draft(key="A"), draft(key="B", at=east)], CODES, [])
    after = connection_records([draft(key="X", at=east), draft(key="Y")], CODES, stored(before))
    assert {one.geometry: one.id for one in after} == {one.geometry: one.id for one in before}


def test_a_door_that_is_new_takes_nobodys_id():
    before = connection_records([draft(key="A")], CODES, [])
    after = connection_records([draft(key="A"), draft(key="N", at=Point(120.150001, 30.28))], CODES, stored(before))
    assert [one.id for one in after] == ["B:A", "B:N"]


def test_nameless_connections_are_numbered_by_their_rooms_and_stay():
    drafts = [draft(key=None, at=Point(120.15 + x, 30.28)) for x in (0.0002, 0.0)]
    before = connection_records(drafts, CODES, [])
    ends = f"{CODES['one']}~{CODES['two']}"
    assert [one.id for one in before] == [f"door:{ends}:2", f"door:{ends}:1"]
    assert connection_records(drafts[:1], CODES, stored(before))[0].id == before[0].id
    third = draft(key=None, at=Point(120.1499, 30.28))
    assert connection_records([*drafts, third], CODES, stored(before))[2].id == f"door:{ends}:3"
