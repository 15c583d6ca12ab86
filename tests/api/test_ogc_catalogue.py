"""The catalogue of layers, JSON-FG, the order of items, and a client of other people's making."""

import json
from datetime import UTC, datetime

import pytest
import shapely
from owslib.ogcapi.features import Features

from twin.feature import Feature

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
FG = "application/vnd.ogc.fg+json"


def house(n, **more):
    west = 120.15 + n * 0.001
    given = {"z_min_m": 5.0, "z_max_m": 8.0 + n} | more
    values = {"storey_count": n % 3, "main_use": "office"} if n % 4 else {}
    return Feature(
        layer="building",
        id=f"B-{n:02}",
        community="c1",
        name=f"{n}幢",
        source="图.shp",
        geometry=shapely.box(west, 30.28, west + 0.0005, 30.2805),
        attributes=values,
        valid_from=NOON,
        **given,
    )


HOUSES = [house(n) for n in range(12)]


@pytest.fixture(scope="module")
def ogc(serving_on):
    from api.ogc.catalogue import Publisher

    with serving_on(publisher=Publisher("社区数据办 0571-1", "CC-BY-4.0")) as service:
        number = {"hydrant_no": "X1"}
        point = shapely.Point(120.15, 30.28)
        service.put(
            *HOUSES,
            Feature(layer="hydrant", id="X1", community="c1", geometry=point, z_min_m=4.5, attributes=number),
            Feature(layer="hydrant", id="X2", community="c1", geometry=point),
            Feature(layer="household", id="H-1", community="c1", attributes={"persons": 3}),
        )
        yield service


def get(service, path, **more):
    return service.client.get(f"/ogc{path}", **more)


# --- the catalogue --------------------------------------------------------------------------------------------------


def test_every_layer_has_a_record_also_those_about_persons(ogc):
    found = get(ogc, "/catalogue").json()
    layers = [one["name"] for one in ogc.client.get("/v1/layers").json()["layers"]]
    assert [one["id"] for one in found["features"]] == layers
    household = next(one for one in found["features"] if one["id"] == "household")
    assert household["geometry"] is None
    assert set(household["properties"]["quality"]) == {"count"}


def test_a_record_says_source_quality_licence_contact_and_frequency(ogc):
    record = get(ogc, "/catalogue/hydrant").json()
    about = record["properties"]
    assert about["quality"] == {"count": 2, "completeness": {"hydrant_no": 0.5}, "positioned": 1.0}
    assert (about["license"], about["contacts"][0]["name"]) == ("CC-BY-4.0", "社区数据办 0571-1")
    assert (about["updateFrequency"], about["grade"], about["requirement"]) == ("asNeeded", "P1", "B 6.2.2.3c")
    assert datetime.now(UTC).isoformat()[:10] == about["updated"][:10]
    building = get(ogc, "/catalogue/building").json()
    assert building["properties"]["sources"] == {"图.shp": 12}
    assert shapely.from_geojson(json.dumps(building["geometry"])).bounds == pytest.approx(
        shapely.total_bounds([h.geometry for h in HOUSES]).tolist()
    )


@pytest.mark.parametrize(
    ("words", "expected"), [("消火栓", "hydrant"), ("HYDRANT pressure", "hydrant"), ("墓地", None)]
)
def test_the_catalogue_is_searched_by_words_of_either_language(ogc, words, expected):
    found = [one["id"] for one in get(ogc, "/catalogue", params={"q": words}).json()["features"]]
    assert found == [] if expected is None else expected in found


def test_the_catalogue_is_pages_too_and_unknown_layers_are_not_in_it(ogc):
    for path in ("/catalogue", "/catalogue/hydrant", "/catalogue/household"):
        assert "消火栓" in get(ogc, path, params={"f": "html"}).text or "household" in path
    assert get(ogc, "/catalogue/nothing").status_code == 404
    assert get(ogc, "/catalogue/device_key").status_code == 404


# --- JSON-FG --------------------------------------------------------------------------------------------------------


def test_json_fg_tells_time_heights_and_their_reference_system(ogc):
    answer = get(ogc, "/collections/building/items", headers={"accept": FG})
    assert answer.headers["content-type"] == FG
    body = answer.json()
    assert "http://www.opengis.net/spec/json-fg-1/1.0/conf/core" in body["conformsTo"]
    one = body["features"][3]
    assert one["time"] == {"interval": ["2026-11-21T12:00:00.000Z", ".."]}
    assert (one["featureType"], one["place"]["type"]) == ("building", "Prism")
    assert (one["place"]["lower"], one["place"]["upper"]) == (5.0, 11.0)
    lat, lon = one["place"]["base"]["coordinates"][0][0]
    assert [lon, lat] == one["geometry"]["coordinates"][0][0]
    epsg = "http://www.opengis.net/def/crs/EPSG/0/"
    assert one["coordRefSys"] == [f"{epsg}4490", f"{epsg}5737"]


