"""A stream that is resumed where the log was thinned is told so, instead of leaving out what is gone."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest

from api.hub import Hub
from api.stream.filter import Filter
from api.stream.sent import server_sent
from layers.catalogue import load_catalogue
from twin.embedded import EmbeddedStore
from twin.event import NewEvent

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def event(number, kind):
    return NewEvent(
        kind=kind, community="c1", subject="s", source="s", source_seq=str(number), occurred_at=NOON, body={}
    )


@pytest.fixture
def store(tmp_path):
    opened = EmbeddedStore(tmp_path / "twin.gpkg", load_catalogue(), lambda: NOON)
    kinds = ("observation", "alarm", "alarm", "alarm")
    opened.write(lambda tx: tx.append_all([event(number, kind) for number, kind in enumerate(kinds)])).result()
    old = NOON + timedelta(hours=1)
    opened.write(lambda tx: tx.sweep(0, old, 9, lambda found: found.seq <= 2)).result()
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("after", "kinds", "second"),
    [
        (0, (), b"event: resync"),
        (1, ("alarm",), b"event: resync"),
        (2, (), b"id: 3"),
        (0, ("observations", "alarm"), b"event: resync"),
    ],
)
def test_who_resumes_before_what_was_removed_is_told_to_resync(store, after, kinds, second):
    async def first_two():
        hub = Hub(store, dict)
        follower = asyncio.create_task(hub.run())
        async with asyncio.timeout(20):
            async with aclosing(server_sent(hub, Filter(kinds=frozenset(kinds)), after)) as parts:
                found = [await anext(parts), await anext(parts)]
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
        return found

    assert asyncio.run(first_two())[1].startswith(second)
