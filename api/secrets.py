"""The installation's master key, and who a signed message comes from."""

import os
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gis.errors import Forbidden, NotFound, Unavailable
from layers.alarm.record import utc
from layers.device.registry import Registry
from layers.device.secrets import derive_key, is_password, password, signed
from twin.feature import Feature
from twin.query import Query
from twin.store import Store, Transaction

LAYER = "device_key"
KEY_BYTES = 32


def master_key(path: Path) -> bytes:
    """Return the master key in a file that only the service's account may read; made when there is none.

    Raises:
        Unavailable: ``keys.unreadable``, ``keys.open_to_others``.
    """
    try:
        _make(path)
        if path.stat().st_mode & 0o077:
            raise Unavailable("keys.open_to_others", f"Others may read {path}.", "Say chmod 600 to it.", file=str(path))
        key = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        raise Unavailable(
            "keys.unreadable", f"The master key in {path} cannot be read: {error}.", "See LIFANG_KEYS.", file=str(path)
        ) from error
    if len(key) < KEY_BYTES:
        raise Unavailable("keys.unreadable", f"The master key in {path} is too short.", "See LIFANG_KEYS.")
    return key


def _make(path: Path) -> None:
    """Write a new key unless one is there; of two processes that start together one wins."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()


@dataclass(frozen=True, slots=True)
class Secrets:
    """Issues secrets to devices and tells who signed a message.

    Args:
        store: Where generations are kept.
        registry: The devices.
        file: Holds the master key; read when it is first needed. ``None``: this installation has no secrets.
        clock: Returns now in UTC.
        required: Whether unsigned messages are refused.
    """

    store: Store
    registry: Registry
    file: Path | None
    clock: Callable[[], datetime]
    required: bool = False

    def issue(self, number: str) -> "Future[str]":
        """Give a device a new secret, which makes the old one worthless; the future holds it, this once.

        Raises:
            NotFound: ``device.unknown``.
            Unavailable: ``keys.no_file`` and what :func:`master_key` raises.
        """
        device, master, now = self._device(number), self._master(), self.clock()

        def work(transaction: Transaction) -> str:
            known = transaction.current(LAYER, number)
            generation = 1 if known is None else known.attributes["generation"] + 1
            note = {"generation": generation, "issued_at": utc(now)}
            transaction.put(
                Feature(layer=LAYER, id=number, community=device.community, attributes=note, valid_from=now)
            )
            return password(derive_key(master, "device", device.community, number, generation))

        return self.store.write(work)

    def sender(self, number: str | None, signature: str | None, body: bytes) -> str | None:
        """Return the device that proved to have sent a message, ``None`` for a message nobody signed.

        Raises:
            Forbidden: ``device.unsigned`` where signatures are required, ``device.bad_signature``.
        """
        if number is None and signature is None:
            if self.required:
                raise Forbidden("device.unsigned", "The message bears no signature.", "Sign it with the secret.")
            return None
        if number is None or signature is None or not self._proves(number, lambda key: signed(key, body, signature)):
            raise Forbidden(
                "device.bad_signature", "The message is not signed by the device it names.", "Sign the very bytes sent."
            )
        return number

    def admits(self, number: str, given: str) -> bool:
        """Tell whether this is the password of a device, as a broker asks."""
        return self._proves(number, lambda key: is_password(key, given))

    def _proves(self, number: str, proof: Callable[[bytes], bool]) -> bool:
        device = self.registry.devices().get(number)
        notes = self.store.find(Query(layers=(LAYER,), ids=(number,))).features
        if device is None or not notes:
            return False
        generation = notes[0].attributes["generation"]
        return proof(derive_key(self._master(), "device", device.community, number, generation))

    def _device(self, number: str) -> Feature:
        device = self.registry.devices().get(number)
        if device is None:
            raise NotFound(
                "device.unknown", f"No device {number!r} is registered.", "See GET /v1/devices.", device=number
            )
        return device

    def _master(self) -> bytes:
        if self.file is None:
            raise Unavailable("keys.no_file", "This service has no master key.", "Name its file in LIFANG_KEYS.")
        return master_key(self.file)
