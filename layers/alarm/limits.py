"""Readings against their limits, inside one transaction: what :mod:`layers.alarm.threshold` says, kept and reported."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from layers.alarm.desk import Desk, Report
from layers.alarm.record import utc
from layers.alarm.threshold import Threshold, Watch, judge, wait
from layers.device.types import AlarmType
from twin.feature import Feature
from twin.store import Transaction

LAYER = "alarm_watch"


class Limits:
    """Judges readings by their limits and tells the desk.

    Args:
        transaction: All of it is one.
        desk: Takes the reports.
        rules: All limits by device type and property.
    """

    def __init__(
        self, transaction: Transaction, desk: Desk, rules: Mapping[tuple[str, str], Sequence[Threshold]]
    ) -> None:
        self._transaction = transaction
        self._desk = desk
        self._rules = rules
        self._held: dict[str, Feature | None] = {}

    def read(self, device: Feature, kind: AlarmType, rule: Threshold, value: float, at: datetime, by: str) -> None:
        """Take a reading; the value is in the catalogue's unit."""
        self.wait(device, kind, rule, at, by)
        before = self._watch(device, rule)
        after = judge(rule, before, value, at)
        if after is not None and after != before:
            self._keep(device, rule, after)
        # A value that stays beyond the limit is the same condition: it is not counted again.
        self._tell(device, kind, rule, before, after, by)

    def wait(self, device: Feature, kind: AlarmType, rule: Threshold, now: datetime, by: str) -> None:
        """Let time pass without a reading; a delay that ran out raises or clears."""
        before = self._watch(device, rule)
        if before is None or (after := wait(rule, before, now)) == before:
            return
        self._keep(device, rule, after)
        self._tell(device, kind, rule, before, after, f"{by}:delay")

    def _tell(
        self, device: Feature, kind: AlarmType, rule: Threshold, before: Watch | None, after: Watch | None, by: str
    ) -> None:
        was, holds = before is not None and before.over, after is not None and after.over
        if after is None or was == holds:
            return
        if holds or not self._others_over(device, rule):
            report = Report(holds=holds, at=after.since, by=f"{by}:{rule.property}:{rule.alarm}", cause="rule")
            self._desk.report(device, kind, report)

    def _others_over(self, device: Feature, rule: Threshold) -> bool:
        """Tell whether another property still means the same alarm, as water is bad by turbidity or by chlorine."""
        kind = device.attributes["device_type"]
        own = (rules for (name, _), rules in self._rules.items() if name == kind)
        others = (other for rules in own for other in rules if other.alarm == rule.alarm and other != rule)
        return any((watch := self._watch(device, other)) is not None and watch.over for other in others)

    def _watch(self, device: Feature, rule: Threshold) -> Watch | None:
        key = watch_id(device.id, rule)
        if key not in self._held:
            self._held[key] = self._transaction.current(LAYER, key)
        record = self._held[key]
        return None if record is None else watch_of(record)

    def _keep(self, device: Feature, rule: Threshold, watch: Watch) -> None:
        stated = {"device": device.id, "property": rule.property, "alarm": rule.alarm}
        record = Feature(
            layer=LAYER,
            id=watch_id(device.id, rule),
            community=device.community,
            attributes={**stated, "phase": watch.phase, "since": utc(watch.since)},
        )
        self._transaction.put(record)  # without valid_from: one row a limit, however often the value trembles
        self._held[record.id] = record


def watch_id(device: str, rule: Threshold) -> str:
    """Return the key of the note on a device's reading and limit."""
    return f"{device}:{rule.property}:{rule.alarm}"


def watch_of(record: Feature) -> Watch:
    """Return the watch that a record of the layer holds."""
    return Watch(record.attributes["phase"], datetime.fromisoformat(record.attributes["since"]))
