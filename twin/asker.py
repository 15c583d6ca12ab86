"""Who waits for an answer: once nobody does, a store's reading stops, the statement that runs included.

The asker of a question travels with its context, through threads too, so that no function between the edge and a store
hands it on. What writes runs on the writer's own thread, knows no asker and is never cut half-way.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from gis.errors import LifangError

_AGAIN_S = 0.5


class Asker:
    """Waits for an answer until it is dismissed.

    Attributes:
        fault: Why nobody waits any more; ``None`` while somebody does.

    >>> asker, stopped = Asker(), threading.Event()
    >>> token = ASKER.set(asker)
    >>> with stoppable(stopped.set):
    ...     asker.dismiss(LifangError("request.left", "Who asked is gone."))
    ...     stopped.wait(5)
    True
    >>> still_asked()
    Traceback (most recent call last):
        ...
    gis.errors.LifangError: request.left: Who asked is gone.
    >>> ASKER.reset(token)
    >>> still_asked()
    """

    __slots__ = ("_lock", "_running", "fault")

    def __init__(self) -> None:
        self.fault: LifangError | None = None
        self._lock = threading.Lock()
        self._running: list[Callable[[], None]] = []

    def dismiss(self, fault: LifangError) -> None:
        """Let what is read for this asker end with a fault, soon; returns at once."""
        self.fault = fault
        if self._running:
            # To stop a statement may mean to wait for a database, which the event loop must not.
            threading.Thread(target=self._stop, name="dismissed", daemon=True).start()

    def _stop(self) -> None:
        """Stop what runs, again until it has ended: between two statements there is nothing to stop."""
        while self._running:
            with self._lock:
                for stop in self._running:
                    stop()
            time.sleep(_AGAIN_S)

    def begin(self, stop: Callable[[], None]) -> None:
        """Note how to stop what begins; it is not called once :meth:`end` has returned."""
        with self._lock:
            self._running.append(stop)

    def end(self, stop: Callable[[], None]) -> None:
        """Forget how to stop what has ended."""
        with self._lock:
            self._running.remove(stop)


ASKER: ContextVar[Asker | None] = ContextVar("asker", default=None)
"""Who waits for what runs in this context; ``None``: the service itself, which waits for as long as it takes."""


def still_asked() -> None:
    """Do nothing while somebody waits for the answer.

    Raises:
        LifangError: The fault with which the asker was dismissed.
    """
    asker = ASKER.get()
    if asker is not None and asker.fault is not None:
        raise asker.fault


def is_dismissed() -> bool:
    """Tell whether nobody waits any more."""
    asker = ASKER.get()
    return asker is not None and asker.fault is not None


@contextmanager
def stoppable(stop: Callable[[], None]) -> Iterator[None]:
    """Let ``stop`` be called, on another thread, when the asker is dismissed meanwhile.

    Raises:
        LifangError: As :func:`still_asked`, before anything runs.
    """
    asker = ASKER.get()
    if asker is None:
        yield
        return
    asker.begin(stop)
    try:
        still_asked()
        yield
    finally:
        asker.end(stop)
