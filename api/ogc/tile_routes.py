"""The routes of OGC API Tiles (20-057): tilesets of each collection and of all, tile matrix sets, TileJSON."""

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.routing import Route

from api.ogc import documents, pages
from api.ogc.answers import PREFIX, base, crumbs, json_answer, layer_named, open_layers, page_answer, wants_html
from api.ogc.documents import TILEJSON, Document, has_tiles, link
from api.ogc.question import given
from api.ogc.tiles import told
from api.state import Here, Services, services
from gis.crs import CRS84, Box
from gis.errors import BadInput, NotFound
from gis.tilegrid import CRS, MAX_ZOOM, URI, WEB_MERCATOR_QUAD, Tile, definition, limits
from gis.write import mvt
from twin.declaration import Layer
from twin.tiles import MEMBERS

router = APIRouter(prefix=PREFIX, include_in_schema=False)

_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
_TILESET_ENCODINGS = ("json", "html", "tilejson")
_ZIPPED = "-gzip"  # what comes in another form needs another tag (RFC 9110, 8.8.3.3)
_KINDS = {"polygon": 2, "line": 1, "point": 0}
_WHOLE_EARTH: Box = (-180.0, -85.0511287798066, 180.0, 85.0511287798066)


async def collection_tile(request: Request) -> Response:
    """Return a tile of a layer."""
    given(request, ("f",))
    here, tile = await services(request), _tile(**_matrix(request))
    return await _tile_answer(here, request, [_drawn_layer(here, request.path_params["collection"])], tile)


async def dataset_tile(request: Request) -> Response:
    """Return a tile of several layers: those named, else all that are drawn at its zoom."""
    texts = given(request, ("f", "collections"))
    here, tile = await services(request), _tile(**_matrix(request))
    if "collections" in texts:
        layers = [_drawn_layer(here, name) for name in dict.fromkeys(texts["collections"].split(","))]
    else:
        layers = await asyncio.to_thread(_layers_at, here, tile.zoom)
    return await _tile_answer(here, request, layers, tile)


_PATH = "tiles/{matrix_set}/{zoom}/{row}/{column}"
TILES = (
    Route(f"{PREFIX}/collections/{{collection}}/{_PATH}", collection_tile, methods=["GET"]),
    Route(f"{PREFIX}/{_PATH}", dataset_tile, methods=["GET"]),
)
"""Plain routes, to be tried before all others: what FastAPI does for a parameter, they have no use for."""


def _matrix(request: Request) -> dict[str, str]:
    return {name: text for name, text in request.path_params.items() if name != "collection"}


def _layers_at(here: Services, zoom: int) -> list[Layer]:
    return [layer for layer in _drawn_layers(here) if zoom in here.tiles.zooms(layer)]


@router.get("/tileMatrixSets")
def matrix_sets(request: Request) -> Response:
    """Return the tile matrix sets."""
    html = wants_html(request, given(request, ("f",)))
    own = f"{base(request)}/tileMatrixSets"
    listed = [{"id": WEB_MERCATOR_QUAD, "uri": URI, "crs": CRS, "links": [_scheme(request)]}]
    if html:
        return page_answer("瓦片矩阵集 Tile matrix sets", "", crumbs(request, 2), pages.links(listed[0]))
    return json_answer({"links": documents.self_links(own, documents.JSON, html=False), "tileMatrixSets": listed})


@router.get("/tileMatrixSets/{matrix_set}")
def matrix_set(request: Request, matrix_set: str) -> Response:
    """Return a tile matrix set."""
    _check_set(matrix_set)
    html = wants_html(request, given(request, ("f",)))
    document = definition()
    if not html:
        return json_answer(document)
    rows = {one["id"]: f"1 : {one['scaleDenominator']:,.0f}" for one in _matrices(document)}
    return page_answer(WEB_MERCATOR_QUAD, URI, crumbs(request, 2), pages.table(rows))


@router.get("/collections/{collection}/tiles")
def collection_tilesets(here: Here, request: Request, collection: str) -> Response:
    """Return the tilesets of a layer."""
    layer = _drawn_layer(here, collection)
    return _tilesets(request, f"collections/{layer.name}/tiles", documents.title(layer), layer)


