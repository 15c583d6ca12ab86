"""The assertions of the official suites of OGC API Features (17-069r4, 18-058r1, 19-079r2), each under its own name."""

from datetime import UTC, datetime, timedelta

import pyproj
import pytest
import shapely
from shapely.geometry import shape

from twin.feature import Feature

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
GEOJSON = "application/geo+json"
BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
BOX = "120.15,30.28,120.1525,30.29"
ITEMS = "/collections/building/items"


def house(n):
    west = 120.15 + n * 0.001
    return Feature(
        layer="building",
        id=f"B-{n:02}",
        community="c1",
        name=f"{n}幢",
        geometry=shapely.box(west, 30.28, west + 0.0005, 30.2805),
        attributes={"storey_count": n},
        valid_from=BEGIN + n * DAY,
    )


HOUSES = [house(n) for n in range(12)]


def park(name):
    return Feature(layer="green", id=name, community="c1", geometry=shapely.box(1, 2, 3, 4), valid_from=BEGIN)


@pytest.fixture(scope="module")
def ogc(serving_at):
    with serving_at() as service:
        service.put(*HOUSES, park("A"), park("B"))
        service.store.write(lambda tx: tx.end("green", "A", BEGIN + 31 * DAY)).result()
        yield service


def get(service, path="", **asked):
    return service.client.get(f"/ogc{path}", params={name.replace("_crs", "-crs"): v for name, v in asked.items()})


def found(service, **asked):
    answer = get(service, ITEMS, **{"limit": 1000, **asked})
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["features"]]


def links(document):
    return {one["rel"]: one for one in document["links"]}


# --- Core: entry ----------------------------------------------------------------------------------------------------


def test_conf_core_http(ogc):
    """The API speaks HTTP 1.1; what is not there is 404."""
    assert get(ogc).http_version == "HTTP/1.1"
    assert get(ogc, "/nothing").status_code == 404


def test_conf_core_root_op_and_success(ogc):
    """The landing page is 200 and links the API definition, the conformance declaration and the data."""
    answer = get(ogc)
    assert answer.status_code == 200
    assert {"conformance", "data"} <= links(answer.json()).keys()
    assert {"service-desc", "service-doc"} & links(answer.json()).keys()
    assert all(one["href"] and one["rel"] for one in answer.json()["links"])


def test_conf_core_api_definition_op_and_success(ogc):
    """The API definition can be read where the landing page says, in the type it says."""
    for rel in ("service-desc", "service-doc"):
        link = links(get(ogc).json())[rel]
        answer = ogc.client.get(link["href"])
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] == link["type"].split(";")[0]


def test_conf_core_conformance_op_and_success(ogc):
    """The declaration lists classes, Core among them, each once, each by a URI of its standard."""
    answer = ogc.client.get(links(get(ogc).json())["conformance"]["href"])
    classes = answer.json()["conformsTo"]
    assert answer.status_code == 200
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in classes
    assert len(set(classes)) == len(classes)
    assert all("/conf/" in one for one in classes)


# --- Core: collections ----------------------------------------------------------------------------------------------


def test_conf_core_fc_md_op_success_and_links(ogc):
    """The collections are 200, and link to themselves and to their other encodings with rel and type."""
    answer = get(ogc, "/collections")
    assert answer.status_code == 200
    assert {"self", "alternate"} <= links(answer.json()).keys()
    assert all(one["rel"] and one["type"] for one in answer.json()["links"])


def test_conf_core_fc_md_items_and_items_links(ogc):
    """Every collection has an id and, for every encoding of its features, a link ``items`` with a type."""
    for one in get(ogc, "/collections").json()["collections"]:
        types = {link["type"] for link in one["links"] if link["rel"] == "items"}
        assert one["id"]
        assert {GEOJSON, "text/html"} <= types


def test_conf_core_fc_md_extent(ogc):
    """Features lie within the spatial and the temporal extent of their collection."""
    extent = get(ogc, "/collections/building").json()["extent"]
    area = shapely.box(*extent["spatial"]["bbox"][0]).buffer(1e-9)
    assert extent["spatial"].get("crs", CRS84) == CRS84
    assert all(area.covers(house.geometry) for house in HOUSES)
    assert datetime.fromisoformat(extent["temporal"]["interval"][0][0]) == BEGIN


