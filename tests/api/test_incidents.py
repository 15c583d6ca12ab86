"""Incidents over HTTP: reported once, taken through the closed loop, told to others; and the one-key alarm."""

import hashlib
import io
import re
import time
from datetime import UTC, datetime, timedelta

import pytest
import shapely
from lxml import etree
from PIL import Image

from api.live import LiveOptions
from gis.local import LocalFrame
from layers.incident.cap import NAMESPACE
from layers.incident.one_key import REQUEST
from twin.feature import Feature
from twin.minting import building_codes
from twin.spacecode import SpaceCode

FRAME = LocalFrame(120.15, 30.28)


def at(x, y):
    lon, lat = FRAME.to_degrees(x, y)
    return float(lon), float(lat)


def box(west, south, east, north):
    return shapely.Polygon([at(west, south), at(east, south), at(east, north), at(west, north)])


def thing(layer, key, geometry, place=None, **attributes):
    return Feature(
        layer=layer,
        id=key,
        community="c1",
        geometry=geometry,
        place=place,
        name=attributes.pop("called", None),
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        attributes=attributes,
    )


HOUSE = building_codes([box(0, 0, 20, 20)], [])[0]
ROOM = f"{HOUSE}-U00-F02-R0201"


def post(name, x, y, grid):
    return thing(
        "staff", name, shapely.Point(at(x, y)), grid_code=grid, phone="13800000000", name="示例员", status="在岗"
    )


FEATURES = [
    thing("building", HOUSE, box(0, 0, 20, 20), HOUSE, called="安和里1幢"),
    thing("space", ROOM, box(2, 2, 8, 8), ROOM, called="201"),
    thing("entrance", "door", shapely.Point(at(10, 0)), HOUSE),
    # A street along the south of the house; the grid ends 40 m east of the door.
    thing("walkway", "street", shapely.LineString([at(-400, -1), at(400, -1)])),
    thing("grid", "g1", box(-400, -200, 50, 200), "g1"),
    thing("grid", "g2", box(50.001, -200, 400, 200), "g2"),
    post("A", -70, -1, "g1"),  # 80 m from the door
    post("B", -190, -1, "g1"),  # 200 m
    post("C", 60, -1, "g2"),  # 50 m, of another grid
    thing("device", "SOS-1", shapely.Point(at(5, 5)), ROOM, device_no="SOS-1", device_type="sos_button"),
    *(
        thing("device", name, shapely.Point(at(x, 30)), None, device_no=name, device_type="camera_ptz", family="video")
        for name, x in (("CAM-far", 110), ("CAM-near", 10))
    ),
    *(thing("household", f"h{n}", None, ROOM, household_no=f"h{n}", persons=n) for n in (1, 2)),
]
FIRE = {"class": "fire", "severity": 1, "source": "hotline", "title": "一楼起火", "by": "12345", "place": HOUSE}


class Clock:
    """Runs on, and is set ahead by tests."""

    ahead = timedelta(0)

    def __call__(self):
        return datetime.now(UTC) + self.ahead


@pytest.fixture(scope="module")
def service(serving_at, tmp_path_factory):
    """One service for the tests that need no twin of their own."""
    photos = tmp_path_factory.mktemp("kept") / "photos"
    with serving_at(live=LiveOptions(photos=photos)) as running:
        running.put(*FEATURES)
        running.photos = photos
        yield running


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def fresh(serving_at, clock):
    """A service whose clock the test sets ahead, or whose twin it changes."""
    with serving_at(clock=clock) as running:
        running.put(*FEATURES)
        yield running


def ok(response, status=200):
    assert response.status_code == status, response.text
    return response.json()


def report(service, **more):
    return ok(service.client.post("/v1/incidents", json={**FIRE, **more}), 201)


def step(service, no, name, **said):
    return service.client.post(f"/v1/incidents/{no}/{name}", json={"by": "王", **said})


def closed(service, **more):
    no = report(service, **more)["no"]
    for name, said in (
        ("accept", {}),
        ("dispatch", {"to": "A"}),
        ("handle", {}),
        ("feedback", {"result": "已扑灭", "text": "感谢"}),
        ("assess", {"score": 5}),
    ):
        ok(step(service, no, name, **said))
    return no


