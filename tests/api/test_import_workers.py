"""Uploads with several processes: whichever is asked answers, one works, and when that dies another goes on."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from api import shared_jobs
from api.door import Door, Lost, ask
from api.spool import Spool
from gis.errors import NotFound
from tests.api.conftest import serving
from tests.api.models import model
from tests.api.test_gateway_workers import children, fresh, until, who
from tests.api.test_gateway_workers import serving as serving_workers
from tests.api.test_import_jobs import at_rest, houses, names, number_in, on_disk, rehearsed, send, slow_reading

__all__ = ["slow_reading"]


@pytest.fixture
def two(new_database, tmp_path):
    """Two services over one database and one folder; the first works on the uploads, the second asks it."""
    from twin.postgis import PostgisStore

    with new_database() as url, ExitStack() as stack:

        def opened():
            path = tmp_path / "twin"
            return stack.enter_context(serving(path, opening=lambda _path, known: PostgisStore(url, known)))

        first = opened()
        send(first, houses("零"), layer="building").raise_for_status()
        yield first, opened()


def test_every_process_answers_for_every_upload(two):
    first, second = two
    place, job = rehearsed(second, houses("甲", "乙"), layer="building")
    assert job["state"] == "rehearsed"
    assert first.client.get(place).json() == second.client.get(place).json() == job
    listed = [service.client.get("/v1/imports").json()["jobs"] for service in two]
    assert listed[0] == listed[1]
    assert listed[0][0]["id"] == job["id"]
    assert second.client.post(f"{place}/rehearse", json={"layer": "fence"}).status_code == 202
    assert at_rest(second, place)["options"] == {"layer": "fence"}
    assert second.client.post(f"{place}/rehearse", json={"layer": "building"}).status_code == 202
    with second.client.stream("GET", f"{place}/events") as told:
        assert any('"rehearsed"' in line for line in told.iter_lines())
    assert second.client.post(f"{place}/commit").json()["state"] == "committed"
    assert names(first) == names(second) == ["乙", "甲"]
    assert first.client.get(place).json()["state"] == "committed"


def test_a_fault_is_the_same_whichever_process_tells_it(two):
    place, _ = rehearsed(two[0], houses("甲"), layer="building")
    assert two[1].client.delete(place).json()["state"] == "cancelled"
    for path in (f"{place}/commit", "/v1/imports/none/commit"):
        told = [service.client.post(path) for service in two]
        assert told[0].json() == told[1].json()
        assert told[0].status_code == told[1].status_code
        assert told[0].json()["batch"] in path
    assert send(two[1], houses("甲"), layer="building", colour="red").json()["code"] == "request.parameter"
    assert send(two[1], b"1" * 3 * 1024**2, layer="building").json()["code"] == "import.too_large"


def test_a_cancel_at_another_process_ends_the_reading(two, slow_reading, tmp_path):
    place = send(two[1], model(tmp_path / "house.ifc").read_bytes(), "house.ifc", at="120.2,30.3").headers["location"]
    pid = number_in(slow_reading)
    assert two[1].client.delete(place).json()["state"] == "cancelled"
    until(lambda: True if not Path(f"/proc/{pid}").exists() else None, "the reading ends")
    until(lambda: True if "house.ifc" not in on_disk(two[0]) else None, "the file goes")


def test_only_who_works_counts_its_uploads(two):
    def counted(service):
        lines = service.client.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("lifang_imports{"))

    assert [counted(service) for service in two] == [1, 0]


def test_what_one_process_receives_is_no_leftover_to_another_that_takes_over(tmp_path):
    mine, other = Spool(tmp_path), Spool(tmp_path)
    mine.folder.mkdir()
    with mine.receiving(mine.inbox("coming")):
        mine.inbox("left").mkdir()
        assert other.load() == []
        assert [path.name for path in mine.folder.iterdir()] == ["coming"]


def test_who_does_not_know_the_key_is_not_answered():
    door = Door(lambda question, given: (question, given))
    assert ask(door.address, "listed", (1, "二")) == ("listed", (1, "二"))
    with pytest.raises(Lost):
        ask(door.address._replace(key=b"guessed"), "listed", ())
    door.close()
    with pytest.raises(Lost):
        ask(door.address, "listed", ())
    assert not door.address.path.parent.exists()


def test_a_fault_comes_through_a_door_whole_and_a_mistake_is_told(caplog):
    def answer(question, given):
        raise NotFound("import.unknown", "没有", "Look.", batch="b1") if question == "shown" else KeyError("x")

    door = Door(answer)
    with pytest.raises(NotFound) as told:
        ask(door.address, "shown", ())
    assert (told.value.code, told.value.message, told.value.facts) == ("import.unknown", "没有", {"batch": "b1"})
    with pytest.raises(RuntimeError, match="KeyError"):
        ask(door.address, "listed", ())
    assert "listed" in caplog.text
    door.close()


def test_a_process_that_works_but_does_not_answer_is_named(tmp_path, monkeypatch, service):
    monkeypatch.setattr(shared_jobs, "PATIENCE_S", 0.2)
    other = Spool(service.spool)
    other.claim()
    refused = send(service, houses("甲"), layer="building")
    assert (refused.status_code, refused.json()["code"]) == (503, "import.elsewhere")
    other.release()
    assert send(service, houses("甲"), layer="building").status_code == 202


# --- processes that are killed --------------------------------------------------------------------------------------


def working(process, folder):
    """Number of the process that holds the folder of uploads."""
    lock = str(folder / ".lifang/imports/jobs/lock")
    for pid in children(process.pid):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            if link.exists() and str(link.readlink()) == lock:
                return pid
    return None


def at_both(url, path, method="GET"):
    """Answers of two processes, by process."""
    found = {}

    def asked():
        try:
            with fresh(url) as client:
                answer = client.request(method, path)
        except httpx.HTTPError:
            return None
        found[who(answer)] = answer
        return found if len(found) == 2 else None

    return until(asked, f"two processes answer {path}")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the processes in /proc")
def test_an_upload_outlives_the_processes_that_work_on_it(database, tmp_path):
    with serving_workers(database, tmp_path) as (process, url):
        at_both(url, "/livez")
        file = "many.geojson", houses(*(f"{number}号" for number in range(3000)))
        with fresh(url) as client:
            fields = {"layer": "building", "community": "c1"}
            sent = client.post("/v1/imports", files={"file": file}, data=fields)
            assert sent.status_code == 202, sent.text
            place = sent.headers["location"]
            assert client.get(place).json()["state"] in ("queued", "reading")
        os.kill(working(process, tmp_path), signal.SIGKILL)

        def states():
            found = {answer.json()["state"] for answer in at_both(url, place).values()}
            return True if found == {"rehearsed"} else None

        until(states, "another process reads it again, and both say so")
        os.kill(working(process, tmp_path), signal.SIGKILL)
        until(lambda: working(process, tmp_path), "the other takes over")
        with fresh(url) as client:
            assert client.post(f"{place}/commit").json()["state"] == "committed"
        found = at_both(url, "/v1/query?layers=building&limit=1")
        assert {answer.json()["matched"] for answer in found.values()} == {3000}