@router.get("/tiles")
def dataset_tilesets(request: Request) -> Response:
    """Return the tilesets of all layers together."""
    return _tilesets(request, "tiles", "全部图层 All layers", None)


@router.get("/collections/{collection}/tiles/{matrix_set}")
def collection_tileset(here: Here, request: Request, collection: str, matrix_set: str) -> Response:
    """Return what a tileset of a layer holds and where."""
    _check_set(matrix_set)
    layer = _drawn_layer(here, collection)
    return _tileset(here, request, [layer], f"collections/{layer.name}/tiles", documents.title(layer))


@router.get("/tiles/{matrix_set}")
def dataset_tileset(here: Here, request: Request, matrix_set: str) -> Response:
    """Return what the tileset of all layers holds and where."""
    _check_set(matrix_set)
    return _tileset(here, request, _drawn_layers(here), "tiles", "全部图层 All layers")


async def _tile_answer(here: Services, request: Request, layers: Sequence[Layer], tile: Tile) -> Response:
    """Answer in the loop what is in memory; a change of thread costs more than all the rest."""
    tiles = here.tiles
    version = tiles.known(layers)
    if version is None:
        version = await asyncio.to_thread(tiles.version, layers)
    zipped = "gzip" in request.headers.get("accept-encoding", "")
    tag = tiles.tag(layers, version, tile)
    headers = {"ETag": f'"{tag}{_ZIPPED * zipped}"', "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    drawn = tiles.held(layers, version, tile, zipped=zipped)
    if drawn is None:
        drawn = await asyncio.to_thread(tiles.drawn, layers, version, tile, zipped=zipped)
    if drawn.dropped:
        headers["Lifang-Tile-Dropped"] = str(drawn.dropped)
    if not drawn.content:
        return Response(status_code=204, headers=headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(drawn.content, media_type=mvt.MEDIA_TYPE, headers=headers)


def _tile(matrix_set: str, zoom: str, row: str, column: str) -> Tile:
    _check_set(matrix_set)
    for name, text in (("tileMatrix", zoom), ("tileRow", row), ("tileCol", column)):
        if not (text.isascii() and text.isdecimal() and len(text) <= 10):
            raise BadInput(
                "request.parameter", f"{name}={text!r:.60} is no whole number.", "Count from 0.", parameter=name
            )
    return Tile(int(zoom), int(row), int(column))


def _check_set(matrix_set: str) -> None:
    if matrix_set != WEB_MERCATOR_QUAD:
        raise NotFound(
            "tile.matrix_set", f"There is no tile matrix set {matrix_set!r:.60}.", f"Use {WEB_MERCATOR_QUAD}."
        )


def _drawn_layer(here: Services, name: str) -> Layer:
    layer = layer_named(here, name)
    if not has_tiles(layer):
        raise NotFound("tile.no_geometry", f"{name} has no geometry to draw.", "See its items.", layer=name)
    return layer


def _drawn_layers(here: Services) -> list[Layer]:
    return [layer for layer in open_layers(here) if has_tiles(layer)]


def _scheme(request: Request) -> Document:
    own = f"{base(request)}/tileMatrixSets/{WEB_MERCATOR_QUAD}"
    return link(own, f"{_REL}tiling-scheme", documents.JSON, WEB_MERCATOR_QUAD)


def _tilesets(request: Request, path: str, title: str, layer: Layer | None) -> Response:
    html = wants_html(request, given(request, ("f",)))
    own = f"{base(request)}/{path}"
    tileset = {
        "title": title,
        "dataType": "vector",
        "crs": CRS,
        "tileMatrixSetURI": URI,
        "links": [
            link(f"{own}/{WEB_MERCATOR_QUAD}", "self", documents.JSON, title),
            _scheme(request),
            _template(own),
        ],
    }
    if html:
        shown = link(f"{own}/{WEB_MERCATOR_QUAD}?f=html", "item", documents.HTML, WEB_MERCATOR_QUAD)
        return page_answer(f"{title}: 瓦片 Tiles", "", crumbs(request, 4, layer), pages.links({"links": [shown]}))
    return json_answer({"links": documents.self_links(own, documents.JSON, html=False), "tilesets": [tileset]})


def _template(own: str) -> Document:
    href = f"{own}/{WEB_MERCATOR_QUAD}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"
    return link(href, "item", mvt.MEDIA_TYPE, "瓦片 Tile") | {"templated": True}


def _tileset(here: Services, request: Request, layers: Sequence[Layer], path: str, title: str) -> Response:
    texts = given(request, ("f",))
    html = wants_html(request, texts, _TILESET_ENCODINGS)
    own = f"{base(request)}/{path}"
    if texts.get("f") == "tilejson":
        return json_answer(_tilejson(here, layers, own, title), TILEJSON)
    document = _tileset_document(here, request, layers, own, title)
    if not html:
        return json_answer(document)
    facts = {"范围 Extent": document["boundingBox"]["lowerLeft"] + document["boundingBox"]["upperRight"]}
    facts |= {one["id"]: f"{one['minTileMatrix']}–{one['maxTileMatrix']}" for one in document["layers"]}
    above = crumbs(request, 4, layers[0] if len(layers) == 1 else None)
    return page_answer(f"{title}: {WEB_MERCATOR_QUAD}", "", above, pages.table(facts), pages.links(document))


def _tileset_document(
    here: Services, request: Request, layers: Sequence[Layer], own: str, title: str
) -> dict[str, Any]:
    west, south, east, north = _bounds(here, layers)
    zooms = range(min(here.tiles.zooms(layer).start for layer in layers), MAX_ZOOM + 1)
    return {
        "title": title,
        "dataType": "vector",
        "crs": CRS,
        "tileMatrixSetURI": URI,
        "boundingBox": {"lowerLeft": [west, south], "upperRight": [east, north], "crs": CRS84},
        "tileMatrixSetLimits": [
            {
                "tileMatrix": str(zoom),
                "minTileRow": first.row,
                "maxTileRow": last.row,
                "minTileCol": first.column,
                "maxTileCol": last.column,
            }
            for zoom, first, last in limits((west, south, east, north), zooms)
        ],
        "layers": [_layer_document(here, layer) for layer in layers],
        "links": [
            *documents.self_links(f"{own}/{WEB_MERCATOR_QUAD}", documents.JSON, html=False),
            link(f"{own}/{WEB_MERCATOR_QUAD}?f=tilejson", "alternate", TILEJSON, "TileJSON"),
            _scheme(request),
            _template(own),
        ],
    }


def _layer_document(here: Services, layer: Layer) -> Document:
    zooms = here.tiles.zooms(layer)
    found: Document = {
        "id": layer.name,
        "title": documents.title(layer),
        "dataType": "vector",
        "minTileMatrix": str(zooms.start),
        "maxTileMatrix": str(zooms.stop - 1),
        "propertiesSchema": documents.tile_schema(layer, told(layer)),
    }
    if layer.geometry in _KINDS:
        found["geometryDimension"] = _KINDS[layer.geometry]
    return found


def _tilejson(here: Services, layers: Sequence[Layer], own: str, title: str) -> Document:
    """Return TileJSON 3.0.0."""
    zooms = {layer.name: here.tiles.zooms(layer) for layer in layers}
    return {
        "tilejson": "3.0.0",
        "name": title,
        "scheme": "xyz",
        "tiles": [f"{own}/{WEB_MERCATOR_QUAD}/{{z}}/{{y}}/{{x}}"],
        "minzoom": min(one.start for one in zooms.values()),
        "maxzoom": MAX_ZOOM,
        "bounds": list(_bounds(here, layers)),
        "vector_layers": [
            {
                "id": layer.name,
                "description": documents.title(layer),
                "minzoom": zooms[layer.name].start,
                "maxzoom": MAX_ZOOM,
                "fields": _field_words(layer),
            }
            for layer in layers
        ],
    }


def _field_words(layer: Layer) -> dict[str, str]:
    words = {field.name: f"{field.title.zh} {field.title.en}" for field in layer.fields}
    return {name: "" if name in MEMBERS else words[name] for name in told(layer)}


def _bounds(here: Services, layers: Sequence[Layer]) -> Box:
    """Return west, south, east, north of what is drawn; the whole square when there is nothing yet."""
    boxes = [box for layer in layers if (box := here.extents.of(layer.name).bounds) is not None]
    if not boxes:
        return _WHOLE_EARTH
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def _matrices(document: Any) -> Any:
    return document["tileMatrices"]
