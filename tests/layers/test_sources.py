"""Decoders of sources: whatever arrives, items or named errors come out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.errors import BadInput, Forbidden, LifangError
from layers.observation.decode import decode
from layers.sources.chirpstack import decode_uplink
from layers.sources.observations import decode_observations
from layers.sources.payload import MAX_BYTES, MAX_ITEMS
from layers.sources.sensorthings import decode_arrays, decode_entity
from layers.sources.table import TableReading, columns_of, decode_rows, moment_of, zone_of
from layers.sources.topics import DECODERS, TOPICS, Template

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=20,
)
NAMES = st.sampled_from(
    ["device", "property", "result", "phenomenonTime", "source", "source_seq", "observations", "deviceInfo", "devEui",
     "object", "tags", "fCnt", "time", "deduplicationId", "Datastream", "@iot.id", "components", "dataArray", "parameters"]
)  # fmt: skip
LIKELY = st.recursive(JSON, lambda inner: st.dictionaries(NAMES, inner, max_size=8) | st.lists(inner, max_size=3))


def code_of(call):
    """Code of the named error, ``None`` when there is none; anything but a named error is a bug and raises."""
    try:
        call()
    except LifangError as error:
        return error.code
    return None


def items_or_errors(call):
    """Every item can be judged, every fault has a code."""
    found = []
    code_of(lambda: found.extend(call()))
    items = [one for one in found if not isinstance(one, LifangError)]
    assert {code_of(lambda one=one: decode(one)) for one in items} <= {None, "observation.malformed"}


@given(payload=st.binary(max_size=200), source=st.sampled_from(sorted(DECODERS)))
def test_any_bytes_are_items_or_a_named_error(payload, source):
    items_or_errors(lambda: DECODERS[source](payload, {"device": "D-1", "dev_eui": "01"}))


@given(value=LIKELY, source=st.sampled_from(sorted(DECODERS)))
def test_any_json_is_items_or_a_named_error(value, source):
    items_or_errors(lambda: DECODERS[source](json.dumps(value).encode(), {}))


@given(value=LIKELY)
def test_any_sensorthings_body_is_items_or_a_named_error(value):
    items_or_errors(lambda: [decode_entity(value)])
    items_or_errors(lambda: decode_arrays(value))


@given(
    cells=st.lists(
        st.none() | st.text(max_size=20) | st.integers() | st.floats() | st.booleans(), min_size=4, max_size=4
    ),
    kind=st.sampled_from([None, "number", "count", "boolean", "text", "record"]),
)
def test_any_row_is_an_item_or_a_named_error(cells, kind):
    headings = ["device", "property", "value", "time"]
    how = TableReading(columns=columns_of(headings), kind=lambda *_: kind, zone=zone_of("+08:00"), source="f")
    ((line, one),) = decode_rows([(7, dict(zip(headings, cells, strict=True)))], how)
    assert line == 7
    items_or_errors(lambda: [one])


@given(text=st.text(max_size=40))
def test_any_text_is_a_moment_or_a_named_error(text):
    assert code_of(lambda: moment_of(text, zone_of("Asia/Shanghai"))) in (None, "reading.time")


def test_a_message_is_bounded_in_bytes_and_items():
    with pytest.raises(BadInput, match=r"source\.too_large"):
        decode_observations(b" " * (MAX_BYTES + 1), {})
    with pytest.raises(BadInput, match=r"source\.too_many"):
        decode_observations(b"[" + b"7," * MAX_ITEMS + b"7]", {})
    with pytest.raises(BadInput, match=r"source\.too_many"):
        decode_arrays([{"dataArray": [[]] * (MAX_ITEMS + 1), "components": []}])


def test_an_uplink_is_for_the_device_its_tag_names():
    uplink = {
        "deviceInfo": {"devEui": "01", "tags": {"device": "W-7"}},
        "object": {"level": 1.0},
        "time": "t",
        "fCnt": 1,
    }
    (item,) = decode_uplink(json.dumps(uplink).encode(), {"dev_eui": "01"})
    assert (item["device"], item["source"]) == ("W-7", "chirpstack:01")
    with pytest.raises(Forbidden, match=r"chirpstack\.foreign_device"):
        decode_uplink(json.dumps(uplink).encode(), {"dev_eui": "02"})


def test_every_row_of_a_data_array_that_cannot_be_read_has_its_error():
    groups = [
        {"Datastream": {"@iot.id": "x"}, "components": ["phenomenonTime", "result"], "dataArray": [["t", 1], ["t", 2]]},
        {"Datastream": {"@iot.id": "D:p"}, "components": ["result"], "dataArray": [[1]]},
        {"Datastream": {"@iot.id": "D:p"}, "components": ["phenomenonTime", "result"], "dataArray": [["t", 1]]},
    ]
    found = decode_arrays(groups)
    assert [getattr(one, "code", "item") for one in found] == [
        "sensorthings.datastream", "sensorthings.datastream", "sensorthings.malformed", "item",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "a/{b", "{a}/{a}", "a+/b", "#", "a/{B}"])
def test_a_template_no_broker_could_be_asked_for_is_refused(text):
    with pytest.raises(BadInput, match=r"mqtt\.template"):
        Template(text, "observations")


def test_the_topics_that_are_listened_to_do_not_overlap():
    templates = [Template(text, source) for text, source in TOPICS.items()]
    for one in templates:
        topic = one.filter.replace("+", "x")
        assert [other for other in templates if other.match(topic) is not None] == [one]


@pytest.mark.parametrize(
    ("cell", "kind", "result"),
    [
        ("1,234.5", "number", 1234.5),
        ("１２", "count", 12),
        ("是", "boolean", True),
        (0, "boolean", False),
        (7, "text", "7"),
    ],
)
def test_a_cell_is_read_as_its_property_is(cell, kind, result):
    columns = columns_of(["设备", "属性", "值", "时间"])
    how = TableReading(columns=columns, kind=lambda *_: kind, zone=None, source="f")
    row = {"设备": "D-1", "属性": "p", "值": cell, "时间": "2026-11-21T08:00:00+08:00"}
    ((_, item),) = decode_rows([(2, row)], how)
    assert (item["result"], type(item["result"])) == (result, type(result))


def test_a_heading_names_the_unit_and_a_row_another():
    columns = columns_of(["设备", "属性", "值(Cel)", "时间", "单位"])
    how = TableReading(columns=columns, kind=lambda *_: "number", zone=zone_of("+08:00"), source="f")
    row = {"设备": "D-1", "属性": "p", "值(Cel)": 20, "时间": "2026-11-21 08:00"}
    units = [item["unit"] for _, item in decode_rows([(2, row), (3, {**row, "单位": "K"})], how)]
    assert units == ["Cel", "K"]
