"""The grammar of the space code, its check character, and what it refuses."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum.iso7064 import mod_37_36

from gis import beidou
from gis.errors import BadInput
from twin.spacecode import OFFSET_DIGITS, SpaceCode, check_character, door_segment, offset_segment

VECTORS = json.loads((Path(__file__).parents[1] / "golden" / "spacecode_vectors.json").read_text("utf-8"))
ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

two_digits = st.integers(1, 99).map("{:02d}".format)
grids = st.builds(beidou.encode, st.floats(-180, 180), st.floats(-87, 87), st.just(7))
spaces = st.one_of(
    st.text(ALPHANUMERIC, min_size=4, max_size=4).map("R".__add__),
    st.text(OFFSET_DIGITS, min_size=4, max_size=4).map("G".__add__),
)
tails = st.one_of(
    st.just(()),
    st.tuples(st.integers(0, 99).map("U{:02d}".format)),
    st.tuples(two_digits.map("U".__add__), st.builds("".join, st.tuples(st.sampled_from("FB"), two_digits))),
    st.tuples(two_digits.map("U".__add__), st.builds("".join, st.tuples(st.sampled_from("FB"), two_digits)), spaces),
)
keys = st.builds(lambda grid, d, tail: "-".join((grid, d, *tail)), grids, st.sampled_from(ALPHANUMERIC), tails)
admins = st.one_of(
    st.none(), st.sampled_from((6, 9, 12, 15)).flatmap(lambda n: st.text("0123456789", min_size=n, max_size=n))
)


def faults(text):
    try:
        SpaceCode.parse(text)
    except BadInput as error:
        return error.facts["position"]
    return None


def test_the_check_character_is_that_of_iso_7064():
    vector = VECTORS["iso7064_mod_37_36"]
    assert check_character(vector["body"]) == vector["check"]


@given(st.text(ALPHANUMERIC, min_size=1, max_size=40))
def test_the_check_character_agrees_with_an_independent_one(body):
    assert check_character(body) == mod_37_36.calc_check_digit(body)


def test_the_two_codes_written_in_the_documentation_are_valid():
    assert SpaceCode("N51H0429733232-0").text == "N51H0429733232-0-I"
    assert SpaceCode.parse("330106001012001.N51H0429733232-0-U01-F05-R0501-X").key == "N51H0429733232-0-U01-F05-R0501"


@given(keys, admins)
def test_a_written_code_reads_back(key, admin):
    code = SpaceCode(key, admin)
    for text in (code.text, code.text.lower(), code.key):
        assert SpaceCode.parse(text) == code
    assert SpaceCode.parse(code.text).admin == admin


@given(keys)
def test_every_place_contains_itself_and_is_contained_in_its_ancestors(key):
    code = SpaceCode(key)
    assert all(above.contains(code) and not code.contains(above) for above in code.ancestors)
    assert code.contains(code)
    assert [above.kind for above in (*code.ancestors, code)] == ["building", "unit", "storey", "space"][
        : len(code.ancestors) + 1
    ]


def test_a_sibling_whose_code_begins_alike_is_not_contained():
    assert not SpaceCode("N51H0429733232-0-U01-F05").contains(SpaceCode("N51H0429733232-0-U01-F06-R0501"))
    assert not SpaceCode("N51H0429733232-0").contains(SpaceCode("N51H0429733233-0"))


@pytest.mark.parametrize(
    "key",
    ["N51H0429733232-0", "N51H0429733232-0-U01", "N51H0429733232-0-U01-F05-R0501", "S11J47539B8255-Z-U00-B02-G1C25"],
)
def test_no_single_wrong_character_is_accepted(key):
    text = SpaceCode(key).text
    accepted = [
        text[:at] + letter + text[at + 1 :]
        for at in range(len(text))
        for letter in ALPHANUMERIC + "-."
        if letter != text[at] and faults(text[:at] + letter + text[at + 1 :]) is None
    ]
    assert accepted == []


@given(keys)
def test_hardly_any_swap_of_neighbours_is_accepted(key):
    text = SpaceCode(key).text
    swapped = [text[:at] + text[at + 1] + text[at] + text[at + 2 :] for at in range(len(text) - 1)]
    accepted = [other for other in swapped if other != text and faults(other) is None]
    assert len(accepted) <= 2


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("-", 0),
        ("N51H", 4),
        ("N51H0429733232", 15),
        ("N51H0429733232-", 15),
        ("N51H0429733292-0", 12),
        ("N51H042973323201-0", 14),
        ("N51H0429733232-0 ", 16),
        ("N51H0429733232-０", 15),
        ("N51H0429733232—0", 14),
        ("N51H0429733232-00", 16),
        ("N51H0429733232-0-V01", 17),
        ("N51H0429733232-0-U1", 19),
        ("N51H0429733232-0-U001", 20),
        ("N51H0429733232-0-U01-F00", 22),
        ("N51H0429733232-0-U01-E05", 21),
        ("N51H0429733232-0-U01-F05-X0501", 25),
        ("N51H0429733232-0-U01-F05-R501", 29),
        ("N51H0429733232-0-U01-F05-G1H25", 27),
        ("N51H0429733232-0-U01-F05-R0501-U01", 31),
        ("N51H0429733232-0-U01-F05-R0501-X-X", 31),
        ("N51H0429733232-0-J", 17),
        ("33010.N51H0429733232-0", 5),
        ("33010X.N51H0429733232-0", 5),
        (".N51H0429733232-0", 0),
        ("330106.N51H0429733292-0", 19),
        ("330106.330106.N51H0429733232-0", 6),
        ("ſ51H0429733232-0", 0),
    ],
)
def test_a_damaged_text_is_refused_naming_the_first_wrong_position(text, position):
    assert faults(text) == position


def test_full_width_characters_are_refused_with_the_cure():
    with pytest.raises(BadInput, match="half width") as caught:
        SpaceCode.parse("N51H0429733232－0")
    assert caught.value.code == "code.bad_character"


def test_a_key_in_lower_case_is_not_a_key():
    with pytest.raises(BadInput, match=r"code\.bad_structure"):
        SpaceCode("n51h0429733232-0")


@given(st.text(max_size=40))
@example("N51H0429733232-0-ı")
def test_any_text_is_either_read_or_refused_with_a_position_inside_it(text):
    position = faults(text)
    assert position is None or 0 <= position <= len(text) + 1


def test_storeys_count_without_zero():
    assert SpaceCode("N51H0429733232-0-U00-F05").storey == 5
    assert SpaceCode("N51H0429733232-0-U00-B01").storey == -1
    assert SpaceCode("N51H0429733232-0-U00").storey is None
    assert SpaceCode("N51H0429733232-0-U00").unit == 0


def test_the_administrative_prefix_is_no_part_of_the_identity():
    plain, prefixed = SpaceCode.parse("N51H0429733232-0"), SpaceCode.parse("330106.N51H0429733232-0")
    assert plain == prefixed
    assert hash(plain) == hash(prefixed)
    assert prefixed.text == "330106.N51H0429733232-0-I"


@pytest.mark.parametrize(("cell", "reference", "digits"), VECTORS["offsets"]["cells"])
def test_offset_digits_are_those_of_the_published_reference_codes(cell, reference, digits):
    there, here = beidou.decode(cell).bounds, beidou.decode(reference).bounds
    east, north = (round((there[axis] - here[axis]) * 900) for axis in (0, 1))  # level-5 cells measure 4 seconds
    assert offset_segment(8 * east, 8 * north) == f"G{digits}00"


@given(st.integers(-56, 63), st.integers(-56, 63))
def test_an_offset_reads_back(east, north):
    segment = offset_segment(east, north)
    assert SpaceCode(f"N51H0429733232-0-U01-F05-{segment}").offset == (east, north)


@pytest.mark.parametrize(("east", "north"), [(-57, 0), (64, 0), (0, -57), (0, 64)])
def test_an_offset_out_of_reach_has_no_segment(east, north):
    assert offset_segment(east, north) is None


@pytest.mark.parametrize(
    ("door", "segment"), [("", None), ("室", None), ("5A", "R005A"), ("B1-01", "RB101"), ("10501", None)]
)
def test_a_door_number_becomes_four_characters_or_nothing(door, segment):
    assert door_segment(door) == segment


@given(keys, admins)
def test_the_parts_are_json_and_build_the_code_again(key, admin):
    parts = json.loads(json.dumps(SpaceCode(key, admin).parts()))
    assert SpaceCode.parse(parts["text"]) == SpaceCode(parts["key"])
    assert parts["key"].startswith(f"{parts['grid']}-{parts['discriminator']}")
    west, south, east, north = parts["bounds"]
    assert west < parts["centre"][0] < east
    assert south < parts["centre"][1] < north
