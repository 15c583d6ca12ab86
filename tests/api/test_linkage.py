"""Linkage over HTTP: rules tried out, switched and written; commands fetched and answered by devices."""

import hashlib
import hmac
from datetime import UTC, datetime

import pytest
import shapely

from api.live import LiveOptions
from twin.feature import Feature

HOUSE, TWIN = "N51H0429733232-0", "N51H0429733232-1"
TITLE = {"zh": "试", "en": "Trial"}


def _features():
    for number, key in enumerate((HOUSE, TWIN)):
        area = shapely.box(120.1 + number / 5000, 30.1, 120.1001 + number / 5000, 30.1001)
        yield Feature(layer="building", id=key, community="c1", place=key, name=f"{number + 1}幢", geometry=area)
        for name, kind, where in (
            ("smoke", "smoke_detector", "U01-F05-R0501"),
            ("door", "access_controller_smart", "U01"),
            ("cam", "camera_dome", "U01-F01-R0001"),
        ):
            yield Feature(
                layer="device",
                id=f"{name}-{number}",
                community="c1",
                place=f"{key}-{where}",
                name=name,
                geometry=area.centroid,
                attributes={"device_type": kind, "stream": f"gb28181:{number}"},
            )


@pytest.fixture
def linked(service):
    service.put(*_features())
    return service


def decide(service, rule, what, by="王"):
    answer = service.client.post(f"/v1/linkage/rules/{rule}/{what}", json={"by": by})
    assert answer.status_code == 200
    return answer.json()


def burn(service, number=0, seq="1"):
    item = {"device": f"smoke-{number}", "property": "fire_smoke", "result": True, "source": "t", "source_seq": seq}
    item["phenomenonTime"] = datetime.now(UTC).isoformat()
    assert service.client.post("/v1/observations", json={"observations": [item]}).json()["accepted"] == 1


@pytest.mark.both_stores
def test_a_rule_is_tried_out_switched_on_and_then_opens_the_doors_of_one_building(linked):
    trial = linked.client.post("/v1/linkage/rules/LR01/simulate", json={"device": "smoke-0"}).json()
    assert (trial["enabled"], [one["device"] for one in trial["commands"]]) == (False, ["door-0"])
    burn(linked, 0, "before")
    assert linked.client.get("/v1/commands").json()["commands"] == []
    on = decide(linked, "LR01", "enable")
    assert (on["enabled"], on["by"], on["shipped"]) == (True, "王", True)
    burn(linked, 1)
    (command,) = linked.client.get("/v1/commands").json()["commands"]
    assert (command["device"], command["command"], command["state"]) == ("door-1", "unlock", "requested")
    (firing,) = linked.client.get("/v1/linkage/firings", params={"rule": "LR01"}).json()["firings"]
    assert (firing["outcome"], firing["device"]) == ("fired", "smoke-1")
    assert decide(linked, "LR01", "disable")["enabled"] is False


@pytest.mark.both_stores
def test_a_device_fetches_its_command_and_answers_it(linked):
    decide(linked, "LR01", "enable")
    burn(linked)
    (command,) = linked.client.get("/v1/devices/door-0/commands").json()["commands"]
    assert command["state"] == "sent"
    done = linked.client.post(f"/v1/commands/{command['id']}/ack", json={"state": "acknowledged", "result": "open"})
    assert (done.status_code, done.json()["state"], done.json()["result"]) == (200, "acknowledged", "open")
    again = linked.client.post(f"/v1/commands/{command['id']}/ack", json={"state": "failed"})
    assert (again.status_code, again.json()["code"]) == (409, "command.answered")
    assert linked.client.get("/v1/devices/door-0/commands").json()["commands"] == []
    told = [one.body["state"] for one in linked.store.events(0, 100, ("command",))]
    assert told == ["requested", "sent", "acknowledged"]


def test_a_person_overrides_with_name_and_reason(linked):
    wish = {"command": "lock", "by": "王", "reason": "误报"}
    answer = linked.client.post("/v1/devices/door-0/commands", json=wish)
    assert (answer.status_code, answer.json()["by"], answer.json()["reason"]) == (201, "王", "误报")
    unknown = linked.client.post("/v1/devices/smoke-0/commands", json=wish)
    assert (unknown.status_code, unknown.json()["code"]) == (422, "command.unknown")
    assert linked.client.post("/v1/devices/D-9/commands", json=wish).status_code == 404


