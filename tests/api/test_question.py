"""The one question as a document, in every form, beside what the address says."""

import io
import json

import pytest
import shapely

from twin.feature import Feature
from twin.minting import building_codes

pytestmark = pytest.mark.both_stores

BOXES = [shapely.box(120.2 + n * 0.001, 30.3, 120.2004 + n * 0.001, 30.3002) for n in range(4)]
CODES = building_codes(BOXES, [])


@pytest.fixture(scope="module")
def town(serving_at):
    with serving_at() as service:
        service.put(
            *(
                Feature(layer="building", id=code, community="c1", place=code, name=f"{n}幢", geometry=outline,
                        z_min_m=5.0, z_max_m=20.0 + n, attributes={"storey_count": 6 + n})
                for n, (code, outline) in enumerate(zip(CODES, BOXES, strict=True))
            ),
            *(
                Feature(layer="device", id=f"D{n}", community="c1", place=CODES[0], storey=n + 1,
                        geometry=shapely.Point(120.2001, 30.3001), attributes={"device_type": "smoke_detector"})
                for n in range(3)
            ),
            Feature(layer="facility", id="F1", community="c1", geometry=shapely.Point(120.2002, 30.3001), name="小卖部"),
        )  # fmt: skip
        yield service


def post(service, **document):
    return service.client.post("/v1/query", json=document)


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [feature["id"] for feature in answer.json()["features"]]


@pytest.mark.parametrize(
    ("document", "parameters"),
    [
        ({"layers": ["building"]}, {"layers": "building"}),
        ({"layers": ["building"], "limit": 2}, {"layers": "building", "limit": 2}),
        ({"layers": ["building"], "where": {"bbox": [120.2, 30.3, 120.2011, 30.4]}},
         {"layers": "building", "bbox": "120.2,30.3,120.2011,30.4"}),
        ({"layers": ["device"], "where": {"within": CODES[0], "storeys": [1, 3]}},
         {"layers": "device", "within": CODES[0], "storeys": "1,3"}),
        ({"layers": ["building"], "where": {"point": [120.2001, 30.3001, 6.5]}},
         {"layers": "building", "point": "120.2001,30.3001,6.5"}),
        ({"layers": ["building"], "where": {"nearest": [120.2031, 30.3001]}, "limit": 2},
         {"layers": "building", "nearest": "120.2031,30.3001", "limit": 2}),
        ({"layers": ["building"], "where": {"near": {"position": [120.2, 30.3], "radius_m": 150}}},
         {"layers": "building", "near": "120.2,30.3,150"}),
        ({"layers": ["building"], "where": {"intersects": {"layer": "device"}}},
         {"layers": "building", "intersects": "device"}),
        ({"layers": ["building"], "when": {"at": "2001-01-01T00:00:00Z"}},
         {"layers": "building", "at": "2001-01-01T00:00:00Z"}),
        ({"layers": ["device"], "filter": {"device_type": "smoke_detector"}},
         {"layers": "device", "filter": "device_type:smoke_detector"}),
    ],
)  # fmt: skip
def test_the_document_and_the_address_ask_the_same(town, document, parameters):
    assert ids(post(town, **document)) == ids(town.client.get("/v1/query", params=parameters))


@pytest.mark.parametrize(
    "filter_", ["storey_count > 7", {"op": ">", "args": [{"property": "storey_count"}, 7]}], ids=["text", "json"]
)
def test_a_cql2_filter_narrows_the_question(town, filter_):
    assert ids(post(town, layers=["building"], cql2=filter_)) == sorted(CODES[2:])


