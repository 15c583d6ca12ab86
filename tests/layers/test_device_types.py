"""The device types: the standard's 123, plausible, and refused when the file is wrong."""

import csv
from importlib.resources import files
from pathlib import Path

import pytest

from gis.errors import BadInput
from layers.device.types import load_device_types, parse_device_types

STANDARDS = Path(__file__).resolve().parents[2].parent / "shared" / "standards"
TYPES = load_device_types()
TEXT = files("layers.device").joinpath("types.yaml").read_text("utf-8")


@pytest.mark.shared_data
@pytest.mark.skipif(not STANDARDS.exists(), reason="../shared/standards is not here")
def test_the_types_families_and_alarms_are_those_of_the_standard():
    with (STANDARDS / "device_catalog.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["snake"]: row["family"] for row in rows} == {name: kind.family.name for name, kind in TYPES.items()}
    for row in rows:
        alarms = {
            part.split("=")[0].replace("(implied)", "").strip() for part in row["alarms"].split(";") if part.strip()
        }
        assert set(TYPES[row["snake"]].alarms) == alarms
        cleared = {alarm.auto_clear for alarm in TYPES[row["snake"]].alarms.values()}
        assert cleared <= {row["auto_clear_stated"] == "yes"}


def test_there_are_123_types():
    assert len(TYPES) == 123


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES.keys())
def test_a_number_has_bounds_in_order_and_a_text_has_none(kind):
    for measure in kind.measures.values():
        if measure.kind in {"number", "count"}:
            assert measure.low < measure.high
        else:
            assert (measure.low, measure.high, measure.unit) == (None, None, None)


def test_fire_gas_and_calls_for_help_are_critical():
    worst = {name for kind in TYPES.values() for name, alarm in kind.alarms.items() if alarm.severity == 1}
    assert {"fire", "fire_smoke", "fire_heat", "gas_leak", "sos", "electrical_fire"} <= worst
    assert worst.isdisjoint({"device_fault", "bin_full", "motion", "illegal_parking"})


def test_an_impossible_reading_is_not_plausible():
    humidity = TYPES["env_station"].measures["relative_humidity"]
    assert humidity.plausible(0)
    assert humidity.plausible(100)
    assert not humidity.plausible(100.1)
    assert not humidity.plausible(-1)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("severity: 3", "severity: 5", "severity"),
        ("kind: count", "kind: counter", "kind"),
        ("alarms: [crowd_gathering,", "alarms: [crowd_gatherin,", "crowd_gatherin"),
        ("glyph: camera", "glyph: camera, glif: x", "glif"),
        ("family: video", "family: vidio", "vidio"),
    ],
)
def test_a_mistake_in_the_types_names_file_and_key(old, new, told):
    with pytest.raises(BadInput, match=told) as refused:
        parse_device_types(TEXT.replace(old, new, 1), "mine.yaml")
    assert refused.value.facts["file"] == "mine.yaml"


def test_the_types_cannot_be_changed_by_accident():
    with pytest.raises(TypeError):
        TYPES["teapot"] = TYPES["display"]