@pytest.mark.both_stores
def test_an_incident_goes_through_the_closed_loop_and_who_and_when_are_kept(service):
    no = closed(service)
    told = ok(service.client.get(f"/v1/incidents/{no}"))
    assert [entry["step"] for entry in told["log"]] == ["report", "accept", "dispatch", "handle", "feedback", "assess"]
    assert [entry["by"] for entry in told["log"]] == ["12345", *["王"] * 5]
    assert sorted(entry["at"] for entry in told["log"]) == [entry["at"] for entry in told["log"]]
    assert (told["state"], told["handler"], told["result"], told["score"]) == ("assessed", "王", "已扑灭", 5)
    assert told["next"] == []


def test_a_skipped_step_is_refused_and_told_what_may_come(service):
    no = report(service)["no"]
    refused = step(service, no, "handle")
    assert refused.status_code == 409
    assert refused.json()["code"] == "incident.step"
    assert refused.json()["next"] == ["accept", "escalate", "merge", "absorb", "result", "note"]


def test_nothing_is_closed_without_a_result(service):
    no = report(service)["no"]
    for name, said in (("accept", {}), ("dispatch", {"to": "A"}), ("handle", {})):
        ok(step(service, no, name, **said))
    refused = step(service, no, "feedback", text="好了")
    assert (refused.status_code, refused.json()["code"]) == (422, "incident.no_result")
    assert ok(service.client.get(f"/v1/incidents/{no}"))["state"] == "handling"


def test_the_same_report_again_is_the_same_incident(service):
    first = report(service, source_no="7")
    again = ok(service.client.post("/v1/incidents", json={**FIRE, "source_no": "7", "title": "又报"}), 200)
    assert (again["no"], again["follow"], again["created"]) == (first["no"], first["follow"], False)
    assert again["title"] == first["title"]
    assert report(service, source_no="7", source="grid_worker")["no"] != first["no"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"class": "dragon"}, "incident.class"),
        ({"source": "rumour"}, "incident.source"),
        ({"place": None}, "incident.nowhere"),
        ({"place": None, "device": "none"}, "incident.unknown_place"),
        ({"place": None, "facility": "none"}, "incident.unknown_place"),
        ({"place": f"{HOUSE}-U07"}, "incident.unknown_place"),
        ({"place": None, "longitude": 0.0, "latitude": 0.0}, "incident.no_community"),
        ({"severity": 5}, "request.parameter"),
        ({"occurred_at": "2026-11-21T08:00:00"}, "request.parameter"),
        ({"phone": "1"}, "request.parameter"),
    ],
)
def test_a_report_that_cannot_be_filed_says_what_is_wrong(service, wrong, code):
    refused = service.client.post("/v1/incidents", json={**FIRE, **wrong})
    assert (refused.status_code, refused.json()["code"]) == (422, code)


def test_what_a_device_reports_stands_where_the_device_stood(service):
    told = report(service, place=None, device="SOS-1")
    service.put(thing("device", "SOS-1", shapely.Point(at(300, 0)), None, device_no="SOS-1", device_type="sos_button"))
    after = ok(service.client.get(f"/v1/incidents/{told['no']}"))
    service.put(next(one for one in FEATURES if one.id == "SOS-1"))
    assert after["place"] == ROOM
    assert after["center"] == pytest.approx(at(5, 5))
    assert after["grid"] == "g1"
    assert after["place_name"] == "安和里1幢 201"


def test_a_position_finds_its_building_and_grid(service):
    lon, lat = at(5, 5)
    told = report(service, place=None, longitude=lon, latitude=lat)
    assert (told["place"], told["grid"]) == (HOUSE, "g1")


