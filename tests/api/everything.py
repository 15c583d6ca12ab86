"""A small community that holds a bit of everything: what the description's examples name is there."""

from datetime import UTC, datetime

import httpx
import shapely

from api.description import worked_examples
from gis.local import LocalFrame
from twin.feature import Feature
from twin.minting import building_codes

FRAME = LocalFrame(120.15, 30.28)


def at(x, y):
    lon, lat = FRAME.to_degrees(x, y)
    return float(lon), float(lat)


def box(west, south, east, north):
    return shapely.Polygon([at(west, south), at(east, south), at(east, north), at(west, north)])


HOUSE, NEIGHBOUR = building_codes([box(0, 0, 20, 20), box(60, 0, 80, 20)], [])
FLAT, STAIRS_UP, STAIRS = (f"{HOUSE}-U00-{part}" for part in ("F02-R0201", "F02-R0200", "F01-R0100"))


def thing(layer, key, geometry, place=None, **more):
    return Feature(
        **{"layer": layer, "id": key, "community": "c1", "geometry": geometry, "place": place,
           "valid_from": datetime(2026, 1, 1, tzinfo=UTC), **more}
    )  # fmt: skip


def connection(name, kind, start, end, x, y, **more):
    attributes = {"kind": kind, "from_space": start, "to_space": end, "evacuation": kind != "lift", **more}
    return thing("connection", name, shapely.Point(at(x, y)), start, attributes=attributes)


def device(number, kind, family, x, y, place=None, **more):
    attributes = {"device_no": number, "device_type": kind, "family": family, **more}
    return thing("device", number, shapely.Point(at(x, y)), place, name=number, attributes=attributes)


FEATURES = [
    thing("community", "c1", box(-400, -200, 400, 200), name="安和里"),
    thing("grid", "g1", box(-400, -200, 400, 200), "g1", name="第一网格"),
    thing("building", HOUSE, box(0, 0, 20, 20), HOUSE, name="安和里1幢", attributes={"storey_count": 6}),
    thing("building", NEIGHBOUR, box(60, 0, 80, 20), NEIGHBOUR, name="安和里2幢", attributes={"storey_count": 11}),
    thing("space", FLAT, box(0, 10, 10, 20), FLAT, name="0201", storey=2, parent=HOUSE, z_min_m=6.0, z_max_m=8.8),
    thing("space", STAIRS_UP, box(10, 0, 20, 20), STAIRS_UP, name="2层楼梯间", storey=2, parent=HOUSE),
    thing("space", STAIRS, box(10, 0, 20, 20), STAIRS, name="楼梯间", storey=1, parent=HOUSE),
    connection("flat-door", "door", FLAT, STAIRS_UP, 10, 15),
    connection("stair", "stair", STAIRS, STAIRS_UP, 15, 15, rise_m=3.0),
    connection("front-door", "door", STAIRS, "outside", 15, 0, exit=True),
    thing("walkway", "street", shapely.LineString([at(-200, -5), at(0, -5), at(300, -5)])),
    thing("entrance", "gate", shapely.Point(at(290, -4))),
    thing("shelter", "east", box(290, -20, 310, -6), name="东避难场所", attributes={"capacity": 200}),
    thing("hydrant", "near", shapely.Point(at(30, -6)), attributes={"hydrant_class": "outdoor"}),
    thing("green", "G-1", box(100, 20, 140, 60), name="中心绿地"),
    *(thing("household", f"h{n}", None, FLAT, attributes={"household_no": f"h{n}", "persons": n}) for n in (1, 2, 3)),
    thing("staff", "W-1", shapely.Point(at(-70, -1)), attributes={
        "grid_code": "g1", "phone": "13800000000", "name": "示例员", "status": "在岗"}),
    device("D-0001", "smoke_detector", "fire", 5, 15, FLAT),
    device("D-0002", "camera_ptz", "video", 10, 30),
    device("D-0003", "smoke_detector", "fire", 6, 15, FLAT),
    device("door-1", "access_controller_smart", "access", 15, 0, HOUSE),
    device("T-0001", "grid_worker_terminal", "force", -60, -2),
    device("P-0001", "patrol_set", "force", -60, -2),
    device("P-0002", "patrol_set", "force", 60, -2),
    thing("patrol_route", "XL-1", box(-20, -20, 120, 20), attributes={"points": [
        {"name": "东门", "lon": at(0, 0)[0], "lat": at(0, 0)[1], "until": 60}]}),
]  # fmt: skip


def furnish(service):
    """Fill a service's twin, let a detector raise its alarm and people act; return example's number → real number."""
    service.put(*FEATURES)
    send = Sender(service.client)
    smoke = {
        "device": "D-0001", "property": "fire_smoke", "result": True, "source": "gateway-1", "source_seq": "41",
        "phenomenonTime": datetime.now(UTC).isoformat(),
    }  # fmt: skip
    send("/v1/observations", observations=[smoke])
    report = {"class": "fire", "severity": 1, "source": "hotline", "title": "一楼起火", "by": "12345", "place": HOUSE}
    first, twice = (send("/v1/incidents", **report) for _ in range(2))
    event = worked_examples()["live_report"]["body"]["events"][0] | {"event_no": "XF-2026-0001"}
    send("/v1/events", events=[event])
    wish = {"name": "物业工单", "owner": "示例物业", "scopes": ["read:places"]}
    hook = {"url": "https://example.org/hook", "owner": "示例街道"}
    saved = service.client.put("/v1/mapping-profiles/园林局", json=worked_examples()["imports_put_profile"]["body"])
    assert saved.is_success, saved.text
    return {
        "SJ20261121080000-01": first["no"],
        "SJ20261121080000-02": twice["no"],
        "SJ20261121080000-03": send("/v1/one-key-alarms", place=HOUSE, by="住户")["no"],
        "VFGDi_W1RZ7IFHolgGpuot3dNF6XWoZe": first["follow"].rpartition("/")[2],
        "sub_3b684083173b743c": send("/v1/subscriptions", **hook)["id"],
        "app-3f0c9a1b2d4e": send("/v1/application-requests", **wish)["id"],
        "cmd-5d41402abc4b": send("/v1/devices/door-1/commands", command="unlock", by="王", reason="试")["id"],
        "patrol-7b1f2c": send("/v1/patrols", route="XL-1", device="P-0002")["id"],
    }


class Sender:
    """Posts, and wants it taken."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def __call__(self, path, **body):
        answer = self.client.post(path, json=body)
        assert answer.is_success, answer.text
        assert not answer.json().get("rejected"), answer.text
        return answer.json()


def example_of(town, operation):
    """Return an operation's example as it is sent: path, query, headers and, as httpx takes it, the body."""
    given = {"path": {}, "query": {}, "header": {}, "body": {}}
    for parameter in operation.get("parameters", ()):
        if "example" in parameter:
            given[parameter["in"]][parameter["name"]] = real(town, parameter["example"])
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        form = {"application/json": "json", "application/x-www-form-urlencoded": "data"}.get(media_type, "content")
        if "example" in content:
            given["body"] = {form: real(town, content["example"])}
        if form == "content" and "*" not in media_type:
            given["header"].setdefault("Content-Type", media_type)
    return given


def real(town, value):
    """Return an example's value with the numbers that this service gave out."""
    if isinstance(value, dict):
        return {name: real(town, part) for name, part in value.items()}
    if isinstance(value, list):
        return [real(town, part) for part in value]
    return town.named.get(value, value) if isinstance(value, str) else value