def test_conf_core_sfc_md_op_and_success(ogc):
    """A collection by itself says what the list of collections says of it."""
    for listed in get(ogc, "/collections").json()["collections"]:
        alone = get(ogc, f"/collections/{listed['id']}")
        assert alone.status_code == 200
        assert {name: alone.json()[name] for name in listed if name != "links"} == {
            name: value for name, value in listed.items() if name != "links"
        }


def test_conf_core_crs84(ogc):
    """Without ``crs``, coordinates are CRS84: longitude, latitude."""
    first = get(ogc, ITEMS, limit=1).json()["features"][0]
    assert shape(first["geometry"]).equals(HOUSES[0].geometry)


# --- Core: features -------------------------------------------------------------------------------------------------


def parameter(service, name):
    document = service.client.get("/ogc/api").json()
    shared = document["components"]["parameters"]
    asked = document["paths"][ITEMS]["get"]["parameters"]
    named = [shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one for one in asked]
    return next(one for one in named if one["name"] == name)


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("bbox", {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}}),
        ("limit", {"type": "integer", "minimum": 1, "maximum": 10000, "default": 100}),
        ("datetime", {"type": "string"}),
        ("bbox-crs", {"type": "string", "format": "uri"}),
        ("crs", {"type": "string", "format": "uri"}),
    ],
)
def test_conf_core_fc_parameter_definitions(ogc, name, schema):
    """``bbox``, ``limit``, ``datetime``, ``bbox-crs`` and ``crs`` are described as the standard describes them."""
    told = parameter(ogc, name)
    assert (told["in"], told.get("required", False)) == ("query", False)
    assert told["schema"] == schema
    assert name in {"crs", "bbox-crs"} or (told["style"], told["explode"]) == ("form", False)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (BOX, [0, 1, 2]),
        ("120.1512,30.2801,120.1512,30.2801", [1]),
        ("120.15,30.28,-100,120.1525,30.29,100", []),
        ("-180,-90,180,90", range(12)),
        ("119,30,119.5,31", []),
        ("170,-10,-170,10", []),
        ("120.1617,30.2,-179,31", []),
        ("120.1612,30.2,-179,31", [11]),
    ],
)
def test_conf_core_fc_bbox_response_1(ogc, box, expected):
    """Only features that intersect the box come, also across the 180th meridian; those without height in no body."""
    assert found(ogc, bbox=box) == [f"B-{n:02}" for n in expected]


@pytest.mark.parametrize("limit", [1, 5, 12, 13, 10_001])
def test_conf_core_fc_limit_response_1(ogc, limit):
    """No more features come than ``limit`` allows; more than the maximum is the maximum, no fault."""
    assert len(found(ogc, limit=limit)) == min(limit, 12)


def moment(days):
    return (BEGIN + days * DAY).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (moment(3), 4),
        (f"{moment(0)}/{moment(3)}", 4),
        (f"../{moment(5)}", 6),
        (f"/{moment(5)}", 6),
        (f"{moment(100)}/..", 12),
        (f"{moment(100)}/", 12),
        ("2026-05-04T08:00:00+08:00", 4),
    ],
)
def test_conf_core_fc_time_response_1(ogc, asked, expected):
    """Only features whose time intersects the moment or interval come; ends may be open, zones count."""
    assert len(found(ogc, datetime=asked)) == expected


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": "0"},
        {"limit": "x"},
        {"bbox": "1,2,3"},
        {"bbox": "1,2,a,4"},
        {"bbox": "3,4,1,2"},
        {"datetime": "yesterday"},
        {"datetime": f"{moment(5)}/{moment(1)}"},
    ],
    ids=str,
)
def test_conf_core_query_param_invalid(ogc, asked):
    """A parameter with an invalid value is 400."""
    assert get(ogc, ITEMS, **asked).status_code == 400


@pytest.mark.parametrize("path", ["", "/conformance", "/collections", "/collections/building", ITEMS, f"{ITEMS}/B-00"])
def test_conf_core_query_param_unknown(ogc, path):
    """A parameter that the API definition does not name is 400."""
    assert get(ogc, path, unknownparameter="1").status_code == 400


def test_conf_core_fc_op_and_response(ogc):
    """Items are 200 and a feature collection of the encoding that was asked for."""
    for form, kind in (("json", GEOJSON), ("html", "text/html")):
        answer = get(ogc, ITEMS, f=form)
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, kind)