def test_who_reported_is_shown_nowhere(service):
    told = report(
        service,
        source="resident",
        reporter_name="示例居民",
        reporter_phone="13812345678",
        description="请回电13812345678",
    )
    no = told["no"]
    shown = [
        service.client.get(f"/v1/incidents/{no}").text,
        service.client.get("/v1/incidents?state=all&limit=1000").text,
        service.client.get(told["follow"]).text,
        service.client.get(f"/v1/incidents/{no}/cap").text,
        service.client.get("/ogc/collections/incident/items?f=json&limit=1000").text,
        str([event.body for event in service.store.events(0, 100, subjects=(no,))]),
    ]
    for text in shown:
        assert no in text
        assert "示例居民" not in text
        assert "13812345678" not in text
    assert service.client.get("/ogc/collections/incident_report").status_code == 404


def test_the_reporter_follows_by_a_token_that_tells_only_the_state(service):
    told = report(service)
    followed = ok(service.client.get(told["follow"]))
    assert (followed["no"], followed["state"]) == (told["no"], "reported")
    assert set(followed) <= {
        *("no", "place_name", "class", "state", "feedback", "reported_at", "accepted_at"),
        *("dispatched_at", "handling_at", "feedback_at", "closed_at"),
    }
    assert len(told["follow"].removeprefix("/v1/follow/")) >= 32
    assert service.client.get("/v1/follow/guessed").status_code == 404


def test_who_follows_a_merged_report_follows_the_one_that_goes_on(service):
    twice, first = report(service), report(service)
    ok(step(service, twice["no"], "merge", into=first["no"]))
    assert ok(service.client.get(twice["follow"]))["no"] == first["no"]
    log = ok(service.client.get(f"/v1/incidents/{first['no']}"))["log"]
    assert (log[-1]["step"], log[-1]["no"]) == ("absorb", twice["no"])
    assert step(service, first["no"], "merge", into=first["no"]).status_code == 409
    assert step(service, twice["no"], "accept").json()["cure"] == "Next may come: nothing, it is closed."


def test_escalating_raises_the_level_and_names_the_department(service):
    no = report(service, severity=4)["no"]
    told = ok(step(service, no, "escalate", reason="火势扩大"))
    assert (told["level"], told["department"], told["state"]) == (2, "消防救援站", "reported")
    assert ok(step(service, no, "escalate", reason="再次", to="应急管理局"))["level"] == 1
    assert ok(step(service, no, "escalate", reason="三次"))["level"] == 1
    assert step(service, "SJ0", "escalate", reason="无").status_code == 404


def test_a_result_of_another_system_is_shown_at_once_and_counts_once(service):
    no = report(service)["no"]
    said = {"system": "119", "source_no": "9", "result": "已扑灭"}
    for _ in range(2):
        told = ok(service.client.post(f"/v1/incidents/{no}/result", json=said))
        assert (told["result"], told["result_by"], told["state"]) == ("已扑灭", "119", "reported")
    log = ok(service.client.get(f"/v1/incidents/{no}"))["log"]
    assert [entry["step"] for entry in log] == ["report", "result"]


def test_an_outside_cim_platform_is_told_results_and_never_the_event(fresh):
    """A 5.1.4e: events go to the organisation that decides; only what came of them flows back."""
    open_no = report(fresh, description="甲室浓烟", device="SOS-1", place=None)["no"]
    no = closed(fresh, description="乙室浓烟", device="SOS-1", place=None)
    answer = fresh.client.get("/v1/incidents/results", params={"since": "2026-01-01T00:00:00Z"})
    (told,) = ok(answer)["results"]
    assert (told["no"], told["result"], told["state"]) == (no, "已扑灭", "assessed")
    assert set(told) == {
        *("no", "place", "class", "level", "state", "result", "result_by"),
        *("reported_at", "feedback_at", "closed_at", "grid"),
    }
    for raw in (open_no, "浓烟", "一楼起火", "SOS-1", '"12345"'):
        assert raw not in answer.text


