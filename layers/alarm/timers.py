"""What happens to an alarm by itself: passing events run out, shelves end, flapping calms down. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from layers.alarm.rules import Alarm, clear, unshelve


@dataclass(frozen=True, slots=True)
class Flapping:
    """When an alarm goes to and fro too often: ``transitions`` within ``window_s``; calm after ``quiet_s`` without."""

    transitions: int
    window_s: int
    quiet_s: int


def moved(before: Alarm, after: Alarm, flapping: Flapping) -> Alarm:
    """Return the alarm after a step, with the step counted if it was raised or cleared by it.

    >>> from datetime import UTC
    >>> from layers.alarm.rules import raise_new, raise_again
    >>> noon, rule = datetime(2026, 11, 21, 12, tzinfo=UTC), Flapping(transitions=3, window_s=60, quiet_s=60)
    >>> first = raise_new("D-1", "door_forced", 2, noon)
    >>> cleared = moved(first, clear(first, noon), rule)
    >>> cleared.flapping, moved(cleared, raise_again(cleared, noon), rule).flapping
    (False, True)
    """
    if after.active == before.active:
        return after
    newest = (*after.transitions, after.changed_at)[-flapping.transitions :]
    often = len(newest) == flapping.transitions and newest[-1] - newest[0] <= timedelta(seconds=flapping.window_s)
    return replace(after, transitions=newest, flapping=after.flapping or often)


def deadline(alarm: Alarm, flapping: Flapping) -> datetime | None:
    """Return the moment at which the alarm will next change by itself; ``None`` when it will not."""
    moments = (_runs_out(alarm), alarm.shelved_until, _calms(alarm, flapping))
    return min((moment for moment in moments if moment is not None), default=None)


def tick(alarm: Alarm, now: datetime, flapping: Flapping) -> Alarm:
    """Return the alarm after everything that was due by now; the same object when nothing was.

    >>> from datetime import UTC
    >>> from layers.alarm.rules import raise_new
    >>> noon, rule = datetime(2026, 11, 21, 12, tzinfo=UTC), Flapping(6, 600, 900)
    >>> seen = raise_new("C-1", "ebike_in_elevator", 2, noon, timeout_s=60)
    >>> tick(seen, noon, rule) is seen, tick(seen, noon + timedelta(minutes=2), rule).cleared_at.minute
    (True, 1)
    """
    over, calm = _runs_out(alarm), _calms(alarm, flapping)
    after = alarm
    if over is not None and over <= now:
        after = moved(alarm, clear(alarm, over, "timeout"), flapping)
    elif calm is not None and calm <= now:
        after = replace(alarm, flapping=False, changed_at=max(alarm.changed_at, calm))
    if alarm.shelved_until is not None and alarm.shelved_until <= now:
        after = unshelve(after, alarm.shelved_until)
    return after


def _runs_out(alarm: Alarm) -> datetime | None:
    if not alarm.active or alarm.timeout_s is None:
        return None
    return alarm.last_seen + timedelta(seconds=alarm.timeout_s)


def _calms(alarm: Alarm, flapping: Flapping) -> datetime | None:
    return alarm.transitions[-1] + timedelta(seconds=flapping.quiet_s) if alarm.flapping else None
