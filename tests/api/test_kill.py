"""A whole service, killed while readings come in over HTTP: what it answered is stored, whole and once."""

import json
import subprocess
import sys
from pathlib import Path

KILLS = 10
HARNESS = Path(__file__).with_name("kill_harness.py")


def test_ten_killed_services_have_stored_what_they_answered_and_nothing_twice(tmp_path):
    command = [sys.executable, HARNESS, tmp_path / "twin.gpkg", str(KILLS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    turns = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(turns) == KILLS
    before = 0
    for turn in turns:
        assert turn["stored"] == list(range(len(turn["stored"])))
        assert len(turn["stored"]) - turn["answered"] in (0, 6)  # what was answered, and at most what was under way
        assert turn["whole"]
        assert turn["answered"] > before
        before = turn["answered"]