def test_conf_core_fc_links(ogc):
    """Items link to themselves and their other encodings; ``next`` leads on till there is no more, with rel and type."""
    url, walked = f"{ogc.url}/ogc{ITEMS}?limit=5", []
    while url:
        page = ogc.client.get(url).json()
        assert {"self", "alternate"} <= links(page).keys()
        assert all(one["rel"] and one["type"] for one in page["links"])
        walked += [one["id"] for one in page["features"]]
        url = links(page).get("next", {}).get("href")
    assert walked == [one.id for one in HOUSES]


def test_conf_core_fc_time_stamp(ogc):
    """``timeStamp`` is when the answer was made, in UTC."""
    made = datetime.fromisoformat(get(ogc, ITEMS).json()["timeStamp"])
    assert abs(datetime.now(UTC) - made) < timedelta(minutes=1)


@pytest.mark.parametrize("asked", [{}, {"bbox": BOX}, {"limit": 5}, {"storey_count": 3}], ids=str)
def test_conf_core_fc_number_matched_and_returned(ogc, asked):
    """``numberReturned`` is how many come; ``numberMatched``, where told, how many match, whatever the limit."""
    page = get(ogc, ITEMS, **asked).json()
    matching = len(found(ogc, **{name: value for name, value in asked.items() if name != "limit"}))
    assert page["numberReturned"] == len(page["features"])
    assert page.get("numberMatched", matching) == matching


def test_conf_core_f_op_success_and_links(ogc):
    """One feature is 200, and links to itself, its other encodings and its collection; an unknown one is 404."""
    answer = get(ogc, f"{ITEMS}/B-05")
    assert (answer.status_code, answer.json()["id"]) == (200, "B-05")
    assert {"self", "alternate", "collection"} <= links(answer.json()).keys()
    assert links(answer.json())["collection"]["href"].endswith("/collections/building")
    assert get(ogc, f"{ITEMS}/B-99").status_code == 404


# --- GeoJSON, HTML --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "kind"), [(ITEMS, "FeatureCollection"), (f"{ITEMS}/B-05", "Feature")])
def test_conf_geojson_definition_and_content(ogc, path, kind):
    """Features come as ``application/geo+json``: GeoJSON whose geometries can be read, with ids and links."""
    answer = ogc.client.get(f"/ogc{path}", headers={"accept": GEOJSON})
    assert answer.headers["content-type"] == GEOJSON
    assert answer.json()["type"] == kind
    for one in answer.json().get("features", [answer.json()]):
        assert {"type", "id", "geometry", "properties"} <= one.keys()
        assert shape(one["geometry"]).is_valid


@pytest.mark.parametrize("path", ["", "/conformance", "/collections", "/collections/building", ITEMS, f"{ITEMS}/B-05"])
def test_conf_html_definition_and_content(ogc, path):
    """Every document is also an HTML page."""
    answer = ogc.client.get(f"/ogc{path}", headers={"accept": "text/html"})
    assert answer.headers["content-type"].startswith("text/html")
    assert "<html" in answer.text


# --- Part 2: CRS ----------------------------------------------------------------------------------------------------


def test_conf_crs_crs_uri_and_default_crs(ogc):
    """Each CRS of each collection is named by a URI of the register; the default one, CRS84, is among them."""
    for one in get(ogc, "/collections").json()["collections"]:
        assert CRS84 in one["crs"]
        assert all(pyproj.CRS(name) for name in one["crs"])


def test_conf_crs_storage_crs(ogc):
    """``storageCrs`` is one of the CRS of the collection, without an epoch, for it is not dynamic."""
    for one in get(ogc, "/collections").json()["collections"]:
        assert one["storageCrs"] in one["crs"]
        assert "storageCrsCoordinateEpoch" not in one


@pytest.mark.parametrize("path", [ITEMS, f"{ITEMS}/B-00"])
@pytest.mark.parametrize("code", [None, "4326", "4490", "4549"])
def test_conf_crs_crs_parameter_transform_and_header(ogc, path, code):
    """Coordinates come in the CRS asked for, in its own axis order; ``Content-Crs`` names it; CRS84 is the default."""
    name = CRS84 if code is None else f"{EPSG}{code}"
    answer = get(ogc, path, **({} if code is None else {"crs": name}))
    assert answer.headers["content-crs"] == f"<{name}>"
    first = answer.json().get("features", [answer.json()])[0]
    there = pyproj.Transformer.from_crs(CRS84, pyproj.CRS(name))
    expected = [there.transform(*point) for point in HOUSES[0].geometry.exterior.coords]
    assert sorted(map(tuple, first["geometry"]["coordinates"][0])) == [pytest.approx(at) for at in sorted(expected)]


