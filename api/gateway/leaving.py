"""Questions that end before they are answered: their client has left, or they take too long."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.types import Scope

from gis.errors import LifangError, Unavailable
from twin.asker import ASKER, Asker

ANSWER_S = 60.0
"""Until an answer begins; who wants more than can be had in that time asks for less, or on the command line."""
LEFT = 499
"""Status that an answer nobody waited for is counted with, as nginx does."""
_PATIENCE = "lifang.patience"


class Patience:
    """How long somebody waits for an answer: until it begins, it takes too long, or the connection is lost.

    Args:
        scope: The request; :func:`leave` finds its patience there.

    Attributes:
        left: The client went before the answer was whole.
    """

    __slots__ = ("_asker", "_clock", "_token", "left")

    def __init__(self, scope: Scope) -> None:
        self.left = False
        self._asker = Asker()
        self._token = ASKER.set(self._asker)
        self._clock = asyncio.get_running_loop().call_later(ANSWER_S, self._give_up)
        scope[_PATIENCE] = self

    def answered(self) -> None:
        """Let an answer that has begun last as long as it lasts."""
        self._clock.cancel()

    def end(self) -> None:
        """Wait no more."""
        self._clock.cancel()
        ASKER.reset(self._token)

    def leave(self) -> None:
        """Stop what is read for a client that is gone."""
        self.left = True
        self._clock.cancel()
        self._asker.dismiss(LifangError("request.left", "Nobody waits for the answer any more."))

    def _give_up(self) -> None:
        self._asker.dismiss(
            Unavailable(
                "request.too_long",
                f"No answer was found within {ANSWER_S:.0f} s; the work was stopped.",
                "Ask for less (a smaller area, fewer layers, a page), or export on the command line.",
            )
        )


def leave(scope: Mapping[str, Any]) -> None:
    """Let the question of a request end, because its connection has; what writes goes on."""
    patience: Patience | None = scope.get(_PATIENCE)
    if patience is not None:
        patience.leave()
