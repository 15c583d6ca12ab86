"""The rule book: shipped rules, what an installation changed, and who switched what on; found by trigger."""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gis.errors import Conflict, NotFound
from layers.device.types import DeviceType
from layers.linkage.rules import Rule, Trigger, load_rules, parse_rule
from twin.event import NewEvent
from twin.feature import Feature
from twin.query import Query
from twin.store import Store, Transaction

LAYER, KIND = "linkage_rule", "linkage_rule"

Found = Sequence[tuple[Rule, Trigger, str]]
"""Rules with the trigger that fits, and a name for it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A rule, whether it is on, and who decided so; ``shipped`` when it is the one that comes with the product."""

    rule: Rule
    enabled: bool
    shipped: bool
    by: str | None = None
    since: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "rule": self.rule.model_dump(mode="json", exclude_none=True, exclude_defaults=True),
            "enabled": self.enabled,
            "shipped": self.shipped,
            "by": self.by,
            "since": None if self.since is None else self.since.isoformat(),
        }


class Rules:
    """All rules at one moment, and those that are on by what triggers them."""

    def __init__(self, standing: Mapping[str, Standing]) -> None:
        self.standing = standing
        self.scheduled: list[tuple[Rule, Trigger, str]] = []
        self._by_key: dict[tuple[str, str], list[tuple[Rule, Trigger, str]]] = defaultdict(list)
        for one in standing.values():
            if one.enabled:
                self._index(one.rule)

    def _index(self, rule: Rule) -> None:
        for number, trigger in enumerate(rule.when):
            entry = (rule, trigger, f"{rule.id}/{number}")
            for key in trigger.waits_for():
                self._by_key[key].append(entry)
            if trigger.schedule is not None:
                self.scheduled.append(entry)

    def on(self, kind: str, name: str) -> Found:
        """Return the rules that wait for this; nothing to pay where none does."""
        return self._by_key.get((kind, name), ())


class RuleBook:
    """Reads and changes the rules of an installation; several threads may ask.

    A shipped rule does nothing until somebody switches it on: what opens doors is tried out first.

    Args:
        store: Where the decisions are kept.
        types: The device catalogue.
        clock: Returns now in UTC.
    """

    def __init__(self, store: Store, types: Mapping[str, DeviceType], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._types = types
        self._clock = clock
        self._lock = threading.Lock()
        self._version = ""
        self._rules = Rules({})

    def rules(self) -> Rules:
        """Return the rules as they stand now."""
        with self._lock:
            version = self._store.version([LAYER])
            if version != self._version:
                self._rules, self._version = Rules(self._read()), version
            return self._rules

    def get(self, name: str) -> Standing:
        """Return one rule.

        Raises:
            NotFound: ``linkage.unknown_rule``.
        """
        found = self.rules().standing.get(name)
        if found is None:
            raise NotFound("linkage.unknown_rule", f"There is no rule {name!r}.", "See GET /v1/linkage/rules.")
        return found

    def write(self, document: Mapping[str, Any], by: str) -> "Future[None]":
        """Write a rule of the installation, or its own version of a shipped one; it stays as on or off as it was.

        Raises:
            BadInput: ``linkage.bad_rule``.
        """
        rule = parse_rule(document, self._types)
        known = self.rules().standing.get(rule.id)
        return self._decide(rule.id, by, "written", enabled=known is not None and known.enabled, rule=rule)

    def switch(self, name: str, by: str, *, on: bool) -> "Future[None]":
        """Switch a rule on or off; who and when is kept. Raises what :meth:`get` raises."""
        standing = self.get(name)
        own = None if standing.shipped else standing.rule
        return self._decide(name, by, "enabled" if on else "disabled", enabled=on, rule=own)

    def remove(self, name: str, by: str) -> "Future[None]":
        """Take back what the installation wrote; a shipped rule is the shipped one again, and off.

        Raises:
            NotFound: ``linkage.unknown_rule``.
            Conflict: ``linkage.shipped`` for a shipped rule that nobody changed.
        """
        standing = self.get(name)
        if standing.shipped:
            raise Conflict("linkage.shipped", f"{name} comes with the product.", "Disable it.", rule=name)
        now, community = self._clock(), self._community()

        def work(transaction: Transaction) -> None:
            transaction.end(LAYER, name, now)
            transaction.append(_told(name, community, "removed", by, now))

        return self._store.write(work)

    def _decide(self, name: str, by: str, what: str, *, enabled: bool, rule: Rule | None) -> "Future[None]":
        now, community = self._clock(), self._community()
        document = None if rule is None else rule.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        stated = {"enabled": enabled, "by": by, "rule": document}

        def work(transaction: Transaction) -> None:
            transaction.put(Feature(layer=LAYER, id=name, community=community, attributes=stated, valid_from=now))
            transaction.append(_told(name, community, what, by, now))

        return self._store.write(work)

    def _community(self) -> str:
        return next(iter(self._store.communities()), "")

    def _read(self) -> dict[str, Standing]:
        found = {name: Standing(rule, enabled=False, shipped=True) for name, rule in load_rules().items()}
        for record in self._store.find(Query(layers=(LAYER,))).features:
            said, own = record.attributes, record.attributes.get("rule")
            rule = found[record.id].rule if own is None and record.id in found else None
            if rule is None and own is None:
                continue  # decided about a shipped rule of an earlier version
            rule = rule or Rule.model_validate(own)
            found[record.id] = Standing(rule, said["enabled"], own is None, said["by"], record.valid_from)
        return found


def _told(name: str, community: str, what: str, by: str, now: datetime) -> NewEvent:
    return NewEvent(
        kind=KIND,
        community=community,
        subject=name,
        source="lifang:linkage_rule",
        source_seq=f"{name}:{what}:{now.isoformat()}",
        occurred_at=now,
        body={"rule": name, "decision": what, "by": by, "at": now.isoformat()},
    )
