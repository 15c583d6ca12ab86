"""SensorThings 1.1, Sensing: read with a client of the standard, and beside what is known of the twin."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import frost_sta_client as frost
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.sta.odata import parse
from gis.errors import BadInput
from twin.feature import Feature
from twin.minting import building_codes

HOUSE = shapely.box(120.2, 30.3, 120.2004, 30.3002)
KEY = building_codes([HOUSE], [])[0]
NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
READINGS = 25


def device(number, kind, family, lon, **more):
    attributes = {"device_type": kind, "family": family, "device_no": number, **more}
    return Feature(layer="device", id=number, community="c1", place=KEY, storey=1, name=f"设备 {number}",
                   geometry=shapely.Point(lon, 30.3001), z_min_m=6.0, attributes=attributes)  # fmt: skip


@pytest.fixture(scope="module")
def town(serving_at):
    with serving_at(clock=lambda: NOON + timedelta(hours=4)) as service:
        service.put(
            Feature(layer="building", id=KEY, community="c1", place=KEY, name="1幢", geometry=HOUSE),
            device("T-1", "room_temp", "environment", 120.2001, device_secret="s3cret"),
            device("T-2", "room_temp", "environment", 120.2003),
            device("S-'1", "smoke_detector", "fire", 120.2002),
            device("P-1", "patrol_set", "force", 120.2002),
        )
        items = [
            {"device": number, "property": "room_temperature", "result": 10.0 + n + offset, "source": "gw",
             "source_seq": f"{number}{n}", "phenomenonTime": (NOON + timedelta(minutes=n)).isoformat()}
            for number, offset in (("T-1", 0.0), ("T-2", 0.5))
            for n in range(READINGS)
        ]  # fmt: skip
        items.append(
            {"device": "P-1", "property": "position", "result": {"lon": 120.2, "lat": 30.3}, "source": "gw",
             "source_seq": "p", "phenomenonTime": NOON.isoformat()}
        )  # fmt: skip
        answer = service.client.post("/v1/observations", json={"observations": items}).json()
        assert answer["accepted"] == len(items), answer
        yield service


def get(service, path, **options):
    answer = service.client.get(f"/sta/v1.1{path}", params={f"${name}": value for name, value in options.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(answer):
    return [one["@iot.id"] for one in answer["value"]]


_FURL = pytest.mark.filterwarnings("ignore:furl.pathstr is deprecated:DeprecationWarning")
"""What the client builds addresses with warns of itself."""


@pytest.fixture
def client(town, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return frost.SensorThingsService(f"{town.url}/sta/v1.1")


@_FURL
def test_a_client_of_the_standard_lists_things_with_what_they_measure(client):
    things = list(client.things().query().expand("Datastreams").list())
    assert {thing.id for thing in things} == {"T-1", "T-2", "S-'1", "P-1"}
    one = next(thing for thing in things if thing.id == "T-1")
    assert next(stream.id for stream in one.datastreams) == "T-1:room_temperature"
    assert one.properties["place"] == KEY


@_FURL
def test_a_client_of_the_standard_follows_pages_of_observations(client):
    stream = client.datastreams().find("T-1:room_temperature")
    found = list(stream.get_observations().query().top(4).orderby("phenomenonTime", "desc").list())
    assert [one.result for one in found] == [10.0 + n for n in reversed(range(READINGS))]


@_FURL
def test_a_client_of_the_standard_filters(client):
    question = "Datastreams/ObservedProperty/@iot.id eq 'room_temperature' and startswith(name,'设备 T')"
    assert sorted(thing.id for thing in client.things().query().filter(question).list()) == ["T-1", "T-2"]


def test_req_resource_path_the_root_lists_the_entity_sets(town):
    listed = {entry["name"] for entry in get(town, "")["value"]}
    assert listed == {"Things", "Locations", "HistoricalLocations", "Datastreams", "Sensors", "ObservedProperties",
                      "Observations", "FeaturesOfInterest"}  # fmt: skip


def test_req_datamodel_every_link_of_every_entity_leads_somewhere(town):
    for kind in ("Things", "Locations", "Datastreams", "Sensors", "ObservedProperties", "Observations",
                 "FeaturesOfInterest", "HistoricalLocations"):  # fmt: skip
        entity = get(town, f"/{kind}", top=1)["value"][0]
        links = [value for name, value in entity.items() if name.endswith(("navigationLink", "selfLink"))]
        assert len(links) > 1
        for link in links:
            assert town.client.get(link).status_code == 200, link


def test_req_resource_path_addresses_lead_through_entities_to_properties_and_values(town):
    quoted = quote("S-''1")
    assert get(town, f"/Things('{quoted}')")["@iot.id"] == "S-'1"
    assert get(town, "/Things('T-1')/Datastreams('T-1:room_temperature')/Sensor")["@iot.id"] == "room_temp"
    assert get(town, "/Things('T-1')/name") == {"name": "设备 T-1"}
    assert town.client.get("/sta/v1.1/Things('T-1')/name/$value").text == "设备 T-1"
    assert town.client.get("/sta/v1.1/Things/$count").text == "4"
    reference = get(town, "/Things('T-1')/Locations/$ref")["value"][0]["@iot.selfLink"]
    assert town.client.get(reference).json()["location"]["coordinates"] == [120.2001, 30.3001]
    first = get(town, "/Observations", top=1)["value"][0]
    assert get(town, f"/Observations({first['@iot.id']})")["result"] == first["result"]


def test_req_request_data_expand_select_and_count_are_nested(town):
    answer = get(
        town, "/Things", filter="@iot.id eq 'T-1'", select="name,Datastreams", count="true",
        expand="Datastreams($filter=@iot.id eq 'T-1:room_temperature';$select=name;"
        "$expand=Observations($top=2;$orderby=phenomenonTime desc;$select=result;$count=true),ObservedProperty)",
    )  # fmt: skip
    assert answer["@iot.count"] == 1
    (thing,) = answer["value"]
    assert set(thing) == {"@iot.id", "@iot.selfLink", "name", "Datastreams"}
    (stream,) = thing["Datastreams"]
    assert stream["Observations@iot.count"] == READINGS
    assert [one["result"] for one in stream["Observations"]] == [34.0, 33.0]
    assert stream["ObservedProperty"]["@iot.id"] == "room_temperature"
    more = town.client.get(stream["Observations@iot.nextLink"]).json()
    assert len(more["value"]) == 2


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("result gt 33", [34.0]),
        ("result ge 33 and result lt 34", [33.0]),
        ("phenomenonTime lt 2026-11-20T04:02:00Z", [10.0, 11.0]),
        ("phenomenonTime ge 2026-11-20T12:23:00+08:00 and result ne 34", [33.0]),
        ("phenomenonTime le 2026-11-20T04:01:00Z or result eq 34", [10.0, 11.0, 34.0]),
        ("not (result mod 2 eq 0) and result lt 14", [11.0, 13.0]),
        ("round(result div 10) eq 1 and minute(phenomenonTime) gt 3", [14.0]),
        ("Datastream/Thing/name eq 'nobody'", []),
        ("result gt 'x'", []),
    ],
)
def test_req_request_data_filters_of_observations_hold(town, question, expected):
    answer = get(town, "/Datastreams('T-1:room_temperature')/Observations", filter=question, top=1000)
    assert [one["result"] for one in answer["value"]] == expected


def test_observations_of_all_devices_are_one_collection_in_the_order_of_time(town):
    answer = get(town, "/Observations", count="true", top=1000, orderby="phenomenonTime asc")
    assert answer["@iot.count"] == 2 * READINGS
    times = [one["phenomenonTime"] for one in answer["value"]]
    assert times == sorted(times)
    best = get(town, "/Observations", orderby="result desc", top=3)
    assert [one["result"] for one in best["value"]] == [34.5, 34.0, 33.5]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (
            "st_within(location,geography'POLYGON((120.2 30.3,120.20015 30.3,120.20015 30.31,120.2 30.31,120.2 30.3))')",
            ["T-1"],
        ),
        ("geo.distance(location,geography'POINT(120.2003 30.3001)') lt 5", ["T-2"]),
    ],
)
def test_req_request_data_locations_are_found_by_where_they_are(town, question, expected):
    assert ids(get(town, "/Locations", filter=question)) == expected


def test_pages_of_things_follow_one_another(town):
    seen, link = [], f"{town.url}/sta/v1.1/Things?$top=3&$orderby=name"
    while link:
        answer = town.client.get(link).json()
        seen += ids(answer)
        link = answer.get("@iot.nextLink")
    assert seen == ["P-1", "S-'1", "T-1", "T-2"]


def test_where_somebody_went_and_what_is_secret_are_not_told(town):
    assert "P-1:position" not in ids(get(town, "/Things('P-1')/Datastreams"))
    assert town.client.get("/sta/v1.1/Datastreams('P-1:position')").status_code == 404
    assert "s3cret" not in town.client.get("/sta/v1.1/Things").text


def test_what_is_created_over_sensorthings_is_read_there(town):
    body = {"phenomenonTime": "2026-11-20T06:00:00Z", "result": 21.5, "Datastream": {"@iot.id": "T-2:room_temperature"},
            "resultTime": "2026-11-20T16:00:00+08:00"}  # fmt: skip
    created = town.client.post("/sta/v1.1/Observations", json=body)
    assert created.status_code == 201, created.text
    found = town.client.get(created.headers["Location"]).json()
    assert (found["result"], found["resultTime"]) == (21.5, "2026-11-20T08:00:00Z")
    asked = get(town, "/Datastreams('T-2:room_temperature')/Observations", filter="resultTime gt 2026-11-20T07:00:00Z")
    assert [one["result"] for one in asked["value"]] == [21.5]


@pytest.mark.parametrize("time", ["soon", "2026-11-20T06:00:00", 7, []])
def test_a_result_time_that_is_none_is_told_by_its_name(town, time):
    body = {"phenomenonTime": "2026-11-20T06:30:00Z", "resultTime": time, "result": 1}
    answer = town.client.post("/sta/v1.1/Datastreams('T-2:room_temperature')/Observations", json=body)
    assert (answer.status_code, "resultTime" in answer.json()["detail"]) == (400, True), answer.text


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/Teapots", 404, "sta.no_set"),
        ("/Things('nobody')", 404, "sta.no_entity"),
        ("/Things('T-1')/Soul", 404, "sta.nowhere"),
        ("/Things('T-1')/Datastreams('T-2:room_temperature')", 404, "sta.nowhere"),
        ("/Observations(999999999)", 404, "sta.no_entity"),
        ("/Things?$top=-1", 400, "sta.option"),
        ("/Things?$teapot=1", 400, "sta.option"),
        ("/Things?$filter=name eq", 400, "sta.syntax"),
        ("/Things?$filter=brew(name)", 400, "sta.function"),
        ("/Things?$expand=Soul", 400, "sta.no_link"),
        ("/Things?$select=soul", 400, "sta.no_property"),
        ("/Things?$filter=phenomenonTime gt 2026-11-20T00:00:00", 400, "sta.syntax"),
        ("/Things?$top=1&$top=2", 400, "request.repeated"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(town, path, status, code):
    answer = town.client.get(f"/sta/v1.1{path}")
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


_PARTS = st.sampled_from(
    ["name", "result", "eq", "gt", "and", "or", "not", "(", ")", ",", "'x'", "5", "-1.5e3", "null", "true", "length",
     "substringof", "geography'POINT(1 2)'", "2026-11-20T00:00:00Z", "Datastream/Thing/name", "'", "@iot.id", "mod", "div",
     "st_within", "0", "geo.distance"]
)  # fmt: skip


@given(st.lists(_PARTS, max_size=12))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_filter_breaks_the_service(town, parts):
    text = " ".join(parts)
    for kind in ("Things", "Locations"):
        answer = town.client.get(f"/sta/v1.1/{kind}", params={"$filter": text})
        assert answer.status_code in (200, 400), answer.text


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_filter_or_a_named_fault(text):
    with suppress(BadInput):
        parse(text)
