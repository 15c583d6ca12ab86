"""Subscriptions and dead letters as the store keeps them."""

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from api.secrets import Secrets, master_key
from api.webhooks.options import secret_text
from api.webhooks.record import LAYER, Subscription, subscription_of
from gis.errors import Conflict, NotFound, Unavailable
from layers.alarm.record import utc
from layers.device.secrets import derive_key
from twin.event import NewEvent
from twin.feature import Feature
from twin.query import Query
from twin.store import Store, Transaction

POSITION, DEAD = "subscription_position", "dead_letter"


@dataclass(frozen=True, slots=True)
class Desk:
    """Keeps subscriptions.

    Args:
        store: Where.
        secrets: Holds the master key that theirs are derived from.
        clock: Returns now in UTC.
    """

    store: Store
    secrets: Secrets
    clock: Callable[[], datetime]

    def key(self, one: Subscription) -> bytes:
        """Return the key a subscription's calls are signed with; it is kept nowhere.

        Raises:
            Unavailable: ``keys.no_file`` and what :func:`api.secrets.master_key` raises.
        """
        if self.secrets.file is None:
            raise Unavailable("keys.no_file", "This service has no master key.", "Name its file in LIFANG_KEYS.")
        return derive_key(master_key(self.secrets.file), "webhook", one.community, one.id, 1)

    def add(self, one: Subscription) -> "Future[str]":
        """Take in a subscription; the future holds its secret, this once."""
        secret = secret_text(self.key(one))

        def work(transaction: Transaction) -> str:
            transaction.put(one.record())
            transaction.append(status_event(one, "created"))
            return secret

        return self.store.write(work)

    def all(self) -> list[Subscription]:
        """Return the subscriptions that stand, by id."""
        return [subscription_of(record) for record in self.store.find(Query(layers=(LAYER,))).features]

    def one(self, name: str) -> Subscription:
        """Return a subscription.

        Raises:
            NotFound: ``subscription.unknown``.
        """
        found = self.store.find(Query(layers=(LAYER,), ids=(name,))).features
        if not found:
            raise _unknown(name)
        return subscription_of(found[0])

    def end(self, name: str) -> "Future[None]":
        """End a subscription, its position and its dead letters; the future raises ``subscription.unknown``."""
        now = self.clock()

        def work(transaction: Transaction) -> None:
            one = _current(transaction, name)
            transaction.end(LAYER, name, now)
            if transaction.current(POSITION, name) is not None:
                transaction.end(POSITION, name, now)
            for letter in transaction.find(_letters(name)).features:
                transaction.end(DEAD, letter.id, now)
            transaction.append(status_event(replace(one, since=now), "ended"))

        return self.store.write(work)

    def resume(self, name: str) -> "Future[Subscription]":
        """Let a paused subscription go on where it stopped.

        The future raises ``subscription.unknown``, or ``Conflict`` ``subscription.not_paused``.
        """
        now = self.clock()

        def work(transaction: Transaction) -> Subscription:
            before = _current(transaction, name)
            if before.status != "paused":
                raise Conflict("subscription.not_paused", f"{name} is not paused.", "Leave it.", subscription=name)
            after = replace(before, status="active", reason=None, since=now)
            transaction.put(after.record())
            transaction.append(status_event(after, "active"))
            return after

        return self.store.write(work)

    def pause(self, transaction: Transaction, name: str, reason: str) -> None:
        """Stop calling a receiver, inside a transaction; told in the log."""
        if transaction.current(LAYER, name) is not None:
            paused = replace(_current(transaction, name), status="paused", reason=reason, since=self.clock())
            transaction.put(paused.record())
            transaction.append(status_event(paused, "paused"))

    def position(self, one: Subscription) -> int:
        """Return how far a subscription was served."""
        found = self.store.find(Query(layers=(POSITION,), ids=(one.id,))).features
        return int(found[0].attributes["position"]) if found else one.start

    def letters(self, name: str) -> Sequence[Feature]:
        """Return the dead letters of a subscription, oldest first."""
        return sorted(self.store.find(_letters(name)).features, key=lambda one: int(one.attributes["seqs"][0]))

    def wanted(self) -> dict[str, list[Feature]]:
        """Return the dead letters to be sent again, by subscription."""
        found: dict[str, list[Feature]] = {}
        for letter in self.store.find(Query(layers=(DEAD,))).features:
            if letter.attributes["wanted"]:
                found.setdefault(str(letter.attributes["subscription"]), []).append(letter)
        return found

    def redeliver(self, name: str, ids: Sequence[str]) -> "Future[int]":
        """Ask for dead letters to be sent again, for all when none is named; the future holds how many.

        The future raises ``subscription.unknown`` or ``subscription.no_letter``.
        """

        def work(transaction: Transaction) -> int:
            _current(transaction, name)
            letters = {one.id: one for one in transaction.find(_letters(name)).features}
            missing = [one for one in ids if one not in letters]
            if missing:
                raise NotFound(
                    "subscription.no_letter", f"{name} has no dead letter {missing[0]!r:.60}.", "See its dead-letters."
                )
            chosen = [letters[one] for one in ids] or list(letters.values())
            transaction.put_all([_with(letter, wanted=True) for letter in chosen])
            return len(chosen)

        return self.store.write(work)

    def bury(self, transaction: Transaction, one: Subscription, seqs: Sequence[int], reason: str) -> None:
        """Keep what was not taken, inside a transaction."""
        note = {
            "subscription": one.id,
            "seqs": list(seqs),
            "reason": reason,
            "failed_at": utc(self.clock()),
            "wanted": False,
        }
        name = f"{one.id}-{seqs[0]}-{seqs[-1]}"
        transaction.put(Feature(layer=DEAD, id=name, community=one.community, attributes=note))

    def unwanted(self, letter: Feature, reason: str) -> "Future[bool]":
        """Note that sending again failed, too."""
        tried = _with(letter, wanted=False, reason=reason, failed_at=utc(self.clock()))
        return self.store.write(lambda tx: tx.current(DEAD, letter.id) is not None and tx.put(tried))

    def taken(self, letter: Feature) -> "Future[bool]":
        """Note that a dead letter was taken after all."""
        now = self.clock()
        return self.store.write(lambda tx: tx.current(DEAD, letter.id) is not None and tx.end(DEAD, letter.id, now))


def new_id() -> str:
    """Return an id that nobody guesses."""
    return f"sub_{secrets.token_hex(8)}"


def status_event(one: Subscription, status: str, **more: Any) -> NewEvent:
    """Return the event that tells what became of a subscription."""
    body = {"subscription": one.id, "owner": one.owner, "status": status, "reason": one.reason, **more}
    return NewEvent(
        kind="subscription",
        community=one.community,
        subject=one.id,
        source="lifang:subscription",
        source_seq=f"{one.id}:{status}:{one.since.isoformat()}",
        occurred_at=one.since,
        body=body,
    )


def _with(letter: Feature, **changed: Any) -> Feature:
    return replace(letter, attributes={**letter.attributes, **changed})


def _letters(name: str) -> Query:
    return Query(layers=(DEAD,), filters=(("subscription", name),))


def _current(transaction: Transaction, name: str) -> Subscription:
    record = transaction.current(LAYER, name)
    if record is None:
        raise _unknown(name)
    return subscription_of(record)


def _unknown(name: str) -> NotFound:
    return NotFound(
        "subscription.unknown", f"There is no subscription {name!r:.60}.", "See GET /v1/subscriptions.", value=name
    )
