"""A call for help: one responder after another is asked, then a department (D028). Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from gis.errors import Conflict
from layers.alarm.record import utc
from layers.incident.responders import Near

State = Literal["asking", "accepted", "escalated", "over"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Who was asked to come.

    Attributes:
        incident: Its number.
        grid: Whose force is asked; ``None``: the place lies in no grid.
        here: Longitude, latitude of the place.
        asked: Numbers of those asked, in order; the last is being waited for.
        until: Until when the last is waited for.
        length_m: How far the way of the last is; ``by`` says how that was measured.
        answered_by: Who comes.
    """

    incident: str
    grid: str | None
    here: tuple[float, float] | None
    state: State = "asking"
    asked: tuple[str, ...] = ()
    until: datetime | None = None
    length_m: float | None = None
    by: str | None = None
    answered_by: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as the record holds it and the API shows it."""
        return {**asdict(self), "asked": list(self.asked), "until": self.until and utc(self.until)}

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> "Call":
        """Return the call that :meth:`as_json` wrote."""
        until = held["until"] and datetime.fromisoformat(held["until"])
        here = None if held["here"] is None else (held["here"][0], held["here"][1])
        return cls(**{**held, "here": here, "asked": tuple(held["asked"]), "until": until})


def ask(call: Call, near: list[Near], most: int, wait_s: int, now: datetime) -> Call:
    """Return the call after the nearest was asked who has not been yet; escalated when nobody is left, or enough were.

    >>> ask(Call(incident="SJ1", grid=None, here=None), [], 3, 60, datetime(2026, 11, 21)).state
    'escalated'
    """
    way = next((one for one in near if one.number not in call.asked), None)
    if way is None or len(call.asked) >= most:
        return replace(call, state="escalated", until=None, length_m=None, by=None)
    asked = (*call.asked, way.number)
    until = now + timedelta(seconds=wait_s)
    return replace(call, asked=asked, until=until, length_m=way.length_m, by=way.by)


def accepted(call: Call, responder: str) -> Call:
    """Return the call after somebody said they come; who was asked before and answers late is welcome too.

    Raises:
        Conflict: ``call.over``, ``call.not_asked``.
    """
    return replace(checked(call, responder), state="accepted", answered_by=responder, until=None)


def checked(call: Call, responder: str) -> Call:
    """Return the call if this responder may answer it.

    Raises:
        Conflict: ``call.over``, ``call.not_asked``.
    """
    if call.state != "asking":
        raise Conflict(
            "call.over", f"The call of {call.incident} is {call.state}.", "Nothing needs to be done.", state=call.state
        )
    if responder not in call.asked:
        raise Conflict(
            "call.not_asked", f"{responder} was not asked to {call.incident}.", "Answer your own calls.", by=responder
        )
    return call
