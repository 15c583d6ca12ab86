"""Codes of administrative divisions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.errors import BadInput
from twin.division import LEVELS, AdminCode


def test_a_code_tells_its_level_and_everything_above():
    code = AdminCode.parse("330106099001002")
    assert [above.level for above in code.ancestors] == ["province", "city", "county", "town", "community"]
    assert (code.level, code.kind, code.parent.kind, code.parent.parent.kind) == (
        "compound",
        None,
        "居民委员会",
        "街道",
    )


@pytest.mark.parametrize(
    ("town", "kind"),
    [("001", "街道"), ("100", "镇"), ("399", "乡"), ("400", "政企合一")],
)
def test_the_number_of_a_town_tells_its_kind(town, kind):
    assert AdminCode.parse("330106" + town).kind == kind


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("3301", None),
        ("33010", 5),
        ("3301O6", 4),
        ("990106", 0),
        ("330106600", 6),
        ("330106001400", 9),
        ("330106001000001", 9),
        ("330006", 2),
        ("000000", 0),
    ],
)
def test_a_wrong_code_is_refused_where_it_goes_wrong(text, position):
    if position is None:
        assert AdminCode.parse(text).level == "city"
        return
    with pytest.raises(BadInput, match=r"division\.bad") as refused:
        AdminCode.parse(text)
    assert refused.value.facts["position"] == position


CODES = st.tuples(
    st.sampled_from(["11", "33", "65"]),
    st.integers(1, 99).map("{:02}".format),
    st.integers(1, 99).map("{:02}".format),
    st.integers(1, 599).map("{:03}".format),
    st.integers(1, 399).map("{:03}".format),
    st.integers(1, 999).map("{:03}".format),
)


@given(CODES, st.integers(1, 6))
def test_a_code_lies_in_all_its_ancestors_and_they_not_in_it(segments, depth):
    code = AdminCode.parse("".join(segments[:depth]))
    assert len(code.ancestors) == depth - 1
    assert all(above.contains(code) and not code.contains(above) for above in code.ancestors)
    assert AdminCode.parse(code.text) == code


@given(CODES, st.integers(1, 4))
def test_zeros_that_fill_a_list_up_change_nothing(segments, depth):
    digits = "".join(segments[:depth])
    assert AdminCode.parse(digits.ljust(12, "0")) == AdminCode.parse(digits)


def test_levels_have_growing_lengths():
    assert list(LEVELS.values()) == sorted(LEVELS.values())
