"""Readings from files, SensorThings and ChirpStack over HTTP, on the command line, and once more as a replay."""

import io
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import openpyxl
import pytest

from api.__main__ import main
from api.live import LiveOptions
from layers.catalogue import load_catalogue
from twin.embedded import EmbeddedStore
from twin.event import Band
from twin.feature import Feature

NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
LOCAL = NOON + timedelta(hours=8)


def devices():
    kinds = {"R-1": "room_temp", "R-2": "room_temp", "S-1": "smoke_detector"}
    return [
        Feature(layer="device", id=number, community="c1", attributes={"device_type": kind})
        for number, kind in kinds.items()
    ]


@pytest.fixture(scope="module")
def live(serving_at):
    with serving_at() as service:
        service.put(*devices())
        yield service


def rows(*values):
    return [
        ("R-1", "room_temperature", value, (LOCAL + timedelta(seconds=number)).strftime("%Y/%m/%d %H:%M:%S"))
        for number, value in enumerate(values)
    ]


HEADINGS = ("设备编号", "指标", "数值（Cel）", "采集时间")


def csv(*lines, encoding="utf-8"):
    return "\n".join(",".join(str(cell) for cell in line) for line in (HEADINGS, *lines)).encode(encoding)


def upload(live, body, kind="text/csv", **options):
    answer = live.client.post("/v1/observations/file", content=body, params=options, headers={"Content-Type": kind})
    return answer.status_code, answer.json()


def test_a_table_of_readings_is_taken_once_and_its_bad_rows_are_named_by_line(live):
    body = csv(*rows(20.5, "warm", 999), ("nobody", "room_temperature", 1, "2026-11-21"), *rows(21), encoding="gb18030")
    status, report = upload(live, body, zone="+08:00")
    assert (status, report["accepted"], report["rejected_count"]) == (201, 2, 3)
    assert [(one["line"], one["code"]) for one in report["rejected"]] == [
        (3, "reading.value"), (5, "reading.time"), (4, "observation.out_of_range"),
    ]  # fmt: skip
    assert upload(live, body, zone="+08:00")[1]["duplicates"] == 2
    (latest,) = live.store.latest(["R-1"])
    assert latest.occurred_at == NOON


def test_local_times_need_a_zone(live):
    _, report = upload(live, csv(*rows(20.25)))
    assert [one["code"] for one in report["rejected"]] == ["reading.no_zone"]
    assert upload(live, csv(*rows(20.25)), zone="Beijing")[1]["code"] == "reading.zone"


def test_a_workbook_and_json_lines_are_taken_too(live):
    book, file = openpyxl.Workbook(), io.BytesIO()
    book.active.append(HEADINGS)
    book.active.append(("R-2", "room_temperature", 22, LOCAL.replace(tzinfo=None)))
    book.save(file)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert upload(live, file.getvalue(), kind, zone="+08:00")[1]["accepted"] == 1
    item = {"device": "S-1", "property": "fire_smoke", "result": True, "phenomenonTime": NOON.isoformat()}
    lines = b"\n".join([json.dumps(item).encode(), b"", b"no json", b"7"])
    report = upload(live, lines, "application/x-ndjson")[1]
    assert (report["accepted"], [(one["line"], one["code"]) for one in report["rejected"]]) == (
        1, [(3, "source.not_json"), (4, "observation.malformed")],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"x", "image/png", "reading.format"),
        (b"a,b\n1,2\n", "text/csv", "reading.missing_column"),
        (b"", "text/csv", "gis.empty"),
        (b"\x81\xff\xfe", "text/csv", "gis.encoding"),
        (b"PK no workbook", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "gis.unreadable"),
    ],
)
def test_what_is_no_file_of_readings_is_refused_with_its_reason(live, body, kind, code):
    assert upload(live, body, kind)[1]["code"] == code


# --- SensorThings and ChirpStack ------------------------------------------------------------------------------------


def entity(second, result=21.5, **more):
    at = (NOON + timedelta(minutes=10, seconds=second)).isoformat()
    return {"phenomenonTime": at, "result": result, **more}


def test_an_entity_that_says_nothing_new_is_answered_with_the_one_that_stands_for_it(serving_at):
    bands = {"room_temperature": Band(0.5, timedelta(hours=1))}
    with serving_at(live=LiveOptions(bands=bands)) as thinned:
        thinned.put(*devices())
        address = "/sta/v1.1/Datastreams('R-1:room_temperature')/Observations"
        first, second = (thinned.client.post(address, json=entity(n, 21 + n / 10)) for n in range(2))
        assert (first.status_code, second.status_code) == (201, 201)
        assert second.headers["Location"] == first.headers["Location"]
        assert thinned.client.get(second.headers["Location"]).json()["result"] == 21


def test_an_observation_entity_is_created_once_and_named(live):
    linked = entity(1, Datastream={"@iot.id": "R-1:room_temperature"})
    first, again = (live.client.post("/sta/v1.1/Observations", json=linked) for _ in range(2))
    assert (first.status_code, again.headers["Location"]) == (201, first.headers["Location"])
    assert "/sta/v1.1/Observations(" in first.headers["Location"]
    below = live.client.post("/sta/v1.1/Datastreams('R-1:room_temperature')/Observations", json=entity(2))
    assert below.status_code == 201
    assert live.client.post("/sta/v1.1/Observations", json=entity(3)).json()["code"] == "sensorthings.datastream"
    wrong = {**linked, "result": "warm"}
    assert (
        live.client.post("/sta/v1.1/Observations", json={**wrong, "parameters": {"source_seq": 9}}).status_code == 400
    )


