"""Vector tiles are what the specification says, read back by a reader of our own and by GDAL."""

import shutil
import subprocess
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.errors import BadInput, NotFound
from gis.tilegrid import Tile, coarsest, definition, limits
from gis.write import mvt
from tests.gis.vector_tile import layers, shape

TILE = Tile.holding(120.155, 30.28, 16)
WEST, SOUTH, EAST, NORTH = TILE.bounds()


def array(*shapes):
    found = np.empty(len(shapes), dtype=object)
    found[:] = shapes
    return found


def at(x, y):
    """A position by its part of the tile, from the north-west corner."""
    y_north = TILE.row + y
    return WEST + x * (EAST - WEST), _lat(y_north / 2**TILE.zoom)


def _lat(y):
    return float(np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * y)))))


def polygon(*rings):
    shell, *holes = ([at(*point) for point in ring] for ring in rings)
    return shapely.Polygon(shell, holes)


def square(west, north, side):
    return [(west, north), (west + side, north), (west + side, north + side), (west, north + side)]


def drawn(*shapes, properties=None, tile=TILE):
    ids = [f"B-{number}" for number in range(len(shapes))]
    told = properties or [{}] * len(shapes)
    columns = {name: [one.get(name) for one in told] for name in dict.fromkeys(name for one in told for name in one)}
    return mvt.encode("building", ids, array(*shapes), columns, tile)


def decoded(*shapes, **more):
    found = drawn(*shapes, **more)
    return layers(found.content).get("building", [])


def test_points_lines_and_polygons_come_back_where_they_were():
    house = polygon(square(0.25, 0.25, 0.5), square(0.4, 0.4, 0.1))
    road = shapely.LineString([at(0, 0), at(0.5, 0.25), at(1, 1)])
    hydrants = shapely.MultiPoint([at(0.5, 0.5), at(0.75, 0.125)])
    found = decoded(house, road, hydrants)
    assert [kind for _, _, kind, _ in found] == [3, 2, 1]
    there, line, points = (shape(kind, parts) for _, _, kind, parts in found)
    wanted = shapely.Polygon(
        [(1024, 1024), (3072, 1024), (3072, 3072), (1024, 3072)],
        [[(1638, 1638), (2048, 1638), (2048, 2048), (1638, 2048)]],
    )
    assert there.symmetric_difference(wanted).area <= 2 * 4096 * 0.2
    assert line.hausdorff_distance(shapely.LineString([(0, 0), (2048, 1024), (4096, 4096)])) <= 1.5
    assert points.hausdorff_distance(shapely.MultiPoint([(2048, 2048), (3072, 512)])) <= 1.5


@pytest.mark.parametrize("turn", [False, True])
def test_outer_rings_and_holes_turn_as_the_specification_says_whatever_the_source_did(turn):
    house = polygon(square(0.25, 0.25, 0.5), square(0.4, 0.4, 0.1))
    found = decoded(shapely.reverse(house) if turn else house)
    assert len(shape(3, found[0][3]).geoms[0].interiors) == 1


def test_values_keep_their_types_and_unknown_ones_are_left_out():
    given_values = {"name": "安和里", "storeys": 6, "height": 18.5, "below": -2, "open": True, "gone": None}
    given_values |= {"huge": 2**70, "list": ["a", 1], "truth": 1, "real": 1.0, "far": 2**62, "low": -(2**63)}
    ((number, properties, _, _),) = decoded(shapely.Point(at(0.5, 0.5)), properties=[given_values])
    wanted = {name: value for name, value in given_values.items() if name not in ("gone", "list")}
    assert properties == wanted | {"id": "B-0", "huge": 2.0**70}
    assert {name: type(properties[name]) for name in ("open", "truth", "real")} == {
        "open": bool,
        "truth": int,
        "real": float,
    }
    assert number == mvt.numeric_id("B-0") < 2**53


def test_what_lies_outside_is_not_there_and_what_crosses_is_clipped_with_a_buffer():
    far = polygon(square(2, 2, 1))
    wide = polygon(square(-3, -3, 7))
    found = decoded(far, wide)
    assert [properties["id"] for _, properties, _, _ in found] == ["B-1"]
    assert shape(3, found[0][3]).bounds == (-64, -64, 4160, 4160)


def test_what_collapses_on_the_grid_is_left_out_and_the_rest_stays():
    speck = polygon(square(0.5, 0.5, 0.00001))
    with_speck = shapely.MultiPolygon([speck, polygon(square(0.1, 0.1, 0.1))])
    pinhole = polygon(square(0.3, 0.3, 0.1), square(0.35, 0.35, 0.00001))
    short = shapely.LineString([at(0.5, 0.5), at(0.500001, 0.5)])
    found = decoded(speck, with_speck, pinhole, short, None, shapely.Polygon())
    assert [properties["id"] for _, properties, _, _ in found] == ["B-1", "B-2"]
    assert [len(parts) for _, _, _, parts in found] == [1, 1]