def test_an_answer_comes_as_csv_geoparquet_and_arrow_with_the_way_on_in_its_headers(town):
    geopandas = pytest.importorskip("geopandas")
    pa = pytest.importorskip("pyarrow")
    expected = sorted(CODES)[:3]
    for form in ("csv", "geoparquet", "arrow"):
        answer = post(town, layers=["building"], limit=3, format=form)
        assert (answer.status_code, answer.headers["lifang-matched"]) == (200, "4")
        assert ids(post(town, layers=["building"], limit=3, cursor=answer.headers["lifang-next"])) == sorted(CODES)[3:]
        if form == "csv":
            lines = answer.content.decode("utf-8-sig").splitlines()
            assert [line.split(",")[0] for line in lines[1:]] == expected
        elif form == "geoparquet":
            frame = geopandas.read_parquet(io.BytesIO(answer.content))
            assert list(frame["id"]) == expected
            assert frame.geometry.iloc[0].equals_exact(BOXES[CODES.index(expected[0])], 1e-9)
        else:
            assert pa.ipc.open_stream(answer.content).read_all()["id"].to_pylist() == expected


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"layers": []}, "request.parameter"),
        ({"layers": ["building"], "limit": 0}, "query.limit"),
        ({"layers": ["building"], "limit": 10**9}, "query.limit"),
        ({"layers": ["building"], "limit": -1}, "query.limit"),
        ({"layers": ["building"], "where": {"bbox": [120.2, 30.4, 120.3, 30.3]}}, "query.bbox"),
        ({"layers": ["building"], "where": {"bbox": [181, 30.3, -180, 30.4]}}, "crs.bbox"),
        (
            {"layers": ["building"], "where": {"area": "POLYGON((179 -20, 181 -20, 181 -10, 179 -20))"}},
            "request.parameter",
        ),
        ({"layers": ["building"], "where": {"area": "POLYGON((0 0, 1 1, 1 0, 0 1, 0 0))"}}, "request.parameter"),
        ({"layers": ["building"], "where": {"point": [30.3, 120.2]}}, "request.parameter"),
        ({"layers": ["building"], "where": {"near": {"position": [120.2, 30.3], "radius_m": 0}}}, "query.radius"),
        ({"layers": ["building", "device"], "cql2": "storey = 1"}, "query.one_layer"),
        ({"layers": ["building"], "cql2": "1 = 1; DROP TABLE feature"}, "filter.syntax"),
        ({"layers": ["building"], "cql2": "(" * 70 + "1=1" + ")" * 70}, "filter.too_deep"),
        ({"layers": ["resident"], "cql2": "name = '张'"}, "layer.aggregate_only"),
        ({"layers": ["teapot"]}, "layer.unknown"),
        ({"layers": ["building", "device"], "format": "csv"}, "export.one_layer"),
        ({"layers": ["building"], "teapot": 1}, "request.parameter"),
        ({"layers": ["building"], "when": {"at": "2001-01-01T00:00:00"}}, "request.parameter"),
        ({"layers": ["building"], "cursor": "'; --"}, "query.cursor"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(town, document, code):
    answer = post(town, **document)
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] == code, answer.text


def test_a_box_across_the_180th_meridian_is_two_boxes(serving_at):
    with serving_at() as service:
        service.put(
            *(
                Feature(layer="green", id=name, community="c1", geometry=shapely.box(west, -17, west + 0.1, -16))
                for name, west in (("east", 179.5), ("west", -179.9), ("far", 0.0))
            )
        )
        for bbox, wanted in (([179, -20, -179, -10], ["east", "west"]), ([179.8, -20, -179, -10], ["west"])):
            assert ids(post(service, layers=["green"], where={"bbox": bbox})) == wanted
            short = {"layers": "green", "bbox": ",".join(map(str, bbox))}
            assert ids(service.client.get("/v1/query", params=short)) == wanted
        both = {"bbox": [179, -20, -179, -10], "area": "POLYGON((179 -20, 180 -20, 180 -10, 179 -20))"}
        assert ids(post(service, layers=["green"], where=both)) == ["east"]


