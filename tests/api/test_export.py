"""The sample community leaves in every format, opens in that format's own tool, and comes back unchanged."""

import io
import json
import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import httpx
import ifcopenshell
import ifcopenshell.validate
import numpy as np
import pyogrio
import pytest
import shapely

from api.__main__ import main
from api.exporting import FORMATS, export
from api.importing import Importer
from gis.errors import BadInput, Forbidden, NotFound, Unavailable
from gis.local import LocalFrame
from layers.catalogue import load_catalogue
from sample_data import generate
from twin.access import Access
from twin.embedded import EmbeddedStore
from twin.feature import Feature
from twin.query import Query

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
PLACES = ("building", "unit", "storey", "space")
MODELS = ("AH-001.ifc", "AH-037.ifc")
SOLID = [name for name, form in FORMATS.items() if form.solid]
FLAT = [name for name in FORMATS if name not in SOLID]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("community")
    return {(file.path.name, file.layer): file for file in generate(folder)}


def imported(path, files, *wanted):
    store = EmbeddedStore(path, load_catalogue())
    importer = Importer(store, load_catalogue(), "c")
    for name in wanted:
        file = files[name]
        if file.importer == "ifc":
            importer.ifc(file.path)
        else:
            importer.gis(file.path, file.layer, table=file.options.get("table"), encoding=file.options.get("encoding"))
    return store


@pytest.fixture(scope="module")
def store(files, tmp_path_factory):
    wanted = [(name, "building") for name in MODELS]
    wanted += [
        ("buildings.shp", "building"), ("base_map.gpkg", "green"), ("base_map.gpkg", "community"),
        ("devices.xlsx", "device"), ("staff.csv", "staff"), ("facilities.gpkg", "facility"),
        ("households.csv", "household"),
    ]  # fmt: skip
    store = imported(tmp_path_factory.mktemp("twin") / "twin.gpkg", files, *wanted)
    yield store
    store.close()


@pytest.fixture(scope="module")
def catalogue():
    return load_catalogue()


@pytest.fixture(scope="module")
def made(store, catalogue):
    """Return a function that exports layers of the community and gives the bytes."""

    def run(name, *layers, **conditions):
        done = export(
            Access(store, catalogue),
            catalogue,
            FORMATS[name],
            Query(layers=layers, **conditions),
            conditions.get("now", NOW),
        )
        return b"".join(done.pieces)

    return run


@pytest.fixture(scope="module")
def modelled(store):
    """The codes of the two buildings that came as models."""
    found = store.find(Query(layers=("building",))).features
    return sorted(place.id for place in found if place.source in MODELS)


def saved(folder, data, name):
    path = folder / name
    path.write_bytes(data)
    return path


def nearest_m(one, other):
    frame = LocalFrame.around(one)
    return frame.forward(one).hausdorff_distance(frame.forward(other))


# --- all formats ----------------------------------------------------------------------------------------------------


def plain(name, data):
    """The bytes of a file with its compression taken away."""
    if name == "3dtiles":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return b"".join(archive.read(inside) for inside in archive.namelist())
    if name == "geoparquet":
        parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
        return json.dumps(parquet.read_table(io.BytesIO(data)).to_pylist(), default=str, ensure_ascii=False).encode()
    if name == "ifc":
        return data + ascii_of_ifc(data)
    return data


def ascii_of_ifc(data):
    model = ifcopenshell.file.from_string(data.decode())
    return repr([entity.get_info() for entity in model]).encode()


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_twin_gives_the_same_bytes(made, name):
    layer = "space" if name in SOLID else "green"
    first = made(name, layer)
    assert len(first) > 1000
    assert made(name, layer) == first


