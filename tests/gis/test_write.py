"""Encoders on awkward features: mixed types, holes, several parts, nothing at all."""

import io
import json
import struct
import zipfile
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from gis.write import cityjson, geojson, glb, parquet, text_table, tiles, vector
from gis.write.solid import Volume, plans, prism, triangles
from gis.write.table import Column, Table

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
COLORS = {"building": (0.5, 0.5, 0.5, 1.0), "space": (0.1, 0.2, 0.3, 0.5)}
HOUSE = shapely.box(120.2, 30.3, 120.2004, 30.3002)
COURT = HOUSE.difference(shapely.box(120.2001, 30.30005, 120.2003, 30.30015))
TWO = shapely.MultiPolygon([HOUSE, shapely.box(120.201, 30.3, 120.2011, 30.3001)])


def table(*geometries, **columns):
    ids = [f"x{number}" for number in range(len(geometries))]
    return Table(name="thing", title="东西", ids=ids, geometries=geometries, columns=columns)


def written(tmp_path, pieces, name):
    path = tmp_path / name
    path.write_bytes(b"".join(pieces))
    return path


def fields(path, **options):
    meta, _, shapes, values = pyogrio.raw.read(path, **options)
    return shapely.from_wkb(shapes), dict(zip(meta["fields"], values, strict=True)), meta


@pytest.mark.parametrize("driver", ["gpkg", "fgb"])
def test_every_kind_of_value_survives_a_vector_file(tmp_path, driver):
    rows = table(
        HOUSE, TWO, COURT,
        名=Column("string", ["一", None, "三"]), count=Column("integer", [1, None, -3]),
        height_m=Column("number", [1.5, 2, None]), built=Column("boolean", [True, False, None]),
        more=Column("json", [{"门": [1]}, None, None]),
    )  # fmt: skip
    pieces = vector.encode_geopackage([rows], NOW) if driver == "gpkg" else vector.encode_flatgeobuf(rows)
    shapes, values, meta = fields(written(tmp_path, pieces, f"a.{driver}"))
    order = np.argsort(values["id"])
    assert meta["geometry_type"] == "MultiPolygon"
    assert all(shapely.equals(shapes[order], [HOUSE, TWO, COURT]))
    assert list(values["名"][order]) == ["一", None, "三"]
    assert list(values["height_m"][order][:2]) == [1.5, 2.0]
    assert np.isnan(values["height_m"][order][2])
    assert json.loads(values["more"][order][0]) == {"门": [1]}


@pytest.mark.parametrize("geometries", [(), (None,), (HOUSE, None), (HOUSE, shapely.Point(120, 30))])
def test_empty_missing_and_mixed_geometries_are_written(tmp_path, geometries):
    rows = table(*geometries, n=Column("integer", [1] * len(geometries)))
    for pieces, name in (
        (vector.encode_geopackage([rows], NOW), "a.gpkg"),
        (vector.encode_flatgeobuf(rows), "a.fgb"),
        (geojson.encode([rows]), "a.geojson"),
    ):
        assert len(fields(written(tmp_path, pieces, name))[0]) == len(geometries), name
    assert len(b"".join(text_table.encode(rows)).splitlines()) == 1 + len(geometries)


def test_a_geopackage_bears_the_date_it_is_given_and_nothing_else_that_changes():
    rows = table(HOUSE, n=Column("integer", [1]))
    first, again = (b"".join(vector.encode_geopackage([rows], NOW)) for _ in range(2))
    assert first == again
    assert b"2026-11-21T08:00:00.000Z" in first


def test_outer_rings_of_geojson_run_counter_clockwise_and_holes_clockwise():
    clockwise = shapely.orient_polygons(COURT, exterior_cw=True)
    (feature,) = json.loads(b"".join(geojson.encode([table(clockwise)])))["features"]
    outer, hole = (shapely.LinearRing(ring) for ring in feature["geometry"]["coordinates"])
    assert outer.is_ccw
    assert not hole.is_ccw


def test_a_geojson_sequence_is_one_separated_text_a_feature():
    sequence = b"".join(geojson.encode_sequence([table(HOUSE, None)]))
    texts = sequence.split(b"\x1e")
    assert texts[0] == b""
    assert [json.loads(text)["id"] for text in texts[1:]] == ["x0", "x1"]
    assert all(text.endswith(b"\n") for text in texts[1:])


def test_a_spreadsheet_opens_chinese_right_and_runs_no_formula():
    rows = table(shapely.Point(120.2, 30.3), 名=Column("string", ["=SUM(A1)，“引号”"]), z=Column("number", [-2.5]))
    text = b"".join(text_table.encode(rows))
    assert text.startswith(b"\xef\xbb\xbf")
    assert text.decode("utf-8-sig").splitlines() == [
        "id,名,z,longitude,latitude",
        "x0,'=SUM(A1)，“引号”,-2.5,120.2,30.3",
    ]


