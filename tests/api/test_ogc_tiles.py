"""Vector tiles over HTTP, by the abstract tests of OGC API Tiles Part 1 (20-057)."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

import pytest
import shapely

from gis.tilegrid import Tile
from tests.gis.vector_tile import layers
from twin.feature import Feature

QUAD = "WebMercatorQuad"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def house(n):
    west, south = 120.15 + n % 10 * 0.0005, 30.28 + n // 10 * 0.0004
    return Feature(
        layer="building",
        id=f"B-{n:03}",
        community="c1",
        name=f"安和里{n}幢",
        z_min_m=5.0,
        z_max_m=8.0 + n,
        geometry=shapely.box(west, south, west + 0.0003, south + 0.0002),
        attributes={"main_use": "office" if n % 2 else "residential", "storey_count": n, "手写": "not declared"},
        valid_from=NOON,
    )


HOUSES = [house(n) for n in range(100)]


@pytest.fixture(scope="module")
def tiles(serving_on):
    with serving_on() as service:
        secret = {"device_type": "smoke_detector", "device_secret": "s3cret"}
        personal = {"facility_no": "F-1", "maintainer": "王某"}
        at = shapely.Point(120.1502, 30.2801)
        service.put(
            *HOUSES,
            Feature(layer="device", id="D-1", community="c1", geometry=at, attributes=secret),
            Feature(layer="facility", id="F-1", community="c1", geometry=at, attributes=personal),
            Feature(layer="household", id="H-1", community="c1", attributes={"persons": 3}),
        )
        yield service


def get(service, path, **more):
    return service.client.get(f"/ogc{path}", **more)


def path(tile, owner="/collections/building"):
    return f"{owner}/tiles/{QUAD}/{tile.zoom}/{tile.row}/{tile.column}"


TILE = Tile.holding(120.1521, 30.2811, 17)


def test_conf_core_tc_success_a_tile_holds_what_lies_in_it(tiles):
    answer = get(tiles, path(TILE))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/vnd.mapbox-vector-tile")
    found = layers(answer.content)
    assert list(found) == ["building"]
    wide = shapely.box(*TILE.bounds(64 / 4096))
    assert {values["id"] for _, values, _, _ in found["building"]} == {
        h.id for h in HOUSES if h.geometry.intersects(wide)
    }
    one = found["building"][0][1]
    assert (one["name"], one["z_min_m"], one["storey_count"]) == (
        f"安和里{one['storey_count']}幢",
        5.0,
        int(one["id"][2:]),
    )
    assert one["手写"] == "not declared"


def test_conf_core_tc_error_what_is_no_tile_is_refused_and_named(tiles):
    for wrong, status, code in (
        (f"/collections/building/tiles/{QUAD}/17/x/1", 400, "request.parameter"),
        (f"/collections/building/tiles/{QUAD}/40/1/1", 400, "tile.matrix"),
        (f"/collections/building/tiles/{QUAD}/3/8/1", 404, "tile.outside"),
        (f"/collections/building/tiles/{QUAD}/3/{10**20}/1", 400, "request.parameter"),
        ("/collections/building/tiles/Mars/3/1/1", 404, "tile.matrix_set"),
        ("/tileMatrixSets/Mars", 404, "tile.matrix_set"),
        (f"/collections/nothing/tiles/{QUAD}/3/1/1", 404, "layer.unknown"),
        (f"/collections/household/tiles/{QUAD}/3/1/1", 403, "layer.aggregate_only"),
        (f"/tiles/{QUAD}/3/1/1?collections=household", 403, "layer.aggregate_only"),
        (f"/tiles/{QUAD}/3/1/1?nonsense=1", 400, "request.unknown_parameter"),
    ):
        answer = get(tiles, wrong)
        assert (answer.status_code, answer.json()["code"]) == (status, code), wrong


def test_an_empty_tile_has_no_content(tiles):
    answer = get(tiles, path(Tile(17, 0, 0)))
    assert (answer.status_code, answer.content) == (204, b"")


def test_conf_dataset_tilesets_one_tile_holds_all_layers_or_those_named(tiles):
    tile = Tile.holding(120.1502, 30.2801, 17)
    assert set(layers(get(tiles, path(tile, "")).content)) == {"building", "device", "facility"}
    assert list(layers(get(tiles, path(tile, "") + "?collections=device").content)) == ["device"]


def test_personal_fields_and_secrets_are_in_no_tile(tiles):
    tile = Tile.holding(120.1502, 30.2801, 17)
    content = get(tiles, path(tile, "")).content
    assert b"s3cret" not in content
    assert "王某".encode() not in content


def test_an_unchanged_layer_is_not_sent_again_and_a_changed_one_is(serving_on):
    with serving_on() as service:
        service.put(house(0))
        tile = Tile.holding(120.1501, 30.2801, 16)
        first = get(service, path(tile))
        again = get(service, path(tile), headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        service.put(house(1))
        changed = get(service, path(tile), headers={"if-none-match": first.headers["etag"]})
        assert changed.status_code == 200
        assert changed.headers["etag"] != first.headers["etag"]
        assert len(layers(changed.content)["building"]) == 2


def test_a_tile_is_compressed_once_for_whoever_takes_it_so_and_the_same_as_for_others(tiles, monkeypatch):
    from api.ogc import tiles as module

    plain = get(tiles, path(TILE), headers={"accept-encoding": "identity"})
    zipped = get(tiles, path(TILE), headers={"accept-encoding": "gzip"})
    monkeypatch.setattr(module.gzip, "compress", None)
    again = get(tiles, path(TILE), headers={"accept-encoding": "gzip"})
    assert plain.content == zipped.content == again.content
    assert "content-encoding" not in plain.headers
    assert (zipped.headers["content-encoding"], zipped.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert int(zipped.headers["content-length"]) < len(plain.content) / 2
    assert plain.headers["etag"] != zipped.headers["etag"] == again.headers["etag"]
    for one in (plain, zipped):
        assert get(tiles, path(TILE), headers={"if-none-match": one.headers["etag"]}).status_code == 304


def test_a_tile_that_many_ask_for_at_once_is_drawn_once_or_by_as_many_as_there_are_turns(tiles, monkeypatch):
    from api.ogc import tiles as module

    tile, drawing, most, total = Tile(18, *_within(TILE)), 0, 0, 0
    lock, draw = threading.Lock(), module.Access.tile

    def counted(*given):
        nonlocal drawing, most, total
        with lock:
            drawing, total = drawing + 1, total + 1
            most = max(most, drawing)
        time.sleep(0.05)
        try:
            return draw(*given)
        finally:
            with lock:
                drawing -= 1

    monkeypatch.setattr(module.Access, "tile", counted)
    with ThreadPoolExecutor(12) as pool:
        found = {answer.content for answer in pool.map(lambda _: get(tiles, path(tile)), range(12))}
    assert len(found) == 1
    assert 1 <= total <= most <= module._AT_ONCE


def _within(tile):
    return tile.row * 2, tile.column * 2


def test_a_change_by_this_process_is_known_at_once_and_one_by_another_soon(tmp_path, monkeypatch):
    from api.ogc import tiles as module
    from api.ogc.extents import Extents
    from layers.catalogue import load_catalogue
    from twin.access import Access
    from twin.embedded import EmbeddedStore

    catalogue = load_catalogue()
    layers = [catalogue["building"]]
    with closing(EmbeddedStore(tmp_path / "twin.gpkg", catalogue)) as store:
        access = Access(store, catalogue)
        drawn = module.Tiles(access, store, Extents(access, store), catalogue)
        monkeypatch.setattr(module, "FRESH_S", 60)
        assert drawn.known(layers) is None
        first = drawn.version(layers)
        assert drawn.known(layers) == first
        store.write(lambda tx: tx.put(house(0))).result()
        assert drawn.known(layers) is None
        second = drawn.version(layers)
        assert second != first
        with closing(EmbeddedStore(tmp_path / "twin.gpkg", catalogue)) as other:
            other.write(lambda tx: tx.put(house(1))).result()
        assert drawn.known(layers) == second
        monkeypatch.setattr(module, "FRESH_S", 0)
        assert drawn.known(layers) is None
        assert drawn.version(layers) != second


def test_tiles_that_would_be_too_big_say_how_many_features_they_leave_out(tiles, monkeypatch):
    from gis.write import mvt

    monkeypatch.setattr(mvt, "MAX_FEATURES", 10)
    answer = get(tiles, path(Tile.holding(120.152, 30.282, 13)))
    assert len(layers(answer.content)["building"]) == 10
    assert answer.headers["lifang-tile-dropped"] == "90"


def test_a_layer_is_not_drawn_where_a_tile_would_hold_all_of_a_city(tiles, monkeypatch):
    from api.ogc import tiles as module

    monkeypatch.setattr(module, "PER_TILE", 10)
    answer = get(tiles, path(Tile.holding(120.152, 30.282, 4)))
    assert (answer.status_code, answer.json()["code"]) == (404, "tile.too_coarse")
    least = get(tiles, f"/collections/building/tiles/{QUAD}", params={"f": "tilejson"}).json()["minzoom"]
    assert 10 < least < 20
    assert get(tiles, path(Tile.holding(120.1521, 30.2811, least))).status_code == 200


def test_the_cache_keeps_what_was_used_last_within_its_bytes():
    from api.ogc.tiles import Cache
    from gis.write.mvt import Drawn

    cache = Cache(3000)
    keys = [("building", "v1", Tile(10, 0, column)) for column in range(4)]
    for key in keys[:3]:
        cache.put(key, Drawn(b"x" * 500, 1, 0))
    assert cache.get(keys[0]) is not None
    cache.put(keys[3], Drawn(b"x" * 500, 1, 0))
    assert [cache.get(key) is not None for key in keys] == [True, False, True, True]
    assert cache.bytes <= 3000
    cache.put(keys[1], Drawn(b"x" * 5000, 1, 0))
    assert cache.get(keys[1]) is None


# --- metadata -------------------------------------------------------------------------------------------------------


def test_conf_tileset_a_tileset_says_what_it_holds_and_where(tiles):
    listed = get(tiles, "/collections/building/tiles").json()["tilesets"]
    assert [one["tileMatrixSetURI"] for one in listed] == [
        "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
    ]
    found = get(tiles, f"/collections/building/tiles/{QUAD}").json()
    bounds = shapely.total_bounds([h.geometry for h in HOUSES]).tolist()
    assert found["boundingBox"]["lowerLeft"] + found["boundingBox"]["upperRight"] == pytest.approx(bounds)
    limits = {one["tileMatrix"]: one for one in found["tileMatrixSetLimits"]}
    assert limits["17"]["minTileRow"] <= TILE.row <= limits["17"]["maxTileRow"]
    assert len(limits) == 25
    (layer,) = found["layers"]
    assert layer["propertiesSchema"]["properties"]["storey_count"]["type"] == "integer"
    assert "手写" not in layer["propertiesSchema"]["properties"]
    scheme = next(link for link in found["links"] if link["rel"].endswith("tiling-scheme"))
    assert tiles.client.get(scheme["href"]).json()["id"] == QUAD
    template = next(link for link in found["links"] if link.get("templated"))["href"]
    for name, value in (("tileMatrix", TILE.zoom), ("tileRow", TILE.row), ("tileCol", TILE.column)):
        template = template.replace(f"{{{name}}}", str(value))
    assert tiles.client.get(template).status_code == 200


def test_tilejson_names_addresses_zooms_bounds_and_fields(tiles):
    for owner, names in (("/collections/building", ["building"]), ("", None)):
        found = get(tiles, f"{owner}/tiles/{QUAD}", params={"f": "tilejson"}).json()
        assert found["tilejson"] == "3.0.0"
        address = (
            found["tiles"][0]
            .replace("{z}", str(TILE.zoom))
            .replace("{x}", str(TILE.column))
            .replace("{y}", str(TILE.row))
        )
        assert tiles.client.get(address).status_code == 200
        held = [layer["id"] for layer in found["vector_layers"]]
        assert held == names or ("building" in held and "household" not in held)


def test_collections_and_landing_page_link_their_tiles(tiles):
    for document in (get(tiles, "").json(), get(tiles, "/collections/building").json()):
        (link,) = [one for one in document["links"] if one["rel"].endswith("/tilesets-vector")]
        assert tiles.client.get(link["href"]).json()["tilesets"]
    classes = get(tiles, "/conformance").json()["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/mvt" in classes


@pytest.mark.parametrize("there", ["/tileMatrixSets", f"/tileMatrixSets/{QUAD}", "/tiles", f"/tiles/{QUAD}"])
def test_the_metadata_are_pages_too(tiles, there):
    for owner in ("", "/collections/building") if there.startswith("/tiles") else ("",):
        page = get(tiles, owner + there, params={"f": "html"})
        assert page.headers["content-type"].startswith("text/html")


READ = """
import sys, pyogrio
frame = pyogrio.read_dataframe(sys.argv[1], layer="building")
print(len(frame), frame.geometry.is_valid.all(), int(frame["storey_count"].sum()))
"""


def test_gdal_reads_a_tile_that_was_served(tiles, tmp_path):
    tile = Tile.holding(120.152, 30.2818, 14)
    saved = tmp_path / "14" / str(tile.column) / f"{tile.row}.mvt"
    saved.parent.mkdir(parents=True)
    saved.write_bytes(get(tiles, path(tile)).content)
    done = subprocess.run(
        [sys.executable, "-c", READ, f"MVT:{saved}"], capture_output=True, text=True, check=True, timeout=60
    )
    inside = [h for h in HOUSES if h.geometry.intersects(shapely.box(*tile.bounds(64 / 4096)))]
    assert done.stdout.split() == [str(len(inside)), "True", str(sum(h.attributes["storey_count"] for h in inside))]
