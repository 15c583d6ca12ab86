"""The gateway of a service: its applications, what they use, and the loop that keeps both fresh."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.gateway.applications import Applications
from api.gateway.gate import Gate, GatewayOptions
from api.gateway.grants import Grants
from api.gateway.traffic import Traffic
from api.gateway.usage import Usage
from gis.errors import LifangError
from twin.store import Store

FRESH_S = 1.0
"""What another process changed of an application holds here after so long."""
FLUSH_S = 300.0
"""What was counted is added to the store so often."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GatewayPart:
    """The collaborators of everything about applications."""

    applications: Applications
    traffic: Traffic
    usage: Usage
    gate: Gate
    grants: Grants

    async def run(self) -> None:
        """Keep the copies in memory fresh until cancelled."""
        waited_s = 0.0
        while True:
            await self.refresh()
            await asyncio.sleep(FRESH_S)
            waited_s += FRESH_S
            if waited_s >= FLUSH_S:
                waited_s = 0.0
                await self.flush()

    async def refresh(self) -> None:
        """Read again what has changed; what the store refuses now is tried again."""
        try:
            await asyncio.to_thread(self.applications.refresh)
            await asyncio.to_thread(self.usage.refresh)
        except LifangError as error:
            _log.warning("%s", error)

    async def flush(self) -> None:
        """Add to the store what was counted; what cannot be stored now is counted again."""
        taken = self.traffic.take()
        if not taken:
            return
        try:
            await asyncio.wrap_future(await asyncio.to_thread(self.usage.flush, taken))
        except LifangError as error:
            self.traffic.give_back(taken)
            _log.warning("%s", error)
        await self.refresh()

    async def statistics(self, number: str) -> dict[str, Any]:
        """Return what an application called: by day of all processes, by route of this one since it started."""
        await self.flush()
        days = await asyncio.to_thread(self.usage.days, number)
        routes = [{"route": key.route, "method": key.method, **cell.shown()} for key, cell in self.traffic.of(number)]
        return {"application": number, "days": days, "routes": routes}


def gateway_part(store: Store, clock: Callable[[], datetime], options: GatewayOptions) -> GatewayPart:
    """Return the gateway of a service on this store."""
    applications = Applications(store, options.keys, clock, options.community)
    traffic = Traffic()
    usage = Usage(store, traffic, clock)
    gate = Gate(applications, usage, options, clock)
    return GatewayPart(applications, traffic, usage, gate, Grants(applications, gate, clock))
