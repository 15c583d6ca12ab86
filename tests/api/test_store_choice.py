"""The setting ``store`` chooses the store: a path the file, an address the database."""

import sys
from pathlib import Path

import pytest

from api.__main__ import main
from api.commands.common import opened, settings
from api.settings import Settings
from gis.errors import Unavailable
from twin.embedded import EmbeddedStore


def test_a_path_is_the_embedded_store(tmp_path):
    with opened(settings(store=str(tmp_path / "twin.gpkg"))) as (store, _):
        assert isinstance(store, EmbeddedStore)


def test_a_path_in_the_environment_is_a_path(monkeypatch):
    monkeypatch.setenv("LIFANG_STORE", "孪生/twin.gpkg")
    assert Settings().store == Path("孪生/twin.gpkg")


def test_an_address_is_the_database(database):
    with opened(settings(store=database)) as (store, catalogue):
        assert type(store).__name__ == "PostgisStore"
        assert "building" in catalogue
        assert store.counts() == {}


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_without_its_driver_the_database_is_refused_with_the_cure(scheme, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("twin.postgis")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with (
        pytest.raises(Unavailable, match=r"store\.no_driver: .*pip install 'psycopg\[binary,pool\]'"),
        opened(settings(store=f"{scheme}://twin@127.0.0.1:1/twin")),
    ):
        pass


def test_the_command_line_imports_into_the_database(database, tmp_path, capsys):
    source = tmp_path / "houses.geojson"
    source.write_text(
        """{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"name": "安和里1幢"},
        "geometry": {"type": "Polygon", "coordinates": [[[117.2, 31.8], [117.2003, 31.8], [117.2003, 31.8002],
        [117.2, 31.8002], [117.2, 31.8]]]}}]}""",
        encoding="utf-8",
    )
    command = ["import", "gis", str(source), "--layer", "building", "--community", "c1", "--store", database]
    assert main(command) == 0, capsys.readouterr().err
    with opened(settings(store=database)) as (store, _):
        assert store.counts()["building"] == 1
        assert [found.name for found in store.search("安和里", 5)] == ["安和里1幢"]