@pytest.mark.parametrize("name", FORMATS)
def test_no_personal_value_leaves_in_any_format(tmp_path, catalogue, name):
    """Every graded field of every layer, and one that nobody declared, bears a mark that must not come out."""
    house = shapely.box(120.2, 30.3, 120.2002, 30.3001)
    code = "N51H042B8B1040-0"
    layers = [layer for layer in catalogue.values() if layer.kind != "derived" and layer.access == "open"]
    layers = [layer for layer in layers if any(field.grade in ("P2", "P3") for field in layer.fields)]
    assert {"space", "device", "staff"} <= {layer.name for layer in layers}
    with_secrets = []
    for layer in layers:
        secrets = {field.name: f"SECRET-{field.name}" for field in layer.fields if field.grade in ("P2", "P3")}
        key = f"{code}-U00-F01-R0001" if layer.name == "space" else "x1"
        with_secrets.append(
            Feature(
                layer=layer.name, id=key, community="c", place=key, name="seen", geometry=house, z_min_m=1.0,
                z_max_m=4.0, storey=1, attributes={**secrets, "undeclared": "SECRET-undeclared"},
            )
        )  # fmt: skip
    building = Feature(layer="building", id=code, community="c", place=code, geometry=house, z_min_m=1.0, z_max_m=9.0)
    store = EmbeddedStore(tmp_path / "twin.gpkg", catalogue)
    try:
        store.write(lambda tx: [tx.put(one) for one in (building, *with_secrets)]).result()
        chosen = [layer.name for layer in layers if layer.name == "space" or name in FLAT]
        for one in chosen:
            done = export(Access(store, catalogue), catalogue, FORMATS[name], Query(layers=(one,)), NOW)
            data = plain(name, b"".join(done.pieces))
            assert b"SECRET" not in data, one
            assert (b"x1" if one != "space" else b"R0001" if name != "glb" and name != "3dtiles" else b"F01") in data
    finally:
        store.close()


@pytest.mark.parametrize("name", FORMATS)
def test_layers_about_persons_are_refused(made, name):
    with pytest.raises(Forbidden) as refused:
        made(name, "household")
    assert refused.value.code == "layer.aggregate_only"


@pytest.mark.parametrize("name", ["flatgeobuf", "geoparquet", "csv"])
def test_a_format_of_one_table_refuses_two_layers(made, name):
    with pytest.raises(BadInput) as refused:
        made(name, "green", "building")
    assert refused.value.code == "export.one_layer"


@pytest.mark.parametrize("name", SOLID)
def test_a_format_of_bodies_refuses_layers_without(made, name):
    with pytest.raises(BadInput) as refused:
        made(name, "building", "green")
    assert refused.value.code == "export.flat_layer"


@pytest.mark.parametrize("name", SOLID)
def test_a_place_of_unknown_height_is_told_and_not_put_at_zero(tmp_path, catalogue, name):
    code, shed = "N51H042B8B1040-0", "N51H042B8B1041-0"
    at = shapely.box(120.2, 30.3, 120.2002, 30.3001)
    places = [
        Feature(layer="building", id=code, community="c", place=code, geometry=at, z_min_m=7.0, z_max_m=9.0),
        Feature(layer="building", id=shed, community="c", place=shed, geometry=at),
    ]
    store = EmbeddedStore(tmp_path / "twin.gpkg", catalogue)
    try:
        store.write(lambda tx: [tx.put(one) for one in places]).result()
        access = Access(store, catalogue)
        done = export(access, catalogue, FORMATS[name], Query(layers=("building",)), NOW)
        data = plain(name, b"".join(done.pieces))
        assert done.bodiless == (shed,)
        with pytest.raises(NotFound) as refused:
            export(access, catalogue, FORMATS[name], Query(layers=("building",), within=shed), NOW)
    finally:
        store.close()
    assert refused.value.code == "export.no_body"
    if name == "cityjson":
        model = json.loads(data)
        assert "geometry" not in model["CityObjects"][shed]
        assert min(vertex[2] for vertex in model["vertices"]) == 0
        assert model["transform"]["translate"][2] == 7.0


# --- flat formats ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gpkg", "flatgeobuf", "geojson", "geojsonseq"])
def test_gdal_reads_every_feature_where_the_twin_has_it(tmp_path, store, made, name):
    path = saved(tmp_path, made(name, "green"), f"green{FORMATS[name].suffix}")
    meta, _, shapes, values = pyogrio.raw.read(path)
    ids = values[list(meta["fields"]).index("id")]
    here = dict(zip(ids, shapely.from_wkb(shapes), strict=True))
    found = store.find(Query(layers=("green",))).features
    assert len(here) == len(found) > 50
    assert all(nearest_m(place.geometry, here[place.id]) < 0.001 for place in found)


