"""The files: repeatable, complete, and as planners would send them."""

import csv
import hashlib
import json
import subprocess
import sys

import openpyxl
import pyogrio
import pytest
import rasterio

from gis.errors import BadInput, NotFound
from sample_data import generate, read_manifest
from sample_data.frame import ground_m


def digests(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def rerun(tmp_path_factory):
    """A directory written with seed 7, looked at, and written over with the seed of the others."""
    folder = tmp_path_factory.mktemp("rerun")
    generate(folder, seed=7)
    before = digests(folder)
    told = []
    files = generate(folder, seed=2026, progress=lambda step, share: told.append((step, share)))
    return folder, before, files, told


def test_the_same_seed_gives_the_same_bytes_even_over_an_earlier_run(directory, rerun):
    assert digests(rerun[0]) == digests(directory)


def test_another_seed_gives_other_people_on_the_same_ground(directory, rerun):
    ours, theirs = digests(directory), rerun[1]
    assert ours["tables/residents.csv"] != theirs["tables/residents.csv"]
    assert ours["gis/buildings.shp"] == theirs["gis/buildings.shp"]


def test_the_manifest_gives_back_what_generate_returned(rerun):
    folder, _, files, _ = rerun
    manifest = read_manifest(folder)
    assert list(manifest.files) == files
    assert (manifest.seed, manifest.community) == (2026, "330106099001")
    assert all(file.path.is_file() for file in files)


def test_models_come_first_and_devices_last(directory):
    layers = [file.layer for file in read_manifest(directory).files]
    assert layers[:5] == ["building"] * 5
    assert layers[-1] == "device"
    assert layers.index("community") < layers.index("grid") < layers.index("household") < layers.index("resident")


def test_a_directory_without_a_manifest_says_what_to_do(tmp_path):
    with pytest.raises(NotFound, match=r"sample\.no_manifest"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"seed": 1, "community": "x", "files": [{"nonsense": 1}]}'])
def test_a_spoilt_manifest_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(BadInput, match=r"sample\.bad_manifest"):
        read_manifest(tmp_path)


def test_importing_the_package_loads_no_heavy_library():
    heavy = "{'numpy', 'shapely', 'pyogrio', 'rasterio', 'ifcopenshell', 'openpyxl', 'pyproj'}"
    code = f"import sys, sample_data; sys.exit(len({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_file_holds_as_many_rows_as_the_answers_say(directory, answers):
    counts = dict(answers["counts"])
    counts["building"] -= 5  # the models
    for file in read_manifest(directory).files:
        if file.path.suffix in (".gpkg", ".shp", ".geojson"):
            table = file.options.get("table")
            assert pyogrio.read_info(file.path, layer=table)["features"] == counts[file.layer], file.layer
        elif file.path.suffix == ".csv":
            with file.path.open(encoding=file.options["encoding"], newline="") as text:
                assert len(list(csv.DictReader(text))) == counts[file.layer]


def test_the_community_is_as_large_as_promised(answers):
    counts = answers["counts"]
    assert counts["building"] >= 60
    assert counts["household"] >= 3000
    assert 9_500 <= counts["resident"] <= 10_500
    assert counts["staff"] == 15
    assert counts["public_space"] == 14
    assert counts["grid"] >= 4
    assert counts["device"] >= 1200
    assert len(answers["devices_by_type"]) >= 30


def test_the_building_table_is_chinese_in_gbk(directory):
    raw = (directory / "gis/buildings.dbf").read_bytes()
    assert "建筑编号".encode("gbk") in raw
    assert "住宅".encode("gbk") in raw
    assert (directory / "gis/buildings.cpg").read_text() == "GBK"
    info = pyogrio.read_info(directory / "gis/buildings.shp")
    assert info["crs"] == "EPSG:4549"
    assert all(len(name.encode("gbk")) <= 10 for name in info["fields"])


def test_the_texts_of_people_start_with_a_byte_order_mark_and_vehicles_are_gbk(directory):
    assert (directory / "tables/residents.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    raw = (directory / "tables/vehicles.csv").read_bytes()
    assert raw.startswith("车辆编号".encode("gbk"))
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")


def test_the_device_ledger_opens_as_a_workbook(directory, answers):
    sheet = openpyxl.load_workbook(directory / "tables/devices.xlsx", read_only=True)["设备台账"]
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0][:3] == ("设备编号", "设备类型", "设备名称")
    assert len(rows) - 1 == answers["counts"]["device"]


def test_the_elevation_model_is_the_ground_the_buildings_stand_on(directory):
    with rasterio.open(directory / "gis/dem.tif") as raster:
        assert raster.crs.to_epsg() == 4549
        heights = raster.read(1)
        inner = heights[10:-10, 10:-10]
        (middle,) = raster.sample([(518_750.0 + 502.5, 3_352_950.0 + 502.5)])
    assert inner.min() >= 4
    assert inner.max() <= 9
    assert middle[0] == pytest.approx(ground_m(502.5, 502.5), abs=1e-4)


def test_progress_is_told_and_ends_with_everything_done(rerun):
    shares = [share for _, share in rerun[3]]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_the_answers_are_plain_json(directory):
    assert json.loads((directory / "answers.json").read_text(encoding="utf-8"))["population"] > 0