def test_json_fg_gives_points_their_height_and_nothing_where_none_is_known(ogc):
    found = get(ogc, "/collections/hydrant/items", params={"f": "jsonfg"}).json()["features"]
    assert found[0]["place"] == {"type": "Point", "coordinates": [30.28, 120.15, 4.5]}
    assert found[1]["place"] is None
    assert "coordRefSys" not in found[1]
    crs = "http://www.opengis.net/def/crs/EPSG/0/4549"
    moved = get(ogc, "/collections/hydrant/items/X2", params={"f": "jsonfg", "crs": crs}).json()
    assert moved["coordRefSys"] == crs
    assert moved["place"]["coordinates"][0] > 3_000_000
    assert moved["geometry"]["coordinates"] == [120.15, 30.28]


# --- order ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "key"),
    [
        ("storey_count", lambda h: (h.attributes.get("storey_count", 99), h.id)),
        ("-storey_count", lambda h: (-h.attributes.get("storey_count", -99), h.id)),
        ("-z_max_m", lambda h: -h.z_max_m),
        ("+main_use,-name", lambda h: ("main_use" not in h.attributes, [-ord(c) for c in h.name])),
    ],
)
def test_items_come_in_the_order_asked_for_page_by_page(ogc, asked, key):
    url, params, found = f"{ogc.url}/ogc/collections/building/items", {"sortby": asked, "limit": 5}, []
    while url:
        body = ogc.client.get(url, params=params).json()
        found += [one["id"] for one in body["features"]]
        url, params = next((link["href"] for link in body["links"] if link["rel"] == "next"), None), None
    assert found == [h.id for h in sorted(HOUSES, key=key)]


def test_too_many_features_are_not_sorted(ogc, monkeypatch):
    from api.ogc import sorting

    monkeypatch.setattr(sorting, "MOST", 5)
    answer = get(ogc, "/collections/building/items", params={"sortby": "name"})
    assert (answer.status_code, answer.json()["code"]) == (400, "query.sort_too_many")


# --- numbers no encoder likes ---------------------------------------------------------------------------------------


def test_whole_numbers_of_any_size_leave_as_they_came(serving_on):
    with serving_on() as service:
        huge = {"storey_count": 2**70}
        service.put(Feature(layer="building", id="B", community="c1", geometry=shapely.Point(1, 2), attributes=huge))
        body = service.client.get("/ogc/collections/building/items").json()
        assert body["features"][0]["properties"]["storey_count"] == 2**70
        assert body["features"][0]["geometry"]["coordinates"] == [1, 2]


# --- files and models -----------------------------------------------------------------------------------------------


def test_a_collection_links_its_files_and_bodies(ogc):
    for layer, formats in (
        ("building", {"3dtiles", "cityjson", "geoparquet", "csv", "flatgeobuf"}),
        ("hydrant", set()),
    ):
        links = get(ogc, f"/collections/{layer}").json()["links"]
        found = {one["href"].rpartition("format=")[2] for one in links if one["rel"] == "enclosure"}
        assert formats <= found
        assert layer == "building" or not found & {"3dtiles", "cityjson"}


# --- OWSLib ---------------------------------------------------------------------------------------------------------


def test_owslib_reads_collections_a_box_and_a_filter(ogc):
    client = Features(f"{ogc.url}/ogc")
    assert "building" in client.feature_collections()
    assert client.collection("building")["id"] == "building"
    box = [120.1525, 30.28, 120.1555, 30.281]
    found = client.collection_items("building", bbox=box, limit=100)
    wanted = [h.id for h in HOUSES if h.geometry.intersects(shapely.box(*box))]
    assert [one["id"] for one in found["features"]] == wanted != []
    narrowed = client.collection_items("building", filter="storey_count = 2", limit=100)
    assert [one["id"] for one in narrowed["features"]] == [
        h.id for h in HOUSES if h.attributes.get("storey_count") == 2
    ]
    assert client.collection_item("building", "B-05")["id"] == "B-05"
    # Its own way to create says text/xml of the body, which no server of this standard takes.
    ogc.client.post("/ogc/collections/hydrant/items", json=NEW)
    assert client.collection_item("hydrant", "X9")["properties"]["hydrant_class"] == "outdoor"
    client.collection_item_delete("hydrant", "X9")
    assert "X9" not in [one["id"] for one in client.collection_items("hydrant")["features"]]


NEW = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [120.15, 30.28]},
    "properties": {"hydrant_no": "X9", "hydrant_class": "outdoor"},
}
