"""Sources on other machines into the twin; what the twin remembers of them bears no secret."""

import pytest

from api.import_log import imports
from api.importing import Importer
from gis.read import Remote
from layers.catalogue import load_catalogue
from tests.gis import corpus
from twin.embedded import EmbeddedStore
from twin.query import Query


@pytest.fixture
def store(tmp_path):
    opened = EmbeddedStore(tmp_path / "twin.gpkg", load_catalogue())
    yield opened
    opened.close()


def test_a_table_of_postgis_becomes_buildings_and_its_password_is_kept_nowhere(store, database, tmp_path):
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE houses (building_no text, storeys int, geom geometry(Polygon, 4549))")
        for shape, row in zip(*corpus.buildings(), strict=True):
            values = (row["楼栋编号"], row["层数"], shape.wkb)
            connection.execute("INSERT INTO houses VALUES (%s, %s, ST_GeomFromWKB(%s, 4549))", values)
    source = Remote(f"{database}&password=hush")
    importer = Importer(store, load_catalogue(), "c1")
    report = importer.gis(source, "building", table="houses")
    assert report.counts["building"] == {"added": 10}
    again = importer.gis(source, "building", table="houses")
    assert again.unchanged_since is None
    assert again.counts["building"] == {"unchanged": 10}
    assert "hush" not in f"{report} {imports(store)} {store.find(Query(layers=('building',))).features}"
    assert b"hush" not in (tmp_path / "twin.gpkg").read_bytes()


@pytest.mark.parametrize("write", [corpus.citygml, corpus.cityjson, corpus.kmz, corpus.parquet, corpus.zipped])
def test_the_same_buildings_from_another_format_change_nothing_of_the_first(write, store, tmp_path):
    importer = Importer(store, load_catalogue(), "c1")
    importer.gis(corpus.gpkg(tmp_path), "building")
    before = {place.id for place in store.find(Query(layers=("building",))).features}
    importer.gis(write(tmp_path), "building")
    after = {place.id for place in store.find(Query(layers=("building",))).features}
    assert len(before) == 10
    assert after == before