def test_a_bow_tie_is_mended():
    tie = polygon([(0.2, 0.2), (0.4, 0.4), (0.4, 0.2), (0.2, 0.4)])
    ((_, _, kind, parts),) = decoded(tie)
    assert shape(kind, parts).is_valid
    assert shape(kind, parts).area == pytest.approx(0.2 * 0.1 * 4096**2, rel=0.02)


def test_the_largest_come_first_when_not_all_fit(monkeypatch):
    monkeypatch.setattr(mvt, "MAX_FEATURES", 3)
    sides = [0.01, 0.05, 0.02, 0.04, 0.03]
    found = drawn(*(polygon(square(0.1 * number, 0.5, side)) for number, side in enumerate(sides)))
    assert (found.count, found.dropped) == (3, 2)
    assert [properties["id"] for _, properties, _, _ in layers(found.content)["building"]] == ["B-1", "B-3", "B-4"]


def test_detail_finer_than_a_pixel_is_simplified_away_and_outlines_keep_their_place():
    angles = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    disc = polygon([(0.5 + 0.2 * np.cos(angle), 0.5 + 0.2 * np.sin(angle)) for angle in angles])
    ((_, _, _, (ring,)),) = decoded(disc)
    assert len(ring) < 200
    wanted = shapely.Point(2048, 2048).buffer(0.2 * 4096, 256)
    assert shapely.Polygon(ring).hausdorff_distance(wanted) < 4


PARTS = st.floats(-0.4, 1.4, allow_nan=False)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.tuples(PARTS, PARTS), min_size=3, max_size=7, unique=True), min_size=1, max_size=5),
    st.integers(12, 20),
)
def test_any_polygon_becomes_valid_rings_inside_the_buffer(outlines, zoom):
    shapes = [polygon(outline) for outline in outlines]
    tile = Tile.holding(*at(0.5, 0.5), zoom)
    for _, _, kind, parts in decoded(*shapes, tile=tile):
        found = shape(kind, parts)
        assert found.is_valid, shapely.is_valid_reason(found)
        west, north, east, south = found.bounds
        assert min(west, north) >= -64
        assert max(east, south) <= 4160


@pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="GDAL's programs are not installed (Debian: gdal-bin)")
def test_gdal_reads_a_tile(tmp_path):
    path = tmp_path / str(TILE.zoom) / str(TILE.column) / f"{TILE.row}.mvt"
    path.parent.mkdir(parents=True)
    houses = [polygon(square(0.1 * n, 0.1 * n, 0.08), square(0.1 * n + 0.02, 0.1 * n + 0.02, 0.02)) for n in range(9)]
    path.write_bytes(drawn(*houses, properties=[{"name": f"{n}幢", "storeys": n} for n in range(9)]).content)
    command = ["ogrinfo", "-al", "-where", "storeys > 6", f"MVT:{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "Feature Count: 2" in done.stdout
    assert "7幢" in done.stdout
    assert not done.stderr


def test_tiles_cover_the_earth_without_gap_or_overlap():
    for zoom in (3, 7, 16):
        tile = Tile.holding(120.155, 30.28, zoom)
        west, south, east, north = tile.bounds()
        assert west <= 120.155 < east
        assert south < 30.28 <= north
        beside, below = Tile(zoom, tile.row, tile.column + 1), Tile(zoom, tile.row + 1, tile.column)
        assert beside.bounds()[0] == east
        assert below.bounds()[3] == south


@pytest.mark.parametrize(
    ("zoom", "row", "column", "kind"),
    [(25, 0, 0, BadInput), (-1, 0, 0, BadInput), (3, 8, 0, NotFound), (3, 0, -1, NotFound)],
)
def test_a_tile_off_the_grid_is_refused(zoom, row, column, kind):
    with pytest.raises(kind):
        Tile(zoom, row, column)


def test_the_matrix_set_halves_its_cells_and_doubles_its_matrix():
    matrices = definition()["tileMatrices"]
    assert matrices[0]["scaleDenominator"] == pytest.approx(559082264.028717)
    assert all(
        (fine["matrixWidth"], fine["cellSize"]) == (2 * coarse["matrixWidth"], coarse["cellSize"] / 2)
        for coarse, fine in pairwise(matrices)
    )


def test_limits_name_the_tiles_a_box_touches_and_density_the_zoom_to_begin_at():
    box = (120.1, 30.2, 120.2, 30.3)
    for zoom, first, last in limits(box, range(10, 15)):
        assert first == Tile.holding(120.1, 30.3, zoom)
        assert last == Tile.holding(120.2, 30.2, zoom)
    assert coarsest(box, 100_000, 20_000) <= coarsest(box, 1_000_000, 20_000) <= 24
    assert coarsest((120.1, 30.2, 120.1, 30.2), 10**6, 20_000) == 24
