"""The command line as a person uses it: what it answers, what it refuses, and that a refusal changes nothing."""

import asyncio
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pyogrio.raw
import pyproj
import pytest
import shapely

from api.__main__ import main
from api.commands.serve import listen
from api.settings import Settings
from layers.catalogue import load_catalogue
from tests.api.models import model
from twin.embedded import EmbeddedStore
from twin.query import Query

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
WEST, SOUTH = 120.1, 30.2
ONE_LINE = re.compile(r"lifang: (?:(?P<file>[^:]+): )?(?P<code>[a-z]+\.[a-z_]+): (?P<text>[^\n]+)\n")


class Ran:
    """One finished command."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def refusal(self):
        """Return code and text of the one line on standard error; fail when there is anything else."""
        line = ONE_LINE.fullmatch(self.err)
        assert line, self.err
        assert self.out == ""
        return line["code"], line["text"]


@pytest.fixture
def lifang(tmp_path, monkeypatch, capsys):
    """Return a function that runs ``lifang`` in a folder of its own, inside this process to save the start."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(("LIFANG_", "PORT")):
            monkeypatch.delenv(name)
    terminate = signal.getsignal(signal.SIGTERM)

    def run(*arguments):
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return Ran(status, *capsys.readouterr())

    yield run
    signal.signal(signal.SIGTERM, terminate)


def installed(folder, *arguments):
    """Run the command in a process of its own, as it is installed."""
    command = [Path(sys.executable).with_name("lifang"), *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def square(west=WEST, south=SOUTH, side_deg=0.0002):
    return shapely.box(west, south, west + side_deg, south + side_deg)


def geojson(path, *shapes, first=1, swap=False):
    """Write buildings numbered from ``first``."""
    features = [
        {
            "type": "Feature",
            "properties": {"建筑编号": str(number), "建筑名称": f"{number}幢", "地上层数": 6},
            "geometry": json.loads(
                shapely.to_geojson(shapely.transform(shape, lambda at: at[:, ::-1]) if swap else shape)
            ),
        }
        for number, shape in enumerate(shapes, start=first)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def shapefile(path, *, crs="EPSG:4490", shape=None):
    outline = np.array([shapely.to_wkb(shape or square())], dtype=object)
    number = np.array(["1"], dtype=object)
    with warnings.catch_warnings(action="ignore"):  # pyogrio remarks on a missing frame; that is what is wanted here
        pyogrio.raw.write(path, outline, [number], ["编号"], crs=crs, geometry_type="Polygon", encoding="UTF-8")
    return path


def contents(path):
    """Return what a store holds, as plain values."""
    store = EmbeddedStore(path, load_catalogue())
    try:
        return store.counts(), store.last_seq()
    finally:
        store.close()


@pytest.fixture(scope="session")
def first_store(tmp_path_factory):
    """A store with one building, made once through the importers."""
    from api.importing import Importer

    folder = tmp_path_factory.mktemp("first")
    store = EmbeddedStore(folder / "twin.gpkg", load_catalogue())
    Importer(store, load_catalogue(), None).gis(geojson(folder / "houses.geojson", square()), "building")
    store.close()
    return folder / "twin.gpkg"


@pytest.fixture
def twin(first_store, tmp_path):
    """A store of one's own with one building."""
    copy = tmp_path / "twin.gpkg"
    copy.write_bytes(first_store.read_bytes())
    return copy


# --- files that cannot be used --------------------------------------------------------------------------------------


def _truncated(path):
    whole = model(path.with_name("whole.ifc")).read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])


def _other_schema(path):
    text = model(path.with_name("whole.ifc")).read_text("utf-8")
    path.write_text(text.replace("FILE_SCHEMA(('IFC4'))", "FILE_SCHEMA(('IFC9'))"), encoding="utf-8")


def _xml(path):
    path.write_text('<?xml version="1.0"?><ifcXML xmlns="http://www.buildingsmart-tech.org/ifc/IFC4/Add2"/>')