def test_a_body_nested_without_end_is_refused_not_followed(town):
    deep = '{"op": "not", "args": [' * 20_000 + "true" + "]}" * 20_000
    for body in (f'{{"layers": ["building"], "cql2": {deep}}}', "[" * 200_000):
        answer = town.client.post("/v1/query", content=body, headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500, answer.text


def test_json_fg_tells_bodies_and_times_as_ogc_does(town):
    answer = post(town, layers=["building"], ids=[CODES[0]], format="jsonfg")
    assert answer.headers["content-type"] == "application/vnd.ogc.fg+json"
    document = answer.json()
    (feature,) = document["features"]
    items = town.client.get(f"/ogc/collections/building/items/{CODES[0]}", params={"f": "jsonfg"}).json()
    assert feature["place"]["type"] == "Prism"
    assert {name: items[name] for name in feature} == feature
    assert (document["matched"], document["next"], document["conformsTo"]) == (1, None, items["conformsTo"])


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ({}, {CODES[n]: 6.0 + n for n in range(4)}),
        ({"bbox": [120.2, 30.3, 120.2011, 30.4]}, {CODES[0]: 6.0, CODES[1]: 7.0}),
        ({"area": BOXES[2].wkt}, {CODES[2]: 8.0}),
        ({"point": [120.2001, 30.3001, 6.5]}, {CODES[0]: 6.0}),
        ({"z_min_m": 22.5}, {CODES[3]: 9.0}),
        ({"near": {"position": [120.2, 30.3], "radius_m": 50}}, {CODES[0]: 6.0}),
        ({"within": CODES[1]}, {CODES[1]: 7.0}),
        ({"intersects": {"layer": "device"}}, {CODES[0]: 6.0}),
        ({"intersects": {"layer": "green"}}, {}),
    ],
)
def test_what_a_question_finds_can_be_summed(town, where, wanted):
    answer = town.client.post(
        "/v1/aggregate", json={"layer": "building", "by": "building", "sum": "storey_count", "where": where}
    )
    assert answer.status_code == 200, answer.text
    assert {group["key"]: group["value"] for group in answer.json()["groups"]} == wanted


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"by": "soul"}, "aggregate.by"),
        ({"where": {"nearest": [120.2, 30.3]}}, "aggregate.all"),
        ({"where": {"bbox": [120.2, 30.4, 120.3, 30.3]}}, "query.bbox"),
        ({"cql2": "storey_count > "}, "filter.syntax"),
        ({"layer": "household", "where": {"bbox": [120.2, 30.3, 120.3, 30.4]}}, "aggregate.persons"),
        ({"layer": "resident", "cql2": "name = '张'"}, "aggregate.persons"),
        ({"filter": {"owner": "张"}}, "query.unknown_field"),
    ],
)
def test_what_cannot_be_summed_is_refused_by_name(town, document, code):
    answer = town.client.post("/v1/aggregate", json={"layer": "building", "by": "building", **document})
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] == code, answer.text


def test_a_polygon_of_a_hundred_thousand_points_is_answered(town):
    ring = shapely.segmentize(shapely.box(120.19, 30.29, 120.21, 30.31), 0.08 / 110_000)
    assert len(ring.exterior.coords) > 100_000
    assert len(ids(post(town, layers=["building"], where={"area": ring.wkt}))) == 4


def test_one_field_asked_for_twice_is_refused(town):
    asked = {"layers": "device", "filter": ["device_type:a", "device_type:b"]}
    assert town.client.get("/v1/query", params=asked).json()["code"] == "request.repeated"


def test_a_place_is_told_in_the_parts_that_are_asked_for(town):
    whole = town.client.get(f"/v1/places/{CODES[0]}").json()
    assert "history" not in whole
    assert len(whole["records"]["device"]) == 3
    some = town.client.get(f"/v1/places/{CODES[0]}", params={"include": "history,facilities,incidents"}).json()
    assert "records" not in some
    assert [version["name"] for version in some["history"]] == ["0幢"]
    assert [one["name"] for one in some["facilities"]] == ["小卖部"]
    assert some["incidents"] == []
    unknown = town.client.get(f"/v1/places/{CODES[0]}", params={"include": "soul"}).json()
    assert (unknown["code"], unknown["parameter"]) == ("request.parameter", "include")


def test_groups_tell_sum_mean_least_and_greatest(town):
    asked = {"layer": "building", "by": "community", "sum": "storey_count"}
    (group,) = town.client.get("/v1/aggregate", params=asked).json()["groups"]
    assert (group["count"], group["value"], group["mean"], group["low"], group["high"]) == (4, 30.0, 7.5, 6.0, 9.0)
    assert json.dumps(group)