@pytest.mark.both_stores
def test_incidents_are_found_by_time_space_and_state(fresh, clock):
    old = report(fresh, source="grid_worker")["no"]
    clock.ahead = timedelta(hours=1)
    new = report(fresh, **{"class": "facility", "place": ROOM, "severity": 4})["no"]
    done = closed(fresh, place=None, longitude=at(100, 0)[0], latitude=at(100, 0)[1])

    def listed(**asked):
        return [one["no"] for one in ok(fresh.client.get("/v1/incidents", params=asked))["incidents"]]

    assert listed() == [old, new]
    assert listed(state="all") == [old, new, done]
    assert listed(state="assessed") == [done]
    between = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    assert listed(until=between) == [old]
    assert listed(since=between, state="all") == [new, done]
    assert listed(place=SpaceCode.parse(ROOM).text) == [new]
    assert listed(place=HOUSE, source="grid_worker") == [old]
    assert listed(level="4,3") == [new]
    assert listed(**{"class": "fire,gas"}) == [old]
    west, south, east, north = box(90, -10, 110, 10).bounds
    assert listed(state="all", bbox=f"{west},{south},{east},{north}") == [done]
    assert listed(grid="g2", state="all") == [done]
    first = ok(fresh.client.get("/v1/incidents", params={"state": "all", "limit": 2}))
    assert first["matched"] == 3
    assert listed(state="all", limit=2, cursor=first["next"]) == [done]
    assert fresh.client.get("/v1/incidents?state=lost").json()["code"] == "request.parameter"
    assert fresh.client.get("/v1/incidents?since=2026-11-21T08:00:00").json()["code"] == "query.time"


@pytest.mark.both_stores
def test_an_incident_is_seen_as_it_was_and_as_it_was_known(service):
    no = report(service)["no"]
    before = datetime.now(UTC).isoformat()
    time.sleep(0.01)
    ok(step(service, no, "accept"))
    assert ok(service.client.get(f"/v1/incidents/{no}"))["state"] == "accepted"
    for clocks in ({"at": before}, {"known_at": before}):
        past = ok(service.client.get(f"/v1/incidents/{no}", params=clocks))
        assert (past["state"], len(past["log"])) == ("reported", 1)
    listed = ok(service.client.get("/v1/incidents", params={"at": before, "limit": 1000}))["incidents"]
    assert [one["state"] for one in listed if one["no"] == no] == ["reported"]
    long_ago = {"at": "2026-01-02T00:00:00Z"}
    assert service.client.get(f"/v1/incidents/{no}", params=long_ago).status_code == 404


def test_a_closed_incident_leaves_the_map_after_a_day_and_stays_known(fresh, clock):
    no = closed(fresh)
    assert ok(fresh.client.get("/ogc/collections/incident/items?f=json"))["numberMatched"] == 1
    clock.ahead = timedelta(days=2)
    tomorrow = {"f": "json", "datetime": clock().isoformat()}
    assert ok(fresh.client.get("/ogc/collections/incident/items", params=tomorrow))["numberMatched"] == 0
    assert ok(fresh.client.get(f"/v1/incidents/{no}"))["state"] == "assessed"


@pytest.mark.both_stores
def test_the_page_of_an_incident_has_cameras_responders_plan_and_who_is_affected(service):
    told = ok(service.client.get(f"/v1/incidents/{report(service)['no']}", params={"radius_m": 150}))
    near, far = told["cameras"]
    assert (near["device_no"], far["device_no"]) == ("CAM-near", "CAM-far")
    assert near["distance_m"] == pytest.approx(20, abs=0.2)
    assert near["bearing_deg"] == pytest.approx(0, abs=0.5)
    assert [one["force_no"] for one in told["responders"]] == ["C", "A"]
    assert "示例员" not in str(told)
    assert told["plan"]["title"]["zh"] == "火灾应急预案"
    assert told["affected"] == {"within": HOUSE, "households": None, "persons": None}  # three persons: too few to tell


def test_enough_persons_are_counted(fresh):
    fresh.put(thing("household", "h9", None, ROOM, household_no="h9", persons=9))
    told = ok(fresh.client.get(f"/v1/incidents/{report(fresh)['no']}"))
    assert told["affected"] == {"within": HOUSE, "households": 3, "persons": 12}