IFC_FAULTS = {
    "a model that is not there": ("a.ifc", lambda path: None, "ifc.no_file", 3),
    "a folder": ("a.ifc", Path.mkdir, "ifc.no_file", 3),
    "a link to nothing": ("a.ifc", lambda path: path.symlink_to("nowhere.ifc"), "ifc.no_file", 3),
    "an empty model": ("a.ifc", Path.touch, "ifc.empty", 2),
    "a model that breaks off": ("a.ifc", _truncated, "ifc.truncated", 2),
    "a model of an unknown schema": ("a.ifc", _other_schema, "ifc.wrong_schema", 2),
    "an ifcXML model": ("a.ifcxml", _xml, "ifc.xml", 2),
    "an ifcXML model called .ifc": ("a.ifc", _xml, "ifc.xml", 2),
    "a letter": ("a.ifc", lambda path: path.write_text("Dear planner, ..."), "ifc.not_step", 2),
    "a model without position": ("a.ifc", model, "ifc.no_position", 2),
}


@pytest.mark.parametrize("fault", IFC_FAULTS)
def test_refused_with_one_line_and_the_store_is_as_it_was(lifang, twin, tmp_path, fault):
    name, make, code, status = IFC_FAULTS[fault]
    make(tmp_path / name)
    before = twin.read_bytes()
    ran = lifang("import", "ifc", name, "--store", twin)
    assert (ran.refusal()[0], ran.status) == (code, status)
    assert twin.read_bytes() == before


def _far(path):
    geojson(path, square(WEST + 10.4))  # 1,000 km to the east


def _cut_shapefile(path):
    shapefile(path, shape=square().buffer(0.01))
    path.write_bytes(path.read_bytes()[:300])


def _cut_geopackage(path):
    pyogrio.raw.write(path, np.array([shapely.to_wkb(square())], dtype=object), [], [], crs="EPSG:4490", geometry_type="Polygon")  # fmt: skip
    path.write_bytes(path.read_bytes()[:20_000])


GIS_FAULTS = {
    "a file that is not there": ("a.gpkg", lambda path: None, "gis.no_file", 3),
    "a folder": ("a.geojson", Path.mkdir, "gis.no_file", 3),
    "an empty file": ("a.geojson", Path.touch, "gis.empty", 2),
    "GeoJSON that breaks off": ("a.geojson", lambda path: path.write_text('{"type":"FeatureC'), "gis.unreadable", 2),
    "a shapefile that breaks off": ("a.shp", _cut_shapefile, "gis.truncated", 2),
    "a GeoPackage that breaks off": ("a.gpkg", _cut_geopackage, "gis.unreadable", 2),
    "a shapefile without frame": ("a.shp", lambda path: shapefile(path, crs=None), "gis.no_crs", 2),
    "a layer 1,000 km away": ("a.geojson", _far, "gis.wrong_place", 2),
    "axes that are swapped": ("a.geojson", lambda path: geojson(path, square(), swap=True), "gis.bad_position", 2),
    "a table with a heading only": ("a.csv", lambda path: path.write_text("建筑编号,层数\n"), "gis.empty", 2),
    "an old workbook under a new name": (
        "a.xlsx",
        lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0" * 50),
        "gis.format",
        2,
    ),
    "buildings without outline": ("a.csv", lambda path: path.write_text("建筑编号\n1\n"), "import.nothing_usable", 2),
    "a file of unknown kind": ("a.docx", lambda path: path.write_bytes(b"PK"), "gis.format", 2),
}


@pytest.mark.parametrize("fault", GIS_FAULTS)
def test_a_gis_file_is_refused_with_one_line_and_the_store_is_as_it_was(lifang, twin, tmp_path, fault):
    name, make, code, status = GIS_FAULTS[fault]
    make(tmp_path / name)
    before = twin.read_bytes()
    ran = lifang("import", "gis", name, "--layer", "building", "--store", twin)
    assert (ran.refusal()[0], ran.status) == (code, status)
    assert twin.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "code", "status"),
    [
        (("--layer", "houses"), "layer.unknown", 3),
        (("--layer", "space"), "import.not_a_file_layer", 2),
        (("--layer", "building", "--crs", "EPSG:99"), "gis.unknown_crs", 2),
        (("--layer", "building", "--encoding", "klingon"), "gis.unknown_encoding", 2),
        (("--layer", "building", "--table", "roofs"), "gis.which_layer", 2),
        (("--layer", "building", "--id", "roof"), "layer.missing_column", 2),
        (("--layer", "building", "--dem", "hills.tif"), "gis.unreadable", 2),
    ],
)
def test_an_option_that_names_nothing_is_refused(lifang, twin, tmp_path, options, code, status):
    geojson(tmp_path / "a.geojson", square())
    before = twin.read_bytes()
    ran = lifang("import", "gis", "a.geojson", *options, "--store", twin)
    assert (ran.refusal()[0], ran.status) == (code, status)
    assert twin.read_bytes() == before


