"""Devices that live: readings that drift with the hour of the day, and now and then an alarm that clears itself."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any, Protocol, TypeAlias

from gis.errors import BadInput
from sample_data.frame import chance
from sample_data.site import table

Observation: TypeAlias = dict[str, Any]
"""One element of what ``POST /v1/observations`` takes."""

Alarm: TypeAlias = tuple[str, str]
"""Device number and name of the alarm."""

_LOCAL_TIME = timezone(timedelta(hours=8))
_DAY_S = 86_400.0
_FEWEST_ALARMS = 4
_MOST_ALARMS = 11
_ALARM_S = (90.0, 420.0)
_NEW_ALARM_PER_S = 1 / 40


class Measure(Protocol):
    """What the simulator asks of an observed property: its kind, and the bounds of what is plausible."""

    @property
    def kind(self) -> str:
        """``number``, ``count``, ``boolean``, ``text`` or ``record``."""

    @property
    def low(self) -> float | None:
        """Lowest plausible value."""

    @property
    def high(self) -> float | None:
        """Highest plausible value."""


class DeviceType(Protocol):
    """What the simulator asks of a device type."""

    @property
    def measures(self) -> Mapping[str, Measure]:
        """What it observes, by name."""

    @property
    def alarms(self) -> Mapping[str, object]:
        """What it raises, by name."""


class Simulator:
    """Makes the observations of a community's devices, one slice of the devices a step.

    The readings depend on device, property and time alone, so that a restart goes on where the last run was; only
    alarms are remembered. Between 3 and 12 alarms are active after the first steps, when enough devices raise any.

    Args:
        devices: Device number and type of each.
        types: Every type by name; a device whose type is not among them is an error.
        seed: Another seed raises other alarms.
        active: Alarms left standing by an earlier run; they too clear within minutes.
        sweep_steps: In how many steps every device speaks once.

    Raises:
        BadInput: ``sample.unknown_type``.
    """

    def __init__(
        self,
        devices: Iterable[tuple[str, str]],
        types: Mapping[str, DeviceType],
        *,
        seed: int,
        active: Iterable[Alarm] = (),
        sweep_steps: int = 40,
    ) -> None:
        known = [(device, _type_of(device, kind, types)) for device, kind in devices]
        self._readings = [
            [(device, name, measure) for name, measure in kind.measures.items() if measure.kind != "record"]
            for device, kind in known
        ]
        self._raisers: dict[str, list[str]] = defaultdict(list)
        for device, kind in known:
            for name in kind.alarms:
                self._raisers[name].append(device)
        self._slice = math.ceil(len(known) / sweep_steps)
        self._next = 0
        self._dice = chance(seed, "alarms")
        self._active: dict[Alarm, datetime] = {}
        self._inherited = tuple(active)
        self._last: datetime | None = None
        self._run = ""
        self._count = 0

    @property
    def active_alarms(self) -> Sequence[Alarm]:
        """Device and name of the alarms that are active now."""
        return tuple(self._active)

    def step(self, now: datetime) -> list[Observation]:
        """Return what is observed at this moment: readings of the next devices, alarms that begin and that end.

        Raises:
            BadInput: ``sample.naive_time`` when ``now`` has no time zone.

        >>> Simulator([], {}, seed=1).step(datetime.fromisoformat("2026-05-01T08:00:00+08:00"))
        []
        """
        if now.tzinfo is None:
            raise BadInput("sample.naive_time", f"{now.isoformat()} has no time zone.", "Pass a time with its zone.")
        self._run = self._run or now.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        found = [(device, name, reading(device, name, measure, now)) for device, name, measure in self._due()]
        for alarm in self._inherited:
            self._stand(alarm, now)
        self._inherited = ()
        cleared = self._cleared(now)
        found += [(device, name, False) for device, name in cleared]
        found += [(device, name, True) for device, name in self._raised(now, resting=cleared)]
        self._last = now
        return [self._observation(now, *what) for what in found]

    def _due(self) -> list[tuple[str, str, Measure]]:
        span = range(self._next, self._next + self._slice)
        self._next = (self._next + self._slice) % max(len(self._readings), 1)
        return [what for index in span for what in self._readings[index % len(self._readings)]]

    def _cleared(self, now: datetime) -> list[Alarm]:
        over = [alarm for alarm, end in self._active.items() if end <= now]
        for alarm in over:
            del self._active[alarm]
        return over

    def _raised(self, now: datetime, resting: Sequence[Alarm]) -> list[Alarm]:
        return [alarm for _ in range(self._how_many(now)) for alarm in self._begin(now, resting)]

    def _begin(self, now: datetime, resting: Sequence[Alarm]) -> list[Alarm]:
        # The kind first, then the device: hundreds of smoke detectors must not drown every other alarm.
        quiet = {name: self._quiet(name, resting) for name in self._raisers}
        names = [name for name, devices in quiet.items() if devices]
        if not names:
            return []
        name = self._dice.choice(names)
        alarm = (self._dice.choice(quiet[name]), name)
        self._stand(alarm, now)
        return [alarm]

    def _stand(self, alarm: Alarm, now: datetime) -> None:
        self._active[alarm] = now + timedelta(seconds=self._dice.uniform(*_ALARM_S))

    def _quiet(self, name: str, resting: Sequence[Alarm]) -> list[str]:
        # What has just cleared does not return in the same moment.
        taken = {*self._active, *resting}
        return [device for device in self._raisers[name] if (device, name) not in taken]

    def _how_many(self, now: datetime) -> int:
        waited_s = (now - self._last).total_seconds() if self._last else 0.0
        by_chance = 1 if self._dice.random() < waited_s * _NEW_ALARM_PER_S else 0
        missing = _FEWEST_ALARMS - len(self._active)
        return max(missing, min(by_chance, _MOST_ALARMS - len(self._active)), 0)

    def _observation(self, now: datetime, device: str, name: str, result: Any) -> Observation:
        self._count += 1
        return {
            "device": device,
            "property": name,
            "result": result,
            "phenomenonTime": now.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "source": "simulator",
            # Unique over restarts: the run is named by the moment of its first step.
            "source_seq": f"{self._run}-{self._count}",
        }


def _type_of(device: str, kind: str, types: Mapping[str, DeviceType]) -> DeviceType:
    if kind not in types:
        cure = "Declare the type or mend the device's row."
        raise BadInput("sample.unknown_type", f"Device {device} is of unknown type {kind!r}.", cure, device=device)
    return types[kind]


def reading(device: str, name: str, measure: Measure, now: datetime) -> float | bool | str:
    """Return what a device reads at a moment: smooth in time, different from device to device, within the bounds.

    >>> from types import SimpleNamespace as Any
    >>> noon = datetime.fromisoformat("2026-05-01T12:00:00+08:00")
    >>> reading("D-1", "device_state", Any(kind="text", low=None, high=None), noon)
    '正常'
    >>> 13 < reading("D-1", "air_temperature", Any(kind="number", low=-50, high=60), noon) < 30
    True
    """
    if measure.kind == "text":
        return "正常"
    own = _own(device, name)
    typical = _typical().get(name)
    if measure.kind == "boolean":
        share, peak_hour = (float(typical["high"]), float(typical["peak_hour"])) if typical is not None else (0.0, 0.0)
        return _wave(own, now, peak_hour) > 1 - share
    if typical is not None and typical["counts_per_day"]:
        return round(_meter(own, typical, now), 2)
    value = _between(own, _span(typical, measure), now)
    return round(value) if measure.kind == "count" else round(value, 2 if value < 1000 else 1)


@cache
def _typical() -> Mapping[str, Mapping[str, str]]:
    return {row["measure"]: row for row in table("typical.csv")}


def _own(device: str, name: str) -> float:
    """Return this device's own number between 0 and 1: the same in every process."""
    return int.from_bytes(hashlib.blake2b(f"{device}/{name}".encode(), digest_size=6).digest()) / 2**48


