"""Imports over HTTP: listed, taken back, and the doubts that a planner decides."""

from datetime import UTC, datetime

import pytest
import shapely

from twin.batch import Batch
from twin.feature import PlaceDraft
from twin.intake import take_places

HOUSE = shapely.box(120.2, 30.3, 120.2004, 30.3002)
OTHER = shapely.box(120.20025, 30.3, 120.20065, 30.3002)


def take(service, batch, outline, name):
    draft = PlaceDraft(kind="building", key="h", name=name, geometry=outline)
    one = Batch(id=batch, community="c1", source=f"{batch}.shp", at=datetime.now(UTC))
    return service.store.write(lambda tx: take_places(tx, [draft], one)).result()


@pytest.fixture
def imported(service):
    take(service, "first", HOUSE, "旧楼")
    return service


def buildings(service):
    found = service.client.get("/v1/query", params={"layers": "building"}).json()["features"]
    return {feature["id"]: feature["properties"]["name"] for feature in found}


def test_imports_are_listed_newest_first(imported):
    take(imported, "second", HOUSE, "新名")
    listed = imported.client.get("/v1/imports").json()["imports"]
    assert [(one["batch"], one["counts"]) for one in listed] == [
        ("second", {"building": {"changed": 1}}),
        ("first", {"building": {"added": 1}}),
    ]


def test_an_import_is_taken_back_once(imported):
    take(imported, "second", HOUSE, "新名")
    undone = imported.client.post("/v1/imports/second/undo", json={"by": "王"})
    assert (undone.status_code, undone.json()["taken_back"]) == (200, 1)
    assert list(buildings(imported).values()) == ["旧楼"]
    assert imported.client.get("/v1/imports").json()["imports"][0]["undone_by"] == "王"
    again = imported.client.post("/v1/imports/second/undo", json={"by": "李"})
    assert (again.status_code, again.json()["code"]) == (409, "import.undone")


def test_an_import_that_was_built_upon_is_not_taken_back(imported):
    take(imported, "second", HOUSE, "新名")
    refused = imported.client.post("/v1/imports/first/undo", json={"by": "王"})
    assert (refused.status_code, refused.json()["code"]) == (409, "import.changed_since")
    assert list(buildings(imported).values()) == ["新名"]


def test_an_unknown_import_is_not_found(imported):
    assert imported.client.post("/v1/imports/none/undo", json={"by": "王"}).json()["code"] == "import.unknown"


def test_a_doubt_is_shown_and_decided(imported):
    take(imported, "second", OTHER, "疑似")
    (doubt,) = imported.client.get("/v1/reviews").json()["reviews"]
    (old,) = buildings(imported)
    assert [one["code"] for one in doubt["candidates"]] == [old]
    decided = imported.client.post(f"/v1/reviews/{doubt['id']}", json={"choice": old, "by": "王"})
    assert decided.json() == {"code": old}
    assert imported.client.get("/v1/reviews").json() == {"reviews": []}
    assert buildings(imported) == {old: "疑似"}
    gone = imported.client.post(f"/v1/reviews/{doubt['id']}", json={"choice": "new", "by": "李"})
    assert (gone.status_code, gone.json()["code"]) == (404, "review.unknown")


def test_a_decision_announces_the_queue_and_comes_back_to_it_when_taken_back(imported):
    take(imported, "second", OTHER, "疑似")
    (doubt,) = imported.client.get("/v1/reviews").json()["reviews"]
    imported.client.post(f"/v1/reviews/{doubt['id']}", json={"choice": "new", "by": "王"})
    decision = imported.client.get("/v1/imports").json()["imports"][0]
    assert decision["counts"] == {"building": {"added": 1}, "review": {"ended": 1}}
    (event,) = imported.store.events(0, 100, ("change",))[-1:]
    assert event.body["layers"] == ["building", "review"]
    imported.client.post(f"/v1/imports/{decision['batch']}/undo", json={"by": "王"})
    assert [one["id"] for one in imported.client.get("/v1/reviews").json()["reviews"]] == [doubt["id"]]
