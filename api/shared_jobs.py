"""The uploads of all processes that share a folder: one works on them, whichever is asked passes it on."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from api.door import Lost, ask
from api.jobs import Jobs
from api.spool import elsewhere
from api.uploads import receive
from gis.errors import Conflict

PATIENCE_S = 5.0
"""So long nobody may work on the uploads, while one process takes over from another, before that is told."""
CHECK_S = 1.0
_AGAIN_S = 0.05


class SharedJobs:
    """Answers for every upload, in whichever process it is worked on.

    Args:
        jobs: What this process does when it is the one that works.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    async def run(self) -> None:
        """Take over whenever no process works on the uploads."""
        while True:
            await asyncio.to_thread(self._jobs.works)
            await asyncio.sleep(CHECK_S)

    def stop(self) -> None:
        """End the reading in hand; another process begins it again, or this one at the next start."""
        self._jobs.stop()

    def own(self) -> list[dict[str, Any]]:
        """Return the uploads that this process works on."""
        return self._jobs.listed()

    def listed(self) -> list[dict[str, Any]]:
        """Return all uploads, newest first."""
        listed: list[dict[str, Any]] = self._ask("listed")
        return listed

    def knows(self, name: str) -> bool:
        """Tell whether there is such an upload."""
        return bool(self._ask("knows", name))

    def shown(self, name: str) -> dict[str, Any]:
        """Return one upload.

        Raises:
            NotFound: ``import.unknown``.
        """
        return self._job("shown", name)

    def rehearse(self, name: str, changed: Mapping[str, str | None]) -> dict[str, Any]:
        """Read an upload again, with some options changed; see :meth:`api.jobs.Jobs.rehearse`."""
        return self._job("rehearse", name, dict(changed))

    def cancel(self, name: str) -> dict[str, Any]:
        """Give an upload up; see :meth:`api.jobs.Jobs.cancel`."""
        return self._job("cancel", name)

    def commit(self, name: str) -> dict[str, Any]:
        """Store what was rehearsed and return it; see :meth:`api.jobs.Jobs.commit`."""
        before = self.shown(name)
        try:
            return self._job("commit", name)
        except Conflict as fault:
            if before["state"] == "rehearsed" and fault.facts.get("state") == "committed":
                return self.shown(name)  # the process that stored it ended before it could say so
            raise

    async def receive(self, headers: Mapping[str, str], stream: AsyncIterator[bytes]) -> dict[str, Any]:
        """Take an upload from the wire and queue it; of one that is refused nothing stays.

        Raises:
            BadInput: ``import.bad_upload``, ``import.too_large``, ``import.which_community``, ``request.parameter``.
            Unavailable: ``import.queue_full``, ``import.elsewhere``, ``import.no_room``.
        """
        await asyncio.to_thread(self._ask, "ready", headers.get("content-length", ""))
        name, spool = uuid.uuid4().hex, self._jobs.spool()
        inbox = spool.inbox(name)
        with spool.receiving(inbox):
            try:
                upload = await receive(stream, headers.get("content-type", ""), inbox, self._jobs.limit_bytes)
                return await asyncio.to_thread(self._job, "submit", name, upload)
            except BaseException:
                await asyncio.shield(asyncio.to_thread(spool.forget, name))
                raise

    def _job(self, question: str, *given: Any) -> dict[str, Any]:
        told: dict[str, Any] = self._ask(question, *given)
        return told

    def _ask(self, question: str, *given: Any) -> Any:
        """Answer here, or return the answer of the process that works; ask again while one takes over."""
        until = time.monotonic() + PATIENCE_S
        while not self._jobs.works():
            address = self._jobs.spool().door()
            with suppress(Lost):  # who worked has ended, and another is about to take over
                if address is not None:
                    return ask(address, question, given)
            if time.monotonic() > until:
                raise elsewhere()
            time.sleep(_AGAIN_S)
        return self._jobs.answer(question, given)
