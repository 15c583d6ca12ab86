"""``lifang app``: applications on the command line, where the first administrator comes from."""

import pytest

from api.__main__ import main
from layers.catalogue import load_catalogue
from twin.embedded import EmbeddedStore
from twin.feature import Feature


@pytest.fixture
def app(tmp_path, monkeypatch, capsys):
    """The command on a twin that holds one community; returns status and what was printed."""
    path = tmp_path / "twin.gpkg"
    store = EmbeddedStore(path, load_catalogue())
    store.write(lambda tx: tx.put(Feature(layer="street", id="s", community="c1"))).result()
    store.close()
    monkeypatch.setenv("LIFANG_STORE", str(path))

    def run(*arguments):
        status = main(["app", *arguments])
        told = capsys.readouterr()
        return status, told.out.split("\n")[0].split("\t"), told.err

    return run


def test_an_application_is_let_in_listed_given_a_new_secret_and_revoked(app):
    _, (number, first), _ = app("register", "运维", "--owner", "街道", "--scope", "admin", "--deny", "10.0.0.0/8")
    assert len(bytes.fromhex(first)) == 32
    assert app("list")[1] == [number, "active", "运维", "街道", "admin"]
    _, (same, second), _ = app("rotate", number, "--overlap", "0")
    assert (same, second != first) == (number, True)
    assert app("revoke", number)[1] == [number, "revoked"]
    assert app("rotate", number)[::2] == (5, f"lifang: application.revoked: {number} is revoked. Let it apply again.\n")


def test_an_application_nobody_knows_and_an_address_that_is_none_are_told(app):
    assert app("revoke", "app-0")[0] == 3
    assert app("register", "n", "--owner", "o", "--scope", "import", "--allow", "here")[0] == 2
