"""The rules as data: what sets one off, where it reaches, what it does."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal
from zoneinfo import ZoneInfo

import shapely
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gis.errors import BadInput
from layers.declaration_file import parse_yaml
from layers.device.types import DeviceType
from layers.incident.policy import load_policy
from twin.declaration import Text

_FILE = "layers/linkage/rules.yaml"

Landmark = Literal["shelter", "green", "fence", "hydrant", "facility", "entrance", "public_space", "water"]
"""Layers whose nearest feature a notice may name: things, never people."""

Around = Literal["device", "room", "storey", "unit", "building", "place", "grid", "community"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _OneOf(_Model):
    """Exactly one of the members is said."""

    @model_validator(mode="after")
    def _one(self) -> "_OneOf":
        if len(self.model_fields_set) != 1:
            raise ValueError(f"say exactly one of {', '.join(type(self).model_fields)}")
        return self


class AlarmTrigger(_Model):
    """An alarm of one of these types was raised or has cleared; of devices of some families only when named."""

    types: tuple[str, ...] = Field(min_length=1)
    families: tuple[str, ...] = ()
    phase: Literal["raised", "cleared"] = "raised"


class ReadingTrigger(_Model):
    """A reading came to lie beyond a limit; without limit or value, every new reading.

    Attributes:
        types: Device types; empty for all that measure the property.
        dead_band: How far back inside the limit a value must come before it can go beyond it anew.
    """

    property: str
    types: tuple[str, ...] = ()
    above: float | None = None
    below: float | None = None
    equals: str | bool | None = None
    dead_band: float = Field(default=0.0, ge=0)

    def always(self) -> bool:
        """Tell whether every new reading counts."""
        return self.above is None and self.below is None and self.equals is None

    def beyond(self, value: Any, *, was: bool) -> bool:
        """Tell whether a value is beyond the limit, when the one before ``was``.

        >>> dark = ReadingTrigger(property="illuminance", below=30, dead_band=20)
        >>> [dark.beyond(value, was=was) for value, was in ((29, False), (49, True), (49, False), ("?", True))]
        [True, True, False, False]
        """
        if self.equals is not None:
            return type(value) is type(self.equals) and value == self.equals
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        slack = self.dead_band if was else 0.0
        high = self.above is not None and value > self.above - slack
        return high or (self.below is not None and value < self.below + slack)


class EventTrigger(_Model):
    """An event of this kind whose body says one of these words in each named member; a dot leads into a member."""

    kind: str = Field(min_length=1)
    body: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)

    @field_validator("kind")
    @classmethod
    def _no_reading(cls, kind: str) -> str:
        if kind == "observation":
            raise ValueError("say reading: with its property and limit")
        return kind

    def fits(self, body: Mapping[str, Any]) -> bool:
        """Tell whether a body says so.

        >>> EventTrigger(kind="device", body={"status": ("offline",)}).fits({"status": "online"})
        False
        """
        return all(str(_member(body, path)) in words for path, words in self.body.items())


def _member(body: Any, path: str) -> Any:
    for name in path.split("."):
        body = body.get(name) if isinstance(body, Mapping) else None
    return body


class ScheduleTrigger(_Model):
    """Every day at this time of this zone."""

    at: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    zone: str

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"{zone!r} is no time zone such as Asia/Shanghai") from error
        return zone


class Trigger(_OneOf):
    """What sets a rule off; ``signal`` names what people or other systems say with ``POST /v1/signals``."""

    alarm: AlarmTrigger | None = None
    reading: ReadingTrigger | None = None
    event: EventTrigger | None = None
    signal: str | None = None
    schedule: ScheduleTrigger | None = None

    def waits_for(self) -> list[tuple[str, str]]:
        """Return what the trigger is found by."""
        if self.alarm is not None:
            return [("alarm", name) for name in self.alarm.types]
        if self.reading is not None:
            return [("reading", self.reading.property)]
        if self.event is not None:
            return [("event", self.event.kind)]
        return [("signal", self.signal)] if self.signal is not None else []


class Reach(_Model):
    """Which devices are meant; what is said is joined by *and*.

    Attributes:
        same: In the same room, storey … as the cause; ``place`` is the place the cause names and all in it;
            ``device`` the very device.
        storeys: Above or below the storey of the cause, in its building.
        within_m: So many metres from the cause, along the ground.
        polygon: In this area, WKT in CRS84.
        nearest: So many, nearest first.
    """

    same: Around | None = None
    storeys: Literal["above", "below"] | None = None
    within_m: float | None = Field(default=None, gt=0, le=20_000)
    polygon: str | None = None
    nearest: int | None = Field(default=None, ge=1, le=100)

    @model_validator(mode="after")
    def _bounded(self) -> "Reach":
        if self.same is None and self.storeys is None and self.within_m is None and self.polygon is None:
            raise ValueError("say same, storeys, within_m or polygon: a rule without a place reaches everything")
        return self

    @field_validator("polygon")
    @classmethod
    def _area(cls, text: str | None) -> str | None:
        if text is not None:
            area = shapely.from_wkt(text, on_invalid="ignore")
            if area is None or not area.is_valid or area.geom_type not in ("Polygon", "MultiPolygon"):
                raise ValueError("not a valid polygon in WKT")
        return text


class CommandAction(_Model):
    """Tell devices to do something; of some types only when named."""

    name: str
    where: Reach
    types: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = Field(default_factory=dict)


class CameraAction(_Model):
    """Open the pictures of cameras on the operator's screen."""

    where: Reach


