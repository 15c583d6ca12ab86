"""What people write as an address, and the one way the twin writes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.errors import BadInput
from twin.address import Address, normalise
from twin.address_words import number


@pytest.mark.parametrize(
    ("written", "standard"),
    [
        ("安和里21幢", "安和里21幢"),
        ("安和里二十一栋", "安和里21幢"),
        ("安和里２１号楼", "安和里21幢"),
        ("安和里 021 座", "安和里21幢"),
        ("A座", "A幢"),
        ("第3幢第二单元", "3幢2单元"),
        ("廿三幢", "23幢"),
        ("3#2单元1201", "3幢2单元1201室"),
        ("12#1-301", "12幢1单元301室"),
        ("3幢2单元502", "3幢2单元502室"),
        ("3幢2梯0502户", "3幢2单元502室"),
        ("3-2-502", "3幢2单元502室"),
        ("3幢2-502室", "3幢2单元502室"),
        ("21幢 0501", "21幢501室"),
        ("21号楼501", "21幢501室"),
        ("2号楼3楼", "2幢3层"),
        ("A座12F", "A幢12层"),
        ("安和小区3栋B1", "安和小区3幢地下1层"),
        ("3幢负一楼", "3幢地下1层"),
        ("3幢-1层", "3幢地下1层"),
        ("3栋地下二层", "3幢地下2层"),
        ("A栋1201A", "A幢1201A室"),
        ("五〇二室", "502室"),
        ("12-1幢2单元", "12-1幢2单元"),
        ("文三路 1188弄5号 502室", "文三路1188弄5号502室"),
        ("西湖区文三路90-2号", "西湖区文三路90-2号"),
        ("里坊路二十一号", "里坊路21号"),
        ("万科城3期5幢", "万科城3期5幢"),
        ("SOHO3幢", "SOHO3幢"),
        ("一座山庄3幢", "一座山庄3幢"),
        ("杭州市建德市乾潭镇安和村3幢", "杭州市建德市乾潭镇安和村3幢"),
        ("里坊街道办事处里坊示范社区", "里坊街道里坊示范社区"),
    ],
)
def test_variants_become_the_standard_text(written, standard):
    assert normalise(written).text() == standard


def test_every_level_lands_in_its_slot():
    text = "浙江省杭州市西湖区里坊街道里坊示范社区里坊路21号安和里21幢2单元5层502室"
    assert normalise(text) == Address(
        province="浙江省",
        city="杭州市",
        county="西湖区",
        town="里坊街道",
        community="里坊示范社区",
        street="里坊路",
        door_plate="21",
        compound="安和里",
        building="21",
        unit="2",
        storey=5,
        room="502",
    )
    assert normalise(text).text() == text


@pytest.mark.parametrize("name", ["安和集市", "公园西街坊", "竹苑地下车库出入口", "兰苑1号门岗", "社区综合服务中心"])
def test_words_that_only_look_like_levels_stay_names(name):
    assert normalise(name) == Address(compound=name)


def test_a_quarter_called_east_is_no_district_but_a_district_of_a_city_is():
    assert normalise("安和里东区3幢").compound == "安和里东区"
    assert normalise("西宁市城东区安和里3幢").county == "城东区"


def test_the_word_for_absent_fills_no_slot_but_may_begin_a_name():
    assert normalise("浙江省,杭州市,无,安和里,3幢,无,5层,502").text() == "浙江省杭州市安和里3幢5层502室"
    assert normalise("3幢无单元502室") == Address(building="3", room="502")
    assert normalise("无锡市梁溪区安和里3幢").city == "无锡市"


def test_what_is_not_certain_is_said():
    assert normalise("3幢2") == Address(building="3")
    assert "2 may be a unit, a storey or a room" in normalise("3幢2").notes[0]
    assert normalise("3-502").notes == ("3 is read as the building.",)
    assert "may be the storey" in normalise("3-5-502").notes[1]
    assert normalise("3幢2单元502室").notes == ()


def test_words_after_the_numbers_are_left_out_and_said_so():
    address = normalise("安和里1幢1单元1层0101住宅")
    assert (address.text(), address.notes) == ("安和里1幢1单元1层101室", ("住宅 is left out.",))


@pytest.mark.parametrize(
    ("nonsense", "position"),
    [
        ("", 0),
        ("，", 1),
        ("无", 1),
        ("幢", 0),
        ("12", 0),
        ("3幢?", 2),
        ("3幢5幢", 2),
        ("502室3幢", 4),
        ("安和里@3幢", 3),
    ],
)
def test_nonsense_is_refused_where_it_begins(nonsense, position):
    with pytest.raises(BadInput, match=r"address\.unreadable") as refused:
        normalise(nonsense)
    assert refused.value.facts["position"] == position


@pytest.mark.parametrize("storey", ["3幢0层", "3幢100层", "3幢地下0层"])
def test_a_storey_that_cannot_be_is_refused(storey):
    with pytest.raises(BadInput, match=r"address\.unreadable"):
        normalise(storey)


def maybe(strategy):
    return st.none() | strategy


NUMBERS = st.integers(1, 150).map(str)
ADDRESSES = st.builds(
    lambda area, plate, site: Address(**area, **plate, **site),
    st.fixed_dictionaries(
        {
            "city": st.sampled_from(["杭州市", "无锡市"]),
            "province": maybe(st.sampled_from(["浙江省", "内蒙古自治区"])),
            "county": maybe(st.sampled_from(["西湖区", "建德市", "桐庐县"])),
            "town": maybe(st.sampled_from(["里坊街道", "乾潭镇"])),
            "community": maybe(st.sampled_from(["里坊示范社区", "和睦社区"])),
        }
    ),
    st.just({})
    | st.fixed_dictionaries(
        {"street": st.sampled_from(["里坊路", "文三西路", "长安街"]), "door_plate": maybe(NUMBERS)}
    ),
    st.fixed_dictionaries(
        {
            "compound": maybe(st.sampled_from(["安和里", "万科城3期", "和平小区", "安和集市"])),
            "building": maybe(NUMBERS | st.sampled_from(["A", "B3", "12-1", "甲"])),
            "unit": maybe(st.integers(1, 9).map(str)),
            "storey": maybe(st.integers(-5, 60).filter(bool)),
            "room": maybe(st.integers(1, 6009).map(str) | st.sampled_from(["A12", "501B", "东"])),
        }
    ),
)


@given(ADDRESSES)
def test_the_standard_text_is_read_back_as_it_was_meant(address):
    assert normalise(address.text()) == address
    assert normalise(address.text()).notes == ()


FRAGMENTS = st.sampled_from(
    [
        *"幢栋座号楼层室户#-梯FBA里路区 ",
        "单元",
        "号楼",
        "地下",
        "负",
        "无",
        "安和",
        "街道",
        "3",
        "05",
        "12",
        "502",
        "二十一",
        "十",
    ]
)


def read(written):
    """Return the address, or the error with which it was refused."""
    try:
        return normalise(written)
    except BadInput as refused:
        return refused


@given(st.lists(FRAGMENTS, max_size=9).map("".join))
def test_whatever_is_read_at_all_is_read_the_same_from_its_standard_text(written):
    found = read(written)
    if isinstance(found, Address):
        assert normalise(found.text()) == found
    else:
        assert 0 <= found.facts["position"] <= len(written)


@given(st.text())
def test_no_text_whatever_breaks_the_reader(written):
    found = read(written)
    assert isinstance(found, Address) or found.code == "address.unreadable"


@given(st.integers(1, 999))
def test_chinese_numerals_have_the_value_they_are_read_with(value):
    digits = "〇一二三四五六七八九"
    hundreds, tens, ones = value // 100, value // 10 % 10, value % 10
    written = digits[hundreds] + "百" if hundreds else ""
    if tens:
        written += (digits[tens] if tens > 1 or hundreds else "") + "十"
    elif hundreds and ones:
        written += "零"
    written += digits[ones] if ones else ""
    assert number(written) == str(value)