@pytest.mark.skipif(not shutil.which("ogrinfo"), reason="ogrinfo is not installed (Debian: gdal-bin)")
@pytest.mark.parametrize("name", ["gpkg", "flatgeobuf", "geojson"])
def test_ogrinfo_of_the_system_opens_the_file_without_a_word(tmp_path, made, name):
    path = saved(tmp_path, made(name, "green"), f"green{FORMATS[name].suffix}")
    done = subprocess.run(["ogrinfo", "-ro", "-so", "-al", path], capture_output=True, text=True, check=True)
    assert "Feature Count: 67" in done.stdout
    assert done.stderr == ""


def test_geopandas_filters_geoparquet_by_box(tmp_path, store, made):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import geopandas

    path = saved(tmp_path, made("geoparquet", "device"), "device.parquet")
    everything = geopandas.read_parquet(path)
    assert everything.crs.to_string() == "OGC:CRS84"
    west, south, east, north = everything.total_bounds
    middle = (west, south, (west + east) / 2, (south + north) / 2)
    part = geopandas.read_parquet(path, bbox=middle)
    assert 0 < len(part) < len(everything)
    assert set(part["id"]) == {device.id for device in store.find(Query(layers=("device",), bbox=middle)).features}


def test_a_geopackage_comes_back_as_it_left(tmp_path, store, made, catalogue):
    path = saved(tmp_path, made("gpkg", "green", "facility"), "part.gpkg")
    other = EmbeddedStore(tmp_path / "other.gpkg", catalogue)
    try:
        importer = Importer(other, catalogue, "c")
        for layer in ("green", "facility"):
            importer.gis(path, layer, table=layer)
            before = {one.id: one for one in store.find(Query(layers=(layer,))).features}
            after = {one.id: one for one in other.find(Query(layers=(layer,))).features}
            assert before.keys() == after.keys()
            declared = {field.name for field in catalogue[layer].fields if field.grade in ("P0", "P1")}
            for name, one in before.items():
                assert after[name].geometry.equals_exact(one.geometry, 0.0), name
                for field in declared & one.attributes.keys():
                    assert after[name].attributes[field] == one.attributes[field], (name, field)
    finally:
        other.close()


def test_within_bbox_and_at_narrow_an_export(made, store, modelled):
    first, _ = modelled
    rooms = json.loads(made("geojson", "space", within=first))["features"]
    assert {feature["id"].rpartition("-U")[0] for feature in rooms} == {first}
    west, south, east, north = store.find(Query(layers=("building",), ids=(first,))).features[0].geometry.bounds
    around = json.loads(made("geojson", "building", bbox=(west, south, east, north)))["features"]
    assert first in {feature["id"] for feature in around}
    assert len(around) < 80
    assert json.loads(made("geojson", "building", at=datetime(2000, 1, 1, tzinfo=UTC)))["features"] == []


# --- CityJSON -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def city(made):
    return made("cityjson", *PLACES)


