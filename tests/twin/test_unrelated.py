"""Tax and police business stay out; the police station of an address stays in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.catalogue import load_catalogue
from twin.unrelated import Screen, related_columns, topic_of, topic_of_group, topic_of_property


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("tax_no", "tax"), ("TaxNumber", "tax"), ("TAX", "tax"), ("税务登记号", "tax"), ("业主税务.税号", "tax"),
        ("police_case_no", "public_security"), ("policeCaseType", "public_security"), ("案件编号", "public_security"),
        ("涉案人员", "public_security"), ("住户-前科", "public_security"), ("刑事案件数", "public_security"),
    ],
)  # fmt: skip
def test_what_is_of_tax_or_police_business_is_left_out(name, topic):
    assert topic_of_property(name) == topic
    assert topic_of_group(name) == topic


@pytest.mark.parametrize(
    "name",
    [
        "所属公安机构", "公安机关", "派出所", "所属派出所", "police_station", "PoliceStation", "police_org", "警务室", "Taxi", "taxonomy",
        "Syntax", "档案件数", "备案号", "建筑编号", "文案", "public_safety", "CaseNumber",
    ],
)  # fmt: skip
def test_address_fields_and_words_that_merely_look_alike_stay(name):
    assert topic_of("地址信息", name) is None


def test_no_declared_field_is_mistaken():
    """A layer whose own field were left out could never be filled."""
    names = [
        name for layer in load_catalogue().values() for field in layer.fields
        for name in (field.name, field.title.zh, field.title.en, *field.aliases)
    ]  # fmt: skip
    assert {name: topic for name in names if (topic := topic_of_property(name))} == {}


@given(st.text(max_size=30))
def test_in_a_group_that_goes_everything_goes(name):
    assert topic_of("公安业务", name) == "public_security"


@given(st.dictionaries(st.sampled_from(["tax_a", "案件", "派出所", "名称"]), st.text(min_size=1), min_size=1))
def test_columns_are_kept_or_left_out_never_both(row):
    (kept,), left_out = related_columns([row])
    gone = [name for one in left_out for name in one.names]
    assert sorted([*kept, *gone]) == sorted(row)
    assert set(kept) <= {"派出所", "名称"}


def test_a_screen_counts_values_and_names_what_bore_them():
    screen = Screen()
    for element in ("a", "b", "a"):
        assert not screen.admits("案件信息", "案号", element)
    (one,) = screen.left_out()
    assert (one.count, one.elements) == (3, ("a", "b"))
