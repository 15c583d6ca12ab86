"""A file that broke off on its way is refused by name, wherever it was cut, and before anything of it is meshed."""

import zipfile

import pytest

from bim_import import Placement, read_ifc
from bim_import.worker import read
from gis.errors import BadInput

AT = Placement(120.1536, 30.2874)
PLACES = 20


@pytest.fixture
def block(house, tmp_path):
    """A house in one building, of either schema: rooms, walls, zones and property sets."""

    def write(schema, name="block.ifc"):
        drawn = house(schema)
        building = drawn.building()
        for number in (1, 2):
            level = drawn.storey(building, f"{number}层", 3.0 * (number - 1))
            rooms = [drawn.space(level, f"{number}0{step}", (4.0 * step, 0, 0)) for step in range(3)]
            walls = [drawn.element("IfcWall", level, (4.0 * step, 0, 0), (0.2, 3, 3)) for step in range(4)]
            drawn.zone(f"{number}单元", *rooms)
            drawn.properties(walls[0], "Pset_WallCommon", IsExternal=("IfcBoolean", True))
        return drawn.write(tmp_path / name)

    return write


def cuts(data):
    """Sizes to cut to: inside the header, around the sections, within the last word, and evenly through the data."""
    header, end = data.index(b"DATA;"), data.rindex(b"ENDSEC;")
    edges = [30, header // 2, header, header + 5, end - 3, end, end + 3]
    return edges + [len(data) * step // PLACES for step in range(1, PLACES + 1 - len(edges))]


def refusal(path, data):
    path.write_bytes(data)
    with pytest.raises(BadInput) as fault:
        read(path, AT, lambda stage, share: None)
    return fault.value.code, fault.value.facts.get("line")


@pytest.mark.parametrize("schema", ["IFC2X3", "IFC4", "IFC4X3"])
def test_a_model_cut_anywhere_is_refused_with_the_line_where_it_ends(block, tmp_path, schema):
    whole = block(schema).read_bytes().replace(b"FILE_NAME('", b"FILE_NAME('#1 ")
    for size in cuts(whole):
        line = whole[:size].count(b"\n") + 1
        assert refusal(tmp_path / "cut.ifc", whole[:size]) == ("ifc.truncated", line), size


def test_an_archive_cut_anywhere_is_refused(block, tmp_path):
    with zipfile.ZipFile(tmp_path / "whole.ifczip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(block("IFC4"), "block.ifc")
    whole = (tmp_path / "whole.ifczip").read_bytes()
    for step in range(PLACES):
        size = len(whole) * step // PLACES
        assert refusal(tmp_path / "cut.ifczip", whole[:size])[0] == ("ifc.bad_zip" if size else "ifc.empty"), size


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_the_reading_process_says_the_same(block, tmp_path, share):
    whole = block("IFC4").read_bytes()
    (tmp_path / "cut.ifc").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BadInput) as fault:
        read_ifc(tmp_path / "cut.ifc", at=AT)
    assert fault.value.code == "ifc.truncated"
    assert fault.value.facts["line"] > 1


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["duplex_A_20110907_revit2011.ifc", "pcert_building_architecture_ifc4x3.ifc"])
def test_a_real_model_cut_anywhere_is_refused_with_the_line_where_it_ends(shared_ifc, tmp_path, name):
    whole = (shared_ifc / "core" / name).read_bytes()
    for size in cuts(whole):
        line = whole[:size].count(b"\n") + 1
        assert refusal(tmp_path / "cut.ifc", whole[:size]) == ("ifc.truncated", line), size
