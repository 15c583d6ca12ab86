"""Files sent in over HTTP: rehearsed, shown, and stored when somebody agrees; nothing of what is refused stays."""

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import shapely

from api.spool import Job, Spool
from bim_import import reader
from bim_import.workers import Workers
from layers.catalogue import load_catalogue
from tests.api.conftest import serving
from tests.api.models import model
from twin.batch import Batch
from twin.feature import PlaceDraft
from twin.intake import take_places

AT = "120.2,30.3"
BUSY = ("queued", "reading", "committing")


def houses(*names):
    features = [
        {
            "type": "Feature",
            "properties": {"建筑编号": f"AH-{number}", "建筑名称": name, "建筑层数": 2},
            "geometry": shapely.geometry.mapping(shapely.box(west, 30.3, west + 0.0004, 30.3001)),
        }
        for number, name in enumerate(names)
        for west in [120.2 + number * 0.001]
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def send(service, content, name="houses.geojson", **fields):
    return service.client.post("/v1/imports", files={"file": (name, content)}, data=fields)


def at_rest(service, place):
    """Return an import once nothing is done to it any more."""
    for _ in range(600):
        job = service.client.get(place).json()
        if job["state"] not in BUSY:
            return job
        time.sleep(0.05)
    pytest.fail(f"still {job['state']}")


def rehearsed(service, content, name="houses.geojson", **fields):
    sent = send(service, content, name, **fields)
    assert sent.status_code == 202, sent.text
    return sent.headers["location"], at_rest(service, sent.headers["location"])


def names(service):
    found = service.client.get("/v1/query", params={"layers": "building"}).json()["features"]
    return sorted(feature["properties"]["name"] for feature in found)


def on_disk(service):
    folder = service.spool / "jobs"
    return (
        sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".json")
        if folder.exists()
        else []
    )


@pytest.fixture(scope="module")
def shared(serving_at):
    """A service for what leaves no trace."""
    with serving_at() as running:
        yield running


@pytest.fixture
def slow_reading(monkeypatch, tmp_path):
    """Let models be read by a process that never answers; return the file that will hold its number."""
    pid = tmp_path / "pid"
    code = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    workers = Workers()  # new ones start none ahead, which would write its number there too
    monkeypatch.setattr(reader, "WORKERS", workers)
    monkeypatch.setattr(reader, "_WORKER", (sys.executable, "-c", code))
    yield pid
    workers.dismiss()


def number_in(path):
    for _ in range(600):
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.05)
    return pytest.fail("the reading did not begin")


# --- from upload to undo --------------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_a_model_waits_with_its_receipt_and_difference_until_it_is_committed(service, tmp_path):
    place, job = rehearsed(service, model(tmp_path / "house.ifc").read_bytes(), "一号楼.ifc", at=AT)
    assert (job["state"], job["file"]) == ("rehearsed", "一号楼.ifc")
    assert job["receipt"]["georeference"]["method"] == "given"
    assert [change["outcome"] for change in job["difference"]["changes"]] == ["added"] * 3
    assert names(service) == []
    done = service.client.post(f"{place}/commit")
    assert (done.status_code, done.json()["state"]) == (200, "committed")
    assert done.json()["difference"] == job["difference"]
    assert names(service) == ["一号楼"]
    assert on_disk(service) == ["lock"]


@pytest.mark.both_stores
def test_an_import_keeps_one_id_from_the_upload_to_its_undo(service):
    place, job = rehearsed(service, houses("甲", "乙"), layer="building", commit="true")
    assert job["state"] == "committed"
    (listed,) = service.client.get("/v1/imports").json()["imports"]
    assert place == f"/v1/imports/{listed['batch']}"
    assert service.client.post(f"{place}/undo", json={"by": "王"}).json()["taken_back"] == 6
    assert names(service) == []