def test_geoparquet_tells_the_box_of_every_row(tmp_path):
    read = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed").read_table
    pieces = parquet.encode(table(HOUSE, None, n=Column("integer", [1, None])))
    rows = read(io.BytesIO(b"".join(pieces)))
    meta = json.loads(rows.schema.metadata[b"geo"])
    assert meta["version"] == "1.1.0"
    assert meta["columns"]["geometry"]["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    first, second = rows.column("bbox").to_pylist()
    assert tuple(first.values()) == HOUSE.bounds
    assert second is None
    assert shapely.from_wkb(rows.column("geometry")[0].as_py()).equals(HOUSE)


# --- solids ---------------------------------------------------------------------------------------------------------


def edges_once_each_way(faces):
    """Whether every edge of a surface is run exactly once in each direction: closed, and oriented alike throughout."""
    runs = Counter(
        (start, end) for face in faces for ring in face for start, end in zip(ring, [*ring[1:], ring[0]], strict=True)
    )
    return all(count == 1 and runs[(end, start)] == 1 for (start, end), count in runs.items())


def volume_of(corners, faces):
    a, b, c = (corners[faces[:, at]] for at in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


@given(
    st.lists(st.tuples(st.integers(0, 50_000), st.integers(0, 50_000)), min_size=3, max_size=12),
    st.floats(-10, 100), st.floats(0.1, 50),
)  # fmt: skip
def test_a_raised_outline_is_a_closed_solid_with_normals_outwards(points, low_m, high_m):
    outline = shapely.MultiPoint(np.array(points) / 1000).convex_hull
    hole = outline.centroid.buffer(0.2)
    assume(outline.geom_type == "Polygon" and outline.area > 1)
    for plan in plans(outline.difference(hole), lambda shape: shape):
        faces = prism(plan, low_m, low_m + high_m)
        corners, sides = triangles(plan, low_m, low_m + high_m)
        assert edges_once_each_way(faces)
        assert edges_once_each_way([[tuple(side)] for side in sides.tolist()])
        assert volume_of(corners - corners[0], sides) == pytest.approx(plan.area * high_m, rel=1e-6)


def test_city_objects_share_vertices_and_know_their_parents():
    volumes = [
        Volume(id="B", kind="building", footprint=TWO, z_min_m=5.0, z_max_m=9.0),
        Volume(id="B-R", kind="space", above=("B-F", "B"), footprint=COURT, z_min_m=5.0, z_max_m=8.0),
        Volume(id="B-X", kind="space", above=("B",), footprint=HOUSE),
    ]
    model = json.loads(b"".join(cityjson.encode(volumes, "小区", NOW)))
    building, room, unknown = model["CityObjects"].values()
    assert (building["children"], room["parents"]) == (["B-R", "B-X"], ["B"])
    assert building["geometry"][1]["type"] == "MultiSolid"
    assert "geometry" not in unknown
    (shell,) = room["geometry"][1]["boundaries"]
    assert edges_once_each_way(shell)
    assert len({tuple(vertex) for vertex in model["vertices"]}) == len(model["vertices"])
    lowest = min(vertex[2] for vertex in model["vertices"]) * 0.001 + model["transform"]["translate"][2]
    assert lowest == pytest.approx(5.0)


def test_a_glb_is_y_up_and_its_nodes_nest_as_places_do():
    volumes = [
        Volume(id="B", kind="building", footprint=HOUSE, z_min_m=5.0, z_max_m=9.0),
        Volume(id="B-F-R1", kind="space", above=("B-F", "B"), footprint=COURT, z_min_m=5.0, z_max_m=8.0),
        Volume(id="B-F-R2", kind="space", above=("B-F", "B"), footprint=TWO, z_min_m=5.0, z_max_m=8.0),
    ]
    data = b"".join(glb.encode(volumes, COLORS))
    length = struct.unpack_from("<I", data, 12)[0]
    document = json.loads(data[20 : 20 + length])
    building, storey, root = document["nodes"]
    assert (building["name"], building["children"], storey["name"]) == ("B", [1], "B-F")
    assert root["matrix"][6] == -1
    (primitive,) = document["meshes"][storey["mesh"]]["primitives"]
    assert primitive["extras"]["ids"] == ["B-F-R1", "B-F-R2"]
    assert primitive["extras"]["starts"][1] * 3 < document["accessors"][primitive["indices"]]["count"]
    assert document["asset"]["extras"]["origin"]["height_m"] == 5.0
    assert document["accessors"][0]["max"][2] == 4.0  # before the root turns z up


def test_the_corner_of_a_tile_lies_where_proj_puts_it():
    far = shapely.box(120.21, 30.31, 120.2104, 30.3102)
    volumes = [
        Volume(id=name, kind="building", footprint=shape, z_min_m=5.0, z_max_m=9.0)
        for name, shape in (("A", HOUSE), ("B", far))
    ]
    with zipfile.ZipFile(io.BytesIO(b"".join(tiles.encode(volumes, COLORS, "小区")))) as archive:
        tileset = json.loads(archive.read("tileset.json"))
        content = archive.read("B.glb")
    length = struct.unpack_from("<I", content, 12)[0]
    view = json.loads(content[20 : 20 + length])["bufferViews"][0]
    points = np.frombuffer(content, "<f4", view["byteLength"] // 4, 28 + length + view["byteOffset"]).reshape(-1, 3)
    matrix = np.array(tileset["root"]["transform"]).reshape(4, 4).T
    placed = (matrix @ np.column_stack([points, np.ones(len(points))]).T)[:3].T
    to_degrees = pyproj.Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)
    lon, lat, height = to_degrees.transform(*placed.T)
    corners = shapely.get_coordinates(far)[:-1]
    for x, y in corners:
        assert (np.hypot((lon - x) * 96_000, (lat - y) * 111_000) < 0.002).sum() == 2
    assert height == pytest.approx(np.repeat([5.0, 9.0], 4), abs=0.001)
    west, south, east, north, low, high = tileset["root"]["boundingVolume"]["region"]
    assert np.degrees([west, south, east, north]) == pytest.approx([120.2, 30.3, 120.2104, 30.3102])
    assert (low, high) == (5.0, 9.0)
    assert "1985 national height datum" in tileset["asset"]["extras"]["heights"]
