"""How what importers read becomes places and records that keep their codes."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import shapely
from shapely import affinity

from gis.datum import Datum, convert_geometry
from gis.errors import BadInput, Conflict, NotFound
from layers.catalogue import load_catalogue
from layers.storeys import with_synthetic
from twin import review
from twin.batch import Batch
from twin.embedded import EmbeddedStore
from twin.feature import PlaceDraft, RecordDraft
from twin.intake import decide, take_places
from twin.query import Query
from twin.records import take_records
from twin.spacecode import SpaceCode

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LON, LAT = 120.2, 30.3
M = 1 / 111_000  # degrees per metre, near enough to draw houses


@pytest.fixture(scope="module")
def catalogue():
    return load_catalogue()


@pytest.fixture
def twin(tmp_path, catalogue):
    opened = Twin(tmp_path / "twin.gpkg", catalogue)
    yield opened
    opened.store.close()


class Twin:
    """Short words for what the tests do with a store."""

    def __init__(self, path, catalogue):
        self.now = NOON
        self.store = EmbeddedStore(path, catalogue, lambda: self.now)
        self._numbers = itertools.count()

    def batch(self, source="buildings.shp"):
        self.now += timedelta(minutes=1)
        return Batch(id=f"batch-{next(self._numbers)}", community="c1", source=source, at=self.now)

    def take(self, *drafts, source="buildings.shp", decided=None):
        return self.store.write(lambda tx: take_places(tx, drafts, self.batch(source), decided)).result()

    def records(self, *drafts, layer="device", source="devices.xlsx"):
        return self.store.write(lambda tx: take_records(tx, layer, drafts, self.batch(source))).result()

    def all(self, *layers):
        return self.store.find(Query(layers=layers)).features

    def codes(self, *layers):
        return {place.id for place in self.all(*(layers or ("building",)))}


def house(key="h", east=0.0, north=0.0, width=30.0, depth=12.0, **more):
    west, south = LON + east * M, LAT + north * M
    outline = shapely.box(west, south, west + width * M, south + depth * M)
    return PlaceDraft(**{"kind": "building", "key": key, "geometry": outline, **more})


def moved(draft, east, north=0.0):
    return replace(draft, geometry=affinity.translate(draft.geometry, east * M, north * M))


def estate(n=12):
    """Houses of different widths, so that rows cannot be taken for one another."""
    return [house(f"h{i}", east=60 * (i % 4), north=45 * (i // 4), width=20 + 3 * i) for i in range(n)]


def test_a_resurvey_keeps_every_code_though_all_outlines_moved(twin):
    first = twin.take(*estate())
    second = twin.take(*(moved(draft, 2.2, -1.4) for draft in estate()))
    assert second.codes == first.codes
    assert second.counts["building"] == {"changed": 12}


def test_the_order_of_the_file_does_not_matter(twin, tmp_path, catalogue):
    other = Twin(tmp_path / "other.gpkg", catalogue)
    assert twin.take(*estate()).codes == other.take(*reversed(estate())).codes
    other.store.close()


def test_importing_the_same_again_changes_nothing(twin):
    twin.take(*estate())
    seq, version = twin.store.last_seq(), twin.store.version(["building"])
    again = twin.take(*estate())
    assert again.counts["building"] == {"unchanged": 12}
    assert (twin.store.last_seq(), twin.store.version(["building"])) == (seq, version)


def test_a_building_number_recognises_a_building_whose_outline_is_new(twin):
    first = twin.take(house(identifiers={"building_no": "1"}))
    wing = house(width=90, identifiers={"building_no": "1"})
    assert twin.take(wing).codes == first.codes


def test_the_same_globalid_far_away_is_another_building(twin):
    twin.take(house(identifiers={"ifc:GlobalId": "2O2Fr$t4X7Zf8NOew3FLOH"}))
    twin.take(house(east=900, identifiers={"ifc:GlobalId": "2O2Fr$t4X7Zf8NOew3FLOH"}), source="copy.ifc")
    assert len(twin.codes()) == 2


def test_a_missing_identifier_matches_nothing(twin):
    twin.take(house("a"))
    twin.take(house("b", east=200))
    assert len(twin.codes()) == 2


def doubtful():
    """A footprint that overlaps the standing one by a quarter (IoU)."""
    return house("maybe", east=18, name="新楼")


def test_a_doubtful_footprint_waits_and_nothing_is_minted_or_renamed(twin):
    twin.take(house())
    before = twin.codes()
    taken = twin.take(doubtful(), source="new.shp")
    assert twin.codes() == before
    assert taken.codes == {}
    assert "waits in the review queue" in taken.problems[0]
    (record,) = review.waiting(twin.store)
    assert record.id == "new.shp:maybe"
    assert [one["code"] for one in record.attributes["candidates"]] == list(before)


@pytest.mark.parametrize("same", [True, False])
def test_a_planner_decides_and_the_doubt_does_not_come_back(twin, same):
    (old,) = twin.take(house()).codes.values()
    twin.take(doubtful(), source="new.shp")
    choice = old if same else "new"
    code = twin.store.write(lambda tx: decide(tx, "new.shp:maybe", choice, "王", twin.batch("x"))).result()
    assert (code == old) is same
    assert twin.codes() == {old, code}
    assert review.waiting(twin.store) == ()
    *_, decided, ended = twin.store.history("review", "new.shp:maybe")
    assert (decided.attributes["decision"], decided.attributes["decided_by"]) == (code, "王")
    assert ended.valid_to is not None
    assert twin.take(doubtful(), source="new.shp").codes == {"maybe": code}


def test_a_decision_for_a_building_that_does_not_stand_leaves_the_doubt_waiting(twin):
    twin.take(house())
    twin.take(doubtful(), source="new.shp")
    with pytest.raises(NotFound, match=r"place\.unknown"):
        twin.store.write(lambda tx: decide(tx, "new.shp:maybe", "N51H0429733232-0", "王", twin.batch("x"))).result()
    assert len(review.waiting(twin.store)) == 1


def test_a_doubtful_model_is_refused_whole_until_it_is_said_which_building_it_is(twin):
    (old,) = twin.take(house()).codes.values()
    model = [doubtful(), PlaceDraft(kind="storey", key="s", parent_key="maybe", storey=1)]
    with pytest.raises(Conflict, match=f"import.doubtful_building.*{old}"):
        twin.take(*model, source="m.ifc")
    assert twin.codes("building", "storey", "review") == {old}
    assert twin.take(*model, source="m.ifc", decided={"maybe": old}).codes["maybe"] == old


def test_a_divided_building_leaves_its_code_to_the_larger_part_and_tells_the_descent(twin):
    (old,) = twin.take(house(width=60)).codes.values()
    taken = twin.take(house("large", width=38), house("small", east=38, width=22))
    assert taken.codes["large"] == old
    (split,) = twin.store.descent(old)
    assert (split.kind, split.successor) == ("split", taken.codes["small"])


def test_a_united_building_takes_the_larger_code_and_the_other_ends_with_all_that_is_in_it(twin):
    first = twin.take(house("large", width=38), house("small", east=38, width=22)).codes
    storey = PlaceDraft(kind="storey", key="s", parent_key="small", storey=1)
    twin.take(house("small", east=38, width=22), storey)
    taken = twin.take(house("both", width=60))
    assert taken.codes["both"] == first["large"]
    assert twin.codes("building", "storey") == {first["large"]}
    (merge,) = twin.store.descent(first["small"])
    assert (merge.kind, merge.successor) == ("merge", first["large"])


def test_a_code_is_never_given_a_second_time(twin):
    first = twin.take(house("large", width=38), house("small", east=38, width=22)).codes
    twin.take(house("both", width=60))
    again = twin.take(house("both", width=37), house("small", east=38, width=22)).codes
    assert first["small"] not in again.values()


def test_a_survey_left_in_gcj02_is_refused_and_named(twin):
    twin.take(*estate())
    shifted = [
        replace(draft, geometry=convert_geometry(draft.geometry, Datum.WGS84, Datum.GCJ02)) for draft in estate()
    ]
    with pytest.raises(BadInput, match=r"import\.shifted_datum.*--crs gcj02"):
        twin.take(*shifted)
    assert len(twin.codes()) == 12


def model(**more):
    """A house of two units and a basement."""
    base = house("b", width=40, name="安和里1幢", z_min_m=5.0, z_max_m=12.0, **more)
    rooms = [
        PlaceDraft(
            kind="space",
            key=f"r{unit}{n}",
            parent_key="s1",
            unit=unit,
            room=f"010{n}",
            name=f"010{n}",
            z_min_m=5.0,
            z_max_m=8.0,
            geometry=house(east=20 * (unit - 1) + 9 * n, width=8).geometry,
            identifiers={"ifc:GlobalId": f"{unit}{n}"},
        )
        for unit in (1, 2)
        for n in (1, 2)
    ]
    return [
        base,
        PlaceDraft(kind="unit", key="u1", parent_key="b", unit=1, name="1单元"),
        PlaceDraft(kind="unit", key="u2", parent_key="b", unit=2, name="2单元"),
        PlaceDraft(kind="storey", key="s1", parent_key="b", storey=1, geometry=base.geometry, z_min_m=5.0, z_max_m=8.0),
        PlaceDraft(
            kind="storey", key="s-1", parent_key="b", storey=-1, geometry=base.geometry, z_min_m=1.0, z_max_m=5.0
        ),
        *rooms,
        PlaceDraft(kind="space", key="garage", parent_key="s-1", name="车库", geometry=base.geometry),
    ]


def test_units_storeys_and_rooms_get_codes_that_say_where_they_are(twin):
    codes = twin.take(*model(), source="1.ifc").codes
    b = codes["b"]
    assert codes["u1"] == f"{b}-U01"
    assert (codes["s1"], codes["s-1"]) == (f"{b}-U00-F01", f"{b}-U00-B01")
    assert codes["r12"] == f"{b}-U01-F01-R0102"
    assert codes["garage"].startswith(f"{b}-U00-B01-G")
    parents = {place.id: place.parent for place in twin.all("unit", "storey", "space")}
    assert parents[codes["r12"]] == f"{b}-U01-F01"
    assert parents[f"{b}-U01-F01"] == f"{b}-U01"
    assert parents[codes["u1"]] == parents[codes["s1"]] == b
    rooms = {place.id: place.storey for place in twin.all("space")}
    assert (rooms[codes["r12"]], rooms[codes["garage"]]) == (1, -1)


def test_a_model_whose_globalids_were_all_rewritten_keeps_every_code(twin):
    first = twin.take(*model(), source="1.ifc").codes
    rewritten = [
        replace(draft, identifiers={scheme: f"new{value}" for scheme, value in draft.identifiers.items()})
        for draft in model()
    ]
    assert twin.take(*rewritten, source="1.ifc").codes == first


def test_a_room_whose_door_was_renumbered_keeps_its_code_by_identity(twin):
    first = twin.take(*model(), source="1.ifc").codes
    renumbered = [replace(draft, room="0109") if draft.key == "r12" else draft for draft in model()]
    assert twin.take(*renumbered, source="1.ifc").codes == first


def test_rooms_missing_from_the_next_version_end_and_their_codes_are_not_given_to_others(twin):
    first = twin.take(*model(), source="1.ifc").codes
    taken = twin.take(*(draft for draft in model() if draft.key != "r22"), source="1.ifc")
    assert taken.counts["space"]["ended"] == 1
    assert first["r22"] not in twin.codes("space")
    newcomer = replace(model()[-2], key="x", identifiers={"ifc:GlobalId": "other"})
    taken = twin.take(*(draft for draft in model() if draft.key != "r22"), newcomer, source="1.ifc")
    assert taken.codes["x"] != first["r22"]


def test_a_footprint_replaced_by_a_model_keeps_the_code_and_what_was_known_of_it(twin):
    first = twin.take(house("h", width=40, attributes={"built_year": 1998})).codes
    taken = twin.take(*model(attributes={"storeys": 1}), source="1.ifc")
    assert taken.codes["b"] == first["h"]
    (building,) = twin.all("building")
    assert building.attributes.items() >= {"built_year": 1998, "storeys": 1}.items()
    twin.take(house("h", width=40, attributes={"built_year": 1999}))
    assert len(twin.codes("space")) == 5


def test_a_building_without_footprint_is_reported_and_the_rest_goes_on(twin):
    taken = twin.take(house("a"), house("b", geometry=None, name="无名"))
    assert list(taken.codes) == ["a"]
    assert "无名 has no footprint" in taken.problems[0]


def test_an_outline_across_the_180th_meridian_gets_no_code_and_the_rest_goes_on(twin):
    across = shapely.Polygon([(179.9999, 0), (-179.9999, 0), (-179.9999, 0.001)])
    line = shapely.Polygon([(LON, LAT), (LON + 30 * M, LAT), (LON, LAT)])
    taken = twin.take(house("a"), house("b", geometry=across, name="跨线"), house("c", geometry=line, name="一线"))
    assert list(taken.codes) == ["a"]
    assert len(taken.problems) == 2


def test_a_footprint_that_crosses_itself_still_gets_a_code_in_its_place(twin):
    bow = shapely.Polygon([(LON, LAT), (LON + 40 * M, LAT + 12 * M), (LON + 40 * M, LAT), (LON, LAT + 20 * M)])
    (code,) = twin.take(house("bow", geometry=bow)).codes.values()
    west, south, east, north = SpaceCode(code).parts()["bounds"]
    assert shapely.box(west, south, east, north).distance(bow) < 8 * M
    assert twin.take(house("bow", geometry=bow)).codes == {"bow": code}


def test_a_storey_without_building_is_refused_and_nothing_is_stored(twin):
    with pytest.raises(BadInput, match=r"import\.orphan"):
        twin.take(house("a"), PlaceDraft(kind="storey", key="s", parent_key="gone", storey=1))
    assert twin.codes() == set()


def device(key, **more):
    return RecordDraft(id=key, **more)


def placed(twin):
    return {record.id: (record.place, record.storey) for record in twin.all("device")}


def test_records_find_their_place_by_what_the_row_says_or_by_position_and_height(twin):
    codes = twin.take(*model(attributes={"building_no": "AH-1"}), source="1.ifc").codes
    inside = next(draft for draft in model() if draft.key == "r21").geometry.centroid
    taken = twin.records(
        device("room", where={"building_no": "AH-1", "unit": 1, "storey": 1, "room": "101"}),
        device("storey", where={"building_no": "AH-1", "storey": -1, "room": "9999"}),
        device("building", where={"building_no": "AH-1"}),
        device("code", where={"code": codes["r11"].lower()}),
        device("height", geometry=inside, height_m=6.5),
        device("roof", geometry=inside, height_m=30.0),
        device("flat", geometry=inside),
        device("street", geometry=shapely.Point(LON - 100 * M, LAT), height_m=6.5),
        device("lost", where={"building_no": "AH-9"}),
    )
    b = codes["b"]
    assert placed(twin) == {
        "room": (codes["r11"], 1),
        "storey": (codes["s-1"], -1),
        "building": (b, None),
        "code": (codes["r11"], 1),
        "height": (codes["r21"], 1),
        "roof": (b, None),
        "flat": (b, None),
        "street": (None, None),
        "lost": (None, None),
    }
    assert taken.problems == ["building 'AH-9' is not known (1 records)"]


def test_records_missing_from_the_next_file_of_the_same_name_end(twin):
    twin.records(device("a"), device("b"))
    twin.records(device("c"), source="others.xlsx")
    taken = twin.records(device("a"))
    assert taken.counts["device"] == {"unchanged": 1, "ended": 1}
    assert set(placed(twin)) == {"a", "c"}


def test_an_import_tells_the_log_which_layers_changed(twin):
    twin.take(house())
    (event,) = twin.store.events(0, 10, ("change",))
    assert event.body["layers"] == ["building"]
    assert event.body["counts"] == {"building": {"added": 1}}


def numbered(**more):
    """A footprint that is known to have two storeys, a basement and two units."""
    attributes = {"storey_count": 2, "basement_count": 1, "unit_count": 2, **more}
    return with_synthetic([house("h", width=40, z_min_m=5.0, z_max_m=11.0, attributes=attributes)])


def test_a_building_without_a_model_has_storeys_and_units_with_the_codes_a_model_will_use(twin):
    codes = twin.take(*numbered()).codes
    b = codes["h"]
    heights = {place.id: (place.storey, place.z_min_m, place.z_max_m) for place in twin.all("storey")}
    assert heights == {
        f"{b}-U00-B01": (-1, None, None),
        f"{b}-U00-F01": (1, 5.0, 8.0),
        f"{b}-U00-F02": (2, 8.0, 11.0),
    }
    assert twin.codes("unit") == {f"{b}-U01", f"{b}-U02"}


def test_a_model_replaces_implied_storeys_without_changing_a_code(twin):
    implied = twin.take(*numbered()).codes
    taken = twin.take(*model(), source="1.ifc")
    assert taken.codes["s1"] == implied["h/storey/1"]
    assert taken.codes["s-1"] == implied["h/storey/-1"]
    assert implied["h/storey/2"] not in twin.codes("storey")
    first = next(place for place in twin.all("storey") if place.id == taken.codes["s1"])
    assert (first.source, "derived" in first.attributes) == ("1.ifc", False)


def test_numbers_do_not_overwrite_what_a_model_said(twin):
    codes = twin.take(*model(), source="1.ifc").codes
    twin.take(*numbered())
    storeys = {place.id: place.source for place in twin.all("storey", "space")}
    assert storeys[codes["s1"]] == "1.ifc"
    assert storeys[codes["r12"]] == "1.ifc"


def test_what_an_import_changes_is_told_per_place_and_property(twin):
    twin.take(*model(), source="1.ifc")
    later = [
        replace(draft, name="大堂") if draft.key == "r11" else moved(draft, 0.5) if draft.key == "garage" else draft
        for draft in model()
        if draft.key != "r22"
    ]
    changes = {change.id.rpartition("-")[2]: change for change in twin.take(*later, source="1.ifc").changes}
    assert changes["R0102"].outcome == "ended"
    assert changes["R0101"].properties["name"] == ("0101", "大堂")
    assert changes["G0000"].outcome == "moved"
    assert changes["G0000"].properties["outline_m"][1] == pytest.approx(0.43, abs=0.02)


def test_a_model_of_pipes_does_not_unmake_the_storey_it_runs_through(twin):
    named = {"ifc:GlobalId": "1" * 22}
    storey = PlaceDraft(kind="storey", key="s", parent_key="h", storey=1, name="1层", geometry=house().geometry,
                        z_min_m=0.0, z_max_m=3.0)  # fmt: skip
    twin.take(house(identifiers=named, z_min_m=0.0, z_max_m=9.0), storey, source="architecture.ifc")
    pipes = replace(storey, geometry=None, z_max_m=None, name="管道层")
    twin.take(house(identifiers=named, geometry=None), pipes, source="pipes.ifc")
    (kept,) = twin.all("storey")
    assert (kept.name, kept.z_min_m, kept.z_max_m) == ("管道层", 0.0, 3.0)
    assert kept.geometry.equals(storey.geometry)
