"""Carrying out a plan inside the transaction of its cause: commands, pictures, notices, incidents."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from gis.errors import LifangError
from layers.alarm.record import utc
from layers.device.commands import Order, request
from layers.incident import Report, report
from layers.linkage.plan import Plan, camera_of
from layers.linkage.rules import IncidentAction, NotifyAction, Rule
from layers.linkage.scope import Cause
from layers.linkage.watched import Watched
from twin.event import NewEvent
from twin.feature import Feature
from twin.query import Query

WATCH = "linkage_watch"
FIRED, CAMERA, NOTICE = "linkage", "camera", "notice"

_SOURCE = "lifang:linkage"
_FAR_M = 5000


class Carrier:
    """Carries out what one rule does about one cause; what fails is told and does not hold up the rest.

    Args:
        watched: The transaction of the cause.
        rule: The rule that fired.
        cause: What it fired on.
        now: The moment of the transaction, UTC.
    """

    def __init__(self, watched: Watched, rule: Rule, cause: Cause, now: datetime) -> None:
        self._watched = watched
        self._rule = rule
        self._cause = cause
        self._now = now
        self.seq = 0

    def fire(self) -> bool:
        """Put the firing on record; ``False`` when this cause has fired this rule before."""
        fired = self._append(FIRED, "fired", {"outcome": "fired"})
        self.seq = fired
        return fired > 0

    def stop(self, reason: str) -> None:
        """Put on record that the loop guard held the rule back."""
        self._append(FIRED, "stopped", {"outcome": "stopped", "reason": reason})

    def carry_out(self, plan: Plan) -> None:
        """Do what is planned; within an episode people are told and incidents filed once."""
        steps: list[tuple[str, Callable[[], None]]] = []
        if plan.tells:
            steps.append(("command", lambda: self._command(plan)))
        if plan.cameras:
            steps.append(("camera", lambda: self._show(plan)))
        if (plan.notices or plan.incidents) and self._begins():
            steps += [("notify", lambda one=one, n=n: self._notify(one, n)) for n, one in enumerate(plan.notices)]  # type: ignore[misc]
            steps += [("incident", lambda one=one: self._file(one)) for one in plan.incidents]  # type: ignore[misc]
        for name, step in steps:
            try:
                step()
            except LifangError as error:
                failed = {"outcome": "failed", "action": name, "code": error.code, "message": error.message}
                self._append(FIRED, f"failed:{name}", failed)

    def _command(self, plan: Plan) -> None:
        orders = [
            Order(
                device=one.device,
                command=one.command,
                arguments=one.arguments,
                by=f"linkage:{self._rule.id}",
                rule=self._rule.id,
                cause=self._cause.seq,
                chain=(*self._cause.chain, self._rule.id),
            )
            for one in plan.tells
        ]
        request(self._watched.as_transaction(), orders, self._now)

    def _show(self, plan: Plan) -> None:
        self._append(CAMERA, "camera", {"cameras": [camera_of(one) for one in plan.cameras]})

    def _notify(self, action: NotifyAction, number: int) -> None:
        told: dict[str, Any] = {"to": list(action.to), "text": action.text.model_dump()}
        if action.nearest is not None:
            told["nearest"] = self._nearest(action.nearest)
        self._append(NOTICE, f"notice:{number}", told)

    def _nearest(self, layer: str) -> Mapping[str, Any] | None:
        if self._cause.position is None:
            return None
        near = Query(layers=(layer,), near=(*self._cause.position, _FAR_M), limit=1)
        found = self._watched.as_transaction().find(near).features
        if not found or found[0].geometry is None:
            return None
        middle = found[0].geometry.centroid
        return {"layer": layer, "id": found[0].id, "name": found[0].name, "center": [middle.x, middle.y]}

    def _file(self, action: IncidentAction) -> None:
        cause, title = self._cause, self._cause.title.get("zh", self._rule.title.zh)
        filed = Report(
            class_=action.incident_class,
            severity=action.severity or cause.severity or 3,
            source="device" if cause.device else "third_party",
            source_no=f"{self._rule.id}:{cause.key}",
            title=title,
            by=f"linkage:{self._rule.id}",
            occurred_at=cause.at,
            device=cause.device if self._registered() else None,
            alarm=cause.alarm,
            place=cause.place,
            position=cause.position,
            community=cause.community,
        )
        report(self._watched.as_transaction(), filed, self._now)

    def _registered(self) -> bool:
        device = self._cause.device
        return device is not None and self._watched.as_transaction().current("device", device) is not None

    def _begins(self) -> bool:
        """Tell whether an episode begins, and remember that it did."""
        if not self._rule.episode_s or self._cause.alarm is None:
            return True
        key = f"episode:{self._rule.id}:{self._cause.spot}"
        transaction = self._watched.as_transaction()
        known = transaction.current(WATCH, key)
        if known is not None:
            since = datetime.fromisoformat(known.attributes["since"])
            if self._now - since < timedelta(seconds=self._rule.episode_s):
                return False
        transaction.put(_note(key, self._cause.community, {"since": utc(self._now)}))
        return True

    def _append(self, kind: str, what: str, body: Mapping[str, Any]) -> int:
        """Append what the rule did, once for this cause; return its number, 0 when it was there."""
        cause = self._cause
        told = self._watched.append(
            NewEvent(
                kind=kind,
                community=cause.community,
                subject=self._rule.id if kind == FIRED else (cause.device or cause.place or self._rule.id),
                source=_SOURCE,
                source_seq=f"{self._rule.id}:{cause.key}:{what}",
                occurred_at=self._now,
                body={
                    "rule": self._rule.id,
                    "title": self._rule.title.model_dump(),
                    "cause": cause.seq,
                    "name": cause.name,
                    "device": cause.device,
                    "alarm": cause.alarm,
                    "place": cause.place,
                    "storey": cause.storey,
                    "center": None if cause.position is None else list(cause.position),
                    "severity": cause.severity,
                    "chain": list(cause.chain),
                    **body,
                },
            )
        )
        return 0 if told is None else told.seq


def keep(watched: Watched, key: str, community: str, *, holds: bool) -> bool:
    """Note whether a condition holds; return whether it did before."""
    known = watched.as_transaction().current(WATCH, key)
    before = known is not None and bool(known.attributes["holds"])
    if before != holds:
        watched.as_transaction().put(_note(key, community, {"holds": holds}))
    return before


def held(watched: Watched, key: str) -> bool:
    """Tell whether a condition was noted to hold."""
    known = watched.as_transaction().current(WATCH, key)
    return known is not None and bool(known.attributes["holds"])


def _note(key: str, community: str, said: Mapping[str, Any]) -> Feature:
    return Feature(layer=WATCH, id=key, community=community, attributes=said)  # one row: without valid_from
