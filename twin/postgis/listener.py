"""Hears of the commits of other processes."""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg

from gis.errors import LifangError
from twin.postgis.connection import connect
from twin.postgis.session import CHANNEL

_LOG = logging.getLogger(__name__)
_CHECK_S = 0.2  # how soon close() is noticed
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 10.0


class Listener:
    """Calls ``heard`` in a thread of its own whenever something may have been appended.

    It connects again when the connection is lost, waiting longer from attempt to attempt. After each connecting it
    calls too, because nobody told what happened meanwhile.

    Args:
        parameters: How to connect.
        heard: Called without arguments; must bear being called for nothing.
    """

    def __init__(self, parameters: dict[str, Any], heard: Callable[[], None]) -> None:
        self._parameters = parameters
        self._heard = heard
        self._closed = threading.Event()
        self._pause_s = _FIRST_PAUSE_S
        self._thread = threading.Thread(target=self._run, name="store-listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._listen()
            except (psycopg.Error, LifangError) as error:
                _LOG.warning("not listening to PostgreSQL, next attempt in %.1f s: %s", self._pause_s, error)
                self._closed.wait(self._pause_s)
                self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)

    def _listen(self) -> None:
        with closing(connect(self._parameters)) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            self._heard()
            self._pause_s = _FIRST_PAUSE_S
            while not self._closed.is_set():
                for _ in connection.notifies(timeout=_CHECK_S):
                    self._heard()