def test_an_import_of_the_command_line_has_the_same_address(service):
    one = Batch(id="b1", community="c1", source="a.shp", at=datetime.now(UTC))
    draft = PlaceDraft(kind="building", key="h", name="甲", geometry=shapely.box(120.2, 30.3, 120.2004, 30.3002))
    service.store.write(lambda tx: take_places(tx, [draft], one)).result()
    shown = service.client.get("/v1/imports/b1").json()
    assert (shown["state"], shown["source"], shown["counts"]) == ("committed", "a.shp", {"building": {"added": 1}})
    assert service.client.get("/v1/imports/none").json()["code"] == "import.unknown"


def test_the_same_file_again_says_since_when_it_is_there(service):
    first, _ = rehearsed(service, houses("甲"), layer="building", commit="true")
    place, job = rehearsed(service, houses("甲"), layer="building")
    assert job["unchanged_since"] == first.rpartition("/")[2]
    assert service.client.post(f"{place}/commit").json()["state"] == "committed"
    assert len(service.client.get("/v1/imports").json()["imports"]) == 1


def test_the_difference_tells_each_property_and_each_doubt_with_its_cure(service):
    rehearsed(service, houses("甲", "乙"), layer="building", commit="true")
    table = json.loads(houses("疑似", "新名"))
    table["features"][0]["properties"]["建筑编号"] = "ZZ"
    table["features"][0]["geometry"] = shapely.geometry.mapping(shapely.box(120.2002, 30.3, 120.2006, 30.3001))
    _, job = rehearsed(service, json.dumps(table).encode(), layer="building")
    (renamed,) = [one for one in job["difference"]["changes"] if one["layer"] == "building"]
    assert renamed["properties"]["name"] == ["乙", "新名"]
    (doubt,) = job["difference"]["doubtful"]
    assert doubt["name"] == "疑似"
    assert doubt["candidates"][0]["code"]
    assert doubt["decide"].startswith(f"POST /v1/reviews/{doubt['id']}")


@pytest.mark.both_stores
def test_a_commit_stores_what_was_shown_or_nothing(service):
    place, job = rehearsed(service, houses("甲", "乙"), layer="building")
    rehearsed(service, houses("甲"), "other.geojson", layer="building", commit="true")
    refused = service.client.post(f"{place}/commit")
    assert (refused.status_code, refused.json()["code"]) == (409, "import.twin_changed")
    assert names(service) == ["甲"]
    now = service.client.get(place).json()
    assert now["state"] == "rehearsed"
    assert now["difference"] != job["difference"]
    assert service.client.post(f"{place}/commit").json()["difference"] == now["difference"]
    assert names(service) == ["乙", "甲"]


def test_a_file_that_failed_can_be_rehearsed_with_what_was_missing(service, tmp_path):
    place, job = rehearsed(service, model(tmp_path / "house.ifc").read_bytes(), "house.ifc")
    assert (job["state"], job["error"]["code"]) == ("failed", "ifc.no_position")
    assert service.client.post(f"{place}/commit").json()["code"] == "import.wrong_state"
    assert service.client.post(f"{place}/rehearse", json={"at": AT}).status_code == 202
    assert at_rest(service, place)["state"] == "rehearsed"
    assert service.client.post(f"{place}/rehearse", json={"colour": "red"}).json()["code"] == "request.parameter"


def test_progress_is_told_until_the_import_ends(service, tmp_path):
    sent = send(service, model(tmp_path / "house.ifc").read_bytes(), "house.ifc", at=AT, commit="true")
    told = []
    with service.client.stream("GET", f"{sent.headers['location']}/events") as stream:
        told += [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]
    assert told[-1] == {"state": "committed", "stage": "committed", "share": 1.0}
    assert "reading" in [one["state"] for one in told]
    assert service.client.get("/v1/imports/none/events").status_code == 404


# --- giving up, and starting again ----------------------------------------------------------------------------------


