"""Every store, in turn: what keeps one contract is tried by one set of tests."""

from datetime import UTC, datetime

import pytest

from twin.declaration import Catalogue, parse_layer
from twin.embedded import EmbeddedStore


def layer(name, **more):
    text = {"zh": name, "en": name}
    return parse_layer(
        {"name": name, "title": text, "group": text, "geometry": "any", "style": {"draw": "none"}, **more}, name
    )


CATALOGUE = Catalogue([layer("building"), layer("device"), layer("household", access="aggregate")])


class Clock:
    def __init__(self):
        self.now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def embedded(tmp_path, clock):
    """Opens the embedded store of this test, again and again the same."""
    return lambda: EmbeddedStore(tmp_path / "twin.gpkg", CATALOGUE, clock)


@pytest.fixture
def postgis(database, clock):
    """Opens the PostGIS store of this test, again and again the same."""
    from twin.postgis import PostgisStore

    return lambda: PostgisStore(database, CATALOGUE, clock)


@pytest.fixture(params=["embedded", "postgis"])
def reopen(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def store(reopen):
    opened = reopen()
    yield opened
    opened.close()
