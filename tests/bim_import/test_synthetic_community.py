"""The community's own models come back as they were planned, whatever dialect they are written in."""

import pyproj
import pytest
import shapely

from bim_import.worker import read
from sample_data.frame import lon_lat
from sample_data.ifc_file import write_ifc
from sample_data.site import buildings

GLOBE = pyproj.Geod(ellps="GRS80")
MODELS = [building for building in buildings() if building.model]


@pytest.mark.parametrize("planned", MODELS, ids=lambda planned: planned.no)
def test_a_planned_building_comes_back(tmp_path, planned):
    write_ifc(planned, tmp_path / "model.ifc", 7)
    model = read(tmp_path / "model.ifc", None, lambda stage, share: None)
    building = model.places[0]
    plan = shapely.Polygon([lon_lat(point) for point in planned.footprint.exterior.coords])
    for corner in plan.exterior.coords:
        assert min(GLOBE.inv(*corner, *drawn)[2] for drawn in building.geometry.exterior.coords) < 0.05
    storeys = [place.storey for place in model.places if place.kind == "storey"]
    assert storeys == [*range(-planned.basements, 0), *range(1, planned.storeys + 1)]
    units = [place.unit for place in model.places if place.kind == "unit"]
    assert units == list(range(1, planned.units + 1))
    spaces = [place for place in model.places if place.kind == "space"]
    assert all(space.room and space.geometry is not None for space in spaces)
    assert len({(space.unit, space.storey, space.room) for space in spaces}) == len(spaces)
    first = next(place for place in model.places if place.kind == "storey" and place.storey == 1)
    assert first.z_min_m == pytest.approx(planned.ground_floor_m, abs=0.001)
    assert building.identifiers["building_no"] == planned.no
    assert model.receipt.warnings == ()
