"""The light envelope of a building is handed out as one scene, and not twice."""

import json
import struct

import pytest

from api.importing import Importer
from bim_import import Placement
from layers.catalogue import load_catalogue
from tests.bim_import.conftest import House


@pytest.fixture
def served(service, tmp_path):
    made = House("IFC4")
    building = made.building()
    for name, z in (("1F", 0.0), ("2F", 3.0)):
        level = made.storey(building, name, z)
        made.space(level, f"{name}01")
        made.element("IfcWall", level, (4, 0, 0), (0.2, 6, 2.7))
    Importer(service.store, load_catalogue(), "c1").ifc(made.write(tmp_path / "h.ifc"), at=Placement(120.1536, 30.2874))
    return service


def codes(served, layer):
    found = served.client.get("/v1/query", params={"layers": layer}).json()["features"]
    return [one["id"] for one in found]


def test_a_building_is_one_scene_of_its_storeys_and_unchanged_is_not_sent_again(served):
    (building,) = codes(served, "building")
    answer = served.client.get(f"/v1/places/{building}/envelope.glb")
    assert answer.headers["content-type"] == "model/gltf-binary"
    scene = json.loads(answer.content[20 : 20 + struct.unpack_from("<I", answer.content, 12)[0]])
    assert len(scene["scenes"][0]["nodes"]) == 1
    assert [len(mesh["primitives"][0]["extras"]["ids"]) for mesh in scene["meshes"]] == [1, 1]
    assert scene["buffers"][0]["byteLength"] == sum(view["byteLength"] for view in scene["bufferViews"])
    again = served.client.get(answer.url, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_a_place_without_envelope_says_so(served):
    refused = served.client.get(f"/v1/places/{codes(served, 'space')[0]}/envelope.glb")
    assert (refused.status_code, refused.json()["code"]) == (404, "envelope.none")
