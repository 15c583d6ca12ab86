"""What may be read, and what only as sums."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import shapely

from gis.errors import BadInput, Forbidden
from tests.loop import run
from twin.access import Access
from twin.declaration import Catalogue, parse_layer
from twin.embedded import EmbeddedStore
from twin.feature import Feature
from twin.filter import Every
from twin.query import Query

LONG = 123456789012345678901
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def layer(name, fields=(), **more):
    text = {"zh": name, "en": name}
    declared = [{"title": text, **field} for field in fields]
    return parse_layer(
        {
            "name": name,
            "title": text,
            "group": text,
            "geometry": "any",
            "style": {"draw": "none"},
            "fields": declared,
            **more,
        },
        name,
    )


CATALOGUE = Catalogue(
    [
        layer("building"),
        layer("unit"),
        layer("storey"),
        layer("space"),
        layer("grid"),
        layer("staff", [{"name": "role", "grade": "P1"}, {"name": "phone", "grade": "P2"}]),
        layer(
            "household",
            [
                {"name": "persons", "type": "integer", "grade": "P1"},
                {"name": "compound", "grade": "P0", "indexed": True},
            ],
            access="aggregate",
        ),
    ]
)


@pytest.fixture
def access(tmp_path):
    store = EmbeddedStore(tmp_path / "twin.gpkg", CATALOGUE, lambda: NOON)
    homes = [(1, "A-0", 3), (2, "A-0", 4), (3, "B-0", 4), (4, "C-0-U01-F02-R0201", 9)]
    features = [
        Feature(
            layer="household",
            id=f"H{n}",
            community="c1",
            place=place,
            attributes={"persons": persons, "compound": place[0]},
        )
        for n, place, persons in homes
    ]
    features += [
        Feature(layer="building", id=key, community="c1", place=key, geometry=shapely.box(lon, 30, lon + 0.001, 30.001))
        for key, lon in (("A-0", 120.0), ("B-0", 120.01), ("C-0", 120.02))
    ]
    features += [
        Feature(layer="grid", id="G1", community="c1", geometry=shapely.box(119.99, 29.9, 120.015, 30.1)),
        Feature(layer="grid", id="G2", community="c1", geometry=shapely.box(120.015, 29.9, 120.05, 30.1)),
        Feature(layer="staff", id="S1", community="c1", attributes={"role": "网格员", "phone": "199", "note": "?"}),
        Feature(layer="staff", id="S2", community="c1", attributes={"role": LONG, "phone": "199"}),
        Feature(layer="staff", id="S3", community="c1", attributes={"role": 0.1}),
    ]
    store.write(lambda tx: [tx.put(feature) for feature in features]).result()
    yield Access(store, CATALOGUE)
    store.close()


def test_single_records_about_persons_are_refused(access):
    with pytest.raises(Forbidden, match=r"layer\.aggregate_only"):
        access.find(Query(layers=("building", "household")))
    with pytest.raises(Forbidden, match=r"layer\.aggregate_only"):
        access.rows(Query(layers=("building", "household")))
    with pytest.raises(Forbidden, match=r"layer\.aggregate_only"):
        run(access.rows_async(Query(layers=("building", "household"))))


def test_personal_fields_and_undeclared_ones_beside_them_do_not_leave(access):
    told = [one.attributes for one in access.find(Query(layers=("staff",))).features]
    assert told == [{"role": "网格员"}, {"role": LONG}, {"role": 0.1}]
    rows = [row.attributes for row in access.rows(Query(layers=("staff",))).rows]
    assert rows == ['{"role":"网格员"}', f'{{"role":{LONG}}}', '{"role":0.1}']
    found = run(access.rows_async(Query(layers=("staff",)))).rows
    assert [row.attributes for row in found] == rows


def test_a_personal_field_cannot_be_guessed_by_filtering_on_it(access):
    with pytest.raises(BadInput, match=r"query\.unknown_field"):
        access.find(Query(layers=("staff",), filters=(("phone", "199"),)))


def test_groups_of_too_few_persons_are_suppressed_and_counted(access):
    found = access.aggregate(Query(layers=("household",)), "building", total="persons")
    assert [(g.key, g.count, g.value) for g in found.groups] == [("A-0", 2, 7.0), ("B-0", None, None), ("C-0", 1, 9.0)]
    assert found.suppressed == 1


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ([("compound", "A")], [("A-0", 2, 7.0)]),
        ([("compound", "A"), ("persons", "4")], [("A-0", None, None)]),
        ([("persons", "9"), ("compound", "C")], [("C-0", 1, 9.0)]),
        ([("compound", "A"), ("compound", "B")], []),
    ],
)
def test_filters_narrow_whether_a_field_has_an_index_or_not(access, filters, told):
    asked = Query(layers=("household",), filters=tuple(filters), where=Every(()))
    for query in (asked, replace(asked, where=None)):
        found = access.aggregate(query, "building", total="persons")
        assert [(group.key, group.count, group.value) for group in found.groups] == told
        total = access.total(query, "persons")
        assert (total.count, total.value) == (told[0][1:] if told else (0, 0.0))


def test_grids_and_cells_count_by_the_building_when_the_household_has_no_position(access):
    grids = access.aggregate(Query(layers=("household",)), "grid", total="persons")
    assert [(g.key, g.value) for g in grids.groups] == [("G1", 11.0), ("G2", 9.0)]
    cells = access.aggregate(Query(layers=("household",)), "h3", total="persons", resolution=8)
    assert sum(g.value or 0 for g in cells.groups) == 20.0 or cells.suppressed


def test_storeys_are_told_apart_only_where_the_place_says_which(access):
    found = access.aggregate(Query(layers=("household",)), "storey", total="persons")
    assert [(g.key, g.value) for g in found.groups] == [("C-0-U01-F02", 9.0)]


def test_columns_hold_what_may_be_read_of_open_layers_and_nothing_else(access):
    staff = access.columns(Query(layers=("staff",), ids=("S1",)), ("ids",), ("role",))
    assert (staff.ids, staff.values) == (("S1",), {"role": ("网格员",)})
    with pytest.raises(BadInput, match=r"query\.unknown_field"):
        access.columns(Query(layers=("staff",)), (), ("role", "phone"))
    with pytest.raises(Forbidden, match=r"layer\.aggregate_only"):
        access.columns(Query(layers=("household",)), ("places",))


@pytest.mark.parametrize(
    ("by", "total", "resolution", "code"),
    [
        ("street", None, 9, "aggregate.by"),
        ("h3", "age", 9, "aggregate.field"),
        ("h3", None, 16, "aggregate.resolution"),
    ],
)
def test_an_impossible_grouping_names_what_is_wrong(access, by, total, resolution, code):
    with pytest.raises(BadInput, match=code):
        access.aggregate(Query(layers=("household",)), by, total=total, resolution=resolution)


def test_the_nearest_are_found_however_far_they_are(access):
    def nearest(count, lon=120.0005):
        return [place.id for place in access.nearest(Query(layers=("building",)), lon, 30.0005, count).features]

    assert nearest(1) == ["A-0"]
    assert nearest(2) == ["A-0", "B-0"]
    assert nearest(9) == ["A-0", "B-0", "C-0"]
    assert nearest(1, lon=120.3) == ["C-0"]
    assert nearest(1, lon=150.0) == []
