"""The alarm as ISA-18.2 / IEC 62682 know it: *active or cleared* × *acknowledged or not*.

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

from gis.errors import Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One condition of one device; there is at most one open alarm for a device and type.

    Attributes:
        device: Number of the device that reports it.
        type: Name in the device catalogue, such as ``fire_smoke``.
        severity: 1 (I, worst) to 4 (IV).
        count: How often the condition was reported since it was raised.
        raised_at: When the condition began (phenomenon time).
        changed_at: When the state last changed.
    """

    device: str
    type: str
    severity: int
    active: bool
    acknowledged: bool
    count: int
    raised_at: datetime
    changed_at: datetime
    cleared_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None

    @property
    def id(self) -> str:
        """Return the identity of the condition: device and type."""
        return f"{self.device}:{self.type}"

    @property
    def open(self) -> bool:
        """Tell whether it belongs on the operator's list."""
        return self.active or not self.acknowledged


def raise_new(device: str, alarm_type: str, severity: int, at: datetime) -> Alarm:
    """Return a fresh alarm: active, unacknowledged."""
    return Alarm(
        device=device,
        type=alarm_type,
        severity=severity,
        active=True,
        acknowledged=False,
        count=1,
        raised_at=at,
        changed_at=at,
    )


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
        return replace(alarm, count=alarm.count + 1)
    if at < alarm.changed_at:
        return alarm
    return replace(
        alarm,
        active=True,
        acknowledged=False,
        count=alarm.count + 1,
        changed_at=at,
        cleared_at=None,
        acknowledged_at=None,
        acknowledged_by=None,
    )


def clear(alarm: Alarm, at: datetime) -> Alarm:
    """Return the alarm after its condition ended; unchanged when it had, or when the report is older than the state."""
    if not alarm.active or at < alarm.changed_at:
        return alarm
    return replace(alarm, active=False, changed_at=at, cleared_at=at)


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
