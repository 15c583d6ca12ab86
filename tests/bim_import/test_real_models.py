"""Real models of many tools come out with the rooms and areas their authors gave them."""

import pyproj
import pytest

from bim_import import Placement
from bim_import.worker import read
from gis.errors import BadInput

pytestmark = pytest.mark.shared_data

AT = Placement(120.1536, 30.2874)
GLOBE = pyproj.Geod(ellps="GRS80")


def imported(folder, name, at=None):
    return read(folder / name, at, lambda stage, share: None)


def of(model, kind):
    return [place for place in model.places if place.kind == kind]


def area_m2(place):
    return abs(GLOBE.geometry_area_perimeter(place.geometry)[0])


@pytest.mark.parametrize(
    ("name", "at", "storeys", "spaces", "footprint_m2"),
    [
        ("core/fzk_haus_ac20_ifc4.ifc", None, [1, 2], 7, 143.0),
        ("core/fzk_haus_ac11_ifc2x3.ifc", AT, [1, 2], 7, 143.0),
        ("core/institute_var2_ac11.ifc", None, [-1, 1, 2, 3, 4], 82, 653.0),
        ("core/duplex_A_20110907_revit2011.ifc", None, [1, 2, 3], 21, 207.5),
        ("core/hhs_office_construction_revit2010.ifc", None, [1, 2, 3, 4], 0, 1703.3),
        ("core/office_A_revit2011.ifc", AT, [1, 2, 3], 99, 1860.5),
        ("core/sample_house_revit2015_ifc4.ifc", AT, [1, 2], 4, 146.2),
        ("core/pcert_building_architecture_ifc4x3.ifc", None, [1], 2, 38.4),
        ("core/niedriha_ac9.ifc", AT, [-1, 1, 2, 3], 19, 115.7),
        ("edge/smiley_west_allplan_ifc2x_final.ifc", AT, [-1, 1, 2, 3], 70, 323.8),
        ("edge/institute_var2.ifczip", None, [-1, 1, 2, 3, 4], 82, 653.0),
    ],
)
def test_storeys_rooms_and_outline(shared_ifc, name, at, storeys, spaces, footprint_m2):
    model = imported(shared_ifc, name, at)
    assert [place.storey for place in of(model, "storey")] == storeys
    assert len(of(model, "space")) == spaces
    assert area_m2(of(model, "building")[0]) == pytest.approx(footprint_m2, abs=0.2)


@pytest.mark.parametrize(
    ("name", "rooms"),
    [
        ("core/institute_var2_ac11.ifc", 82),
        ("core/fzk_haus_ac11_ifc2x3.ifc", 7),
        ("core/fzk_haus_ac20_ifc4.ifc", 7),
        ("core/sample_house_revit2015_ifc4.ifc", 4),
    ],
)
def test_the_plans_of_rooms_have_the_areas_their_authors_state(shared_ifc, name, rooms):
    """2-D from 3-D: the gross area, because net leaves out columns, reveals and what is low under a slope."""
    compared = 0
    for place in of(imported(shared_ifc, name, AT), "space"):
        stated = place.attributes["quantities"]["BaseQuantities.GrossFloorArea"]["value"]
        assert area_m2(place) == pytest.approx(stated, rel=2e-3), place.name
        compared += 1
    assert compared == rooms


def test_a_turned_house_stands_in_karlsruhe(shared_ifc):
    model = imported(shared_ifc, "core/fzk_haus_ac20_ifc4.ifc")
    west, south, east, north = of(model, "building")[0].geometry.bounds
    assert 8.4363 < west < east < 8.4368
    assert 49.1003 < south < north < 49.1007
    assert model.receipt.georeference.rotation_deg == pytest.approx(310, abs=0.01)


def test_the_disciplines_of_one_scene_fall_on_one_plot(shared_ifc):
    names = ("architecture_ifc4x3", "architecture_ifc4", "structural_ifc4x3", "hvac_ifc4x3")
    models = [imported(shared_ifc, f"core/pcert_building_{name}.ifc") for name in names]
    one, other = (of(model, "building")[0].geometry for model in models[:2])
    assert one.symmetric_difference(other).area < 1e-13
    assert len({model.receipt.georeference.origin_lon_deg for model in models}) == 1


def test_a_conversion_in_property_sets_beats_the_tools_chicago(shared_ifc):
    model = imported(shared_ifc, "core/duplex_A_20110907_georef_epset.ifc")
    assert model.receipt.georeference.crs == "EPSG:9897"
    assert (model.receipt.georeference.origin_lon_deg, model.receipt.georeference.origin_lat_deg) == pytest.approx(
        (6.122, 49.629), abs=0.001
    )
    assert "ifc.positions_differ" in [notice.code for notice in model.receipt.warnings]


@pytest.mark.parametrize("name", ["geographic-referencing-gk", "geographic-referencing-utm"])
def test_the_official_samples_agree_with_their_own_site(shared_ifc, name):
    model = imported(shared_ifc, f"edge/bsi_{name}.ifc")
    georeference = model.receipt.georeference
    assert GLOBE.inv(georeference.origin_lon_deg, georeference.origin_lat_deg, 8.4336798, 49.095551)[2] < 5
    assert georeference.height_offset_m == 113.7


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("core/office_A_revit2011.ifc", "ifc.no_position"),
        ("core/kit_edc_spaceboundaries.ifc", "ifc.no_position"),
        ("core/pcert_building_landscaping_ifc4x3.ifc", "ifc.no_building"),
        ("edge/indot_pavement_us_survey_ft_ifc4.ifc", "ifc.no_position"),
        ("edge/errorfile.ifc", "ifc.truncated"),
        ("edge/invalid_header.ifc", "ifc.not_step"),
        ("edge/six_spaces.ifcxml", "ifc.xml"),
        ("edge/empty_test.ifc", "ifc.no_building"),
    ],
)
def test_what_cannot_be_placed_is_refused_by_name(shared_ifc, name, code):
    with pytest.raises(BadInput) as fault:
        imported(shared_ifc, name)
    assert fault.value.code == code


def test_a_model_cut_in_half_is_refused(shared_ifc, tmp_path):
    whole = (shared_ifc / "core/duplex_A_20110907_revit2011.ifc").read_bytes()
    (tmp_path / "cut.ifc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput) as fault:
        imported(tmp_path, "cut.ifc", AT)
    assert fault.value.code == "ifc.truncated"


def test_placeholder_boxes_are_no_rooms(shared_ifc):
    model = imported(shared_ifc, "edge/duplex_design_cobie_syntax_error.ifc", AT)
    assert all(space.geometry is None for space in of(model, "space"))
    assert {"ifc.strings_repaired", "ifc.space_too_large"} <= {notice.code for notice in model.receipt.warnings}


def test_japanese_names_in_raw_bytes_are_read(shared_ifc):
    model = imported(shared_ifc, "edge/ac16_japanese_sjis.ifc", AT)
    assert [place.name for place in model.places if place.kind != "space"] == ["日本語用", "1階", "2階", "屋根"]
