"""Health scores over HTTP and on the command line."""

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import shapely

from api.__main__ import main
from twin.batch import Batch
from twin.feature import Feature, PlaceDraft
from twin.intake import take_places

HOUSE = shapely.box(120.2, 30.3, 120.2004, 30.3002)
SHED = shapely.box(120.21, 30.3, 120.2102, 30.3001)


@pytest.fixture
def estate(service):
    drafts = [
        PlaceDraft(kind="building", key="h", name="1幢", geometry=HOUSE, z_min_m=7.0, z_max_m=10.0,
                   attributes={"building_no": "1", "height_m": 3.0, "main_use": "residential"},
                   identifiers={"zhejiang_building": "330106000000000000000000001"}),
        PlaceDraft(kind="storey", key="h1", parent_key="h", storey=1, z_min_m=7.0, z_max_m=10.0, geometry=HOUSE),
        PlaceDraft(kind="space", key="r", parent_key="h1", storey=1, room="0101", z_min_m=7.0, z_max_m=10.0, geometry=HOUSE),
        PlaceDraft(kind="building", key="s", geometry=SHED),
    ]  # fmt: skip
    batch = Batch(id="b", community="c1", source="x.shp", at=datetime.now(UTC))
    service.codes = service.store.write(lambda tx: take_places(tx, drafts, batch)).result().codes
    service.put(
        Feature(
            layer="device",
            id="D1",
            community="c1",
            place=service.codes["r"],
            attributes={"device_type": "smoke_detector"},
        )
    )
    return service


def test_the_worst_building_comes_first_and_the_list_is_bounded(estate):
    answer = estate.client.get("/v1/health-scores").json()
    assert [one["code"] for one in answer["scores"]] == [estate.codes["s"], estate.codes["h"]]
    assert answer["buildings"] == 2
    assert answer["mean"] == pytest.approx(sum(one["score"] for one in answer["scores"]) / 2, abs=0.06)
    assert len(estate.client.get("/v1/health-scores", params={"limit": 1}).json()["scores"]) == 1
    assert estate.client.get("/v1/health-scores", params={"community": "c2"}).json()["scores"] == []


def test_a_room_leads_to_the_health_of_its_building_and_each_loss_bears_its_cure(estate):
    answer = estate.client.get(f"/v1/places/{estate.codes['r']}/health").json()
    assert answer["code"] == estate.codes["h"]
    losses = {one["check"]: one for one in answer["losses"]}
    assert losses["devices_heard"]["things"] == ["D1"]
    assert losses["devices_heard"]["cure"]["zh"]
    assert "official_code" not in losses


def test_an_official_code_counts_while_it_was_borne_and_as_it_was_known(estate):
    key = estate.codes["h"]
    (name,) = estate.store.identifiers(key)
    time.sleep(0.01)  # the store's clock has milliseconds
    before = datetime.now(UTC).isoformat()
    time.sleep(0.01)
    estate.store.write(lambda tx: tx.identify(replace(name, valid_to=datetime.now(UTC)))).result()

    def lacks(**when):
        answer = estate.client.get(f"/v1/places/{key}/health", params=when).json()
        return "official_code" in [one["check"] for one in answer["losses"]]

    assert (lacks(), lacks(at=before), lacks(known_at=before)) == (True, False, False)


def test_the_score_of_yesterday_is_that_of_what_was_known_then(estate):
    answer = estate.client.get(f"/v1/places/{estate.codes['h']}/health", params={"known_at": "2020-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()["code"]) == (404, "place.unknown")


@pytest.mark.parametrize("code", ["nonsense", "N51H0429733232-0"])
def test_a_building_that_is_not_there_is_not_found(estate, code):
    answer = estate.client.get(f"/v1/places/{code}/health")
    assert (answer.status_code, answer.json()["code"]) == (404, "place.unknown")


def test_the_command_lists_all_and_tells_the_cures_of_one(estate, tmp_path, capsys):
    store = str(tmp_path / "twin.gpkg")
    assert main(["health", "--store", store]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed[0].startswith("2 buildings")
    assert estate.codes["s"] in listed[1]
    assert main(["health", estate.codes["s"], "--store", store]) == 0
    told = capsys.readouterr().out
    assert "spaces_exist" in told
    assert "导入含房间 (IfcSpace) 的模型。" in told
    assert main(["health", "N51H0429733232-0", "--store", store]) == 3