def test_cjio_reads_the_city_model(tmp_path, city):
    """cjio reads vertices, parents and children, and finds the reference system."""
    path = saved(tmp_path, city, "city.city.json")
    # In a process of its own: it changes how the whole process writes numbers as JSON.
    command = [Path(sys.executable).with_name("cjio"), path, "info"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "CityJSON version = 2.0" in told
    assert "EPSG = 4549" in told
    assert "Building (80)" in told
    assert "BuildingRoom (450)" in told


LEGAL_PARENTS = {
    "BuildingUnit": {"Building"},
    "BuildingStorey": {"Building", "BuildingUnit"},
    "BuildingRoom": {"Building", "BuildingUnit", "BuildingStorey"},
}


def test_the_city_model_keeps_the_rules_of_cityjson(city):
    model = json.loads(city)
    objects = model["CityObjects"]
    assert (model["type"], model["version"]) == ("CityJSON", "2.0")
    for name, thing in objects.items():
        parents = thing.get("parents", [])
        assert (thing["type"] == "Building") == (not parents), name
        assert all(objects[parent]["type"] in LEGAL_PARENTS[thing["type"]] for parent in parents)
        assert all(name in objects[parent]["children"] for parent in parents)
        assert all(name in objects[child]["parents"] for child in thing.get("children", ()))
    assert all(type(axis) is int for vertex in model["vertices"] for axis in vertex)


def test_every_solid_of_the_city_model_is_closed_flat_and_turned_outwards(city):
    model = json.loads(city)
    corners = np.array(model["vertices"], dtype=float) * 0.001
    solids = [
        shells
        for thing in model["CityObjects"].values()
        for geometry in thing.get("geometry", ())
        if geometry["lod"] == "1.2"
        for shells in ([geometry["boundaries"]] if geometry["type"] == "Solid" else geometry["boundaries"])
    ]
    assert len(solids) > 1000
    for (shell,) in solids:
        runs = [
            (start, end)
            for face in shell
            for ring in face
            for start, end in zip(ring, [*ring[1:], ring[0]], strict=True)
        ]
        assert len(set(runs)) == len(runs)
        assert {(end, start) for start, end in runs} == set(runs)
        floor, roof = (corners[[at for ring in face for at in ring]][:, 2] for face in shell[:2])
        assert np.ptp(floor) == np.ptp(roof) == 0
        assert roof[0] > floor[0]
        outer = corners[shell[1][0]][:, :2]
        assert shapely.LinearRing(outer).is_ccw


def test_a_city_model_of_one_storey_brings_the_places_above_along(made, modelled):
    storey = f"{modelled[0]}-U01-F02"
    objects = json.loads(made("cityjson", "space", within=storey))["CityObjects"]
    assert {name for name, thing in objects.items() if thing["type"] == "BuildingRoom"}
    assert {modelled[0], f"{modelled[0]}-U01", storey} <= objects.keys()


# --- GLB and 3D Tiles -----------------------------------------------------------------------------------------------


@cache
def npm(package):
    """Return the folder of an npm package, installed at first use into a cache of this checkout, or why not."""
    folder = ROOT / ".lifang" / "npm" / package
    found = folder / "node_modules" / package
    if not (shutil.which("npm") and shutil.which("node")):
        return "node and npm are not installed (Debian: npm)"
    if not found.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        patience = ("--fetch-retries", "1", "--fetch-timeout", "20000", "--no-audit", "--no-fund", "--no-save")
        command = ["npm", "install", "--prefix", folder, *patience, package]
        try:
            subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        except subprocess.SubprocessError as error:
            return f"{package} could not be installed: {error}"
    return found


def installed(package):
    """Return the folder of an npm package, or skip with the reason why there is none; asked for once a run."""
    found = npm(package)
    if isinstance(found, str):
        pytest.skip(found)
    return found


VALIDATE = """
const validator = require(process.argv[1]);
const bytes = new Uint8Array(require("fs").readFileSync(process.argv[2]));
validator.validateBytes(bytes).then((report) => console.log(JSON.stringify(report)));
"""


def glb_issues(path):
    command = ["node", "-e", VALIDATE, installed("gltf-validator"), path]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return report["issues"]["messages"], report["info"]


def test_the_gltf_validator_finds_nothing_in_a_glb(tmp_path, made):
    messages, info = glb_issues(saved(tmp_path, made("glb", *PLACES), "city.glb"))
    assert messages == []
    assert info["totalTriangleCount"] > 10_000


def test_the_gltf_validator_finds_nothing_in_the_content_of_a_tileset(tmp_path, made, modelled):
    with zipfile.ZipFile(io.BytesIO(made("3dtiles", "space"))) as archive:
        archive.extractall(tmp_path)
    contents = sorted(path.stem for path in tmp_path.glob("*.glb"))
    assert contents == modelled
    assert [glb_issues(tmp_path / f"{name}.glb")[0] for name in contents] == [[], []]


def test_a_tileset_keeps_the_rules_of_3d_tiles(made):
    """Regions nest, errors do not grow inwards, every content is there, and the root is placed on the ellipsoid."""
    with zipfile.ZipFile(io.BytesIO(made("3dtiles", "building", "space"))) as archive:
        tileset = json.loads(archive.read("tileset.json"))
        names = set(archive.namelist())
    root = tileset["root"]
    assert tileset["asset"]["version"] == "1.1"
    assert root["refine"] == "ADD"
    west, south, east, north, low, high = root["boundingVolume"]["region"]
    for tile in root["children"]:
        inner = tile["boundingVolume"]["region"]
        assert west <= inner[0] < inner[2] <= east
        assert south <= inner[1] < inner[3] <= north
        assert low <= inner[4] < inner[5] <= high
        assert tile["geometricError"] <= root["geometricError"] <= tileset["geometricError"]
    assert names == {"tileset.json", *(tile["content"]["uri"] for tile in root["children"])}
    turn = np.array(root["transform"]).reshape(4, 4).T[:3, :3]
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)