@pytest.mark.parametrize("at", ["120.1", "here,there", "30.2,120.1", "1,2,3,4"])
def test_a_position_that_is_none_is_refused(lifang, tmp_path, at):
    model(tmp_path / "a.ifc")
    ran = lifang("import", "ifc", "a.ifc", "--at", at)
    assert ran.refusal()[0] in ("request.parameter", "ifc.bad_placement")
    assert ran.status == 2
    assert not (tmp_path / ".lifang").exists()


def test_the_other_files_of_a_command_are_imported_all_the_same(lifang, twin, tmp_path):
    geojson(tmp_path / "good.geojson", square(), square(WEST + 0.001))
    (tmp_path / "empty.geojson").touch()
    _far(tmp_path / "far.geojson")
    files = ("empty.geojson", "good.geojson", "far.geojson")
    ran = lifang("import", "gis", *files, "--layer", "building", "--store", twin)
    assert ran.status == 2
    said = [line for line in ran.err.splitlines() if line.startswith("lifang: ")]
    assert [line.split(": ")[1:3] for line in said] == [
        ["empty.geojson", "gis.empty"],
        ["far.geojson", "gis.wrong_place"],
    ]
    assert "good.geojson: building +1, 1 unchanged" in ran.err
    assert contents(twin)[0]["building"] == 2


def test_a_first_import_that_fails_leaves_no_store_behind(lifang, tmp_path):
    (tmp_path / "empty.geojson").touch()
    ran = lifang("import", "gis", "empty.geojson", "--layer", "building", "--store", "deep/new.gpkg")
    assert ran.status == 2
    assert [path.name for path in tmp_path.iterdir()] == ["empty.geojson"]


def test_a_rehearsal_of_a_first_import_leaves_no_store_behind(lifang, tmp_path):
    geojson(tmp_path / "a.geojson", square())
    ran = lifang("import", "gis", "a.geojson", "--layer", "building", "--store", "new.gpkg", "--dry-run")
    assert "building +1" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["a.geojson"]


def test_a_folder_that_was_there_before_stays(lifang, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "empty.geojson").touch()
    lifang("import", "gis", "empty.geojson", "--layer", "building", "--store", "mine/new.gpkg")
    assert list((tmp_path / "mine").iterdir()) == []


def test_importing_a_file_again_says_since_when_it_is_there(lifang, twin, tmp_path):
    model(tmp_path / "house.ifc")
    command = ("import", "ifc", "house.ifc", "--at", f"{WEST},{SOUTH}", "--as", "new", "--store", twin)
    assert "building +1" in lifang(*command).err
    batch = lifang("import", "list", "--store", twin).out.split("\t")[0]
    assert f"house.ifc: unchanged since import {batch}" in lifang(*command).err
    assert lifang("import", "undo", batch, "--store", twin).status == 0
    assert "building +1" in lifang(*command).err


# --- positions ------------------------------------------------------------------------------------------------------


