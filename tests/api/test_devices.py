"""Devices over HTTP: registered, found in their room, changed, retired; secrets; size of messages."""

import json
from datetime import UTC, datetime

import pytest
import shapely

from api.secrets import master_key
from gis.errors import Unavailable
from layers.device.secrets import sign
from twin.feature import Feature

HOUSE = "N51H0429733232-0"
ROOM = f"{HOUSE}-U01-F05-R0501"


@pytest.fixture(scope="module")
def live(serving_at):
    with serving_at() as service:
        outline = shapely.box(120.15, 30.15, 120.1502, 30.1501)
        place = {"community": "c1", "geometry": outline}
        service.put(
            Feature(layer="building", id=HOUSE, place=HOUSE, z_min_m=0, z_max_m=30, **place),
            Feature(layer="space", id=ROOM, place=ROOM, storey=5, z_min_m=12, z_max_m=15, **place),
        )
        yield service


def register(live, number, **said):
    answer = live.client.post("/v1/devices", json={"device_no": number, "device_type": "smoke_detector", **said})
    return answer.status_code, answer.json()


def item(device, number=1):
    now = datetime.now(UTC).isoformat()
    said = {"device": device, "property": "fire_smoke", "result": True, "phenomenonTime": now}
    return {**said, "source": device, "source_seq": number}


@pytest.mark.both_stores
def test_a_height_finds_the_room_and_a_code_needs_no_position(live):
    status, device = register(live, "D-1", longitude=120.1501, latitude=30.15005, height_m=13.0, name="烟感")
    assert (status, device["place"], device["storey"], device["status"]) == (201, ROOM, 5, "registered")
    assert device["attributes"]["family"] == "fire"
    status, device = register(live, "D-2", place=ROOM)
    assert (status, device["place"], device["geometry"]) == (201, ROOM, None)


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"device_type": "teapot"}, 422, "device.unknown_type"),
        ({"place": f"{HOUSE}-U09-F05-R0501"}, 422, "device.unknown_place"),
        ({"place": "here"}, 422, "code.malformed"),
        ({"heartbeat_s": 0}, 422, "request.parameter"),
        ({"colour": "red"}, 422, "request.parameter"),
    ],
)
def test_a_registration_that_cannot_be_is_refused_with_its_reason(live, said, status, code):
    found = register(live, "D-bad", **said)
    assert (found[0], found[1]["code"].split(".")[0]) == (status, code.split(".")[0])


def test_a_number_is_given_once(live):
    register(live, "D-3")
    assert register(live, "D-3")[1]["code"] == "device.exists"


@pytest.mark.both_stores
def test_a_device_is_changed_in_part_or_whole_and_retired_with_its_history(live):
    register(live, "D-4", place=ROOM, owner="物业", name="甲")
    assert live.client.patch("/v1/devices/D-4", json={"name": "乙"}).json()["attributes"]["owner"] == "物业"
    whole = live.client.put("/v1/devices/D-4", json={"device_type": "smoke_detector", "name": "丙"}).json()
    assert (whole["name"], whole["place"], "owner" in whole["attributes"]) == ("丙", None, False)
    live.client.post("/v1/observations", json={"observations": [item("D-4")]})
    assert "D-4:fire_smoke" in str(live.client.get("/v1/alarms").json())
    assert live.client.delete("/v1/devices/D-4").json()["status"] == "retired"
    assert "D-4:fire_smoke" not in str(live.client.get("/v1/alarms").json())
    assert live.client.get("/v1/devices/D-4").json()["code"] == "device.unknown"
    history = live.client.get("/v1/devices/D-4/history").json()["history"]
    assert [one["status"] for one in history] == ["registered", "registered", "registered", "retired"]
    rejected = live.client.post("/v1/observations", json={"observations": [item("D-4", 2)]}).json()["rejected"]
    assert rejected[0]["code"] == "observation.unknown_device"
    kinds = [event.body["status"] for event in live.store.events(0, 1000, ("device",)) if event.subject == "D-4"]
    assert (kinds[0], kinds[-1]) == ("registered", "retired")


def test_a_camera_shows_what_it_sees_and_where_its_stream_plays(live):
    said = {"longitude": 120.1498, "latitude": 30.15005, "azimuth_deg": 90, "view_angle_deg": 60, "range_m": 60}
    register(live, "C-1", device_type="camera_hd", stream="gb28181:3402", **said)
    camera = live.client.get("/v1/devices/C-1").json()
    view = shapely.geometry.shape(camera["view"])
    assert view.contains(shapely.Point(120.1499, 30.15005))
    assert not view.contains(shapely.Point(120.15025, 30.15005))  # behind the house
    assert camera["stream"] == {"reference": "gb28181:3402", "url": None}


def test_the_thing_model_says_what_a_type_measures_raises_and_obeys(live):
    model = live.client.get("/v1/device-types/access_controller_smart").json()
    assert {command["name"] for command in model["commands"]} == {"lock", "unlock"}
    lamp = live.client.get("/v1/device-types/room_temp").json()
    assert (lamp["properties"][0]["unit"], lamp["properties"][0]["maximum"]) == ("Cel", 60)
    assert live.client.get("/v1/device-types/teapot").json()["code"] == "device.no_type"


def test_without_a_master_key_no_secret_is_given(live):
    register(live, "D-keyless")
    answer = live.client.post("/v1/devices/D-keyless/secret")
    assert (answer.status_code, answer.json()["code"]) == (503, "keys.no_file")


def test_ten_megabytes_are_refused_before_they_are_read_as_json(live):
    answer = live.client.post("/v1/observations", content=b" " * 10_000_001)
    assert (answer.status_code, answer.json()["code"]) == (422, "observation.too_large")


@pytest.fixture
def keyed(tmp_path, serving_at):
    from api.live import LiveOptions

    with serving_at(live=LiveOptions(keys=tmp_path / "twin.key")) as service:
        service.put(
            *(
                Feature(layer="device", id=number, community="c1", attributes={"device_type": "smoke_detector"})
                for number in ("A", "B")
            )
        )
        yield service


@pytest.mark.both_stores
def test_a_device_that_signs_speaks_only_for_itself_and_an_old_secret_is_worthless(keyed):
    def send(secret, device="A"):
        body = json.dumps({"observations": [item("A"), item("B")]}).encode()
        headers = {
            "Content-Type": "application/json",
            "X-Lifang-Device": device,
            "X-Lifang-Signature": sign(bytes.fromhex(secret), body),
        }
        return keyed.client.post("/v1/observations", content=body, headers=headers)

    old = keyed.client.post("/v1/devices/A/secret").json()["secret"]
    receipt = send(old).json()
    assert (receipt["accepted"], [one["code"] for one in receipt["rejected"]]) == (1, ["observation.foreign_device"])
    new = keyed.client.post("/v1/devices/A/secret").json()["secret"]
    assert (send(old).status_code, send(new).status_code) == (403, 201)
    assert send(new, device="B").json()["code"] == "device.bad_signature"
    assert new not in str(keyed.store.history("device_key", "A"))


def test_the_master_key_is_made_once_and_refused_when_others_may_read_it(tmp_path):
    path = tmp_path / "deep" / "twin.key"
    first = master_key(path)
    assert (master_key(path), path.stat().st_mode & 0o777) == (first, 0o600)
    path.chmod(0o640)
    with pytest.raises(Unavailable, match=r"keys\.open_to_others"):
        master_key(path)