# --- IFC ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(made, modelled, tmp_path_factory):
    """The first building as an IFC file."""
    return saved(tmp_path_factory.mktemp("ifc"), made("ifc", *PLACES, within=modelled[0]), "house.ifc")


# The validator leaves its own file of rules open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_ifc_schema_is_kept(model):
    logger = ifcopenshell.validate.json_logger()
    ifcopenshell.validate.validate(str(model), logger, express_rules=True)
    assert logger.statements == []


def test_an_exported_model_comes_back_with_the_same_codes_and_positions(model, store, modelled, tmp_path, catalogue):
    other = EmbeddedStore(tmp_path / "other.gpkg", catalogue)
    try:
        report = Importer(other, catalogue, "c").ifc(model)
        assert report.warnings == []
        for layer in PLACES:
            before = {one.id: one for one in store.find(Query(layers=(layer,), within=modelled[0])).features}
            after = {one.id: one for one in other.find(Query(layers=(layer,))).features}
            assert before.keys() == after.keys()
            for code, place in before.items():
                assert nearest_m(place.geometry, after[code].geometry) < 0.001, code
                assert after[code].z_min_m == pytest.approx(place.z_min_m, abs=0.001)
                assert after[code].z_max_m == pytest.approx(place.z_max_m, abs=0.001)
                assert (after[code].name, after[code].storey) == (place.name, place.storey)
        names = {name.value for name in other.identifiers(modelled[0]) if name.scheme == "lifang:code"}
        assert names == {modelled[0]}
    finally:
        other.close()


def test_an_exported_model_is_recognised_by_the_twin_it_came_from(model, files, modelled, tmp_path):
    twin = imported(tmp_path / "twin.gpkg", files, *((name, "building") for name in MODELS))
    try:
        codes = {place.id for place in twin.find(Query(layers=PLACES)).features}
        Importer(twin, load_catalogue(), "c").ifc(model)
        assert {place.id for place in twin.find(Query(layers=PLACES)).features} == codes
    finally:
        twin.close()


def test_a_basement_of_unknown_height_does_not_shift_the_storeys_of_a_model(store, made, tmp_path, catalogue):
    """Storeys that only follow from a building's numbers have heights above ground and none below."""
    storeys = store.find(Query(layers=("storey",))).features
    basement = next(one for one in storeys if one.z_min_m is None and (one.storey or 0) < 0)
    building = basement.id.partition("-U")[0]
    model = ifcopenshell.file.from_string(made("ifc", "building", "storey", within=building).decode())
    floors = {floor.Name: floor for floor in model.by_type("IfcBuildingStorey")}
    assert floors[basement.name].ObjectPlacement is None
    path = tmp_path / "house.ifc"
    model.write(str(path))
    other = EmbeddedStore(tmp_path / "other.gpkg", catalogue)
    try:
        Importer(other, catalogue, "c").ifc(path)
        known = {one.id: one.z_min_m for one in storeys if one.id.startswith(f"{building}-U00-F")}
        back = {one.id: one.z_min_m for one in other.find(Query(layers=("storey",))).features}
    finally:
        other.close()
    assert len(known) > 1
    assert {code: back.get(code) for code in known} == pytest.approx(known, abs=0.001)