def test_a_local_plan_goes_before_the_one_that_ships(fresh):
    said = {"plan_no": "Y1", "class": "fire", "level": "1,2", "title": "本院预案", "content": "断电\n疏散"}
    fresh.put(thing("emergency_plan", "Y1", None, None, **said))
    serious, slight = (report(fresh, severity=severity)["no"] for severity in (1, 4))
    plan = ok(fresh.client.get(f"/v1/incidents/{serious}"))["plan"]
    assert (plan["title"]["zh"], [one["zh"] for one in plan["steps"]]) == ("本院预案", ["断电", "疏散"])
    assert ok(fresh.client.get(f"/v1/incidents/{slight}"))["plan"]["id"] == "fire-small"


# --- photos ---------------------------------------------------------------------------------------------------------


def picture(**more):
    """A small photo that knows where it was taken and which way up it is."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif.get_ifd(0x8825)[2] = (30.0, 16.0, 48.0)
    written = io.BytesIO()
    Image.new("RGB", (40, 20), "red").save(written, "JPEG", exif=exif, **more)
    return written.getvalue()


def test_a_photo_is_kept_as_sent_and_shown_without_position(service):
    content = picture()
    kept = ok(service.client.post("/v1/incidents/photos", content=content), 201)
    assert kept["sha256"] == hashlib.sha256(content).hexdigest()
    assert kept["media_type"] == "image/jpeg"
    assert (service.photos / kept["sha256"]).read_bytes() == content
    shown = service.client.get(kept["ref"])
    with Image.open(io.BytesIO(shown.content)) as seen:
        assert seen.size == (20, 40)
        assert not seen.getexif()
    told = report(service, source="qr_code", attachments=[kept])
    assert told["attachments"] == [kept]


def test_what_is_no_photo_is_refused(service):
    for content, code in (
        (b"MZ\x90 not a photo", "photo.no_photo"),
        (b"", "photo.no_photo"),
        (picture()[:-200], "photo.no_photo"),
        (picture() + bytes(5_000_000), "photo.too_large"),
    ):
        refused = service.client.post("/v1/incidents/photos", content=content)
        assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert service.client.get("/v1/incidents/photos/..%2f..%2ftwin.gpkg").status_code == 404
    assert service.client.get(f"/v1/incidents/photos/{'0' * 64}").json()["code"] == "photo.unknown"


def test_a_photo_of_ours_with_another_sum_is_refused(service):
    kept = ok(service.client.post("/v1/incidents/photos", content=picture()), 201)
    refused = service.client.post("/v1/incidents", json={**FIRE, "attachments": [{**kept, "sha256": "0" * 64}]})
    assert refused.json()["code"] == "photo.other_sum"


# --- CAP 1.2 --------------------------------------------------------------------------------------------------------

ALERT = "identifier sender sent status msgType source scope restriction addresses code note references incidents info"
INFO = (
    "language category event responseType urgency severity certainty audience eventCode effective onset expires"
    " senderName headline description instruction web contact parameter resource area"
)
AREA = "areaDesc polygon circle geocode altitude ceiling"
NEEDED = {
    "alert": {"identifier", "sender", "sent", "status", "msgType", "scope"},
    "info": {"category", "event", "urgency", "severity", "certainty"},
    "area": {"areaDesc"},
}
ALLOWED = {
    "status": "Actual Exercise System Test Draft",
    "msgType": "Alert Update Cancel Ack Error",
    "scope": "Public Restricted Private",
    "category": "Geo Met Safety Security Rescue Fire Health Env Transport Infra CBRNE Other",
    "responseType": "Shelter Evacuate Prepare Execute Avoid Monitor Assess AllClear None",
    "urgency": "Immediate Expected Future Past Unknown",
    "severity": "Extreme Severe Moderate Minor Unknown",
    "certainty": "Observed Likely Possible Unlikely Unknown",
}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d")
MANY = {"category", "responseType", "eventCode", "parameter", "polygon", "circle", "geocode", "info", "area"}


def names(element):
    return [etree.QName(child).localname for child in element]


def check_sequence(element, order):
    """The elements stand in the order of the schema, once unless it allows more, and none is missing."""
    order, found = order.split(), names(element)
    assert found == sorted(found, key=order.index)
    assert all(found.count(name) == 1 or name in MANY for name in found)
    assert NEEDED[etree.QName(element).localname] <= set(found)


def check_cap(content):
    """Hold a message against the rules of the CAP 1.2 schema; return a function that finds texts in it."""
    alert = etree.fromstring(content)
    assert etree.QName(alert).namespace == NAMESPACE
    check_sequence(alert, ALERT)
    spaced = {"cap": NAMESPACE}
    for info in alert.findall("cap:info", spaced):
        check_sequence(info, INFO)
        for area in info.findall("cap:area", spaced):
            check_sequence(area, AREA)
    for element in alert.iter():
        name, text = etree.QName(element).localname, element.text or ""
        if name in ALLOWED:
            assert text in ALLOWED[name].split()
        if name in ("sent", "effective", "onset", "expires"):
            assert MOMENT.fullmatch(text)
        if name in ("identifier", "sender"):
            assert not re.search(r"[ ,<&]", text)
        if name == "polygon":
            points = text.split(" ")
            assert len(points) >= 4
            assert points[0] == points[-1]
            assert all(abs(float(lat)) <= 90 and abs(float(lon)) <= 180 for lat, lon in (p.split(",") for p in points))
        if name == "circle":
            assert re.fullmatch(r"-?\d+\.\d+,-?\d+\.\d+ \d+\.\d+", text)
        if name in ("eventCode", "parameter", "geocode"):
            assert names(element) == ["valueName", "value"]
    assert alert.findtext("cap:scope", namespaces=spaced) != "Restricted" or "restriction" in names(alert)
    return lambda path: [one.text for one in alert.findall(path.replace("/", "/cap:").replace("^", "cap:"), spaced)]


def test_an_incident_is_told_as_cap(service):
    no = report(service, description="浓烟\x01 <b>&")["no"]
    answer = service.client.get(f"/v1/incidents/{no}/cap")
    assert answer.headers["content-type"].startswith("application/cap+xml")
    texts = check_cap(answer.content)
    assert texts("^info/language") == ["zh-CN", "en"]
    assert texts("^info/event") == ["火灾", "Fire"]
    assert texts("^info/category") == ["Fire", "Fire"]
    assert texts("^info/severity") == ["Extreme", "Extreme"]
    assert texts("^info/certainty") == ["Possible", "Possible"]
    assert texts("^info/description") == ["浓烟 <b>&"] * 2
    assert texts("^msgType") == ["Alert"]
    (polygon, _) = texts("^info/area/polygon")
    lat, lon = polygon.split(" ")[0].split(",")
    assert (float(lon), float(lat)) == pytest.approx(at(0, 0), abs=1e-6)
    assert texts("^info/area/geocode/value") == [SpaceCode.parse(HOUSE).text] * 2
    (circle, _) = texts("^info/area/circle")
    assert float(circle.split(" ")[1]) == pytest.approx(0.05)


def test_later_messages_update_the_first_and_the_last_cancels_it(service):
    no = report(service)["no"]
    first = check_cap(service.client.get(f"/v1/incidents/{no}/cap").content)
    named = ",".join(first(path)[0] for path in ("^sender", "^identifier", "^sent"))
    ok(step(service, no, "accept"))
    later = check_cap(service.client.get(f"/v1/incidents/{no}/cap").content)
    assert (later("^msgType"), later("^references")) == (["Update"], [named])
    assert later("^info/certainty")[0] == "Observed"
    last = check_cap(service.client.get(f"/v1/incidents/{closed(service)}/cap").content)
    assert (last("^msgType"), last("^info/urgency")[0]) == (["Cancel"], "Past")


def test_cap_of_what_lies_in_no_building_has_a_circle_only(service):
    lon, lat = at(100, 0)
    no = report(service, place=None, longitude=lon, latitude=lat)["no"]
    texts = check_cap(service.client.get(f"/v1/incidents/{no}/cap").content)
    assert texts("^info/area/polygon") == []
    assert len(texts("^info/area/circle")) == 2


# --- one-key alarms -------------------------------------------------------------------------------------------------


def press(service, **more):
    said = {"by": "SOS-1", "device": "SOS-1", **more}
    return ok(service.client.post("/v1/one-key-alarms", json=said), 201)


def reply(service, no, who, what):
    return service.client.post(f"/v1/one-key-alarms/{no}/{what}", json={"by": who})


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_nearest_responder_of_the_grid_is_asked_first(service):
    """D028: A at 80 m goes before B at 200 m, and before C who is nearer but answers for another grid."""
    told = press(service)
    assert (told["class"], told["source"], told["grid"], told["place"]) == ("help", "one_key", "g1", ROOM)
    call = told["call"]
    assert (call["asked"], call["by"], call["state"]) == (["A"], "walk", "asking")
    assert call["length_m"] == pytest.approx(80, abs=1.5)
    (event,) = service.store.events(0, 10, (REQUEST,), subjects=(told["no"],))
    assert (event.subject, event.body["to"], event.body["status"]) == (told["no"], "A", "asked")
    assert event.body["space_code"] == SpaceCode.parse(ROOM).text


def test_who_accepts_is_dispatched(service):
    no = press(service)["no"]
    assert ok(reply(service, no, "A", "accept"))["answered_by"] == "A"
    told = ok(service.client.get(f"/v1/incidents/{no}"))
    assert (told["state"], told["handler"], told["accepted_by"]) == ("dispatched", "A", "A")
    assert reply(service, no, "A", "accept").json()["code"] == "call.over"


def test_who_declines_makes_the_next_be_asked_and_may_not_answer_for_others(service):
    no = press(service)["no"]
    assert reply(service, no, "B", "accept").json()["code"] == "call.not_asked"
    assert ok(reply(service, no, "A", "decline"))["asked"] == ["A", "B"]
    assert reply(service, no, "C", "accept").json()["code"] == "call.not_asked"
    statuses = [
        (event.body["to"], event.body["status"]) for event in service.store.events(0, 10, (REQUEST,), subjects=(no,))
    ]
    assert statuses == [("A", "asked"), ("A", "withdrawn"), ("B", "asked")]
    assert ok(reply(service, no, "A", "accept"))["answered_by"] == "A"  # late, and welcome


@pytest.mark.both_stores
def test_when_nobody_answers_in_time_the_next_is_asked_then_a_department_with_position_and_code(fresh, clock):
    no = press(fresh)["no"]

    def call():
        return ok(fresh.client.get(f"/v1/one-key-alarms/{no}"))

    clock.ahead = timedelta(seconds=61)
    wait_for(lambda: call()["asked"] == ["A", "B"])
    assert call()["state"] == "asking"
    clock.ahead = timedelta(seconds=130)
    wait_for(lambda: call()["state"] == "escalated")
    told = ok(fresh.client.get(f"/v1/incidents/{no}"))
    (entry,) = [entry for entry in told["log"] if entry["step"] == "escalate"]
    assert entry["to"] == told["department"] == "公安派出所"
    assert (entry["lon"], entry["lat"]) == pytest.approx(at(5, 5))
    assert entry["space_code"] == SpaceCode.parse(ROOM).text
    assert reply(fresh, no, "A", "accept").json()["code"] == "call.over"


def test_the_same_press_asks_nobody_twice(service):
    first, again = press(service, source_no="1"), press(service, source_no="1")
    assert first["no"] == again["no"]
    assert again["call"]["asked"] == ["A"]


def test_who_is_off_duty_is_not_asked(fresh):
    fresh.put(thing("staff", "A", shapely.Point(at(-70, -1)), grid_code="g1", status="休假"))
    assert press(fresh)["call"]["asked"] == ["B"]


def test_without_anybody_in_the_grid_the_department_is_called_at_once(service):
    lon, lat = at(0, 1000)
    told = press(service, device=None, longitude=lon, latitude=lat, community="c1")
    assert (told["call"]["state"], told["call"]["asked"]) == ("escalated", [])
    assert ok(service.client.get(f"/v1/incidents/{told['no']}"))["department"] == "公安派出所"


def test_without_paths_the_distance_is_a_straight_line_and_says_so(fresh):
    fresh.store.write(lambda tx: tx.end("walkway", "street", datetime.now(UTC))).result()
    call = press(fresh)["call"]
    assert (call["asked"], call["by"]) == (["A"], "line")
    assert call["length_m"] == pytest.approx(75.2, abs=0.5)


def test_an_operator_who_sends_somebody_ends_the_call(fresh, clock):
    no = press(fresh)["no"]
    ok(step(fresh, no, "accept"))
    ok(step(fresh, no, "dispatch", to="B"))
    clock.ahead = timedelta(seconds=61)
    wait_for(lambda: ok(fresh.client.get(f"/v1/one-key-alarms/{no}"))["state"] == "over")
    assert ok(fresh.client.get(f"/v1/incidents/{no}"))["handler"] == "B"


def test_an_incident_nobody_accepts_in_time_is_on_the_stream_and_a_rule_can_tell_people(fresh, clock):
    text = {"zh": "督办", "en": "Overdue"}
    when = {"event": {"kind": "incident", "body": {"entry.step": ["overdue"]}}}
    rule = {"title": text, "when": [when], "do": [{"notify": {"to": ["值班长"], "text": text}}]}
    ok(fresh.client.put("/v1/linkage/rules/overdue", json={"by": "王", "rule": rule}))
    ok(fresh.client.post("/v1/linkage/rules/overdue/enable", json={"by": "王"}))
    no = report(fresh)["no"]
    clock.ahead = timedelta(seconds=181)
    wait_for(lambda: ok(fresh.client.get(f"/v1/incidents/{no}"))["overdue"] == "accept")
    told = [event.body for event in fresh.store.events(0, 100, ("incident", "notice"))]
    assert [one.get("entry", {}).get("step", "notice") for one in told] == ["report", "overdue", "notice"]
    assert told[-1]["to"] == ["值班长"]
    assert ok(step(fresh, no, "accept"))["overdue"] is None


def test_nobody_was_called_to_an_ordinary_incident(service):
    no = report(service)["no"]
    assert service.client.get(f"/v1/one-key-alarms/{no}").json()["code"] == "call.unknown"


# --- statistics -----------------------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_figures_of_incidents(fresh, clock):
    split = clock()
    clock.ahead = timedelta(hours=1)
    closed(fresh)
    twice, first = report(fresh), report(fresh, **{"class": "facility", "source": "grid_worker"})
    ok(step(fresh, twice["no"], "merge", into=first["no"]))
    until = (clock() + timedelta(hours=1)).isoformat()
    since = (split - timedelta(hours=2)).isoformat()
    told = ok(
        fresh.client.get(
            "/v1/incidents/statistics", params={"since": since, "until": until, "split": split.isoformat()}
        )
    )
    assert (told["reports"], told["incidents"], told["open"], told["handled"]) == (3, 2, 1, 1)
    assert told["handling_rate"] == 0.5
    assert 0 <= told["median_handle_s"] < 60
    assert {one["key"]: one["count"] for one in told["by_state"]} == {"assessed": 1, "merged": 1, "reported": 1}
    assert {one["key"]: one["count"] for one in told["by_class"]} == {"fire": 2, "facility": 1}
    assert told["by_building"] == [{"key": HOUSE, "count": 3}]
    assert sum(day["reported"] for day in told["trend"]) == 3
    assert (told["compared"]["before"]["reports"], told["compared"]["after"]["reports"]) == (0, 3)
    assert told["compared"]["change"] is None


def test_figures_are_bounded(service):
    asked = {"since": "2000-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
    refused = service.client.get("/v1/incidents/statistics", params=asked)
    assert refused.json()["code"] == "incident.too_fine"
    assert len(ok(service.client.get("/v1/incidents/statistics", params={**asked, "step": "month"}))["trend"]) == 313
    wrong = {"since": asked["until"], "until": asked["since"]}
    assert service.client.get("/v1/incidents/statistics", params=wrong).json()["code"] == "incident.span"
