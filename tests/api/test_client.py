"""The client in Python against a running service."""

import json
import threading
from datetime import UTC, datetime

import pytest
import shapely

from api.client import Client
from gis.errors import BadInput, NotFound
from twin.feature import Feature
from twin.minting import building_codes

BOXES = [shapely.box(120.2 + n * 0.001, 30.3, 120.2004 + n * 0.001, 30.3002) for n in range(5)]
CODES = building_codes(BOXES, [])


@pytest.fixture(scope="module")
def town(serving_at):
    with serving_at() as service:
        service.put(
            *(
                Feature(layer="building", id=code, community="c1", place=code, name=f"{n}幢", geometry=outline,
                        attributes={"storey_count": n})
                for n, (code, outline) in enumerate(zip(CODES, BOXES, strict=True))
            ),
            Feature(layer="device", id="D-1", community="c1", place=CODES[0], geometry=shapely.Point(120.2001, 30.3001),
                    attributes={"device_type": "smoke_detector", "family": "fire"}),
        )  # fmt: skip
        yield service


@pytest.fixture
def client(town):
    with Client(town.url) as client:
        yield client


def smoke(seq, result=True):
    return {
        "device": "D-1", "property": "fire_smoke", "result": result, "source": "test", "source_seq": str(seq),
        "phenomenonTime": datetime.now(UTC).isoformat(),
    }  # fmt: skip


def test_all_pages_of_a_question_become_one_table(client):
    assert [len(page) for page in client.pages("building", limit=2)] == [2, 2, 1]
    frame = client.query("building", limit=2, where={"bbox": [120.2, 30.3, 120.2031, 30.4]}).to_geodataframe()
    assert set(frame.index) == set(CODES[:4])
    assert frame.crs == "OGC:CRS84"
    assert frame.loc[CODES[2], "storey_count"] == 2
    assert "<table" in client.query("building")._repr_html_()


def test_a_place_its_search_and_its_sums(client):
    assert client.place(CODES[1], include=["children"])["name"] == "1幢"
    assert client.search("3幢")[0]["id"] == CODES[3]
    (group,) = client.aggregate("building", "community", sum="storey_count")
    assert (group["count"], group["value"]) == (5, 10.0)


@pytest.mark.parametrize(
    ("ask", "kind", "code"),
    [
        (lambda client: client.place("nowhere"), NotFound, "place.unknown"),
        (lambda client: client.query("building", limit=0), BadInput, "query.limit"),
        (lambda client: client.route("120.2,30.3", "120.3,30.3"), BadInput, "network.empty"),
    ],
)
def test_a_fault_is_raised_as_what_it_is(client, ask, kind, code):
    with pytest.raises(kind) as caught:
        ask(client)
    assert caught.value.code == code
    assert caught.value.cure


def test_readings_sent_twice_are_one_and_the_alarm_is_on_the_list(client):
    assert client.observe([smoke(1)])["accepted"] == 1
    again = client.observe([smoke(1)])
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    assert [alarm["type"] for alarm in client.alarms(limit=1)] == ["fire_smoke"]


def test_the_stream_is_taken_up_where_it_was_left(client, town):
    after = town.store.last_seq()
    for seq in range(10, 14):
        client.observe([smoke(seq, result=seq % 2 == 0)])
    heard = []

    def listen():
        with Client(town.url) as other:
            for message in other.stream(after=after, kinds="observations"):
                heard.extend(message["items"])
                if len(heard) >= 4:
                    return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    listener.join(20)
    assert [item[2] for item in heard] == [True, False, True, False]


def test_a_file_is_sent_in_rehearsed_and_committed(client, tmp_path, town):
    rows = [
        {"type": "Feature", "properties": {"编号": f"XHS-{n}"},
         "geometry": {"type": "Point", "coordinates": [120.2 + n / 1000, 30.3]}}
        for n in range(3)
    ]  # fmt: skip
    path = tmp_path / "hydrants.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": rows}), "utf-8")
    assert client.import_file(path, layer="hydrant")["state"] == "rehearsed"
    assert len(client.query("hydrant")) == 0
    assert client.import_file(path, layer="hydrant", commit=True)["state"] == "committed"
    assert len(client.query("hydrant")) == 3
    failed = client.import_file(path, layer="teapot", commit=True)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "layer.unknown")
