"""Tables of PostGIS and collections of OGC API Features, from real servers; secrets never show."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import shapely

from gis.errors import BadInput, LifangError, Unavailable
from gis.read import Remote, read_features, source_of
from tests.gis import corpus


def never(warning):
    raise AssertionError(warning)


# --- PostGIS --------------------------------------------------------------------------------------------------------


@pytest.fixture
def table(database):
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            'CREATE TABLE "楼栋" ("楼栋编号" text, "层数" int, "楼高" numeric(6,2), built date, geom geometry(Polygon, 4549))'
        )
        for shape, row in zip(*corpus.buildings(), strict=True):
            connection.execute(
                'INSERT INTO "楼栋" VALUES (%s, %s, %s, %s, ST_GeomFromWKB(%s, 4549))',
                (row["楼栋编号"], row["层数"], row["楼高"], "2001-02-28", shape.wkb),
            )
        yield connection


def read_table(database, **options):
    return read_features(Remote(database), **{"layer": "楼栋", **options}, on_warning=never)


def test_a_table_gives_the_rows_a_file_would(database, table, tmp_path):
    rows = read_table(database)
    there = read_features(corpus.gpkg(tmp_path), on_warning=never)
    apart = [shapely.hausdorff_distance(row.geometry, other.geometry) for row, other in zip(rows, there, strict=True)]
    assert max(apart) < 1e-9
    assert [row.properties["楼栋编号"] for row in rows] == [row.properties["楼栋编号"] for row in there]
    assert rows[0].properties == {"楼栋编号": "1号楼", "层数": 6, "楼高": 18.5, "built": "2001-02-28"}


def test_a_view_with_arcs_and_shapes_of_any_frame_is_read(database, table):
    table.execute("CREATE TABLE arcs (id int, geom geometry)")
    arc = "CURVEPOLYGON(CIRCULARSTRING(514700 3351980, 514710 3351990, 514720 3351980, 514710 3351970, 514700 3351980))"
    table.execute("INSERT INTO arcs VALUES (1, ST_GeomFromText(%s, 4549))", (arc,))
    (row,) = read_table(database, layer="arcs")
    assert row.geometry.geom_type == "Polygon"


def test_the_tables_are_listed_when_none_is_named(database, table):
    with pytest.raises(BadInput, match=r"gis\.which_layer.*楼栋"):
        read_table(database, layer="no such")


def test_reading_cannot_write(database, table):
    table.execute(
        'CREATE FUNCTION touch() RETURNS text LANGUAGE sql AS $$DELETE FROM "楼栋" RETURNING $1$$'.replace("$1", "'x'")
    )
    table.execute('CREATE VIEW trap AS SELECT touch() AS name, geom FROM "楼栋"')
    with pytest.raises(BadInput, match=r"gis\.unreadable.*read-only"):
        read_table(database, layer="trap")
    assert table.execute('SELECT count(*) FROM "楼栋"').fetchone() == (10,)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://planner:hush-hush@127.0.0.1:1/city?sslmode=disable",
        "postgresql://planner:hush@hush-hush:not-a-port/city",
        "postgresql://planner@127.0.0.1:1/city?password=hush-hush",
        "http://planner:hush-hush@127.0.0.1:1/collections/a?key=hush-hush",
        "http://planner:hush-hush@[half/collections/a",
    ],
)
def test_secrets_of_an_address_show_nowhere(url):
    source = source_of(url)
    with pytest.raises(LifangError) as refused:
        read_features(source, on_warning=never)
    told = f"{source} {source!r} {source.name} {refused.value} {refused.value.facts} {refused.value.__cause__!r}"
    assert "hush" not in told.replace("hush-hush:not-a-port", "")


def test_a_wrong_password_is_told_without_it(postgres):
    url = f"postgresql://twin:hush@127.0.0.1:{postgres.port}/twin"
    with pytest.raises(Unavailable, match=r"gis\.source_refused") as refused:
        read_features(Remote(url), on_warning=never)
    assert "hush" not in str(refused.value)


# --- OGC API Features -----------------------------------------------------------------------------------------------


def features():
    return [
        {"type": "Feature", "id": at, "geometry": shapely.geometry.mapping(shape), "properties": row}
        for at, (shape, row) in enumerate(zip(corpus.in_degrees(), corpus.buildings()[1], strict=True))
    ]


class Service(BaseHTTPRequestHandler):
    """Serves ten buildings, three a page."""

    def do_GET(self):
        url = urlsplit(self.path)
        self.server.asked.append((url.path, parse_qs(url.query), self.headers.get("Authorization")))
        answer = self.server.answers.get(url.path)
        if answer is None:
            self.send_error(404)
            return
        status, headers, body = answer(parse_qs(url.query), self.server)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def page(query, server):
    start = int(query.get("offset", ["0"])[0])
    body = {"type": "FeatureCollection", "features": features()[start : start + 3], "numberMatched": 10, "links": []}
    if start + 3 < 10:
        body["links"] = [{"rel": "next", "href": f"/ogc/collections/pand/items?offset={start + 3}"}]
    return 200, {"Content-Type": "application/geo+json"}, json.dumps(body).encode()


def listing(_query, _server):
    return 200, {}, json.dumps({"collections": [{"id": "pand"}, {"id": "weg"}]}).encode()


@pytest.fixture
def service():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.asked = []
    server.answers = {"/ogc/collections/pand/items": page, "/ogc/collections": listing}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_port}/ogc"
    yield server
    server.shutdown()
    server.server_close()


def test_a_collection_is_read_along_its_next_links(service):
    rows = read_features(Remote(f"{service.url}/collections/pand"), on_warning=never)
    assert [row.properties["楼栋编号"] for row in rows] == [row["楼栋编号"] for row in corpus.buildings()[1]]
    assert [row.geometry.area for row in rows] == pytest.approx([shape.area for shape in corpus.in_degrees()])
    assert len(service.asked) == 4


def test_the_collections_of_a_service_are_listed_and_chosen(service):
    with pytest.raises(BadInput, match=r"gis\.which_layer.*pand, weg"):
        read_features(Remote(service.url), on_warning=never)
    assert len(read_features(Remote(service.url), layer="pand", on_warning=never)) == 10


def test_user_and_password_go_to_that_server_only(service):
    service.answers["/ogc/collections/pand/items"] = lambda _query, server: (
        302, {"Location": f"http://localhost:{server.server_port}/elsewhere"}, b""
    )  # fmt: skip
    service.answers["/elsewhere"] = page
    url = service.url.replace("http://", "http://planner:hush%40home@")
    read_features(Remote(f"{url}/collections/pand"), on_warning=lambda _: None)
    given = {path: secret for path, _, secret in service.asked}
    assert base64.b64decode(given["/ogc/collections/pand/items"].split()[1]) == b"planner:hush@home"
    assert given["/elsewhere"] is None


def test_a_service_that_points_back_or_onwards_for_ever_comes_to_an_end(service):
    def circle(_query, _server):
        links = [{"rel": "next", "href": "/ogc/collections/pand/items?limit=1000"}]
        return 200, {}, json.dumps({"type": "FeatureCollection", "features": features()[:1], "links": links}).encode()

    service.answers["/ogc/collections/pand/items"] = circle
    assert len(read_features(Remote(f"{service.url}/collections/pand"), on_warning=never)) == 1


def test_too_much_or_too_little_is_told(service, monkeypatch):
    service.answers["/ogc/collections/weg/items"] = lambda _query, _server: (
        200, {}, json.dumps({"features": features()[:2], "numberMatched": 5}).encode()
    )  # fmt: skip
    told = []
    assert len(read_features(Remote(f"{service.url}/collections/weg"), on_warning=told.append)) == 2
    assert [warning.code for warning in told] == ["gis.incomplete"]
    monkeypatch.setattr("gis.read.ogc_features.LARGEST_BYTES", 1000)
    with pytest.raises(BadInput, match=r"gis\.source_large"):
        read_features(Remote(f"{service.url}/collections/pand"), on_warning=never)


@pytest.mark.parametrize(
    ("body", "code"), [(b"<html>", "gis.unreadable"), (b"[1]", "gis.unreadable"), (b'{"features": []}', "gis.empty")]
)
def test_what_is_no_collection_is_refused(service, body, code):
    service.answers["/ogc/collections/pand/items"] = lambda _query, _server: (200, {}, body)
    with pytest.raises(BadInput) as refused:
        read_features(Remote(f"{service.url}/collections/pand"), on_warning=never)
    assert refused.value.code == code


def test_a_refusal_is_told_with_its_status(service):
    with pytest.raises(Unavailable, match="404"):
        read_features(Remote(f"{service.url}/collections/none"), on_warning=never)


def test_a_page_in_another_frame_with_latitude_first_is_placed(service):
    def swapped(query, server):
        status, _, body = page(query, server)
        document = json.loads(body)
        for feature in document["features"]:
            shape = shapely.geometry.shape(feature["geometry"])
            feature["geometry"] = shapely.geometry.mapping(shapely.transform(shape, lambda p: p[:, ::-1]))
        headers = {"Content-Crs": "<http://www.opengis.net/def/crs/EPSG/0/4490>"}
        return status, headers, json.dumps(document).encode()

    service.answers["/ogc/collections/pand/items"] = swapped
    rows = read_features(Remote(f"{service.url}/collections/pand"), on_warning=never)
    assert rows[0].geometry.centroid.x == pytest.approx(120.15, abs=0.01)
