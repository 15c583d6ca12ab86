"""Alarms computed from readings: a limit, a dead band against trembling, and delays against spikes (ISA-18.2, 16.4).

quiet ──beyond──► rising ──still beyond after on_delay──► over ──back──► falling ──still back after off_delay──► quiet
  ▲                  │                                      ▲               │
  └────not beyond────┘                                      └──not back─────┘
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Phase = Literal["quiet", "rising", "over", "falling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A limit on a measured property, and the alarm it means.

    Attributes:
        property: The measure, in its catalogue unit.
        alarm: The alarm type it raises; it applies to every device type that has both.
        high: Above this is an alarm; ``None`` when there is no upper limit.
        low: Below this is an alarm.
        dead_band: How far inside the limit the value must return before the condition counts as over.
        on_delay_s: How long it must last before it is an alarm.
        off_delay_s: How long it must be over before it clears.
        source: What the limit rests on.
    """

    property: str
    alarm: str
    high: float | None = None
    low: float | None = None
    dead_band: float = 0.0
    on_delay_s: int = 0
    off_delay_s: int = 0
    source: str

    def beyond(self, value: float) -> bool:
        """Tell whether the value breaks the limit."""
        return (self.high is not None and value > self.high) or (self.low is not None and value < self.low)

    def back(self, value: float) -> bool:
        """Tell whether the value has returned by more than the dead band."""
        fallen = self.high is None or value <= self.high - self.dead_band
        return fallen and (self.low is None or value >= self.low + self.dead_band)


@dataclass(frozen=True, slots=True)
class Watch:
    """Where a reading stands to its limit: the phase, and since when."""

    phase: Phase
    since: datetime

    @property
    def over(self) -> bool:
        """Tell whether the alarm stands."""
        return self.phase in ("over", "falling")


# By whether the alarm stands and whether the value breaks the limit.
_NEXT: dict[tuple[bool, bool], Phase] = {
    (False, False): "quiet",
    (False, True): "rising",
    (True, True): "over",
    (True, False): "falling",
}


def judge(rule: Threshold, watch: Watch | None, value: float, at: datetime) -> Watch | None:
    """Return where a reading stands after a value; ``None`` as long as nothing ever was beyond the limit.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    >>> gas = Threshold(property="gas_concentration", alarm="gas_leak", high=25, dead_band=5, source="x")
    >>> judge(gas, None, 24, noon) is None, judge(gas, None, 26, noon).phase
    (True, 'over')
    >>> over = judge(gas, None, 26, noon)
    >>> judge(gas, over, 21, noon).phase, judge(gas, over, 20, noon).phase   # 21 is inside the dead band
    ('over', 'quiet')
    """
    held = None if watch is None else wait(rule, watch, at)
    over = held is not None and held.over
    holds = not rule.back(value) if over else rule.beyond(value)
    if held is None and not holds:
        return None
    phase = _NEXT[over, holds]
    return held if held is not None and held.phase == phase else wait(rule, Watch(phase, at), at)


def due(rule: Threshold, watch: Watch) -> datetime | None:
    """Return when a delay is over; ``None`` when none is running."""
    if watch.phase == "rising":
        return watch.since + timedelta(seconds=rule.on_delay_s)
    return watch.since + timedelta(seconds=rule.off_delay_s) if watch.phase == "falling" else None


def wait(rule: Threshold, watch: Watch, now: datetime) -> Watch:
    """Return the watch after time has passed without a reading: a delay that ran out counts."""
    ends = due(rule, watch)
    if ends is None or now < ends:
        return watch
    return Watch("over" if watch.phase == "rising" else "quiet", ends)
