"""A seeded slice of the fuzz: whatever happens to a file, reading it gives rows or a named error."""

import importlib.util
import random
from pathlib import Path

import pytest

from tests.gis import corpus

_SOURCE = Path(__file__).resolve().parents[1] / "benchmarks" / "fuzz_readers.py"


@pytest.fixture(scope="module")
def fuzz():
    spec = importlib.util.spec_from_file_location("fuzz_readers", _SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("write", [*corpus.AREAS, *corpus.POINTS])
def test_damaged_files_give_rows_or_a_named_error(fuzz, write, tmp_path):
    (tmp_path / "original").mkdir()
    path = write(tmp_path / "original")
    cases = fuzz.cases([(write, path)], tmp_path, random.Random(20_24))
    outcomes = [fuzz.outcome(damaged, options) for (_, _, damaged, options), _ in zip(cases, range(25), strict=False)]
    assert not [outcome for outcome in outcomes if outcome.startswith("FAULT")]


def test_a_reader_that_fails_unnamed_would_be_found(fuzz, monkeypatch, tmp_path):
    monkeypatch.setattr(fuzz, "read_features", lambda *_, **__: 1 / 0)
    assert fuzz.outcome(tmp_path / "a.shp", {}).startswith("FAULT")
