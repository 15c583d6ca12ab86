"""How alarms behave, read from ``policy.yaml``."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gis.errors import BadInput
from layers.alarm.threshold import Threshold
from layers.alarm.timers import Flapping
from layers.declaration_file import parse_yaml
from layers.device.types import AlarmType, DeviceType, Severity
from twin.declaration import Text

Urgency = Literal["immediate", "prompt", "routine"]
_FILE = "layers/alarm/policy.yaml"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Sighted(_Model):
    families: frozenset[str]
    resolution: int = Field(ge=0, le=15)


class _Flapping(_Model):
    transitions: int = Field(ge=2)
    window_s: int = Field(gt=0)
    quiet_s: int = Field(gt=0)


class _Threshold(_Model):
    property: str
    alarm: str
    high: float | None = None
    low: float | None = None
    dead_band: float = Field(default=0.0, ge=0)
    on_delay_s: int = Field(default=0, ge=0)
    off_delay_s: int = Field(default=0, ge=0)
    source: str


class _Own(_Model):
    title: Text
    severity: Severity


class _File(_Model):
    levels: Mapping[Urgency, Mapping[Severity, Severity]]
    urgency: Mapping[str, Urgency]
    passing: Mapping[str, int]
    sighted: _Sighted
    flapping: _Flapping
    thresholds: tuple[_Threshold, ...]
    own: Mapping[str, _Own]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How alarms behave.

    Attributes:
        own: Alarms the twin raises itself, by name.
        flapping: When an alarm goes to and fro too often.
        resolution: H3 resolution of the cells that tell apart what a camera sees.
    """

    levels: Mapping[Urgency, Mapping[Severity, Severity]]
    urgency: Mapping[str, Urgency]
    passing: Mapping[str, int]
    sighting: frozenset[str]
    resolution: int
    flapping: Flapping
    thresholds: Sequence[Threshold]
    own: Mapping[str, AlarmType]

    def level(self, alarm: AlarmType) -> int:
        """Return the level of an alarm from its importance and its urgency (B 6.2.3.6c), 1 to 4.

        >>> from layers.device.types import load_device_types
        >>> lift = load_device_types()["elevator_monitor"]
        >>> load_policy().level(lift.alarms["elevator_fault"])   # importance 2, but people wait inside
        1
        """
        return self.levels[self.urgency.get(alarm.name, "prompt")][alarm.severity]

    def timeout_s(self, alarm: AlarmType) -> int | None:
        """Return after how many seconds without report a passing event is over; ``None`` for what lasts."""
        return None if alarm.auto_clear else self.passing.get(alarm.name)

    def sights(self, device_type: DeviceType) -> bool:
        """Tell whether devices of this type see things at changing places, which have no number of their own."""
        return device_type.family.name in self.sighting

    def limits(self, types: Mapping[str, DeviceType]) -> Mapping[tuple[str, str], Sequence[Threshold]]:
        """Return the limits by device type and property.

        >>> from layers.device.types import load_device_types
        >>> [limit.alarm for limit in load_policy().limits(load_device_types())["gas_detector", "gas_concentration"]]
        ['gas_leak']
        """
        found: dict[tuple[str, str], list[Threshold]] = defaultdict(list)
        for limit in self.thresholds:
            for name, kind in types.items():
                if limit.property in kind.measures and limit.alarm in kind.alarms:
                    found[name, limit.property].append(limit)
        return found


@cache
def load_policy() -> Policy:
    """Return the policy that comes with the product."""
    return parse_policy(files("layers.alarm").joinpath("policy.yaml").read_text("utf-8"), _FILE)


def parse_policy(text: str, where: str) -> Policy:
    """Return the policy that a YAML document describes.

    Raises:
        BadInput: ``alarm.bad_policy``, naming the file and the key.

    >>> parse_policy("levels: {}", "mine.yaml")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: alarm.bad_policy: mine.yaml: urgency: Field required ...
    """
    try:
        file = _File.model_validate(parse_yaml(text, where))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            "alarm.bad_policy",
            f"{where}: {key}: {first['msg']}",
            "Mend the file; docs/layers.md describes every key.",
            file=where,
            field=key,
        ) from error
    return Policy(
        levels=file.levels,
        urgency=file.urgency,
        passing=file.passing,
        sighting=file.sighted.families,
        resolution=file.sighted.resolution,
        flapping=Flapping(file.flapping.transitions, file.flapping.window_s, file.flapping.quiet_s),
        thresholds=tuple(Threshold(**limit.model_dump()) for limit in file.thresholds),
        own={
            name: AlarmType(name=name, title=alarm.title, severity=alarm.severity, auto_clear=True)
            for name, alarm in file.own.items()
        },
    )
