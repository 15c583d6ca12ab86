"""Every layer that ships: complete, bilingual, calm in colour, and careful with persons."""

import csv
from pathlib import Path

import pytest

from gis.errors import BadInput, NotFound
from layers.catalogue import load_catalogue
from layers.columns import folded
from twin.declaration import Layer

STANDARDS = Path(__file__).resolve().parents[2].parent / "shared" / "standards"
CATALOGUE = load_catalogue()
SEVERITY = {"1": "#e5383b", "2": "#f77f00", "3": "#fcbf49", "4": "#4d96ff"}

shared = pytest.mark.skipif(not STANDARDS.exists(), reason="../shared/standards is not here")


each_layer = pytest.mark.parametrize("layer", CATALOGUE.values(), ids=CATALOGUE.keys())


def test_the_agreed_layers_are_all_declared():
    assert set(CATALOGUE) == {
        *("community", "grid", "building", "unit", "storey", "space", "connection"),
        *("street", "walkway", "entrance", "green", "water", "parking", "fence"),
        *("public_space", "facility", "device", "vehicle", "key_place", "hydrant", "shelter"),
        *("household", "resident", "staff", "population", "alarm", "review"),
        *("placement", "mapping_profile", "alarm_watch", "device_status", "device_key", "envelope"),
        *("incident", "incident_report", "incident_follow", "incident_call", "emergency_plan"),
        *("patrol", "patrol_route"),
        *("application", "application_token", "application_use"),
        *("subscription", "subscription_position", "dead_letter"),
        *("command", "linkage_rule", "linkage_watch"),
    }


def test_the_cockpit_opens_with_a_calm_map():
    visible = {layer.name for layer in CATALOGUE.values() if layer.style.visible}
    assert visible == {"community", "building", "street", "green", "water", "facility", "device", "alarm"}


def test_a_layer_that_derives_names_a_layer_and_a_field_that_exist():
    population = CATALOGUE["population"]
    assert population.access == "aggregate"
    assert CATALOGUE[population.derived_from].field(population.style.weight) is not None


@each_layer
def test_severity_colours_belong_to_alarms_alone(layer):
    colours = {layer.style.color, *(entry.color for entry in layer.style.legend)}
    if layer.name == "alarm":
        assert {entry.value: entry.color for entry in layer.style.legend} == SEVERITY
    else:
        assert colours.isdisjoint(SEVERITY.values())


@each_layer
def test_a_legend_speaks_only_of_values_the_field_has(layer):
    field = layer.field(layer.style.by) if layer.style.by else None
    assert {entry.value for entry in layer.style.legend} <= set(field.values if field else ())


@each_layer
def test_no_heading_could_mean_two_fields(layer):
    claims: dict[str, set[str]] = {}
    titled = {folded(name): field.name for field in layer.fields for name in (field.name, field.title.zh)}
    for field in layer.fields:
        for alias in field.aliases:
            owner = titled.get(folded(alias), field.name)
            claims.setdefault(folded(alias), set()).add(owner)
    assert {alias: owners for alias, owners in claims.items() if len(owners) > 1} == {}


@each_layer
def test_numbers_of_quantities_state_their_unit(layer):
    units = {"_m": "m", "_m2": "m2", "_mm": "mm", "_mpa": "MPa", "_deg": "deg", "_years": "a"}
    for field in layer.fields:
        stated = {unit for suffix, unit in units.items() if field.name.endswith(suffix)}
        assert not stated or {field.unit} == stated


@pytest.mark.parametrize("name", ["household", "resident", "vehicle"])
def test_layers_of_persons_leave_only_as_sums(name):
    assert CATALOGUE[name].access == "aggregate"
    assert CATALOGUE[name].geometry == "none"


@each_layer
def test_a_field_about_a_person_is_graded_personal(layer):
    personal = {"sex", "phone", "id_no", "id_type", "plate_no", "owner_name", "owner_phone", "age", "occupation"}
    if layer.name in {"resident", "staff"}:
        personal.add("name")
    assert {field.grade for field in layer.fields if field.name in personal} <= {"P2", "P3"}


def test_identity_numbers_and_secrets_have_the_highest_grade():
    highest = [("resident", "id_no"), ("staff", "id_no"), ("resident", "special_group"), ("device", "device_secret")]
    assert {CATALOGUE[layer].field(field).grade for layer, field in highest} == {"P3"}


@shared
@pytest.mark.shared_data
def test_facility_types_are_the_22_of_the_planning_standard():
    with (STANDARDS / "facility_standard.csv").open(encoding="utf-8") as file:
        asked = {row["snake"]: row["name_zh"] for row in csv.DictReader(file) if row["row_id"].startswith("A.0.1")}
    values = CATALOGUE["facility"].field("facility_type").values
    assert len(asked) == 22
    assert {code: label.zh for code, label in values.items()} == asked


@shared
@pytest.mark.shared_data
def test_public_space_uses_are_the_14_of_the_data_standard():
    with (STANDARDS / "data_dictionary.csv").open(encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file) if row["snake_case"] == "use_type")
    labels = [label.zh for label in CATALOGUE["public_space"].field("use_type").values.values()]
    assert labels == row["note"].split(", ")


def test_device_layer_takes_types_families_and_legend_from_the_device_types():
    device = CATALOGUE["device"]
    assert device.field("device_type").values["smoke_detector"].zh == "感烟火灾探测报警器"
    assert {entry.value for entry in device.style.legend} == set(device.field("family").values)
    assert CATALOGUE["alarm"].field("type").values["gas_leak"].en == "Gas leak"


def test_a_layer_survives_its_own_json():
    for layer in CATALOGUE.values():
        assert Layer.model_validate(layer.model_dump(mode="json")) == layer


MINE = """
name: bench
title: {zh: 座椅, en: Benches}
group: {zh: 设施, en: Facilities}
geometry: point
id_field: bench_no
style: {draw: point}
fields:
  - {name: bench_no, title: {zh: 座椅编号, en: Bench number}}
"""


def test_a_file_in_a_folder_adds_a_layer(tmp_path):
    (tmp_path / "bench.yaml").write_text(MINE, "utf-8")
    (tmp_path / "README.md").write_text("not a layer")
    assert load_catalogue(tmp_path)["bench"].title.zh == "座椅"


def test_a_layer_that_takes_a_name_is_refused(tmp_path):
    (tmp_path / "x.yaml").write_text(MINE.replace("name: bench\n", "name: building\n"), "utf-8")
    with pytest.raises(BadInput, match=r"layer\.twice"):
        load_catalogue(tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (MINE + "colour: red\n", r"bench\.yaml: colour"),
        (MINE.replace("geometry: point", "geometry: blob"), r"bench\.yaml: geometry"),
        (MINE + "name: again\n", r"bench\.yaml, line \d+: key 'name' twice"),
        ("name: [", r"bench\.yaml, line \d+"),
    ],
)
def test_a_mistake_in_a_declaration_names_file_and_key(tmp_path, text, told):
    (tmp_path / "bench.yaml").write_text(text, "utf-8")
    with pytest.raises(BadInput, match=told):
        load_catalogue(tmp_path)


def test_a_folder_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFound, match=r"layer\.no_folder"):
        load_catalogue(tmp_path / "none")
