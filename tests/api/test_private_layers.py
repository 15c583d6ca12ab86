"""A private layer has history like any other, and no face knows of it."""

import json

import pytest

from layers.catalogue import load_catalogue
from twin.declaration import Catalogue, parse_layer
from twin.feature import Feature

NOTES = parse_layer(
    {
        "name": "notes",
        "title": {"zh": "备注", "en": "Notes"},
        "group": {"zh": "治理", "en": "Governance"},
        "geometry": "none",
        "access": "private",
        "style": {"draw": "none"},
    },
    "notes.yaml",
)


@pytest.fixture(scope="module")
def client(serving_at):
    catalogue = Catalogue([*load_catalogue().values(), NOTES])
    with serving_at(catalogue) as service:
        service.put(Feature(layer="notes", id="n1", community="c1", name="whisper"))
        yield service.client


@pytest.mark.parametrize(
    "path",
    [
        "/v1/query?layers=notes",
        "/v1/aggregate?layer=notes&by=community",
        "/v1/pack/notes",
        "/v1/search?q=whisper&layers=notes",
        "/v1/export?format=geojson&layers=notes",
        "/ogc/collections/notes/items",
    ],
)
def test_asking_for_a_private_layer_is_asking_for_one_that_does_not_exist(client, path):
    answer = client.get(path)
    assert answer.status_code == 404, answer.text
    assert answer.json()["code"] == "layer.unknown"


@pytest.mark.parametrize("path", ["/v1/layers", "/v1/scene", "/v1/health", "/ogc/collections", "/v1/search?q=whisper"])
def test_no_list_names_a_private_layer(client, path):
    assert "notes" not in json.dumps(client.get(path).json())
