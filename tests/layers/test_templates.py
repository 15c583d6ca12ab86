"""Excel templates: what is filled in comes back as it was meant."""

import io
import shutil
import subprocess

import openpyxl
import pytest
import shapely

from gis.errors import BadInput
from gis.read import read_features
from layers.catalogue import load_catalogue
from layers.columns import guess_columns, map_columns
from layers.records import building_drafts, record_drafts
from layers.templates import EXAMPLE, FILL, LISTS, NOTES, template, template_columns
from layers.units import unit_of_heading

CATALOGUE = load_catalogue()
FILLED = [
    layer for layer in CATALOGUE.values() if layer.id_field and layer.kind != "derived" and layer.access != "private"
]
NAMES = [layer.name for layer in FILLED]
POSITIONS = ("经度", "纬度", "高程", "轮廓")


def never(fault):
    raise AssertionError(fault)


def book_of(layer):
    return openpyxl.load_workbook(io.BytesIO(template(layer)))


def fill(layer, path, rows):
    book = book_of(layer)
    for row in rows:
        book[FILL].append(row)
    book.save(path)
    return read_features(path, on_warning=never)


def test_every_layer_that_files_bring_has_a_template():
    assert {"building", "device", "facility", "household", "street"} <= set(NAMES)


@pytest.mark.parametrize("layer", FILLED, ids=NAMES)
def test_every_heading_is_surely_its_own_field(layer):
    columns = [one for one in template_columns(layer) if not one.heading.startswith(POSITIONS)]
    guess = guess_columns(layer, [one.heading for one in columns])
    assert {one.column: one.target for one in guess.matches if one.kind == "field"} == {
        one.heading: one.field.name for one in columns if one.field
    }
    assert {one.confidence for one in guess.matches} == {1.0}
    assert (guess.others, guess.doubts, dict(guess.claims), guess.missing) == ((), {}, {}, ())
    assert all(
        unit_of_heading(one.heading, one.field) in (None, (one.field.unit or "").casefold())
        for one in columns
        if one.field
    )


@pytest.mark.parametrize("layer", FILLED, ids=NAMES)
def test_the_example_filled_in_is_imported_without_a_complaint(layer, tmp_path):
    columns = template_columns(layer)
    rows = fill(layer, tmp_path / "filled.xlsx", [[one.example for one in columns]])
    mapped = map_columns(layer, list(rows[0].properties))
    drafts = (building_drafts if layer.name == "building" else record_drafts)(layer, rows, mapped, never)
    (draft,) = drafts
    assert (draft.geometry is None) == (layer.geometry == "none")
    for one in columns:
        if one.field and one.field.values:
            assert draft.attributes.get(one.field.name, getattr(draft, "stage", None)) in one.field.values
    assert mapped.others == ()


def test_an_empty_template_has_no_rows_and_its_example_is_not_read(tmp_path):
    path = tmp_path / "empty.xlsx"
    path.write_bytes(template(CATALOGUE["device"]))
    with pytest.raises(BadInput, match=r"gis\.empty"):
        read_features(path, on_warning=never)


def test_a_door_number_keeps_its_leading_zero(tmp_path):
    columns = template_columns(CATALOGUE["device"])
    rows = fill(CATALOGUE["device"], tmp_path / "x.xlsx", [[one.example for one in columns]])
    (draft,) = record_drafts(
        CATALOGUE["device"], rows, map_columns(CATALOGUE["device"], list(rows[0].properties)), never
    )
    assert draft.where["room"] == "0501"
    assert (draft.geometry.x, draft.geometry.y, draft.height_m) == (120.153612, 30.287459, 7.5)


def test_an_outline_that_crosses_itself_is_reported_and_not_mended(tmp_path):
    layer, told = CATALOGUE["building"], []
    columns = template_columns(layer)
    bow = "POLYGON((120 30, 120.001 30.001, 120.001 30, 120 30.001, 120 30))"
    book = book_of(layer)
    book[FILL].append([bow if one.heading.startswith("轮廓") else one.example for one in columns])
    book.save(tmp_path / "x.xlsx")
    (row,) = read_features(tmp_path / "x.xlsx", on_warning=told.append)
    assert row.geometry is None
    assert [fault.code for fault in told] == ["gis.bad_position"]


@pytest.mark.parametrize("layer", FILLED, ids=NAMES)
def test_the_workbook_offers_the_code_lists_and_explains_every_field(layer):
    book = book_of(layer)
    columns = template_columns(layer)
    assert book.sheetnames == [FILL, EXAMPLE, NOTES, LISTS]
    assert book[FILL].freeze_panes == "A2"
    notes = [row[1].value for row in book[NOTES].iter_rows(min_row=3)]
    assert [name for name in notes if name] == [one.field.name for one in columns if one.field]
    offered = {
        tuple(cell.value for cell in column if cell.value)[1:] for column in book[LISTS].columns if column[0].value
    }
    wanted = [one.field for one in columns if one.field and one.field.values]
    assert {tuple(text.zh for text in field.values.values()) for field in wanted} <= offered
    rules = [rule for rule in book[FILL].data_validations.dataValidation if rule.type == "list"]
    assert len(rules) == len(
        [one for one in columns if one.field and (one.field.values or one.field.type == "boolean")]
    )


@pytest.mark.parametrize("name", ["population", "alarm", "space"])
def test_a_layer_that_files_do_not_bring_has_no_template(name):
    with pytest.raises(BadInput, match=r"layer\.no_template"):
        template(CATALOGUE[name])


def test_libreoffice_opens_it(tmp_path):
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("LibreOffice is not installed")
    (tmp_path / "device.xlsx").write_bytes(template(CATALOGUE["device"]))
    run = [
        office,
        f"-env:UserInstallation=file://{tmp_path}/profile",
        "--headless",
        "--convert-to",
        "csv",
        "--outdir",
        tmp_path,
        tmp_path / "device.xlsx",
    ]
    subprocess.run(run, check=True, capture_output=True, timeout=120)
    assert "设备编号" in (tmp_path / "device.csv").read_text("utf-8", errors="replace")


def test_a_shape_survives_as_it_was_written(tmp_path):
    layer = CATALOGUE["green"]
    columns = template_columns(layer)
    (row,) = fill(layer, tmp_path / "x.xlsx", [[one.example for one in columns]])
    assert row.geometry.equals(shapely.from_wkt(columns[-1].example))