def test_a_cancel_ends_the_reading_process_and_removes_the_file(service, slow_reading, tmp_path):
    place = send(service, model(tmp_path / "house.ifc").read_bytes(), "house.ifc").headers["location"]
    pid = number_in(slow_reading)
    assert service.client.delete(place).json()["state"] == "cancelled"
    for _ in range(600):
        if on_disk(service) == ["lock"] and not Path(f"/proc/{pid}").exists():
            break
        time.sleep(0.05)
    assert on_disk(service) == ["lock"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert service.client.delete(place).json()["code"] == "import.wrong_state"
    assert service.store.last_seq() == 0


def test_one_is_read_at_a_time_and_no_more_wait_than_there_is_room_for(service, slow_reading, monkeypatch, tmp_path):
    monkeypatch.setattr("api.jobs.MAX_WAITING", 1)
    content = model(tmp_path / "house.ifc").read_bytes()
    send(service, content, "first.ifc")
    number_in(slow_reading)
    waiting = send(service, content, "second.ifc").headers["location"]
    assert service.client.get(waiting).json()["state"] == "queued"
    refused = send(service, content, "third.ifc")
    assert (refused.status_code, refused.json()["code"]) == (503, "import.queue_full")
    assert on_disk(service) == ["first.ifc", "lock", "second.ifc"]
    assert service.client.delete(waiting).json()["state"] == "cancelled"
    assert send(service, content, "fourth.ifc").status_code == 202


def test_what_waited_waits_again_after_a_restart_and_commits_the_same(tmp_path):
    with serving(tmp_path / "twin.gpkg") as before:
        place, job = rehearsed(before, houses("甲", "乙"), layer="building")
    with serving(tmp_path / "twin.gpkg") as after:
        assert after.client.get(place).json() == job
        assert after.client.post(f"{place}/commit").json()["difference"] == job["difference"]
        assert names(after) == ["乙", "甲"]


def test_what_was_being_read_is_read_again_after_a_restart(tmp_path, slow_reading, monkeypatch):
    with monkeypatch.context() as quick, serving(tmp_path / "twin.gpkg") as before:
        quick.setattr(reader, "_WORKER", reader._WORKER)
        place = send(before, model(tmp_path / "house.ifc").read_bytes(), "house.ifc", at=AT).headers["location"]
        number_in(slow_reading)
    monkeypatch.undo()
    with serving(tmp_path / "twin.gpkg") as after:
        assert at_rest(after, place)["state"] == "rehearsed"


def kept(tmp_path, **values):
    """Leave a job on the disk as a service that was killed would have."""
    spool = Spool(tmp_path / "twin.imports")
    spool.claim()
    now = datetime.now(UTC)
    job = Job(**{
        "id": "j1", "file": "houses.geojson", "community": "c1", "options": {"layer": "building"}, "commit": False,
        "created_at": now, "changed_at": now, **values,
    })  # fmt: skip
    spool.inbox("j1").mkdir()
    (spool.inbox("j1") / job.file).write_bytes(houses("甲"))
    spool.save(job)
    spool.release()


def test_a_file_that_took_the_service_down_twice_is_not_read_a_third_time(tmp_path):
    kept(tmp_path, state="reading", attempts=2)
    with serving(tmp_path / "twin.gpkg") as after:
        assert after.client.get("/v1/imports/j1").json()["error"]["code"] == "import.interrupted"


def test_a_commit_that_was_cut_off_waits_again_unless_it_is_in_the_log(tmp_path):
    kept(tmp_path, state="committing")
    with serving(tmp_path / "twin.gpkg") as after:
        assert after.client.get("/v1/imports/j1").json()["state"] == "rehearsed"
        assert after.client.post("/v1/imports/j1/rehearse", json={}).status_code == 202
        assert at_rest(after, "/v1/imports/j1")["state"] == "rehearsed"
        assert after.client.post("/v1/imports/j1/commit").json()["state"] == "committed"
    kept(tmp_path, state="committing")
    with serving(tmp_path / "twin.gpkg") as after:
        assert after.client.get("/v1/imports/j1").json()["state"] == "committed"


@pytest.mark.parametrize(("state", "days"), [("rehearsed", 15), ("failed", 8)])
def test_what_nobody_decides_on_is_removed_in_the_end(tmp_path, state, days):
    kept(tmp_path, state=state, changed_at=datetime.now(UTC) - timedelta(days=days))
    with serving(tmp_path / "twin.gpkg") as after:
        for _ in range(100):
            if not after.client.get("/v1/imports").json()["jobs"]:
                break
            time.sleep(0.05)
        assert after.client.get("/v1/imports/j1").status_code == 404
    assert not (tmp_path / "twin.imports/jobs/j1").exists()


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../../../evil.geojson", "/etc/evil.geojson", "C:\\temp\\evil.geojson", "a\0/../evil.geojson"]
)
def test_a_name_that_leads_elsewhere_leads_nowhere(shared, name):
    place, job = rehearsed(shared, houses("甲"), name, layer="building")
    assert (job["state"], job["file"]) == ("rehearsed", "evil.geojson")
    assert on_disk(shared) == ["evil.geojson", "lock"]
    shared.client.delete(place)