@pytest.mark.parametrize("path", [ITEMS, f"{ITEMS}/B-00"])
@pytest.mark.parametrize("name", [f"{EPSG}3857", "EPSG:4326", f"{EPSG}4326x", "4326", ""])
def test_conf_crs_crs_parameter_invalid(ogc, path, name):
    """A CRS that the collection does not list is 400."""
    assert get(ogc, path, crs=name).status_code == 400


@pytest.mark.parametrize("name", [None, CRS84, f"{EPSG}4326", f"{EPSG}4490", f"{EPSG}4549"])
def test_conf_crs_bbox_crs_parameter_and_default(ogc, name):
    """A box in any CRS of the collection, in its own axis order, finds what it finds in CRS84, the default."""
    west, south, east, north = map(float, BOX.split(","))
    there = pyproj.Transformer.from_crs(CRS84, pyproj.CRS(name or CRS84)).transform
    (first, second), (third, fourth) = there(west, south), there(east, north)
    asked = {} if name is None else {"bbox_crs": name}
    assert found(ogc, bbox=f"{first!r},{second!r},{third!r},{fourth!r}", **asked) == ["B-00", "B-01", "B-02"]


@pytest.mark.parametrize("name", [f"{EPSG}3857", "EPSG:4326", "4326"])
def test_conf_crs_bbox_crs_parameter_invalid(ogc, name):
    """A ``bbox-crs`` that the collection does not list is 400."""
    assert get(ogc, ITEMS, bbox=BOX, bbox_crs=name).status_code == 400


# --- Part 3: filters, CQL2 ------------------------------------------------------------------------------------------


def test_conf_queryables_get_queryables(ogc):
    """Every collection links a JSON Schema of its queryables, with its own address as ``$id``."""
    for one in get(ogc, "/collections").json()["collections"]:
        link = links(one)["http://www.opengis.net/def/rel/ogc/1.0/queryables"]
        answer = ogc.client.get(link["href"])
        assert answer.headers["content-type"] == link["type"] == "application/schema+json"
        assert (answer.json()["$id"], answer.json()["type"]) == (link["href"], "object")


def test_conf_queryables_query_parameters(ogc):
    """Queryables are parameters of the items, described with their type; together they narrow."""
    assert parameter(ogc, "storey_count")["schema"] == {"type": "integer"}
    assert found(ogc, storey_count=3) == ["B-03"]
    assert found(ogc, storey_count=3, name="4幢") == []


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"filter": "storey_count = 3"}, 200),
        ({"filter": "storey_count = 3", "filter-lang": "cql2-text"}, 200),
        ({"filter": '{"op":"=","args":[{"property":"storey_count"},3]}', "filter-lang": "cql2-json"}, 200),
        ({"filter": "storey_count ="}, 400),
        ({"filter": "nothing = 3"}, 400),
        ({"filter": "storey_count = 3", "filter-lang": "cql3"}, 400),
        ({"filter": "storey_count = 3", "filter-crs": f"{EPSG}3857"}, 400),
    ],
    ids=str,
)
def test_conf_filter_filter_param_lang_and_crs(ogc, asked, status):
    """A filter in either encoding narrows; what cannot be read, or names what is not there, is 400."""
    answer = get(ogc, ITEMS, **asked)
    assert answer.status_code == status
    assert status == 400 or [one["id"] for one in answer.json()["features"]] == ["B-03"]


def test_conf_features_filter_mixing_expressions(ogc):
    """A filter narrows together with every other parameter."""
    assert found(ogc, filter="storey_count >= 1", bbox=BOX, datetime=moment(1)) == ["B-01"]


