"""The live part of the service: who takes readings, keeps alarms, watches devices, and the clock that drives them."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from api.secrets import Secrets
from gis.errors import LifangError
from layers.alarm.board import Board
from layers.alarm.duty import Duty
from layers.alarm.policy import load_policy
from layers.device.commands import Commands
from layers.device.presence import Watchman
from layers.device.registry import Registry
from layers.device.types import DeviceType
from layers.ingest import Ingest
from layers.linkage.book import RuleBook
from layers.linkage.engine import Engine
from layers.linkage.watched import WatchedStore
from layers.moving.rounds import Patrols
from layers.observation.decode import Clocks
from twin.event import Band
from twin.store import Store

ALARMS_EVERY_S = 1.0
PRESENCE_EVERY_S = 15.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """What an installation decides about its devices and incidents.

    Attributes:
        keys: File of the master key; ``None``: devices get no secrets.
        signed: Unsigned messages are refused.
        clocks: How far a device's clock may be from ours.
        photos: Folder for photos of incidents; ``None`` keeps none.
        bands: Of which properties only exceptions are kept.
        streams: Scheme of a camera's stream reference → address with ``{id}``, where a player finds it.
    """

    keys: Path | None = None
    signed: bool = False
    clocks: Clocks = Clocks()  # noqa: RUF009 - frozen
    streams: Mapping[str, str] = field(default_factory=dict)
    bands: Mapping[str, Band] = field(default_factory=dict)
    photos: Path | None = None


@dataclass(frozen=True, slots=True)
class Live:
    """The collaborators of everything that is about now.

    Attributes:
        store: The store as whoever writes should use it: linkage looks over each transaction.
    """

    store: Store
    registry: Registry
    ingest: Ingest
    board: Board
    duty: Duty
    watchman: Watchman
    patrols: Patrols
    secrets: Secrets
    streams: Mapping[str, str]
    rules: RuleBook
    linkage: Engine
    commands: Commands

    async def run(self) -> None:
        """Let time pass for alarms and devices until cancelled; what was missed while stopped is done at the start."""
        waited_s = 0.0
        while True:
            for tick in (self.duty.tick, self.linkage.tick, self.commands.tick):
                await quietly(tick)
            if waited_s >= PRESENCE_EVERY_S:
                waited_s = 0.0
                await quietly(self.watchman.tick)
                await quietly(self.patrols.tick)
            await asyncio.sleep(ALARMS_EVERY_S)
            waited_s += ALARMS_EVERY_S


def live_part(
    store: Store, types: Mapping[str, DeviceType], clock: Callable[[], datetime], options: LiveOptions
) -> Live:
    """Return the live part of a service on this store."""
    watched = WatchedStore(store)
    store = watched.as_store()
    policy, registry, board = load_policy(), Registry(store, types, clock), Board(store)
    rules = RuleBook(store, types, clock)
    engine = Engine(store, rules, registry, types, clock)
    watched.follow(engine.follow)
    return Live(
        store=store,
        registry=registry,
        ingest=Ingest(
            store, types, clock, policy=policy, clocks=options.clocks, registry=registry, bands=options.bands
        ),
        board=board,
        duty=Duty(store, types, policy, registry, board, clock),
        watchman=Watchman(store, policy, registry, board, clock),
        patrols=Patrols(store, registry, policy, clock),
        secrets=Secrets(store, registry, options.keys, clock, required=options.signed),
        streams=options.streams,
        rules=rules,
        linkage=engine,
        commands=Commands(store, clock),
    )


async def quietly(tick: Callable[[], "Future[Any] | None"]) -> None:
    """Do one round; what the store refuses now, and what fails, is told in the log and tried again in the next."""
    try:
        done = await asyncio.to_thread(tick)
        if done is not None:
            await asyncio.wrap_future(done)
    except LifangError as error:
        _log.warning("%s", error)
    except Exception:  # noqa: BLE001 - one fault must not stop time for everything else
        _log.exception("a round failed")
