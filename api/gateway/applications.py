"""The applications: they apply, are approved, get a secret shown once, rotate it, are revoked."""

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from api.gateway.families import SCOPES
from api.gateway.limits import Network, networks
from api.secrets import master_key
from gis.errors import BadInput, Conflict, NotFound, TooMany, Unauthenticated, Unavailable
from layers.alarm.record import utc
from layers.device.secrets import derive_key, password
from twin.feature import Feature
from twin.query import Query
from twin.store import Store, Transaction

LAYER, LINES = "application", "application_token"
State = Literal["waiting", "active", "revoked"]
OVERLAP = timedelta(hours=24)
MOST_WAITING = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One application, as its record says.

    Attributes:
        scopes: What it may do.
        allow: Addresses it may call from; empty: any.
        deny: Addresses it may not call from.
        per_second: Calls a second; ``None``: as many as it likes.
        per_day: Calls a day (UTC).
        generation: How often it was given a secret; 0 before it was approved.
        previous_until: Until when the secret before is still good.
    """

    id: str
    name: str
    owner: str
    contact: str | None
    purpose: str | None
    scopes: frozenset[str]
    allow: tuple[Network, ...]
    deny: tuple[Network, ...]
    per_second: int | None
    per_day: int | None
    state: State
    generation: int
    previous_until: datetime | None

    def generations(self, now: datetime) -> tuple[int, ...]:
        """Return the generations whose secrets are good at a moment."""
        if self.state != "active":
            return ()
        overlap = self.previous_until is not None and now < self.previous_until
        return (self.generation, self.generation - 1) if overlap else (self.generation,)

    def shown(self) -> dict[str, Any]:
        """Return everything about it as JSON; it has no secret to show."""
        return {
            "id": self.id,
            "name": self.name,
            "owner": self.owner,
            "contact": self.contact,
            "purpose": self.purpose,
            "scopes": sorted(self.scopes),
            "allow": [str(one) for one in self.allow],
            "deny": [str(one) for one in self.deny],
            "per_second": self.per_second,
            "per_day": self.per_day,
            "state": self.state,
            "generation": self.generation,
            "previous_until": None if self.previous_until is None else self.previous_until.isoformat(),
        }


class Applications:
    """Knows the applications; :meth:`refresh` renews the copy in memory that requests are judged by.

    Args:
        store: Where they live.
        keys: File of the master key that secrets are derived from; ``None``: nobody gets a secret.
        clock: Returns now in UTC.
        community: Where records are filed when the twin holds nothing yet.
    """

    def __init__(
        self, store: Store, keys: Path | None, clock: Callable[[], datetime], community: str | None = None
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._community = community
        self._master: bytes | None = None
        self._known: Mapping[str, Application] = {}
        self._lines: Mapping[str, int] = {}
        self._version = ""
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Read the records again if they have changed."""
        with self._lock:
            version = self._store.version([LAYER, LINES])
            if version != self._version:
                self._known = {one.id: read(one) for one in self._store.find(Query(layers=(LAYER,))).features}
                lines = self._store.find(Query(layers=(LINES,))).features
                self._lines = {one.id: int(one.attributes["serial"]) for one in lines}
                self._version = version

    def listed(self) -> list[Application]:
        """Return all, by name."""
        return sorted(self._known.values(), key=lambda one: (one.name, one.id))

    def one(self, number: str) -> Application:
        """Return one.

        Raises:
            NotFound: ``application.unknown``.
        """
        found = self._known.get(number)
        if found is None:
            raise _unknown(number)
        return found

    def find(self, number: str) -> Application | None:
        """Return one, ``None`` when there is none."""
        return self._known.get(number)

    def serial(self, line: str) -> int:
        """Return the serial of a line of tokens that is good now: 1 until it is refreshed, 0 once it has ended."""
        return self._lines.get(line, 1)

    def apply(self, said: Mapping[str, Any]) -> "Future[Application]":
        """Note that somebody wants to call; nothing is open to them until it is approved.

        Raises:
            BadInput: ``application.unknown_scope``, ``application.bad_address``, ``application.no_community``.
            TooMany: ``application.too_many`` when so many wait already.
        """
        community = self._filed_under()
        if sum(one.state == "waiting" for one in self._known.values()) >= MOST_WAITING:
            raise TooMany("application.too_many", f"{MOST_WAITING} applications wait.", "Ask who approves them.")
        fields = checked(said)
        number = f"app-{secrets.token_hex(6)}"

        def work(transaction: Transaction) -> Application:
            wanted = {**fields, "state": "waiting", "generation": 0}
            record = Feature(layer=LAYER, id=number, community=community, name=wanted.pop("name"), attributes=wanted)
            return self._put(transaction, record)

        return self._store.write(work)

    def change(self, number: str, said: Mapping[str, Any]) -> "Future[Application]":
        """Change what is said of an application: name, owner, scopes, addresses, limits."""
        fields = checked(said)

        def work(transaction: Transaction) -> Application:
            record = _record(transaction, number)
            name = fields.pop("name", record.name)
            return self._put(transaction, replace(record, name=name, attributes={**record.attributes, **fields}))

        return self._store.write(work)

    def renew(self, number: str, overlap: timedelta = timedelta(0)) -> "Future[tuple[Application, str]]":
        """Approve an application, or give it a new secret; the future holds the secret, this once.

        Args:
            number: Of the application.
            overlap: How long the secret before stays good.

        Raises:
            Unavailable: ``keys.no_file`` and what :func:`api.secrets.master_key` raises.

        The future raises ``Conflict`` ``application.revoked``.
        """
        self._need_master()

        def work(transaction: Transaction) -> tuple[Application, str]:
            record, now = _record(transaction, number), self._clock()
            before = record.attributes
            if before["state"] == "revoked":
                raise Conflict(
                    "application.revoked", f"{number} is revoked.", "Let it apply again.", application=number
                )
            until = utc(now + overlap) if before["generation"] and overlap else None
            after = {"state": "active", "generation": before["generation"] + 1, "previous_until": until}
            found = self._put(transaction, replace(record, attributes={**before, **after}))
            return found, password(self.key_of(number, found.generation))

        return self._store.write(work)

    def revoke(self, number: str) -> "Future[Application]":
        """Close everything to an application, for good; its record and its statistics stay."""

        def work(transaction: Transaction) -> Application:
            record = _record(transaction, number)
            after = {"state": "revoked", "previous_until": None}
            return self._put(transaction, replace(record, attributes={**record.attributes, **after}))

        return self._store.write(work)

    def advance(self, number: str, line: str, serial: int, until: datetime) -> "Future[bool]":
        """Make the next serial of a line the good one; one that was used before ends the line, for it was stolen."""
        community = self._filed_under()

        def work(transaction: Transaction) -> bool:
            now = self._clock()
            known = transaction.current(LINES, line)
            good = serial == (1 if known is None else known.attributes["serial"])
            note = {"application": number, "serial": serial + 1 if good else 0, "until": utc(until)}
            transaction.put(Feature(layer=LINES, id=line, community=community, attributes=note, valid_from=now))
            for one in transaction.find(Query(layers=(LINES,))).features:
                if datetime.fromisoformat(one.attributes["until"]) < now:
                    transaction.end(LINES, one.id, now)
            return good

        return self._store.write(work)

    def key_of(self, number: str, generation: int) -> bytes:
        """Return the secret of an application as bytes."""
        return derive_key(self._need_master(), "application", number, generation)

    def token_key(self) -> bytes:
        """Return what signs tokens."""
        return derive_key(self._need_master(), "token", 1)

    def cockpit_key(self) -> bytes | None:
        """Return what signs the sessions of the cockpit, the same in all processes; ``None`` without a master key."""
        return None if self._keys is None else derive_key(self._need_master(), "cockpit", 1)

    def _put(self, transaction: Transaction, record: Feature) -> Application:
        stated = {name: value for name, value in record.attributes.items() if value is not None}
        kept = replace(record, attributes=stated, valid_from=self._clock(), source="lifang:applications", batch=None)
        transaction.put(kept)
        return read(kept)

    def _need_master(self) -> bytes:
        if self._keys is None:
            raise Unavailable("keys.no_file", "This service has no master key.", "Name its file in LIFANG_KEYS.")
        if self._master is None:
            self._master = master_key(self._keys)
        return self._master

    def _filed_under(self) -> str:
        """Return the community of the records: every row of the store has one."""
        known = self._store.communities()
        community = self._community or (known[0] if known else None)
        if community is None:
            raise BadInput(
                "application.no_community", "The twin is empty.", "Import something, or name LIFANG_COMMUNITY."
            )
        return community