class NotifyAction(_Model):
    """Tell people or systems, named by role or department; ``nearest`` names a layer whose nearest feature is told."""

    to: tuple[str, ...] = Field(min_length=1)
    text: Text
    nearest: Landmark | None = None


class IncidentAction(_Model):
    """File an incident; without severity that of the alarm."""

    incident_class: str
    severity: Literal[1, 2, 3, 4] | None = None


class Action(_OneOf):
    """One thing a rule does."""

    command: CommandAction | None = None
    camera: CameraAction | None = None
    notify: NotifyAction | None = None
    incident: IncidentAction | None = None


class Rule(_Model):
    """A linkage rule.

    Attributes:
        clause: Number of the stated rule it carries out, ``LR01`` to ``LR37``; ``None`` for one of the house.
        episode_s: Alarms in one building within so many seconds are one episode: people are told and incidents
            filed once, commands are made sure of each time. 0: every alarm is told.
        most: So many firings in a minute for one building or device; more are stopped.
    """

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    title: Text
    clause: str | None = Field(default=None, pattern=r"^LR\d\d$")
    source: str = ""
    when: tuple[Trigger, ...] = Field(min_length=1)
    do: tuple[Action, ...] = Field(min_length=1)
    episode_s: int = Field(default=0, ge=0, le=86_400)
    most: int = Field(default=60, ge=1, le=10_000)


class _File(_Model):
    rules: tuple[Rule, ...]


@cache
def load_rules() -> Mapping[str, Rule]:
    """Return the shipped rules by id.

    >>> load_rules()["LR01"].title.zh, len({rule.clause for rule in load_rules().values()})
    ('火警开单元门', 37)
    """
    document = parse_yaml(files("layers.linkage").joinpath("rules.yaml").read_text("utf-8"), _FILE)
    try:
        return {rule.id: rule for rule in _File.model_validate(document).rules}
    except ValidationError as error:
        raise _bad(error, _FILE) from error


def parse_rule(document: Any, types: Mapping[str, DeviceType]) -> Rule:
    """Return the rule that a JSON document describes, checked against the catalogue.

    Raises:
        BadInput: ``linkage.bad_rule``, naming the member.

    >>> parse_rule({"id": "x", "title": {"zh": "x", "en": "x"}, "when": [], "do": []}, {})
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: linkage.bad_rule: x: when: Tuple should have at least 1 item after validation, not 0. ...
    """
    name = str(document.get("id")) if isinstance(document, Mapping) else "rule"
    try:
        rule = Rule.model_validate(document)
    except ValidationError as error:
        raise _bad(error, name) from error
    if unknown := unknown_names(rule, types):
        raise _refused(name, f"nobody knows {', '.join(unknown)}", "do")
    return rule


def unknown_names(rule: Rule, types: Mapping[str, DeviceType]) -> Sequence[str]:
    """Return the names of alarms, properties, types, commands and classes that a rule uses and nobody knows."""
    known = {*types, *(kind.family.name for kind in types.values()), *load_policy().classes}
    for kind in types.values():
        known |= {*kind.alarms, *kind.measures, *kind.commands}
    return sorted({name for name in _names(rule) if name not in known})


def _names(rule: Rule) -> list[str]:
    found: list[str] = []
    for trigger in rule.when:
        if trigger.alarm is not None:
            found += [*trigger.alarm.types, *trigger.alarm.families]
        if trigger.reading is not None:
            found += [trigger.reading.property, *trigger.reading.types]
    for action in rule.do:
        if action.command is not None:
            found += [action.command.name, *action.command.types]
        if action.incident is not None:
            found.append(action.incident.incident_class)
    return found


def _bad(error: ValidationError, where: str) -> BadInput:
    first = error.errors()[0]
    return _refused(where, first["msg"], ".".join(str(part) for part in first["loc"]))


def _refused(where: str, fault: str, key: str) -> BadInput:
    return BadInput(
        "linkage.bad_rule", f"{where}: {key}: {fault}.", "Mend the rule; docs/linkage.md describes it.", field=key
    )
