"""A service that is told to removes what is too old, by itself."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from api.keeping import Keeping
from layers.catalogue import load_catalogue
from layers.retention import shipped
from twin.embedded import EmbeddedStore
from twin.event import Reading
from twin.series import Series

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_a_round_is_made_soon_after_the_start_and_what_is_young_stays(tmp_path):
    moments = [NOW - timedelta(days=days) for days in (400, 100, 80, 1)]
    moment = moments[0]
    store = EmbeddedStore(tmp_path / "twin.gpkg", load_catalogue(), lambda: moment)
    for moment in moments:
        reading = Reading(
            community="c1", device="D-1", name="temperature", value=1.0, occurred_at=moment, source="t",
            source_seq=str(moment),
        )  # fmt: skip
        store.write(lambda tx, reading=reading: tx.observe([reading])).result()
    asked = Series(devices=("D-1",))

    async def until_it_is_told():
        told, loop = asyncio.Event(), asyncio.get_running_loop()
        store.subscribe(lambda _seq: loop.call_soon_threadsafe(told.set))
        keeper = asyncio.create_task(Keeping(store, shipped(), lambda: NOW, first_after_s=0.01).run())
        await told.wait()
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper

    asyncio.run(asyncio.wait_for(until_it_is_told(), 30))
    assert store.events(0, 10, ("retention",))
    assert [event.occurred_at for event in store.observations(asked)] == moments[2:]
    store.close()