def read(record: Feature) -> Application:
    """Return the application that a record holds."""
    said = record.attributes
    until = said.get("previous_until")
    return Application(
        id=record.id,
        name=record.name or record.id,
        owner=said["owner"],
        contact=said.get("contact"),
        purpose=said.get("purpose"),
        scopes=frozenset(said["scopes"]),
        allow=networks(said.get("allow", ())),
        deny=networks(said.get("deny", ())),
        per_second=said.get("per_second"),
        per_day=said.get("per_day"),
        state=said["state"],
        generation=said["generation"],
        previous_until=None if until is None else datetime.fromisoformat(until),
    )


def checked(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of an application, if it can be meant.

    Raises:
        BadInput: ``application.unknown_scope``, ``application.bad_address``.

    >>> checked({"scopes": ["import", "import"], "deny": ["10.0.0.0/8"]})
    {'scopes': ['import'], 'deny': ['10.0.0.0/8']}
    """
    scopes: Sequence[str] = said.get("scopes") or ()
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise BadInput(
            "application.unknown_scope",
            f"There is no scope {', '.join(unknown)}.",
            f"Choose among {', '.join(SCOPES)}.",
            field="scopes",
        )
    for name in ("allow", "deny"):
        networks(said.get(name) or ())
    return {**said, "scopes": sorted(set(scopes))} if "scopes" in said else dict(said)


def _record(transaction: Transaction, number: str) -> Feature:
    found = transaction.current(LAYER, number)
    if found is None:
        raise _unknown(number)
    return found


def _unknown(number: str) -> NotFound:
    return NotFound(
        "application.unknown", f"There is no application {number!r}.", "See lifang app list.", application=number
    )


def not_known() -> Unauthenticated:
    """Return the fault of who names an application that is not, is not approved or is revoked: they look alike."""
    return Unauthenticated(
        "application.not_authenticated",
        "The application is not known, not approved or does not have this secret.",
        "Check its number and its secret; the last one given out is good.",
        error="invalid_client",
    )