def test_data_arrays_answer_row_by_row(live):
    array = {
        "Datastream": {"@iot.id": "R-2:room_temperature"},
        "components": ["phenomenonTime", "result"],
        "dataArray@iot.count": 3,
        "dataArray": [
            [entity(5)["phenomenonTime"], 20],
            [entity(6)["phenomenonTime"]],
            [entity(7)["phenomenonTime"], 999],
        ],
    }
    answer = live.client.post("/sta/v1.1/CreateObservations", json=[array])
    created, short, wild = answer.json()
    assert answer.status_code == 201
    assert "/Observations(" in created
    assert short.startswith("error: sensorthings.row")
    assert wild.startswith("error: observation.out_of_range")


def test_chirpstack_posts_uplinks_and_other_events(live):
    uplink = {
        "deduplicationId": "a1",
        "time": NOON.isoformat(),
        "fCnt": 3,
        "deviceInfo": {"devEui": "0a", "tags": {"device": "R-2"}},
        "object": {"room_temperature": 18.5},
    }
    taken = [live.client.post("/v1/sources/chirpstack?event=up", json=uplink).json() for _ in range(2)]
    assert [(one["accepted"], one["duplicates"]) for one in taken] == [(1, 0), (0, 1)]
    assert live.client.post("/v1/sources/chirpstack?event=join", json={}).json() == {"ignored": "join"}
    assert live.client.post("/v1/sources/chirpstack?event=up", json={}).json()["code"] == "chirpstack.malformed"


# --- the command line -----------------------------------------------------------------------------------------------


@pytest.fixture
def twin(tmp_path):
    path = tmp_path / "twin.gpkg"
    store = EmbeddedStore(path, load_catalogue())
    store.write(lambda tx: tx.put_all(devices())).result()
    store.close()
    return path


def logged(path):
    store = EmbeddedStore(path, load_catalogue())
    found = store.events(0, 1000, ("observation",))
    store.close()
    return found


def test_a_file_is_observed_from_the_command_line(twin, tmp_path, capsys):
    file = tmp_path / "readings.csv"
    file.write_bytes(csv(*rows(20, 21, "x")))
    command = ["observe", str(file), "--store", str(twin), "--zone", "+08:00"]
    assert main(command) == 0
    assert "2 readings taken, 0 known already, 1 rejected" in (told := capsys.readouterr().err)
    assert "line 4" in told
    assert main(command) == 0
    assert "0 readings taken, 2 known already" in capsys.readouterr().err
    assert main(["observe", str(tmp_path / "none.csv"), "--store", str(twin)]) == 3
    assert len(logged(twin)) == 2


def test_a_recording_is_repeated_faster_with_its_times_moved_to_now(twin, tmp_path):
    file = tmp_path / "recording.jsonl"
    old = datetime(2020, 5, 1, tzinfo=UTC)
    said = {"device": "R-1", "property": "room_temperature"}
    lines = [
        json.dumps({**said, "result": 20 + n, "phenomenonTime": (old + timedelta(minutes=n)).isoformat()})
        for n in (2, 0, 1)
    ]
    file.write_text("\n".join(lines))
    before = datetime.now(UTC)
    assert main(["replay", str(file), "--store", str(twin), "--speed", "600"]) == 0
    found = logged(twin)
    assert [event.body["result"] for event in found] == [20, 21, 22]
    gaps = [after.occurred_at - first.occurred_at for first, after in pairwise(found)]
    assert gaps == [timedelta(seconds=0.1)] * 2
    assert before <= found[0].occurred_at <= datetime.now(UTC)
    assert main(["replay", str(file), "--store", str(twin), "--speed", "100000", "--keep-times"]) == 0
    assert logged(twin)[-1].occurred_at == old + timedelta(minutes=2)


def test_a_part_of_the_log_is_repeated_and_nothing_else(twin, tmp_path):
    file = tmp_path / "readings.csv"
    file.write_bytes(csv(*rows(20, 21, 22)))
    main(["observe", str(file), "--store", str(twin), "--zone", "+08:00"])
    start, end = NOON.isoformat(), (NOON + timedelta(seconds=2)).isoformat()
    assert main(["replay", "--store", str(twin), "--from", start, "--to", end, "--speed", "1000"]) == 0
    assert [event.body["result"] for event in logged(twin)] == [20, 21, 22, 20, 21]
    assert main(["replay", "--store", str(twin), "--from", start, "--to", end, "--keep-times", "--speed", "1000"]) == 0
    assert len(logged(twin)) == 5


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ([], "replay.moments"),
        (["--speed", "0"], "replay.speed"),
        (["--from", "2026-01-01", "--to", "2026-01-02"], "reading.time"),
        (["--from", "2020-01-01T00:00:00Z", "--to", "2020-01-02T00:00:00Z"], "replay.empty"),
    ],
)
def test_a_replay_that_says_too_little_is_refused(twin, capsys, more, code):
    assert main(["replay", "--store", str(twin), *more]) == 2
    assert code in capsys.readouterr().err