@pytest.mark.parametrize(
    "text",
    [
        "POINT(120.1512 30.2802)",
        "MULTIPOINT((120.1512 30.2802),(1 2))",
        "LINESTRING(120.1512 30.2, 120.1512 30.3)",
        "MULTILINESTRING((120.1512 30.2, 120.1512 30.3),(1 2,3 4))",
        "POLYGON((120.1512 30.2,120.1513 30.2,120.1513 30.3,120.1512 30.3,120.1512 30.2))",
        "MULTIPOLYGON(((120.1512 30.2,120.1513 30.2,120.1513 30.3,120.1512 30.3,120.1512 30.2)))",
        "GEOMETRYCOLLECTION(POINT(120.1512 30.2802),LINESTRING(1 2,3 4))",
        "BBOX(120.1512,30.2,120.1513,30.3)",
    ],
)
def test_conf_basic_spatial_functions_plus_logical(ogc, text):
    """``S_INTERSECTS`` takes every kind of geometry, and a box."""
    assert found(ogc, filter=f"S_INTERSECTS(geometry, {text})") == ["B-01"]


DAYS = {"mar": -60, "apr": -30, "may": 0, "mid": 10, "late": 20, "jun": 31, "jul": 61, "aug": 92}
# Function; an interval that stands so to May of A, and one that does not; the relation of a..b to c..d.
RELATIONS = [
    ("T_AFTER", "mar apr", "jul aug", lambda a, _b, _c, d: a > d),
    ("T_BEFORE", "jul aug", "mar apr", lambda _a, b, c, _d: b < c),
    ("T_CONTAINS", "mid late", "apr late", lambda a, b, c, d: a < c and b > d),
    ("T_DISJOINT", "jul aug", "mid jul", lambda a, b, c, d: b < c or a > d),
    ("T_DURING", "apr jul", "mid jul", lambda a, b, c, d: a > c and b < d),
    ("T_EQUALS", "may jun", "may jul", lambda a, b, c, d: (a, b) == (c, d)),
    ("T_FINISHEDBY", "mid jun", "mid jul", lambda a, b, c, d: a < c and b == d),
    ("T_FINISHES", "apr jun", "apr jul", lambda a, b, c, d: a > c and b == d),
    ("T_INTERSECTS", "apr may", "mar apr", lambda a, b, c, d: a <= d and b >= c),
    ("T_MEETS", "jun jul", "jul aug", lambda _a, b, c, _d: b == c),
    ("T_METBY", "apr may", "mar apr", lambda a, _b, _c, d: a == d),
    ("T_OVERLAPPEDBY", "apr mid", "mid jul", lambda a, b, c, d: c < a < d < b),
    ("T_OVERLAPS", "mid jul", "apr mid", lambda a, b, c, d: a < c < b < d),
    ("T_STARTEDBY", "may mid", "apr mid", lambda a, b, c, d: a == c and b > d),
    ("T_STARTS", "may jul", "apr jul", lambda a, b, c, d: a == c and b < d),
]


@pytest.mark.parametrize(("function", "so", "not_so", "holds"), RELATIONS, ids=[one[0] for one in RELATIONS])
def test_conf_temporal_functions(ogc, function, so, not_so, holds):
    """Each temporal function holds where it should and not where it should not: A held in May, B holds since May."""
    ends = {"A": 31, "B": 10**9}

    def picked(interval):
        first, last = (moment(DAYS[name]) for name in interval.split())
        text = f"{function}(INTERVAL(valid_from, valid_to), INTERVAL('{first}', '{last}'))"
        answer = get(ogc, "/collections/green/items", datetime="../..", filter=text)
        return {one["id"] for one in answer.json()["features"]}

    assert "A" in picked(so)
    assert "A" not in picked(not_so)
    for interval in (so, not_so, "may jun", "apr mid"):
        first, last = (DAYS[name] for name in interval.split())
        assert picked(interval) == {name for name, end in ends.items() if holds(0, end, first, last)}, interval


# --- Part 1 and Tiles: OpenAPI --------------------------------------------------------------------------------------


def test_conf_oas30_completeness_and_operation_ids(ogc):
    """Every path of a collection is described, with identities of its own that end as OGC API Tiles asks."""
    document = ogc.client.get("/ogc/api").json()
    identities = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(set(identities)) == len(identities)
    for end in (
        "getTileMatrixSetsList",
        "getTileMatrixSet",
        *(
            f".{owner}.vector.{what}"
            for owner in ("dataset", "collection")
            for what in ("getTile", "getTileSet", "getTileSetsList")
        ),
    ):
        assert any(one.endswith(end) for one in identities), end


def test_conf_oas30_exceptions_codes(ogc):
    """Every operation says that what goes wrong is told as a problem document."""
    document = ogc.client.get("/ogc/api").json()
    for path in document["paths"].values():
        for operation in path.values():
            assert {"400", "404", "default"} <= operation["responses"].keys()