def test_global_ids_follow_from_codes_and_the_header_bears_the_date(made, model, modelled, store, catalogue):
    later = export(
        Access(store, catalogue), catalogue, FORMATS["ifc"], Query(layers=PLACES), datetime(2027, 1, 2, tzinfo=UTC)
    )
    whole = ifcopenshell.file.from_string(b"".join(later.pieces).decode())
    part = ifcopenshell.open(str(model))
    assert whole.header.file_name.time_stamp == "2027-01-02T00:00:00"
    rooms = {space.GlobalId for space in part.by_type("IfcSpace")}
    assert len(rooms) == 90
    assert rooms < {space.GlobalId for space in whole.by_type("IfcSpace")}


# --- command line and HTTP ------------------------------------------------------------------------------------------


@pytest.fixture
def twin_file(tmp_path, files):
    path = tmp_path / "twin.gpkg"
    imported(path, files, ("AH-001.ifc", "building"), ("base_map.gpkg", "green")).close()
    return path


def test_the_ending_of_the_file_chooses_the_format(tmp_path, twin_file, capsys):
    for form in FORMATS.values():
        target = tmp_path / f"out{form.suffix}"
        layer = "space" if form.solid else "green"
        assert main(["export", str(target), "--layer", layer, "--store", str(twin_file)]) == 0
        assert target.stat().st_size > 1000
    assert not list(tmp_path.glob("*.part"))
    assert "features" in capsys.readouterr().err


def test_a_command_that_cannot_export_says_why(tmp_path, twin_file, capsys):
    def refused(*arguments):
        status = main(["export", *map(str, arguments), "--store", str(twin_file)])
        return status, capsys.readouterr().err.split(": ")[1]

    assert refused(tmp_path / "a.dwg", "--layer", "green") == (2, "export.format")
    assert refused(tmp_path / "a.gpkg", "--layer", "resident") == (4, "layer.aggregate_only")
    assert refused(tmp_path / "a.gpkg", "--layer", "nothing") == (3, "layer.unknown")
    assert refused(tmp_path / "no" / "a.gpkg", "--layer", "green") == (6, "export.not_written")
    assert not list(tmp_path.glob("a.*"))


def test_geoparquet_without_pyarrow_names_the_cure(monkeypatch, made):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Unavailable) as refused:
        made("geoparquet", "green")
    assert refused.value.code == "export.no_pyarrow"
    assert "lifang[parquet]" in refused.value.cure


@pytest.fixture(scope="module")
def service(serving_at, files):
    with serving_at() as running:
        importer = Importer(running.store, load_catalogue(), "c")
        importer.ifc(files["AH-001.ifc", "building"].path)
        importer.gis(files["buildings.shp", "building"].path, "building", encoding="GBK")
        yield running


def test_a_download_streams_the_file_with_its_name_and_type(service):
    for name, form in FORMATS.items():
        answer = service.client.get("/v1/export", params={"format": name, "layers": "building"})
        assert answer.status_code == httpx.codes.OK, answer.text
        assert answer.headers["content-type"] == form.media_type
        assert answer.headers["content-disposition"] == f'attachment; filename="lifang{form.suffix}"'
    ids = {
        feature["id"] for feature in service.client.get("/v1/export?format=geojson&layers=building").json()["features"]
    }
    assert ids == {place.id for place in service.store.find(Query(layers=("building",))).features}


def test_a_download_counts_the_places_without_body(service):
    answer = service.client.get("/v1/export", params={"format": "glb", "layers": "building,storey,unit"})
    unknown = [
        place for place in service.store.find(Query(layers=("building", "storey", "unit"))).features
        if place.geometry is None or place.z_min_m is None or place.z_max_m is None
    ]  # fmt: skip
    assert len(unknown) > 100
    assert answer.headers["lifang-without-body"] == str(len(unknown))


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("format=dwg&layers=building", "export.format"),
        ("format=csv&layers=building,green", "export.one_layer"),
        ("format=ifc&layers=device", "export.flat_layer"),
        ("format=glb&layers=unit&bbox=10,10,11,11", "export.no_body"),
        ("format=gpkg&layers=vehicle", "layer.aggregate_only"),
        ("format=gpkg&layers=building&bbox=1,2", "request.parameter"),
    ],
)
def test_a_download_that_cannot_be_made_is_a_problem_document(service, question, code):
    answer = service.client.get(f"/v1/export?{question}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
