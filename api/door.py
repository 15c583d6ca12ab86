"""One process works on the uploads; the others of the machine ask it, through a door that only they find.

The door is a Unix socket in a folder of its own; where it is, and the key to it, stands in the file that the working
process holds locked, beside the uploads, which nobody else may read.
"""

import logging
import secrets
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any, NamedTuple

from gis.errors import LifangError

Answer = Callable[[str, tuple[Any, ...]], Any]
_WAITING = 64
_log = logging.getLogger(__name__)


class Address(NamedTuple):
    """Where a door is, and what opens it."""

    path: Path
    key: bytes


class Lost(Exception):
    """Nobody answers at a door: its process has ended, or opens it just now."""


class Door:
    """Answers the other processes, each question on a thread of its own.

    Args:
        answer: Returns the answer to a question by name and arguments, or raises it.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        # Sockets have short names only, and a folder of uploads may lie deep.
        self.address = Address(Path(tempfile.mkdtemp(prefix="lifang-")) / "door", secrets.token_bytes(32))
        self._listener = Listener(str(self.address.path), "AF_UNIX", _WAITING, authkey=self.address.key)
        self._closed = False
        self._thread = threading.Thread(target=self._listen, name="door", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more."""
        self._closed = True
        # A knock lets who listens look up. It waits for no answer: perhaps nobody listens any more.
        with suppress(OSError), socket.socket(socket.AF_UNIX) as knock:
            knock.connect(str(self.address.path))
        self._thread.join(timeout=5)
        self._listener.close()
        remove(self.address)

    def _listen(self) -> None:
        while not self._closed:
            try:
                asker = self._listener.accept()
            except (OSError, EOFError, AuthenticationError):
                continue
            threading.Thread(target=self._serve, args=(asker,), daemon=True).start()

    def _serve(self, asker: "Connection[Any, Any]") -> None:
        with asker, suppress(EOFError, OSError):
            question, given = asker.recv()
            try:
                answer = None if self._closed else self._answer(question, given)
            except LifangError as fault:
                answer = fault
            except Exception as fault:  # noqa: BLE001 - who asked is told, whatever it was
                _log.exception("a question of another process: %s", question)
                answer = RuntimeError(repr(fault))
            asker.send(answer)


def ask(address: Address, question: str, given: tuple[Any, ...]) -> Any:
    """Return what the process behind a door answers.

    Raises:
        Lost: When it does not.
        LifangError: What it raises.
    """
    try:
        with Client(str(address.path), "AF_UNIX", authkey=address.key) as door:
            door.send((question, given))
            answer = door.recv()
    except (OSError, EOFError, AuthenticationError) as error:
        raise Lost from error
    if isinstance(answer, Exception):
        raise answer
    return answer


def remove(address: Address) -> None:
    """Clear away a door, perhaps of a process that was killed."""
    with suppress(OSError):
        address.path.unlink(missing_ok=True)
        address.path.parent.rmdir()
