"""Models that do not say where they stand: put in place by the planner, remembered, and taken back with their import."""

import ifcopenshell
import ifcopenshell.guid
import numpy as np
import pytest
import shapely

from api.import_log import undo_import
from api.import_options import options_of
from api.importing import Importer
from bim_import.frame import frame_at
from bim_import.model import Placement
from gis.errors import BadInput, Conflict, NotFound
from gis.local import LocalFrame, area_m2
from layers.catalogue import load_catalogue
from twin.embedded import EmbeddedStore
from twin.feature import Feature
from twin.query import Query

TRUE = Placement(120.1536, 30.2874, 33.0, 6.0)
ELL = ((0, 0, 20, 8), (0, 8, 8, 22))
SLAB = ((0, 0, 40, 12),)


@pytest.fixture
def store(tmp_path):
    opened = EmbeddedStore(tmp_path / "twin.gpkg", load_catalogue())
    yield opened
    opened.close()


class Model:
    """A house of one storey whose rooms are the given boxes (x, y, width, depth); written again, its GlobalIds stay."""

    def __init__(self, rooms):
        self.rooms = rooms
        self.ids = {}

    def write(self, path, *, moved=(0, 0), north=None):
        file = ifcopenshell.file(schema="IFC4")

        def add(kind, *values, **named):
            return file.create_entity(kind, *values, **named)

        def root(kind, key, **named):
            return add(kind, GlobalId=self.ids.setdefault((kind, key), ifcopenshell.guid.new()), **named)

        def axes(*at):
            return add("IfcAxis2Placement3D", add("IfcCartesianPoint", [float(value) for value in at]))

        direction = add("IfcDirection", north) if north else None
        context = add("IfcGeometricRepresentationContext", None, "Model", 3, 1e-5, axes(0, 0, 0), direction)
        units = add("IfcUnitAssignment", (add("IfcSIUnit", None, "LENGTHUNIT", None, "METRE"),))
        place = add("IfcLocalPlacement", None, axes(*moved, 0))
        project = root("IfcProject", 0, Name="小区", UnitsInContext=units, RepresentationContexts=(context,))
        site, building = root("IfcSite", 0, ObjectPlacement=place), root("IfcBuilding", 0, ObjectPlacement=place)
        storey = root("IfcBuildingStorey", 0, Name="1F", Elevation=0.0, ObjectPlacement=place)
        up, spaces = add("IfcDirection", (0.0, 0.0, 1.0)), []
        for number, (x, y, width, depth) in enumerate(self.rooms):
            flat = add("IfcAxis2Placement2D", add("IfcCartesianPoint", (x + width / 2, y + depth / 2)))
            profile = add("IfcRectangleProfileDef", "AREA", None, flat, float(width), float(depth))
            solid = add("IfcExtrudedAreaSolid", profile, axes(0, 0, 0), up, 3.0)
            body = add("IfcShapeRepresentation", context, "Body", "SweptSolid", (solid,))
            shape = add("IfcProductDefinitionShape", None, None, (body,))
            spaces.append(
                root("IfcSpace", number, Name=f"10{number}", ObjectPlacement=place, Representation=shape)
            )  # fmt: skip
        for whole, parts in ((project, [site]), (site, [building]), (building, [storey]), (storey, spaces)):
            root("IfcRelAggregates", whole.is_a(), RelatingObject=whole, RelatedObjects=parts)
        file.write(str(path))
        return path


def footprint(rooms, at=TRUE):
    return frame_at(at).to_crs84(shapely.union_all([shapely.box(x, y, x + w, y + d) for x, y, w, d in rooms]))


def standing(store, rooms, z_min_m=6.0, code="N51H0429733232-0"):
    feature = Feature(
        layer="building", id=code, community="c1", place=code, geometry=footprint(rooms), z_min_m=z_min_m, z_max_m=9.0
    )
    store.write(lambda transaction: transaction.put(feature)).result()
    return code


def run(store, path, **asked):
    return Importer(store, load_catalogue(), "c1").run(path, options_of(asked))


def only(store, layer="building"):
    (found,) = store.find(Query(layers=(layer,))).features
    return found


def off_m(shape, other):
    frame = LocalFrame.around(other)
    return shapely.hausdorff_distance(*(shapely.normalize(frame.forward(one)) for one in (shape, other)))


def notes(store):
    return store.find(Query(layers=("placement",))).features


def pairs(*points):
    lonlat = frame_at(TRUE).lonlat(points)
    return [f"{x},{y}={lon!r},{lat!r}" for (x, y), (lon, lat) in zip(points, lonlat.tolist(), strict=True)]


def test_pairs_of_points_put_a_model_in_place_and_the_receipt_tells_the_residuals(store, tmp_path):
    report = run(store, Model(ELL).write(tmp_path / "a.ifc"), pair=pairs((0, 0), (20, 0), (0, 30)))
    assert off_m(only(store).geometry, footprint(ELL)) < 0.01
    assert report.receipt.georeference.method == "pairs"
    assert report.receipt.georeference.rotation_deg == pytest.approx(33, abs=1e-3)
    assert max(report.receipt.georeference.evidence["residuals_m"]) < 0.001


def test_a_model_is_laid_onto_its_footprint_becomes_that_building_and_stands_on_its_ground(store, tmp_path):
    code = standing(store, ELL)
    report = run(store, Model(ELL).write(tmp_path / "a.ifc", moved=(500, -80)), fit=code)
    building = only(store)
    assert building.id == code
    assert off_m(building.geometry, footprint(ELL)) < 0.05
    assert [(room.z_min_m, room.z_max_m) for room in store.find(Query(layers=("space",))).features] == [(6.0, 9.0)] * 2
    evidence = report.receipt.georeference.evidence
    assert evidence["building"] == code
    assert evidence["iou"] > 0.99
    assert evidence["runner_up"]["iou"] < 0.8
    assert "ifc.no_height" not in {notice.code for notice in report.receipt.warnings}


