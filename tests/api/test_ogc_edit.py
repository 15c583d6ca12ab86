"""Editing over HTTP, by the abstract tests of OGC API Features Part 4 (20-002)."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import shapely
from shapely.geometry import mapping

from twin.feature import Feature
from twin.query import Query

GEOJSON = {"content-type": "application/geo+json"}
PATCH = {"content-type": "application/merge-patch+json"}
ITEMS = "/ogc/collections/hydrant/items"


def hydrant(number="X1", at=(120.15, 30.28, 4.5), **properties):
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": list(at)},
        "properties": {"hydrant_no": number, "hydrant_class": "outdoor", "pressure_mpa": 0.3, **properties},
    }


@pytest.fixture(scope="module")
def running(serving_on):
    with serving_on() as service:
        service.put(*PLACES)
        yield service


@pytest.fixture
def editing(running):
    """A service without hydrants and facilities; those of the tests before have ended, and stay as history."""
    for layer in ("hydrant", "facility"):
        for one in running.store.find(Query(layers=(layer,), limit=100)).features:
            running.client.delete(f"/ogc/collections/{layer}/items/{one.id}")
    return running


PLACES = (
    Feature(layer="community", id="c1", community="c1", geometry=shapely.box(120.1, 30.2, 120.2, 30.3)),
    Feature(
        layer="building",
        id="B-1",
        community="c1",
        geometry=shapely.box(120.1499, 30.2799, 120.1501, 30.2801),
        z_min_m=0.0,
        z_max_m=20.0,
    ),
)


def post(service, body, **more):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return service.client.post(ITEMS, content=content, headers=GEOJSON | more.pop("headers", {}), **more)


def test_conf_create_replace_delete_insert_a_feature_is_created_and_found(editing):
    made = post(editing, hydrant("X10"), headers={"lifang-by": "li.si"})
    assert made.status_code == 201, made.text
    there = editing.client.get(made.headers["location"])
    assert there.json()["properties"]["pressure_mpa"] == 0.3
    assert there.headers["etag"] == made.headers["etag"]
    (version,) = editing.store.history("hydrant", "X10")
    assert (version.source, version.community, version.z_min_m) == ("edit:li.si", "c1", 4.5)
    assert version.place == "B-1"
    assert not version.geometry.has_z
    event = editing.store.events(0, 10_000, kinds=["change"])[-1]
    assert (event.body["layers"], event.body["by"]) == (["hydrant"], "li.si")


def test_an_id_that_nobody_gave_is_given_by_the_twin_and_one_that_is_taken_is_refused(editing):
    body = hydrant()
    del body["properties"]["hydrant_no"]
    made = post(editing, body).json()
    assert made["id"] == made["properties"]["hydrant_no"]
    again = post(editing, hydrant(made["id"]))
    assert (again.status_code, again.json()["code"]) == (409, "edit.exists")


def test_conf_create_replace_delete_replace_every_edit_is_a_version(editing):
    post(editing, hydrant("X11", name="老名"))
    answer = editing.client.put(f"{ITEMS}/X11", json=hydrant("X11", pressure_mpa=0.5), headers=GEOJSON)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["properties"]["pressure_mpa"], answer.json()["properties"]["name"]) == (0.5, None)
    now = [version for version in editing.store.history("hydrant", "X11") if version.superseded_at is None]
    assert [(version.name, version.valid_to is None) for version in now] == [("老名", False), (None, True)]
    assert editing.client.put(f"{ITEMS}/X9", json=hydrant("X9"), headers=GEOJSON).status_code == 404


def test_conf_update_a_merge_patch_changes_what_it_names_and_null_forgets(editing):
    post(editing, hydrant(diameter_mm=100))
    answer = editing.client.patch(
        f"{ITEMS}/X1", content=b'{"properties": {"pressure_mpa": 0.7, "diameter_mm": null}}', headers=PATCH
    )
    found = answer.json()
    assert found["geometry"]["coordinates"] == [120.15, 30.28]
    assert found["properties"]["pressure_mpa"] == 0.7
    assert "diameter_mm" not in found["properties"]
    assert found["properties"]["z_min_m"] == 4.5


def test_conf_create_replace_delete_delete_ends_a_feature_and_keeps_its_history(editing):
    post(editing, hydrant("X12"))
    assert editing.client.delete(f"{ITEMS}/X12").status_code == 204
    assert editing.client.get(f"{ITEMS}/X12").status_code == 404
    assert editing.client.delete(f"{ITEMS}/X12").status_code == 404
    assert editing.store.history("hydrant", "X12")[-1].valid_to is not None
    ever = editing.client.get(f"{ITEMS}?datetime=../..").json()["features"]
    assert [one["id"] for one in ever].count("X12") == 1


def test_conf_optimistic_locking_etags_an_edit_of_an_older_version_is_refused(editing):
    first = post(editing, hydrant()).headers["etag"]
    second = editing.client.put(f"{ITEMS}/X1", json=hydrant(name="新名"), headers=GEOJSON | {"if-match": first})
    assert second.status_code == 200
    for send in (
        lambda: editing.client.put(f"{ITEMS}/X1", json=hydrant(), headers=GEOJSON | {"if-match": first}),
        lambda: editing.client.patch(f"{ITEMS}/X1", content=b"{}", headers=PATCH | {"if-match": first}),
        lambda: editing.client.delete(f"{ITEMS}/X1", headers={"if-match": first}),
    ):
        answer = send()
        assert (answer.status_code, answer.json()["code"]) == (412, "edit.outdated")
    assert editing.client.delete(f"{ITEMS}/X1", headers={"if-match": second.headers["etag"]}).status_code == 204


def both_at_once(*sends):
    """Status codes of requests that start together."""
    start = Barrier(len(sends))

    def run(send):
        start.wait()
        return send().status_code

    with ThreadPoolExecutor(len(sends)) as pool:
        return sorted(pool.map(run, sends))


@pytest.mark.parametrize("round_", range(3))
def test_of_two_writers_at_once_one_is_refused_and_nothing_is_lost(editing, round_):
    number = f"X2{round_}"
    made = both_at_once(*[lambda: post(editing, hydrant(number))] * 2)
    assert made == [201, 409]
    url, tag = f"{ITEMS}/{number}", editing.client.get(f"{ITEMS}/{number}").headers["etag"]

    def put(name):
        return editing.client.put(url, json=hydrant(number, name=name), headers=GEOJSON | {"if-match": tag})

    def patch():
        return editing.client.patch(url, json={"properties": {"name": "丙"}}, headers=PATCH | {"if-match": tag})

    assert both_at_once(lambda: put("甲"), patch) == [200, 412]
    assert len([one for one in editing.store.history("hydrant", number) if one.superseded_at is None]) == 2
    now = editing.client.get(url)
    assert now.json()["properties"]["name"] in ("甲", "丙")
    tag = now.headers["etag"]
    ended = both_at_once(lambda: editing.client.delete(url, headers={"if-match": tag}), lambda: put("乙"))
    assert ended in ([200, 412], [204, 404])


def test_what_a_client_was_given_it_may_hand_back(editing):
    post(editing, hydrant())
    given = editing.client.get(f"{ITEMS}/X1").json()
    answer = editing.client.put(f"{ITEMS}/X1", json=given, headers=GEOJSON)
    assert answer.status_code == 200, answer.text
    assert answer.json()["properties"]["pressure_mpa"] == 0.3


def test_what_the_asker_may_not_see_survives_his_edit_and_cannot_be_set(editing):
    hidden = {"facility_no": "F1", "maintainer": "王某", "手写": "x"}
    point = shapely.Point(120.15, 30.28)
    editing.put(Feature(layer="facility", id="F1", community="c1", geometry=point, attributes=hidden))
    url = "/ogc/collections/facility/items/F1"
    body = {"type": "Feature", "geometry": mapping(point), "properties": {"facility_no": "F1", "services": "餐"}}
    answer = editing.client.put(url, json=body, headers=GEOJSON)
    assert answer.status_code == 200, answer.text
    assert "王某" not in answer.text
    assert dict(editing.store.history("facility", "F1")[-1].attributes) == hidden | {"services": "餐"}
    body["properties"]["maintainer"] = "张某"
    assert editing.client.put(url, json=body, headers=GEOJSON).json()["code"] == "edit.unknown_field"


BAD = [
    (b"{", "edit.not_geojson"),
    (b"[]", "edit.not_geojson"),
    (b'{"type": "Point", "coordinates": [1, 2]}', "edit.not_geojson"),
    (hydrant(colour="red"), "edit.unknown_field"),
    (hydrant(pressure_mpa="high"), "edit.bad_value"),
    (hydrant(hydrant_class="marine"), "edit.bad_value"),
    (hydrant(z_min_m="low"), "edit.bad_value"),
    (hydrant(z_min_m=9, z_max_m=1), "edit.heights"),
    (hydrant() | {"id": "X2"}, "edit.id"),
    (hydrant() | {"geometry": {"type": "Point", "coordinates": ["a", 1]}}, "edit.geometry"),
    (hydrant() | {"geometry": {"type": "Point", "coordinates": []}}, "edit.geometry"),
    (hydrant() | {"geometry": mapping(shapely.LineString([(120, 30), (121, 30)]))}, "edit.wrong_shape"),
    (hydrant(at=(30.28, 120.15)), "crs.outside"),
    (b'{"type": "Feature", "geometry": null, "properties": 5}', "edit.not_geojson"),
    (b"x" * 5_000_000, "edit.too_large"),
]


@pytest.mark.parametrize(("body", "code"), BAD, ids=[code + str(n) for n, (_, code) in enumerate(BAD)])
def test_what_does_not_fit_the_declaration_is_refused_by_name(editing, body, code):
    answer = post(editing, body)
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.text
    assert answer.json()["cure"]
    assert editing.client.get(ITEMS).json()["numberMatched"] == 0


def test_only_editable_layers_are_edited(editing):
    body = {"type": "Feature", "geometry": None, "properties": {}}
    for layer, status in (("building", 403), ("device", 403), ("household", 403), ("nothing", 404)):
        assert editing.client.post(f"/ogc/collections/{layer}/items", json=body, headers=GEOJSON).status_code == status
    text = editing.client.post(ITEMS, content=b"a,b", headers={"content-type": "text/csv"})
    assert (text.status_code, text.json()["code"]) == (400, "edit.media_type")


def test_options_say_what_may_be_done(editing):
    def allowed(path):
        return editing.client.options(f"/ogc/collections/{path}").headers["allow"]

    assert allowed("hydrant/items") == "GET, HEAD, OPTIONS, POST"
    assert allowed("hydrant/items/X1") == "GET, HEAD, OPTIONS, PUT, PATCH, DELETE"
    assert allowed("building/items") == "GET, HEAD, OPTIONS"


def test_conf_features_crs_a_geometry_may_come_in_another_crs(editing):
    crs = {"content-crs": "<http://www.opengis.net/def/crs/EPSG/0/4490>"}
    made = post(editing, hydrant(at=(30.28, 120.15)), headers=crs)
    assert made.json()["geometry"]["coordinates"] == [120.15, 30.28]
    wrong = post(editing, hydrant("X3"), headers={"content-crs": "<http://example.org/crs>"})
    assert wrong.json()["code"] == "crs.not_offered"