def _span(typical: Mapping[str, str] | None, measure: Measure) -> tuple[float, float, float]:
    if typical is not None:
        return float(typical["low"]), float(typical["high"]), float(typical["peak_hour"])
    low, high = measure.low or 0.0, measure.high if measure.high is not None else 1.0
    return low, low + (high - low) * 0.1, 14.0


def _between(own: float, span: tuple[float, float, float], now: datetime) -> float:
    low, high, peak_hour = span
    return low + (high - low) * _wave(own, now, peak_hour)


def _wave(own: float, now: datetime, peak_hour: float) -> float:
    """Return 0 to 1: a day's rhythm that peaks at an hour of local time, with two slow ripples of the device's own."""
    seconds = now.timestamp()
    local = now.astimezone(_LOCAL_TIME)
    hour = local.hour + local.minute / 60 + local.second / 3600
    day = math.cos(math.tau * (hour - peak_hour) / 24)
    slow = math.sin(math.tau * (seconds / (3000 + 2400 * own) + own))
    quick = math.sin(math.tau * (seconds / (420 + 300 * own) + 7 * own))
    return 0.5 + 0.3 * day + 0.13 * slow + 0.07 * quick


def _meter(own: float, typical: Mapping[str, str], now: datetime) -> float:
    """Return a counter's state: it never falls, and rises fastest at the peak hour."""
    days = now.timestamp() / _DAY_S + _LOCAL_TIME.utcoffset(None).total_seconds() / _DAY_S
    turned = days - float(typical["peak_hour"]) / 24
    eased = turned + 0.8 * math.sin(math.tau * turned) / math.tau
    # Meters count from their installation; 20 000 days after 1970 keeps the figures small.
    return float(typical["low"]) * (0.5 + own) + float(typical["counts_per_day"]) * (0.5 + own) * (eased - 20_000)
