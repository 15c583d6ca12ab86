"""The part of the service that is about incidents, and the clock that drives one-key alarms and supervises time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from api.analysis.ways import Ways
from api.live import LiveOptions, quietly
from api.photos import Photos
from layers.incident.one_key import OneKey
from layers.incident.policy import Policy, load_policy
from layers.incident.supervision import Supervision
from twin.store import Store

TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class Incidents:
    """The collaborators of everything about incidents."""

    policy: Policy
    one_key: OneKey
    supervision: Supervision
    photos: Photos

    async def run(self) -> None:
        """Let time pass for one-key alarms and for steps that are waited for, until cancelled."""
        while True:
            await quietly(self.one_key.tick)
            await quietly(self.supervision.tick)
            await asyncio.sleep(TICK_S)


def incidents_part(store: Store, ways: Ways, clock: Callable[[], datetime], options: LiveOptions) -> Incidents:
    """Return the part of a service that is about incidents."""
    policy = load_policy()
    one_key, supervision = OneKey(store, policy, ways.now, clock), Supervision(store, policy, clock)
    return Incidents(policy, one_key, supervision, Photos(options.photos))