def test_a_model_without_position_is_taken_where_the_planner_says(lifang, tmp_path):
    model(tmp_path / "house.ifc", storeys=2)
    refused = lifang("import", "ifc", "house.ifc", "--store", "twin.gpkg")
    assert "--at" in refused.refusal()[1]
    assert not (tmp_path / "twin.gpkg").exists()

    taken = lifang("import", "ifc", "house.ifc", "--at", f"{WEST},{SOUTH},90", "--store", "twin.gpkg")
    assert taken.status == 0, taken.err
    store = EmbeddedStore(tmp_path / "twin.gpkg", load_catalogue())
    (building,) = store.find(Query(layers=("building",))).features
    store.close()
    # Its +Y axis points east, so 8 m go east and 10 m go south of the corner that was placed.
    west, south, east, north = building.geometry.bounds
    geod = pyproj.Geod(ellps="GRS80")
    assert geod.inv(west, north, WEST, SOUTH)[2] < 1
    assert geod.inv(west, north, east, north)[2] == pytest.approx(8, abs=0.1)
    assert geod.inv(west, north, west, south)[2] == pytest.approx(10, abs=0.1)


@pytest.mark.shared_data
@pytest.mark.skipif(not (DATA / "ifc").is_dir(), reason="../shared/data is not there")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("edge/invalid_header.ifc", "ifc.not_step"),
        ("edge/errorfile.ifc", "ifc.truncated"),
        ("edge/six_spaces.ifcxml", "ifc.xml"),
    ],
)
def test_broken_models_of_real_tools_are_refused_with_one_line(lifang, tmp_path, name, code):
    ran = lifang("import", "ifc", DATA / "ifc" / name, "--store", "twin.gpkg")
    assert (ran.refusal()[0], ran.status) == (code, 2)
    assert list(tmp_path.iterdir()) == []


def test_a_model_in_the_wrong_place_can_be_given_its_position(lifang, twin, tmp_path):
    model(tmp_path / "a.ifc")
    ran = lifang("import", "ifc", "a.ifc", "--at", "131,30", "--store", twin)
    code, text = ran.refusal()
    assert code == "gis.wrong_place"
    assert "--at" in text


# --- stores and ports -----------------------------------------------------------------------------------------------


def _text(path):
    path.write_text("my notes")


def _database(path):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()


@pytest.mark.parametrize("make", [_text, _database])
def test_a_file_that_is_no_store_is_left_alone(lifang, tmp_path, make):
    make(tmp_path / "mine.gpkg")
    geojson(tmp_path / "a.geojson", square())
    before = (tmp_path / "mine.gpkg").read_bytes()
    ran = lifang("import", "gis", "a.geojson", "--layer", "building", "--store", "mine.gpkg")
    assert (ran.refusal()[0], ran.status) == ("store.not_ours", 6)
    assert (tmp_path / "mine.gpkg").read_bytes() == before


def test_no_permission_to_write_is_told_with_the_cure(lifang, tmp_path):
    # A folder below a file cannot be made by anybody, not even by the administrator the tests may run as.
    (tmp_path / "file").touch()
    geojson(tmp_path / "a.geojson", square())
    ran = lifang("import", "gis", "a.geojson", "--layer", "building", "--store", "file/twin.gpkg")
    assert (ran.refusal()[0], ran.status) == ("store.read_only", 6)
    ran = lifang("sample", "file/sample")
    assert (ran.refusal()[0], ran.status) == ("sample.not_written", 6)


@pytest.mark.parametrize(
    "question", [("import", "list"), ("import", "undo", "x"), ("review", "list"), ("review", "decide", "x", "new")]
)
def test_a_question_to_a_store_that_is_not_there_makes_none(lifang, tmp_path, question):
    ran = lifang(*question, "--store", "typo.gpkg")
    assert (ran.refusal()[0], ran.status) == ("store.missing", 3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("by", ["--store", "LIFANG_STORE"])
def test_a_mistyped_store_is_not_served_as_an_empty_twin(lifang, tmp_path, monkeypatch, by):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        monkeypatch.setenv("LIFANG_PORT", str(probe.getsockname()[1]))
    named = ("--store", "typo.gpkg") if by == "--store" else ()
    if not named:
        monkeypatch.setenv(by, "typo.gpkg")
    ran = lifang("serve", *named)
    code, text = ran.refusal()
    assert (code, ran.status) == ("store.missing", 3)
    assert "--create" in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["run", "serve"])
