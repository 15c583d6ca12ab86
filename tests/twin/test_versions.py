"""The text of a version's attributes: equal content is equal text, whichever encoder wrote it."""

import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gis.errors import BadInput
from twin.versions import dump

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(VALUES)
@example(value={"far": 1e16, "near": 1.5e-5, "tiny": 1e-300, "zero": -0.0, "storey1": "null"})
@example(value={"long": 2**70, "none": None, "null": [None, "null"]})
@example(value={"long": 2**70, "幢": "\x7f\u2028"})
def test_the_text_is_that_of_pythons_own_encoder(value):
    assert dump(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


@pytest.mark.parametrize("value", [math.nan, [math.inf], {"a": {"b": -math.inf}}, {"a": None, "b": [math.nan]}])
def test_what_json_has_no_number_for_is_refused(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump(value)


@pytest.mark.parametrize("value", [datetime(2026, 11, 21, tzinfo=UTC), {1, 2}, b"raw"])
def test_what_is_no_json_value_is_refused(value):
    with pytest.raises(TypeError):
        dump({"a": value})


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_characters_that_cannot_be_stored_are_refused_by_name(text):
    with pytest.raises(BadInput, match=r"store\.bad_text"):
        dump({"name": text})
