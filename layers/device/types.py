"""The device types, read from ``types.yaml``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gis.errors import BadInput
from layers.declaration_file import parse_yaml
from twin.declaration import Text

MeasureKind = Literal["number", "boolean", "count", "text", "record"]
Severity = Literal[1, 2, 3, 4]

_FILE = "layers/device/types.yaml"
Named = TypeVar("Named")


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A group of device types that look alike on the map.

    Attributes:
        heartbeat_s: A device that reports by itself is silent after so many seconds without a word.
    """

    name: str
    title: Text
    glyph: str
    color: str
    heartbeat_s: int = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """Something a device observes (ObservedProperty of SensorThings).

    Attributes:
        kind: What its results are; ``record`` is a document such as a pass or a picture reference.
        unit: UCUM code; ``None`` for what has no unit.
        low: Lowest value that is physically plausible, in ``unit``; ``None`` when there is no bound.
        high: Highest plausible value.
    """

    name: str
    title: Text
    kind: MeasureKind
    unit: str | None = None
    low: float | None = None
    high: float | None = None

    def plausible(self, value: float) -> bool:
        """Tell whether a number can be true at all.

        >>> load_device_types()["room_temp"].measures["room_temperature"].plausible(850)
        False
        """
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmType:
    """An alarm a device raises.

    Attributes:
        severity: 1 critical, 2 serious, 3 moderate, 4 minor.
        auto_clear: The device itself tells when the condition is over; otherwise a person must.
    """

    name: str
    title: Text
    severity: Severity
    auto_clear: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceType:
    """A kind of device.

    Attributes:
        measures: What it observes, by name.
        alarms: What it raises, by name.
        source: Clauses that ask for it.
        commands: What it can be told to do, by name.
    """

    name: str
    title: Text
    family: Family
    measures: Mapping[str, Measure]
    alarms: Mapping[str, AlarmType]
    source: str
    commands: Mapping[str, Text] = field(default_factory=dict)

    @property
    def heartbeat_s(self) -> int:
        """Return after how many seconds without a word a device of this type is silent."""
        return self.family.heartbeat_s


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Text


class _FamilyEntry(_Entry):
    glyph: str
    color: str = Field(pattern=r"^#[0-9a-f]{6}$")
    heartbeat_s: int = Field(default=86_400, gt=0)


class _CommandEntry(_Entry):
    types: tuple[str, ...]


class _MeasureEntry(_Entry):
    kind: MeasureKind
    unit: str | None = None
    low: float | None = None
    high: float | None = None


class _AlarmEntry(_Entry):
    severity: Severity


class _TypeEntry(_Entry):
    family: str
    measures: tuple[str, ...]
    alarms: tuple[str, ...]
    auto_clear: bool
    source: str


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    families: dict[str, _FamilyEntry]
    measures: dict[str, _MeasureEntry]
    alarms: dict[str, _AlarmEntry]
    types: dict[str, _TypeEntry]
    commands: dict[str, _CommandEntry] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_are_known(self) -> "_File":
        for name, entry in self.types.items():
            unknown = [
                *({entry.family} - self.families.keys()),
                *(set(entry.measures) - self.measures.keys()),
                *(set(entry.alarms) - self.alarms.keys()),
            ]
            if unknown:
                raise ValueError(f"types.{name} names {', '.join(unknown)}, which the file does not describe")
        for name, command in self.commands.items():
            if strange := set(command.types) - self.types.keys():
                raise ValueError(
                    f"commands.{name} names {', '.join(sorted(strange))}, which the file does not describe"
                )
        return self


@cache
def load_device_types() -> Mapping[str, DeviceType]:
    """Return the device types by name, in the order of the standard; read-only.

    >>> smoke = load_device_types()["smoke_detector"]
    >>> smoke.title.zh, smoke.alarms["fire_smoke"].severity, smoke.alarms["fire_smoke"].auto_clear
    ('感烟火灾探测报警器', 1, True)
    >>> "teapot" in load_device_types()
    False
    """
    return parse_device_types(files("layers.device").joinpath("types.yaml").read_text("utf-8"), _FILE)


def with_family(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a device's attributes with the family its type belongs to; the map is coloured by family.

    >>> with_family({"device_type": "smoke_detector"})
    {'device_type': 'smoke_detector', 'family': 'fire'}
    >>> with_family({})
    {}
    """
    known = load_device_types().get(str(attributes.get("device_type")))
    return {**attributes, "family": known.family.name} if known else dict(attributes)


def parse_device_types(text: str, where: str) -> Mapping[str, DeviceType]:
    """Return the device types that a YAML document describes.

    Raises:
        BadInput: ``device.bad_types``, naming the file and the key.

    >>> parse_device_types("families: {}", "mine.yaml")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: device.bad_types: mine.yaml: measures: Field required ...
    """
    try:
        file = _File.model_validate(parse_yaml(text, where))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "types"
        raise BadInput(
            "device.bad_types",
            f"{where}: {key}: {first['msg']}",
            "Mend the file; docs/layers.md describes every key.",
            file=where,
            field=key,
        ) from error
    families = _named(file.families, lambda name, entry: Family(name=name, **_plain(entry)))
    measures = _named(file.measures, lambda name, entry: Measure(name=name, **_plain(entry)))
    return MappingProxyType(
        {
            name: _device_type(name, entry, families, measures, file.alarms, _commands(name, file.commands))
            for name, entry in file.types.items()
        }
    )


def _device_type(
    name: str,
    entry: _TypeEntry,
    families: Mapping[str, Family],
    measures: Mapping[str, Measure],
    alarms: Mapping[str, _AlarmEntry],
    commands: Mapping[str, Text],
) -> DeviceType:
    return DeviceType(
        name=name,
        title=entry.title,
        family=families[entry.family],
        measures=MappingProxyType({measure: measures[measure] for measure in entry.measures}),
        alarms=MappingProxyType(
            {
                alarm: AlarmType(name=alarm, auto_clear=entry.auto_clear, **_plain(alarms[alarm]))
                for alarm in entry.alarms
            }
        ),
        source=entry.source,
        commands=commands,
    )


def _commands(device_type: str, entries: Mapping[str, _CommandEntry]) -> Mapping[str, Text]:
    return MappingProxyType({name: entry.title for name, entry in entries.items() if device_type in entry.types})


def _named(entries: Mapping[str, Any], build: Callable[[str, Any], Named]) -> dict[str, Named]:
    return {name: build(name, entry) for name, entry in entries.items()}


def _plain(entry: _Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in type(entry).model_fields}
