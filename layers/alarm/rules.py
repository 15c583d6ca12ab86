"""The alarm as ISA-18.2 / IEC 62682 know it: *active or cleared* × *acknowledged or not*, and shelved beside it.

    normal ──raise──► active, unacknowledged ──acknowledge──► active, acknowledged
                        │        ▲                                 │
                      clear    raise                             clear
                        ▼        │                                 ▼
              cleared, unacknowledged ──acknowledge──────────►  normal (closed)

A condition that cleared before anybody saw it is not normal: it stays on the list until acknowledged, because
otherwise a brief fault at night would leave no trace.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from gis.errors import BadInput, Conflict

Cause = Literal["reported", "rule", "silence"]
Ending = Literal["reading", "timeout", "handled", "retired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One condition of one device; there is at most one open alarm for a device and type.

    Attributes:
        device: Number of the device that reports it; for the silence of a whole building, its key.
        type: Name in the device catalogue, such as ``fire_smoke``.
        cell: H3 cell, for what a camera sees at changing places; else ``None``.
        severity: 1 (I, worst) to 4 (IV).
        cause: Who raised it: the device, a rule on its readings, or its silence.
        count: How often the condition was reported since it was raised.
        raised_at: When the condition began (phenomenon time).
        last_seen: When it was last reported.
        changed_at: When the state last changed.
        timeout_s: A passing event is over this long after its last report; ``None`` for a condition that lasts.
        ended_by: How it cleared; ``None`` while active.
        handled_by: Who dealt with it; ``result`` is what they found.
        shelved_until: Until when it does not announce itself; ``None`` when it is not shelved.
        transitions: The newest moments at which it was raised or cleared.
        flapping: It goes to and fro too often to be announced each time.
    """

    device: str
    type: str
    cell: str | None = None
    severity: int
    cause: Cause = "reported"
    active: bool
    acknowledged: bool
    count: int
    raised_at: datetime
    last_seen: datetime
    changed_at: datetime
    timeout_s: int | None = None
    cleared_at: datetime | None = None
    ended_by: Ending | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    handled_by: str | None = None
    result: str | None = None
    shelved_by: str | None = None
    shelved_until: datetime | None = None
    shelf_reason: str | None = None
    transitions: tuple[datetime, ...] = ()
    flapping: bool = False

    @property
    def id(self) -> str:
        """Return the identity of the condition: device and type, and the cell where a camera saw it."""
        return alarm_id(self.device, self.type, self.cell)

    @property
    def open(self) -> bool:
        """Tell whether it waits for somebody: active, or not acknowledged."""
        return self.active or not self.acknowledged

    @property
    def standing(self) -> bool:
        """Tell whether the twin keeps it: open, or shelved, because a shelf outlasts the condition it hides."""
        return self.open or self.shelved_until is not None


def alarm_id(device: str, alarm_type: str, cell: str | None = None) -> str:
    """Return the key that at most one open alarm has (B 6.2.2.2e and its sisters).

    >>> alarm_id("D-1", "fire_smoke"), alarm_id("C-7", "object_left", "8c309c8d1a5b1ff")
    ('D-1:fire_smoke', 'C-7:object_left:8c309c8d1a5b1ff')
    """
    return f"{device}:{alarm_type}" if cell is None else f"{device}:{alarm_type}:{cell}"


def raise_new(
    device: str, alarm_type: str, severity: int, at: datetime, *, not_before: datetime | None = None, **facts: object
) -> Alarm:
    """Return a fresh alarm: active, unacknowledged.

    Args:
        device: Number of the device.
        alarm_type: Name in the catalogue.
        severity: 1 to 4.
        at: Phenomenon time.
        not_before: When the occurrence before this one was closed; the state cannot have changed earlier.
        facts: Further attributes of :class:`Alarm`, such as ``cell`` or ``timeout_s``.
    """
    changed_at = at if not_before is None else max(at, not_before)
    fresh = Alarm(
        device=device,
        type=alarm_type,
        severity=severity,
        active=True,
        acknowledged=False,
        count=1,
        raised_at=at,
        last_seen=at,
        changed_at=changed_at,
        transitions=(changed_at,),
    )
    return replace(fresh, **facts)  # type: ignore[arg-type]


def raise_again(alarm: Alarm, at: datetime) -> Alarm:
    """Return the alarm after one more report of its condition.

    While active only the count grows. A cleared one becomes active and must be acknowledged again.

    >>> from datetime import UTC, timedelta
    >>> noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    >>> first = raise_new("D-1", "gas_leak", 1, noon)
    >>> raise_again(first, noon - timedelta(hours=1)).changed_at == noon   # a late report turns no clock back
    True
    """
    if alarm.active:
        return replace(alarm, count=alarm.count + 1, last_seen=max(alarm.last_seen, at))
    if alarm.cleared_at is not None and at < alarm.cleared_at:
        return alarm
    return replace(
        alarm,
        active=True,
        acknowledged=False,
        count=alarm.count + 1,
        last_seen=max(alarm.last_seen, at),
        changed_at=max(alarm.changed_at, at),
        cleared_at=None,
        ended_by=None,
        acknowledged_at=None,
        acknowledged_by=None,
        handled_by=None,
        result=None,
    )


def clear(alarm: Alarm, at: datetime, by: Ending = "reading") -> Alarm:
    """Return the alarm after its condition ended; unchanged when it had, or when it was reported again since."""
    if not alarm.active or at < alarm.last_seen:
        return alarm
    return replace(alarm, active=False, changed_at=max(alarm.changed_at, at), cleared_at=at, ended_by=by)


def acknowledge(alarm: Alarm, by: str, at: datetime) -> Alarm:
    """Return the alarm after a person took note of it.

    Raises:
        Conflict: ``alarm.acknowledged`` when somebody did before.
    """
    if alarm.acknowledged:
        raise Conflict(
            "alarm.acknowledged",
            f"{alarm.id} was acknowledged by {alarm.acknowledged_by}.",
            "Nothing needs to be done.",
            alarm=alarm.id,
        )
    return replace(
        alarm, acknowledged=True, changed_at=max(at, alarm.changed_at), acknowledged_at=at, acknowledged_by=by
    )


def handle(alarm: Alarm, by: str, result: str, at: datetime) -> Alarm:
    """Return the alarm after a person dealt with it: cleared, and acknowledged if nobody had taken note before."""
    ended = clear(alarm, max(at, alarm.last_seen), "handled")
    seen = ended if ended.acknowledged else acknowledge(ended, by, at)
    return replace(seen, handled_by=by, result=result, changed_at=max(at, seen.changed_at))


def shelve(alarm: Alarm, by: str, until: datetime, reason: str, at: datetime) -> Alarm:
    """Return the alarm put away until a moment; it goes on counting but does not announce itself.

    Raises:
        BadInput: ``alarm.shelf_over`` when the moment is not ahead.
    """
    if until <= at:
        raise BadInput("alarm.shelf_over", f"{until.isoformat()} has passed.", "Name a moment to come.", alarm=alarm.id)
    return replace(alarm, shelved_by=by, shelved_until=until, shelf_reason=reason, changed_at=max(at, alarm.changed_at))


def unshelve(alarm: Alarm, at: datetime) -> Alarm:
    """Return the alarm as it announces itself again.

    Raises:
        Conflict: ``alarm.not_shelved``.
    """
    if alarm.shelved_until is None:
        raise Conflict("alarm.not_shelved", f"{alarm.id} is not shelved.", "Nothing needs to be done.", alarm=alarm.id)
    return replace(alarm, shelved_by=None, shelved_until=None, shelf_reason=None, changed_at=max(at, alarm.changed_at))
