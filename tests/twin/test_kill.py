"""Killed at any moment: an import is there whole or not at all; what a gateway was told is stored, is stored once."""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
KILLS = 20


def killed(what, path):
    command = [sys.executable, HERE / "kill_harness.py", what, path, str(KILLS)]
    environment = {"PYTHONPATH": str(HERE.parents[1]), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    turns = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(turns) == KILLS
    return turns


def test_a_killed_import_leaves_the_old_state_or_the_new_one(tmp_path):
    turns = killed("import", tmp_path / "twin.gpkg")
    finished = 0
    for turn in turns:
        before, after, number = turn["before"], turn["after"], turn["number"]
        if after["imports"] == before["imports"]:
            assert after == before
            continue
        finished += 1
        assert after["imports"] == [*before["imports"], f"batch-{number}"]
        assert after["versions"] == [f"v{number}"]
        assert after["counts"] == {"building": 200, "storey": 200, "space": 200 * (2 + number % 2)}
    assert 0 < finished < KILLS  # else the kills did not fall on the imports


def test_a_killed_ingest_has_stored_what_it_acknowledged_and_nothing_twice(tmp_path):
    turns = killed("ingest", tmp_path / "twin.gpkg")
    for turn in turns:
        stored = turn["stored"]
        assert stored == list(range(len(stored)))
        assert len(stored) >= turn["acknowledged"]
        assert len(stored) % 6 == 0  # a message is there whole or not at all
        assert turn["announced"] == len(stored)  # and each observation with the alarm it moved
        assert turn["latest_s"] == (len(stored) - 1 if stored else None)
    assert turns[-1]["acknowledged"] > 100
