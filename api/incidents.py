"""The part of the service that is about incidents, and the clock that drives one-key alarms."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from api.analysis.ways import Ways
from api.live import LiveOptions
from api.photos import Photos
from gis.errors import LifangError
from layers.incident.one_key import OneKey
from layers.incident.policy import Policy, load_policy
from twin.store import Store

TICK_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Incidents:
    """The collaborators of everything about incidents."""

    policy: Policy
    one_key: OneKey
    photos: Photos

    async def run(self) -> None:
        """Let time pass for one-key alarms until cancelled."""
        while True:
            try:
                done = await asyncio.to_thread(self.one_key.tick)
                if done is not None:
                    await asyncio.wrap_future(done)
            except LifangError as error:  # what the store refuses now is tried again in the next round
                _log.warning("%s", error)
            await asyncio.sleep(TICK_S)


def incidents_part(store: Store, ways: Ways, clock: Callable[[], datetime], options: LiveOptions) -> Incidents:
    """Return the part of a service that is about incidents."""
    policy = load_policy()
    return Incidents(policy, OneKey(store, policy, ways.now, clock), Photos(options.photos))
