"""docs/layers.md says all there is to say about a declaration, and nothing else."""

import re
from pathlib import Path

import pytest
import yaml

from layers.catalogue import load_catalogue
from layers.device import types
from layers.records import map_columns
from twin.declaration import FieldDeclaration, Layer, LegendEntry, Style, parse_layer

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "layers.md").read_text("utf-8")


def section(heading):
    return re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


def table(heading):
    lines = [line for line in section(heading).splitlines() if line.startswith("| ")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[1:]]


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("Keys of a layer", Layer),
        ("Keys of a field", FieldDeclaration),
        ("Keys of a style", Style),
        ("Keys of a legend line", LegendEntry),
    ],
)
def test_every_key_is_described_and_no_other(heading, model):
    described = {row[0]: row[2] for row in table(heading)}
    assert list(described) == [name for name in described if name in model.model_fields]
    assert set(described) == set(model.model_fields)
    needed = {name for name, field in model.model_fields.items() if field.is_required()}
    assert {name for name, default in described.items() if default == "must be given"} == needed


@pytest.mark.parametrize("name", ["type", "access", "kind", "geometry"])
def test_the_stated_defaults_are_the_real_ones(name):
    for heading, model in (("Keys of a layer", Layer), ("Keys of a field", FieldDeclaration)):
        for key, _, default in table(heading):
            if key == name and default != "must be given":
                assert model.model_fields[name].default == default


def test_every_key_of_the_device_types_is_described():
    described = {(row[0], row[1]) for row in table("Device types")}
    entries = {
        "families": types._FamilyEntry,
        "measures": types._MeasureEntry,
        "alarms": types._AlarmEntry,
        "types": types._TypeEntry,
        "commands": types._CommandEntry,
    }
    assert described == {(part, key) for part, entry in entries.items() for key in entry.model_fields}


def test_the_list_of_layers_is_complete_and_in_order():
    shipped = [[layer.name, layer.title.zh, layer.title.en, layer.access] for layer in load_catalogue().values()]
    assert table("What ships") == shipped


def test_the_example_on_the_page_is_a_layer_that_takes_rows():
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1]
    layer = parse_layer(yaml.safe_load(example), "bench.yaml")
    assert map_columns(layer, ["编号", "座位数"]).fields["编号"].name == "bench_no"