@pytest.mark.both_stores
def test_a_signal_opens_the_doors_of_the_place_it_names_once(linked):
    decide(linked, "LR03-open", "enable")
    word = {"name": "emergency_open", "place": HOUSE, "by": "王", "source": "desk", "source_seq": "1"}
    first, second = (linked.client.post("/v1/signals", json=word).json() for _ in range(2))
    assert (first["duplicate"], second["duplicate"]) == (False, True)
    assert [one["device"] for one in linked.client.get("/v1/commands").json()["commands"]] == ["door-0"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"place": "N51H0429733232-9"}, 404, "place.unknown"),
        ({"place": "nowhere"}, 422, None),
        ({"device": "D-9"}, 404, "device.unknown"),
        ({"community": "c9"}, 422, "linkage.no_community"),
        ({"occurred_at": "2026-11-21T12:00:00"}, 422, "linkage.no_zone"),
        ({"reference": "张三"}, 422, None),
        ({"name": "Emergency Open"}, 422, None),
    ],
)
def test_a_signal_that_cannot_be_meant_is_refused(linked, change, status, code):
    word = {"name": "x", "by": "王", "source": "desk", "source_seq": "1", **change}
    answer = linked.client.post("/v1/signals", json=word)
    assert answer.status_code == status
    assert code in (None, answer.json()["code"])
    assert linked.store.last_seq() == 0


def test_an_installation_writes_its_own_rule_and_takes_it_back(linked):
    rule = {
        "title": TITLE,
        "when": [{"alarm": {"types": ["fire_smoke"]}}],
        "do": [{"camera": {"where": {"same": "building", "nearest": 1}}}],
    }
    put = linked.client.put("/v1/linkage/rules/mine", json={"by": "王", "rule": rule})
    assert (put.status_code, put.json()["enabled"], put.json()["shipped"]) == (200, False, False)
    decide(linked, "mine", "enable")
    burn(linked)
    (seen,) = linked.store.events(0, 100, ("camera",))
    (camera,) = seen.body["cameras"]
    assert (camera["device"], camera["stream"], seen.body["rule"]) == ("cam-0", "gb28181:0", "mine")
    gone = linked.client.delete("/v1/linkage/rules/mine", params={"by": "王"})
    assert gone.status_code == 200
    assert linked.client.get("/v1/linkage/rules/mine").json()["code"] == "linkage.unknown_rule"
    bad = linked.client.put("/v1/linkage/rules/mine", json={"by": "王", "rule": {**rule, "id": "other"}})
    assert (bad.status_code, bad.json()["code"]) == (422, "linkage.other_id")
    bad = linked.client.put("/v1/linkage/rules/mine", json={"by": "王", "rule": {**rule, "do": []}})
    assert (bad.status_code, bad.json()["code"]) == (422, "linkage.bad_rule")


def test_the_list_of_rules_holds_the_37_stated_ones_all_off(linked):
    rules = linked.client.get("/v1/linkage/rules").json()["rules"]
    assert len({one["rule"]["clause"] for one in rules}) == 37
    assert not any(one["enabled"] for one in rules)


def test_no_layer_of_linkage_is_shown_to_anybody(linked):
    decide(linked, "LR01", "enable")
    burn(linked)
    layers = {one["name"] for one in linked.client.get("/v1/layers").json()["layers"]}
    assert not {"command", "linkage_rule", "linkage_watch"} & layers


def test_where_devices_sign_nobody_fetches_or_answers_for_another(serving_at, tmp_path):
    with serving_at(live=LiveOptions(keys=tmp_path / "keys", signed=True)) as service:
        service.put(*_features())
        secrets = {
            name: bytes.fromhex(service.client.post(f"/v1/devices/{name}/secret").json()["secret"])
            for name in ("door-0", "door-1")
        }

        def signed(name, body):
            proof = hmac.new(secrets[name], body, hashlib.sha256).hexdigest()
            return {"X-Lifang-Device": name, "X-Lifang-Signature": proof, "Content-Type": "application/json"}

        wish = {"command": "unlock", "by": "王", "reason": "x"}
        command = service.client.post("/v1/devices/door-0/commands", json=wish).json()["id"]
        assert service.client.get("/v1/devices/door-0/commands").json()["code"] == "device.unsigned"
        other = service.client.get("/v1/devices/door-0/commands", headers=signed("door-1", b"door-0"))
        assert other.json()["code"] == "command.not_yours"
        own = service.client.get("/v1/devices/door-0/commands", headers=signed("door-0", b"door-0"))
        assert [one["id"] for one in own.json()["commands"]] == [command]
        body = b'{"state": "acknowledged"}'
        foreign = service.client.post(f"/v1/commands/{command}/ack", content=body, headers=signed("door-1", body))
        assert foreign.json()["code"] == "command.foreign"
        done = service.client.post(f"/v1/commands/{command}/ack", content=body, headers=signed("door-0", body))
        assert done.json()["state"] == "acknowledged"
