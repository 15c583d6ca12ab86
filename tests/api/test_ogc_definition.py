"""The API definition says what the service does: every operation is in it, and answers as it promises."""

import re

import pytest
import schemathesis
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from twin.feature import Feature

load_all_checks()
PROMISES = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)
QUAD = "WebMercatorQuad"
HOUSE = shapely.box(120.15, 30.28, 120.1505, 30.2805)


@pytest.fixture(scope="module")
def ogc(serving_at):
    with serving_at() as service:
        point = shapely.Point(120.1502, 30.2801)
        service.put(
            Feature(layer="building", id="B-1", community="c1", geometry=HOUSE, z_min_m=5.0, z_max_m=9.0),
            Feature(layer="hydrant", id="X1", community="c1", geometry=point, attributes={"hydrant_no": "X1"}),
        )
        yield service


@pytest.fixture(scope="module")
def described(ogc):
    return schemathesis.openapi.from_dict(ogc.client.get("/ogc/api").json())


HYDRANT = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [120.15, 30.28]},
    "properties": {"hydrant_no": "X2", "hydrant_class": "outdoor"},
}
TILE = {"tileMatrixSetId": QUAD, "tileMatrix": 17, "tileRow": 53959, "tileCol": 109281}
ITEM, ITEMS = "/collections/hydrant/items/{featureId}", "/collections/hydrant/items"
TILES, ALL_TILES = "/collections/building/tiles", "/tiles"
ONE = "/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}"

ASKED = [
    ("GET", "/", 200, {}),
    ("GET", "/conformance", 200, {}),
    ("GET", "/api", 200, {}),
    ("GET", "/collections", 200, {}),
    ("GET", "/collections/building", 200, {}),
    ("GET", "/collections/building/queryables", 200, {}),
    ("GET", "/collections/building/schema", 200, {}),
    ("GET", ITEMS, 200, {"query": {"f": "html"}}),
    ("GET", ITEMS, 200, {"query": {"sortby": "-hydrant_no,name", "limit": 1}}),
    ("GET", "/collections/building/items", 200, {"query": {"f": "jsonfg"}}),
    ("GET", "/collections/building/items", 400, {"query": {"sortby": "nothing"}}),
    ("GET", ITEM, 200, {"path_parameters": {"featureId": "X1"}, "query": {"f": "jsonfg"}}),
    ("GET", ITEM, 404, {"path_parameters": {"featureId": "X9"}}),
    ("OPTIONS", ITEMS, 204, {}),
    ("OPTIONS", "/collections/building/items", 204, {}),
    ("OPTIONS", ITEM, 204, {"path_parameters": {"featureId": "X1"}}),
    ("POST", ITEMS, 201, {"body": HYDRANT, "media_type": "application/geo+json"}),
    ("POST", ITEMS, 409, {"body": HYDRANT, "media_type": "application/geo+json"}),
    (
        "PUT",
        ITEM,
        200,
        {"path_parameters": {"featureId": "X2"}, "body": HYDRANT, "media_type": "application/geo+json"},
    ),
    (
        "PATCH",
        ITEM,
        412,
        {
            "path_parameters": {"featureId": "X2"},
            "headers": {"If-Match": '"0"'},
            "body": {"properties": {"name": "新"}},
            "media_type": "application/merge-patch+json",
        },
    ),
    (
        "PATCH",
        ITEM,
        200,
        {
            "path_parameters": {"featureId": "X2"},
            "body": {"properties": {"name": None}},
            "media_type": "application/merge-patch+json",
        },
    ),
    ("DELETE", ITEM, 204, {"path_parameters": {"featureId": "X2"}}),
    ("DELETE", ITEM, 404, {"path_parameters": {"featureId": "X2"}}),
    ("GET", "/tileMatrixSets", 200, {}),
    ("GET", "/tileMatrixSets/{tileMatrixSetId}", 200, {"path_parameters": {"tileMatrixSetId": QUAD}}),
    ("GET", TILES, 200, {}),
    ("GET", f"{TILES}/{{tileMatrixSetId}}", 200, {"path_parameters": {"tileMatrixSetId": QUAD}}),
    (
        "GET",
        f"{TILES}/{{tileMatrixSetId}}",
        200,
        {"path_parameters": {"tileMatrixSetId": QUAD}, "query": {"f": "tilejson"}},
    ),
    ("GET", f"{TILES}{ONE}", 200, {"path_parameters": TILE}),
    ("GET", f"{TILES}{ONE}", 204, {"path_parameters": TILE | {"tileRow": 0}}),
    ("GET", f"{TILES}{ONE}", 404, {"path_parameters": TILE | {"tileMatrix": 3}}),
    ("GET", ALL_TILES, 200, {}),
    ("GET", f"{ALL_TILES}/{{tileMatrixSetId}}", 200, {"path_parameters": {"tileMatrixSetId": QUAD}}),
    ("GET", f"{ALL_TILES}{ONE}", 200, {"path_parameters": TILE, "query": {"collections": "building,hydrant"}}),
    ("GET", "/catalogue", 200, {"query": {"q": "消火栓"}}),
    ("GET", "/catalogue/{layer}", 200, {"path_parameters": {"layer": "household"}}),
]


