"""Reading in a process of its own: whatever happens there has a name here."""

import subprocess
import sys
import time

import pytest

from bim_import import Placement, read_ifc, reader
from gis.errors import BadInput

AT = Placement(120.1536, 30.2874)


@pytest.fixture
def model(house, tmp_path):
    drawn = house()
    drawn.space(drawn.storey(drawn.building(), "1层", 0.0), "0101")
    return drawn.write(tmp_path / "model.ifc")


def worker_that(monkeypatch, code):
    waiting = "import os, sys, time; sys.stdin.read() or sys.exit(); "
    monkeypatch.setattr(reader, "_WORKER", (sys.executable, "-c", waiting + code))


def fault_of(path, **limits):
    with pytest.raises(BadInput) as fault:
        read_ifc(path, at=AT, **limits)
    return fault.value


def test_a_model_is_read_and_progress_is_told(model):
    told = []
    imported = read_ifc(model, at=AT, progress=lambda stage, share: told.append((stage, share)))
    assert [place.kind for place in imported.places] == ["building", "storey", "space"]
    assert list(dict.fromkeys(stage for stage, _ in told)) == ["open", "georeference", "spaces", "places"]
    assert all(0 <= share <= 1 for _, share in told)
    assert imported.receipt.counts["space"] == 1
    assert imported.receipt.authoring_tool
    assert len(imported.receipt.sha256) == 64


def test_what_the_worker_refuses_is_raised_here_with_its_facts(model):
    with pytest.raises(BadInput) as fault:
        read_ifc(model)
    assert fault.value.code == "ifc.no_position"
    assert fault.value.facts["file"] == "model.ifc"


@pytest.mark.parametrize("signal", ["SIGSEGV", "SIGABRT", "SIGKILL"])
def test_a_killed_worker_is_a_named_error(model, monkeypatch, signal):
    worker_that(monkeypatch, f"import signal; os.kill(os.getpid(), signal.{signal})")
    fault = fault_of(model)
    assert fault.code == "ifc.crashed"
    assert signal in fault.message


def test_a_worker_that_dies_half_way_through_its_answer_is_a_named_error(model, monkeypatch):
    worker_that(monkeypatch, "print('{\"result\": {', flush=True, end=''); sys.stderr.write('oh no'); sys.exit(1)")
    fault = fault_of(model)
    assert fault.code == "ifc.crashed"
    assert fault.facts["last_words"] == "oh no"


