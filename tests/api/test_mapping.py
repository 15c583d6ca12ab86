"""The guess before an import, saved profiles, and templates: over HTTP and on the command line."""

import io

import openpyxl
import pytest

from api.__main__ import main
from layers.templates import FILL

GREENS = "BH,MJ,LX,备注\nG-1,0.5,公共绿地,x\nG-2,1,宅旁绿地,y\n"
OURS = {"layer": "green", "columns": {"BH": "green_no", "MJ": "area_m2", "LX": "green_class"}}


def put(service, name, **profile):
    return service.client.put(f"/v1/mapping-profiles/{name}", json={**OURS, **profile})


@pytest.fixture
def cli(tmp_path, capsys):
    def run(*arguments):
        store = () if "template" in arguments else ("--store", tmp_path / "twin.gpkg")
        status = main([str(one) for one in (*arguments, *store)])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def test_columns_are_shown_as_they_would_be_read(service):
    rows = [{"绿地编号": "G-1", "面积(公顷)": "0.5"}, {"绿地编号": "G-2", "面积(公顷)": "much"}]
    given = {"layer": "green", "columns": ["绿地编号", "面积(公顷)"], "rows": rows}
    shown = service.client.post("/v1/imports/mapping", json=given).json()
    assert [(one["target"], one["confidence"]) for one in shown["columns"]] == [("green_no", 1.0), ("area_m2", 1.0)]
    assert shown["columns"][1]["values"][0] == {"written": "0.5", "read": 5000.0}
    assert (shown["ready"], shown["profiles"]) == (True, [])


@pytest.mark.both_stores
def test_a_profile_is_saved_listed_replaced_and_ended(service):
    assert put(service, "园林局", headers=["MJ", "BH", "LX"]).json()["changed"] is True
    assert put(service, "园林局", headers=["MJ", "BH", "LX"]).json()["changed"] is False
    assert service.client.get("/v1/mapping-profiles/园林局").json()["columns"] == OURS["columns"]
    given = {"layer": "green", "columns": ["LX", "BH", "MJ"]}
    assert service.client.post("/v1/imports/mapping", json=given).json()["profiles"] == ["园林局"]
    assert service.client.delete("/v1/mapping-profiles/园林局").status_code == 204
    assert service.client.get("/v1/mapping-profiles").json() == {"profiles": []}
    assert service.client.delete("/v1/mapping-profiles/园林局").json()["code"] == "profile.unknown"
    assert len(service.store.history("mapping_profile", "园林局")) >= 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"columns": {"BH": "no_such"}}, "profile.unknown_field"),
        ({"columns": {"BH": "green_no", "MJ": "green_no"}}, "profile.field_twice"),
        ({"constants": {"green_class": "沙漠"}}, "profile.bad_constant"),
        ({"columns": {}}, "profile.bad_value"),
        ({"extra": 1}, "profile.bad_value"),
        ({"layer": "nowhere"}, "layer.unknown"),
    ],
)
def test_a_profile_that_nothing_could_be_read_by_is_refused(service, change, code):
    assert put(service, "x", **change).json()["code"] == code


def test_a_template_is_handed_out_and_layers_without_one_say_so(service):
    answer = service.client.get("/v1/layers/device/template.xlsx")
    assert FILL in openpyxl.load_workbook(io.BytesIO(answer.content)).sheetnames
    assert service.client.get("/v1/layers/population/template.xlsx").json()["code"] == "layer.no_template"
    assert service.client.get("/v1/layers/mapping_profile/template.xlsx").status_code == 404


def test_the_command_shows_the_mapping_and_stores_nothing(cli, tmp_path):
    (tmp_path / "g.csv").write_text("绿地编号,面积(公顷),联系电话\nG-1,0.5,13900000000\n", "utf-8")
    status, out, _ = cli("import", "gis", tmp_path / "g.csv", "--layer", "green", "--show-mapping")
    assert status == 0
    assert "面积(公顷) → area_m2 面积  [title 100%]  '0.5' → 5000.0" in out
    assert "联系电话 → — personal, not imported" in out
    assert cli("import", "list")[1] == ""


def test_a_file_is_read_by_a_saved_profile_and_refused_by_name_when_it_no_longer_fits(service, cli, tmp_path):
    put(service, "园林局", constants={"name": "绿地"}, headers=["BH", "MJ", "LX", "备注"])
    (tmp_path / "g.csv").write_text(GREENS, "utf-8")
    status, _, err = cli("import", "gis", tmp_path / "g.csv", "--layer", "green", "--profile", "园林局")
    assert (status, "green +2" in err) == (0, True)
    (tmp_path / "h.csv").write_text("BH,面积,LX\nG-1,0.5,公共绿地\n", "utf-8")
    status, _, err = cli("import", "gis", tmp_path / "h.csv", "--layer", "green", "--profile", "园林局")
    assert (status, "profile.columns_gone: The file no longer has the columns MJ" in err) == (2, True)
    found = service.client.get("/v1/query", params={"layers": "green"}).json()["features"]
    read = {one["id"]: one["properties"] for one in found}
    assert {key: (one["name"], one["green_class"], one["area_m2"]) for key, one in read.items()} == {
        "G-1": ("绿地", "public", 0.5),
        "G-2": ("绿地", "around_houses", 1.0),
    }


def test_a_changed_profile_reads_the_same_file_anew(service, cli, tmp_path):
    (tmp_path / "g.csv").write_text(GREENS, "utf-8")
    command = ("import", "gis", tmp_path / "g.csv", "--layer", "green", "--profile", "p")
    put(service, "p")
    cli(*command)
    assert "unchanged" in cli(*command)[2]
    put(service, "p", constants={"name": "新名"})
    assert "2 changed" in cli(*command)[2]


def test_a_profile_saved_from_one_file_is_proposed_for_the_next_of_its_kind(cli, tmp_path):
    text = "绿地编号,面积\n{0},{0}\n"
    (tmp_path / "a.csv").write_text(text.format(1), "utf-8")
    (tmp_path / "b.csv").write_text(text.format(2), "utf-8")
    assert cli("import", "gis", tmp_path / "a.csv", "--layer", "green", "--save-profile", "园林局")[0] == 0
    assert "profile.fits" in cli("import", "gis", tmp_path / "b.csv", "--layer", "green")[2]
    assert cli("import", "gis", tmp_path / "b.csv", "--layer", "green", "--profile", "园林局")[0] == 0


def test_a_filled_template_is_imported(cli, tmp_path):
    path = tmp_path / "green.xlsx"
    assert cli("import", "template", "green", path)[0] == 0
    book = openpyxl.load_workbook(path)
    headings = [cell.value for cell in book[FILL][1]]
    book[FILL].append(["G-7" if heading.endswith("*") else None for heading in headings])
    book.save(path)
    status, _, err = cli("import", "gis", path, "--layer", "green")
    assert (status, "green +1" in err) == (0, True)
