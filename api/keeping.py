"""Removes what is older than the policy says, once a day, where an installation asks for it."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from gis.errors import LifangError
from layers.retention import Retention, expire
from twin.store import Store

EVERY_S = 24 * 3600.0
_FIRST_AFTER_S = 60.0

_log = logging.getLogger(__name__)


class Keeping:
    """Lets nothing grow old beyond its term.

    Args:
        store: The twin.
        policy: How long what is kept.
        clock: Returns now in UTC.
        first_after_s: How long after the start the first round is made.
    """

    def __init__(
        self, store: Store, policy: Retention, clock: Callable[[], datetime], *, first_after_s: float = _FIRST_AFTER_S
    ) -> None:
        self._store = store
        self._policy = policy
        self._clock = clock
        self._wait_s = first_after_s

    async def run(self) -> None:
        """Make a round a day until cancelled; what the store refuses today is tried again tomorrow."""
        while True:
            await asyncio.sleep(self._wait_s)
            self._wait_s = EVERY_S
            try:
                removed = await asyncio.to_thread(expire, self._store, self._policy, self._clock(), rehearse=False)
            except LifangError as error:
                _log.warning("%s", error)
            else:
                _log.info("retention", extra={"facts": dict(removed)})
