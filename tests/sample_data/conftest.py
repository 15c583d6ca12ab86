"""One generated community for all tests of this room."""

import json

import pytest

from sample_data import generate


@pytest.fixture(scope="session")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("community")
    generate(folder)
    return folder


@pytest.fixture(scope="session")
def answers(directory):
    return json.loads((directory / "answers.json").read_text(encoding="utf-8"))