@pytest.mark.parametrize(
    ("method", "path", "status", "asked"), ASKED, ids=[f"{one[0]} {one[1]} {one[2]}" for one in ASKED]
)
def test_an_operation_answers_as_the_definition_promises(ogc, described, method, path, status, asked):
    case = described[path][method].Case(**asked)
    answer = case.call(base_url=f"{ogc.url}/ogc")
    assert answer.status_code == status, answer.text
    case.validate_response(answer, checks=PROMISES)


def test_an_unchanged_tile_is_the_304_that_is_promised(ogc, described):
    operation = described[f"{TILES}{ONE}"]["GET"]
    first = operation.Case(path_parameters=TILE).call(base_url=f"{ogc.url}/ogc")
    case = operation.Case(path_parameters=TILE, headers={"If-None-Match": first.headers["etag"][0]})
    again = case.call(base_url=f"{ogc.url}/ogc")
    assert again.status_code == 304
    case.validate_response(again, checks=PROMISES)


def test_every_route_is_described_and_nothing_else_is(ogc):
    document = ogc.client.get("/ogc/api").json()
    said = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", re.sub("^/collections/[a-z_]+", "/collections/{}", path)))
        for path, operations in document["paths"].items()
        for method in operations
    }
    done = {
        (method, re.sub(r"\{\w+\}", "{}", route.path.removeprefix("/ogc")) or "/")
        for route in routes(ogc.app)
        if route.path.startswith("/ogc")
        for method in route.methods - {"HEAD"}
    }
    assert said == done


def routes(app):
    """Every route of the app, as it was written, in whatever nest the framework keeps it."""
    waiting, found = list(app.routes), []
    while waiting:
        route = waiting.pop()
        inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
        if inner:
            waiting += inner
        elif hasattr(route, "methods") and hasattr(route, "path"):
            found.append(route)
    return found


def test_only_editable_layers_are_described_as_such(ogc):
    paths = ogc.client.get("/ogc/api").json()["paths"]
    for path in (path for path in paths if path.endswith(("/items", "/items/{featureId}"))):
        methods = {"get", *(one.strip().lower() for one in allowed(ogc, path))} - {"head"}
        assert set(paths[path]) == methods, path


def allowed(ogc, path):
    return ogc.client.options("/ogc" + path.replace("{featureId}", "X1")).headers["allow"].split(",")


FUZZED = [
    ("GET", "/collections/building/items"),
    ("GET", ITEM),
    ("POST", ITEMS),
    ("PUT", ITEM),
    ("PATCH", ITEM),
    ("GET", f"{ALL_TILES}{ONE}"),
    ("GET", "/catalogue"),
]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), FUZZED, ids=[" ".join(one) for one in FUZZED])
def test_no_question_breaks_a_promise(ogc, described, method, path, mode):
    operation = described[path][method]

    @settings(max_examples=15, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def ask(data):
        case = data.draw(operation.as_strategy(generation_mode=mode))
        case.validate_response(case.call(base_url=f"{ogc.url}/ogc"), checks=PROMISES)

    ask()