def test_a_port_in_use_is_told_before_anything_is_made(lifang, tmp_path, command):
    with socket.create_server(("127.0.0.1", 0)) as other:
        ran = lifang(command, "--port", other.getsockname()[1])
    assert (ran.refusal()[0], ran.status) == ("server.port_in_use", 6)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "status"),
    [
        (("serve", "--port", "99999"), {}, "settings.bad_value", 2),
        (("serve",), {"PORT": "eight"}, "settings.bad_value", 2),
        (("serve", "--host", "192.0.2.1"), {}, "server.no_address", 6),
        (("import", "list"), {"LIFANG_STORE": "nowhere.gpkg"}, "store.missing", 3),
    ],
)
def test_settings_that_cannot_be_used_are_refused(lifang, tmp_path, monkeypatch, arguments, environment, code, status):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ran = lifang(*arguments)
    assert (ran.refusal()[0], ran.status) == (code, status)
    assert list(tmp_path.iterdir()) == []


def test_small_answers_are_not_held_back_by_the_network(lifang):
    """Nagle's algorithm with delayed acknowledgements would add 40 ms to every request."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    async def is_prompt():
        heard = asyncio.get_running_loop().create_future()
        with listen(Settings(port=port)) as listener:
            server = await asyncio.start_server(lambda _reader, writer: heard.set_result(writer), sock=listener)
            _, ours = await asyncio.open_connection("127.0.0.1", port)
            theirs = await heard
            prompt = theirs.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            for writer in (ours, theirs):
                writer.close()
                await writer.wait_closed()
            server.close()
            await server.wait_closed()
        return prompt

    assert asyncio.run(is_prompt())


# --- codes, imports, doubts -----------------------------------------------------------------------------------------


def test_help_names_every_command(tmp_path):
    ran = installed(tmp_path, "--help")
    assert ran.status == 0
    for command in ("run", "serve", "import", "review", "sample", "code"):
        assert re.search(rf"^ +{command} +\w", ran.out, re.MULTILINE), command


def test_the_published_vectors_hold_on_the_command_line(lifang):
    grid = lifang("code", "grid", "120.15358", "30.28740", "--level", "7")
    assert (grid.status, grid.err) == (0, "")
    parsed = lifang("code", "parse", f"{grid.out.strip()}-0-U01-F05-R0501")
    assert parsed.status == 0
    assert json.loads(parsed.out)["storey"] == 5
    assert json.loads(parsed.out)["grid"] == grid.out.strip()


def test_a_mistyped_code_is_answered_with_the_position_of_the_mistake(lifang):
    ran = lifang("code", "parse", "N51H0429733232-0-X01")
    assert ran.status == 1
    assert ran.refusal()[1].endswith("(position 17)")


def test_an_import_is_listed_and_taken_back_once(lifang, twin):
    listed = lifang("import", "list", "--store", twin)
    batch, _at, source, did = listed.out.strip().split("\t")
    assert source == "houses.geojson"
    assert did.startswith("building +1")
    assert lifang("import", "undo", batch, "--store", twin).out.endswith(" versions taken back\n")
    assert contents(twin)[0] == {}
    again = lifang("import", "undo", batch, "--store", twin)
    assert (again.refusal()[0], again.status) == ("import.undone", 5)
    assert "undone by" in lifang("import", "list", "--store", twin).out
    assert lifang("import", "undo", "nothing", "--store", twin).refusal()[0] == "import.unknown"


def test_a_doubtful_building_waits_until_a_person_decides(lifang, twin, tmp_path):
    geojson(tmp_path / "again.geojson", square(WEST + 0.00012), first=9)  # overlaps the known one by a quarter
    assert lifang("import", "gis", "again.geojson", "--layer", "building", "--store", twin).status == 0
    listed = lifang("review", "list", "--store", twin).out.strip().splitlines()
    assert len(listed) == 1, listed
    name = listed[0].split("\t")[0]
    decided = lifang("review", "decide", name, "new", "--by", "planner", "--store", twin)
    assert decided.status == 0, decided.err
    assert contents(twin)[0]["building"] == 2
    assert lifang("review", "list", "--store", twin).out == ""
    assert lifang("review", "decide", name, "new", "--store", twin).refusal()[0] == "review.unknown"
