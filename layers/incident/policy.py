"""Classes, levels, sources, departments and one-key alarms, read from ``policy.yaml``; plans from ``plans.yaml``."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gis.errors import BadInput
from layers.declaration_file import parse_yaml
from twin.declaration import Text
from twin.feature import Feature

Level = Literal[1, 2, 3, 4]
Category = Literal[
    "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other"
]
Response = Literal["Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "None"]


Seconds = Annotated[int, Field(gt=0)]
Times = Mapping[Literal["accept", "dispatch", "handle", "feedback", "assess"], Seconds]
"""Step → seconds it may be waited for."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class IncidentClass(_Model):
    """A class of incidents.

    Attributes:
        category: Of CAP 1.2.
        levels: Severity as reported, 1 to 4 → level, 1 to 4.
        department: Who it is escalated to.
        response: What people on the spot should do, of CAP 1.2.
        within_s: Times of its own, which go before those of the level.
    """

    title: Text
    category: Category
    levels: Mapping[Level, Level]
    department: Text
    response: Response
    within_s: Times = {}


class LevelTitle(_Model):
    """A level; ``severity`` and ``urgency`` are those of CAP 1.2.

    Attributes:
        within_s: How long each step may be waited for; one that is not named has no time.
    """

    title: Text
    severity: Literal["Extreme", "Severe", "Moderate", "Minor"]
    urgency: Literal["Immediate", "Expected", "Future"]
    within_s: Times = {}


class Source(_Model):
    """A way of reporting; ``certainty`` is that of CAP 1.2, before somebody accepted the report."""

    title: Text
    certainty: Literal["Observed", "Likely", "Possible"]


class OneKey(_Model):
    """What a one-key alarm is, and how long a responder may take to answer.

    Attributes:
        wait_s: After so many seconds the next is asked.
        ask: How many are asked before a department is called.
        off_duty: What ``status`` of the layer ``staff`` says of somebody who is not there.
    """

    class_: str = Field(alias="class")
    severity: Level
    wait_s: int = Field(gt=0)
    ask: int = Field(gt=0)
    off_duty: frozenset[str] = frozenset()


class Policy(_Model):
    """How incidents are graded and who is called."""

    classes: Mapping[str, IncidentClass]
    levels: Mapping[Level, LevelTitle]
    sources: Mapping[str, Source]
    one_key: OneKey

    def class_of(self, name: str) -> IncidentClass:
        """Return a class.

        Raises:
            BadInput: ``incident.class``.
        """
        if name not in self.classes:
            raise BadInput(
                "incident.class",
                f"There is no class {name!r}.",
                f"Use one of: {', '.join(self.classes)}.",
                field="class",
            )
        return self.classes[name]

    def level(self, class_: str, severity: int) -> int:
        """Return the level of a class of incident at a severity.

        >>> load_policy().level("fire", 3), load_policy().level("environment", 3)
        (2, 4)
        """
        levels: Mapping[int, int] = dict(self.class_of(class_).levels.items())
        if severity not in levels:
            raise BadInput(
                "incident.severity", f"Severity {severity} is none of 1 to 4.", "1 is the worst.", field="severity"
            )
        return levels[severity]

    def within_s(self, class_: str, level: int, step: str) -> int | None:
        """Return how many seconds a step may be waited for; ``None``: as long as it takes.

        >>> load_policy().within_s("fire", 1, "accept"), load_policy().within_s("elevator", 4, "handle")
        (180, 1800)
        >>> load_policy().within_s("fire", 1, "note") is None
        True
        """
        own = [kind.within_s for name, kind in self.classes.items() if name == class_]
        usual = [title.within_s for number, title in self.levels.items() if number == level]
        return next((seconds for times in (*own, *usual) for name, seconds in times.items() if name == step), None)


class Plan(_Model):
    """What to do (预案).

    Attributes:
        class_: Of the incidents it is for.
        levels: Levels it is for; the worst first.
        steps: What is done, in order.
        escalation: When the next level is called.
    """

    id: str
    class_: str = Field(alias="class")
    levels: tuple[Level, ...] = Field(min_length=1)
    title: Text
    steps: tuple[Text, ...] = Field(min_length=1)
    escalation: Text | None = None
    source: str | None = None


class _Plans(_Model):
    plans: tuple[Plan, ...]


@cache
def load_policy() -> Policy:
    """Return the policy that comes with the product."""
    return Policy.model_validate(_document("policy.yaml"))


@cache
def load_plans() -> tuple[Plan, ...]:
    """Return the plans that come with the product."""
    return _Plans.model_validate(_document("plans.yaml")).plans


def plan_for(class_: str, level: int, plans: Iterable[Plan]) -> Plan | None:
    """Return the first plan for this class and level (B 8.2.1.1.7d); ``None`` when there is none.

    >>> plan_for("fire", 1, load_plans()).title.zh
    '火灾应急预案'
    >>> plan_for("fire", 1, ()) is None
    True
    """
    return next((plan for plan in plans if plan.class_ == class_ and level in plan.levels), None)


def local_plan(record: Feature) -> Plan | None:
    """Return the plan that a record of the layer ``emergency_plan`` states; ``None`` when it cannot be read.

    ``level`` holds one or several levels, such as ``1,2``; each line of ``content`` is a step, in one language.

    >>> said = {"class": "fire", "level": "1、2", "title": "本院火灾预案", "content": "断电"}
    >>> local_plan(Feature(layer="emergency_plan", id="Y1", community="c", attributes=said)).levels
    (1, 2)
    >>> local_plan(Feature(layer="emergency_plan", id="Y2", community="c", attributes={"class": "fire"})) is None
    True
    """
    said = record.attributes
    steps = [line.strip() for line in str(said.get("content", "")).splitlines() if line.strip()]
    levels = [int(digit) for digit in re.findall(r"[1-4]", str(said.get("level", "")))]
    if not (said.get("class") and said.get("title") and steps and levels):
        return None
    values = {
        "id": record.id,
        "class": said["class"],
        "levels": levels,
        "title": _both(said["title"]),
        "steps": [_both(step) for step in steps],
        "escalation": said.get("escalation") and _both(said["escalation"]),
        "source": record.source,
    }
    return Plan.model_validate(values)


def _both(text: str) -> dict[str, str]:
    return {"zh": text, "en": text}


def _document(name: str) -> object:
    return parse_yaml(files("layers.incident").joinpath(name).read_text("utf-8"), f"layers/incident/{name}")