def test_a_worker_that_hangs_is_stopped(model, monkeypatch, tmp_path):
    worker_that(monkeypatch, f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    started = time.monotonic()
    assert fault_of(model, time_limit_s=1.0).code == "ifc.timeout"
    assert time.monotonic() - started < 60
    status = (tmp_path / "pid").read_text()
    with pytest.raises(ProcessLookupError):
        reader.os.kill(int(status), 0)


def test_a_real_reading_has_a_time_limit(model):
    assert fault_of(model, time_limit_s=0.05).code == "ifc.timeout"


def test_a_reading_that_needs_too_much_memory_is_a_named_error(model):
    assert fault_of(model, memory_limit_mb=64).code == "ifc.too_large"


def test_who_waits_can_end_the_reading_even_while_the_worker_is_silent(model, monkeypatch, tmp_path):
    class Enough(Exception):
        """Somebody changed their mind."""

    def enough(_stage, _share):
        if (tmp_path / "pid").exists():
            raise Enough

    worker_that(monkeypatch, f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    with pytest.raises(Enough):
        read_ifc(model, at=AT, progress=enough)
    with pytest.raises(ProcessLookupError):
        reader.os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.fixture
def flawed(house, tmp_path):
    """A room and four walls, and a name for what is wrong with the last of them."""

    def write(flaw):
        drawn = house()
        level = drawn.storey(drawn.building(), "1层", 0.0)
        drawn.space(level, "0101")
        *_, bad = [drawn.element("IfcWall", level, (4.0 * step, 0, 0), (1, 1, 3)) for step in range(4)]
        if flaw == "placed in itself":  # the kernel runs out of stack
            bad.ObjectPlacement.PlacementRelTo = bad.ObjectPlacement
        else:  # the kernel never comes back
            (solid,) = bad.Representation.Representations[0].Items
            cut = drawn.add("IfcBooleanResult", "DIFFERENCE", solid, solid)
            cut.FirstOperand = cut
            bad.Representation.Representations[0].Items = (cut,)
        return drawn.write(tmp_path / "flawed.ifc"), bad.GlobalId

    return write


@pytest.mark.parametrize("flaw", ["placed in itself", "cut out of itself"])
def test_a_product_that_takes_the_kernel_down_is_left_out_and_named_and_the_rest_is_read(flawed, flaw, monkeypatch):
    monkeypatch.setattr(reader, "_STALL_S", 3.0)
    path, global_id = flawed(flaw)
    imported = read_ifc(path, at=AT)
    assert [place.kind for place in imported.places] == ["building", "storey", "space"]
    skipped = [notice for notice in imported.receipt.warnings if notice.code == "ifc.product_skipped"]
    assert [notice.global_ids for notice in skipped] == [(global_id,)]
    assert sum(envelope.elements for envelope in imported.envelope) == 3


@pytest.mark.parametrize("kind", ["IfcStair", "IfcSensor"])
def test_what_connects_or_measures_is_left_out_alike(house, tmp_path, kind):
    drawn = house()
    level = drawn.storey(drawn.building(), "1层", 0.0)
    drawn.space(level, "0101")
    sound, bad = (drawn.element(kind, level, (0, 0, 0), (1, 1, 3)) for _ in range(2))
    for one in (sound, bad) if kind == "IfcSensor" else ():
        one.PredefinedType = "SMOKESENSOR"
    bad.ObjectPlacement.PlacementRelTo = bad.ObjectPlacement
    imported = read_ifc(drawn.write(tmp_path / "flawed.ifc"), at=AT)
    skipped = [notice for notice in imported.receipt.warnings if notice.code == "ifc.product_skipped"]
    assert [notice.global_ids for notice in skipped] == [(bad.GlobalId,)]
    assert [device.key for device in imported.devices] == ([sound.GlobalId] if kind == "IfcSensor" else [])


def test_a_product_that_takes_the_kernel_down_does_not_stretch_the_time_allowed(flawed):
    path, _ = flawed("cut out of itself")
    assert fault_of(path, time_limit_s=4.0).code == "ifc.timeout"


def test_the_places_are_handed_out_before_the_envelope(house, tmp_path):
    drawn = house()
    level = drawn.storey(drawn.building(), "1层", 0.0)
    drawn.space(level, "0101")
    drawn.element("IfcWall", level, (0, 0, 0), (4, 0.2, 3))
    placed = []
    imported = read_ifc(drawn.write(tmp_path / "model.ifc"), at=AT, on_places=placed.append)
    assert [(one.places, one.envelope) for one in placed] == [(imported.places, [])]
    assert [(part.key, part.elements, part.triangles) for part in imported.envelope] == [(level.GlobalId, 1, 12)]


def test_what_refuses_the_places_ends_the_reading(model):
    def refuse(_):
        raise BadInput("import.refused", "No.", "None.")

    assert fault_of(model, on_places=refuse).code == "import.refused"


def test_who_reads_several_models_does_not_wait_for_python_to_start(model):
    for _ in range(2):
        read_ifc(model, at=AT)
    waiting = reader.WORKERS._ahead.process
    assert waiting.poll() is None
    with reader.WORKERS.hire(reader._WORKER) as hired:
        assert hired.process.pid == waiting.pid
    assert waiting.poll() is not None


def test_a_worker_started_ahead_that_has_died_costs_nobody_a_reading(model):
    for _ in range(2):
        read_ifc(model, at=AT)
    reader.WORKERS._ahead.process.kill()
    reader.WORKERS._ahead.process.wait()
    assert read_ifc(model, at=AT).receipt.counts["space"] == 1


def test_a_worker_nobody_has_a_model_for_ends_in_peace():
    done = subprocess.run(reader._WORKER, input=b"", capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