def _form(*parts, end=b"--x--\r\n"):
    return (
        b"".join(
            b"--x\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + body + b"\r\n" for head, body in parts
        )
        + end
    )


A_FILE = (b'name="file"; filename="a.geojson"', houses("甲"))
REFUSED = {
    "no form": (b"hello", "text/plain", "import.bad_upload"),
    "no boundary": (b"hello", "multipart/form-data", "import.bad_upload"),
    "no file": (_form((b'name="layer"', b"building")), None, "import.bad_upload"),
    "two files": (_form(A_FILE, A_FILE), None, "import.bad_upload"),
    "a form that breaks off": (_form(A_FILE, end=b""), None, "import.bad_upload"),
    "garbage": (b"--x\r\n\x00\xff garbage", None, "import.bad_upload"),
    "a field as long as a file": (_form((b'name="layer"', b"b" * 9999), A_FILE), None, "import.bad_upload"),
    "an unknown option": (_form(A_FILE, (b'name="colour"', b"red")), None, "request.parameter"),
    "an option of the other kind": (_form(A_FILE, (b'name="layer"', b"building"), (b'name="at"', b"1,2")), None, "request.parameter"),
    "a file of the server": (_form(A_FILE, (b'name="layer"', b"building"), (b'name="dem"', b"/etc/passwd")), None, "request.parameter"),
    "a commit that is neither": (_form(A_FILE, (b'name="commit"', b"perhaps")), None, "request.parameter"),
    "a file that is too large": (_form((A_FILE[0], b"1" * (1024**2 + 1))), None, "import.too_large"),
    "far too much": (_form((A_FILE[0], b"1" * 3 * 1024**2)), None, "import.too_large"),
}  # fmt: skip


@pytest.mark.parametrize("fault", REFUSED)
def test_of_an_upload_that_is_refused_nothing_stays(shared, fault):
    body, kind, code = REFUSED[fault]
    before = shared.client.get("/v1/imports").json()
    headers = {"content-type": kind or "multipart/form-data; boundary=x"}
    # In pieces of unknown number, as a phone on a bad line sends them, so that the size is not told beforehand.
    pieces = (body[at : at + 7000] for at in range(0, len(body), 7000))
    refused = shared.client.post("/v1/imports", content=pieces if len(body) < 2 * 1024**2 else body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert refused.json()["cure"]
    assert on_disk(shared) == ["lock"]
    assert shared.client.get("/v1/imports").json() == before


def test_without_a_folder_there_are_no_uploads(tmp_path):
    from api.jobs import Jobs
    from gis.errors import Unavailable

    jobs = Jobs(None, load_catalogue(), None, lambda: datetime.now(UTC))
    with pytest.raises(Unavailable):
        jobs._open()