def test_a_slab_fits_twice_and_waits_for_a_bearing(store, tmp_path):
    code = standing(store, SLAB)
    path = Model(SLAB).write(tmp_path / "a.ifc")
    with pytest.raises(Conflict) as doubt:
        run(store, path, fit=code)
    assert doubt.value.code == "ifc.fit_ambiguous"
    assert store.find(Query(layers=("space",))).matched == 0
    report = run(store, path, fit=code, bearing=200)
    assert report.receipt.georeference.rotation_deg == pytest.approx(213, abs=0.1)


def test_the_models_own_north_decides_where_a_slab_fits_twice(store, tmp_path):
    turn = np.radians(33.0)
    path = Model(SLAB).write(tmp_path / "a.ifc", north=(-float(np.sin(turn)), float(np.cos(turn))))
    report = run(store, path, fit=standing(store, SLAB))
    assert report.receipt.georeference.evidence["decided_by"] == "true_north"
    assert off_m(only(store).geometry, footprint(SLAB)) < 0.05


def test_the_next_version_stands_where_the_planner_put_the_first(store, tmp_path):
    model = Model(ELL)
    run(store, model.write(tmp_path / "a.ifc"), pair=pairs((0, 0), (20, 30)))
    code = only(store).id
    model.rooms = (*ELL, (8, 8, 6, 10))
    report = run(store, model.write(tmp_path / "a.ifc"))
    assert report.receipt.georeference.method == "remembered"
    assert report.receipt.georeference.statement.startswith("as placed by the planner on 20")
    assert (only(store).id, off_m(only(store).geometry, footprint(model.rooms)) < 0.05) == (code, True)


def test_a_model_of_the_same_name_only_is_placed_too_but_that_is_said(store, tmp_path):
    run(store, Model(ELL).write(tmp_path / "a.ifc"), pair=pairs((0, 0), (20, 30)))
    report = run(store, Model(ELL).write(tmp_path / "a.ifc"))
    assert "ifc.remembered_by_name" in {notice.code for notice in report.receipt.warnings}


def test_a_stranger_is_not_placed_by_memory(store, tmp_path):
    run(store, Model(ELL).write(tmp_path / "a.ifc"), pair=pairs((0, 0), (20, 30)))
    with pytest.raises(BadInput) as fault:
        run(store, Model(ELL).write(tmp_path / "b.ifc"))
    assert fault.value.code == "ifc.no_position"


def test_a_new_repair_replaces_the_one_remembered_and_history_shows_both(store, tmp_path):
    path = Model(ELL).write(tmp_path / "a.ifc")
    run(store, path, pair=pairs((0, 0), (20, 30)))
    run(store, path, at="120.1537,30.2875,33")
    (note,) = notes(store)
    assert note.attributes["placement"]["method"] == "given"
    methods = [one.attributes["placement"]["method"] for one in store.history("placement", note.id)]
    assert methods[0] == "pairs"
    assert methods[-1] == "given"


def test_taking_an_import_back_forgets_the_placement_it_brought(store, tmp_path):
    path = Model(ELL).write(tmp_path / "a.ifc")
    run(store, path, pair=pairs((0, 0), (20, 30)))
    batch = only(store).batch
    undo_import(store, batch, "planner", only(store).recorded_at)
    assert notes(store) == ()
    with pytest.raises(BadInput) as fault:
        run(store, path)
    assert fault.value.code == "ifc.no_position"


def test_a_dry_run_remembers_nothing(store, tmp_path):
    importer = Importer(store, load_catalogue(), "c1", dry_run=True)
    importer.run(Model(ELL).write(tmp_path / "a.ifc"), options_of({"pair": pairs((0, 0), (20, 30))}))
    assert notes(store) == ()


def test_standing_on_a_neighbours_ground_is_said_with_both_codes(store, tmp_path):
    code = standing(store, ((10, 2, 60, 40),))
    report = run(store, Model(ELL).write(tmp_path / "a.ifc"), pair=pairs((0, 0), (20, 30)), same_as="new")
    (said,) = [line for line in report.warnings if "another building" in line]
    assert code in said
    assert area_m2(footprint(ELL)) == pytest.approx(336, abs=0.1)


def test_one_form_field_holds_several_pairs():
    given = pairs((0, 0), (20, 30))
    assert options_of({"pair": ";".join(given)}) == options_of({"pair": given})


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"at": "120.1,30.2", "pair": ["0,0=120.1,30.2"]}, "at and pair"),
        ({"at": "120.1,30.2", "fit": "N51"}, "exclude one another"),
        ({"bearing": 20}, "bearing belongs to fit"),
        ({"crs": "EPSG:4549"}, "crs"),
    ],
)
def test_two_ways_to_place_a_model_exclude_one_another(asked, words):
    with pytest.raises(BadInput) as fault:
        options_of(asked)
    assert fault.value.code == "request.parameter"
    assert words in fault.value.message


def test_a_fit_names_a_building_that_stands_and_has_a_footprint(store, tmp_path):
    path = Model(ELL).write(tmp_path / "a.ifc")
    with pytest.raises(NotFound):
        run(store, path, fit="N51H0429733232-0")
    bare = Feature(layer="building", id="N51H0429733232-0", community="c1", place="N51H0429733232-0")
    store.write(lambda transaction: transaction.put(bare)).result()
    with pytest.raises(BadInput) as fault:
        run(store, path, fit="N51H0429733232-0")
    assert fault.value.code == "ifc.no_footprint"
