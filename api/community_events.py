"""Events of other systems into the twin: as alarms of their device, or as incidents; and what became of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.state import Services
from gis.errors import BadInput, Conflict, Forbidden, LifangError, NotFound
from layers.alarm.record import utc
from layers.device.types import AlarmType, DeviceType
from layers.incident import Report, report
from layers.incident.desk import REPORTS, result_of
from layers.incident.policy import load_policy
from layers.incident.record import LAYER as INCIDENT
from layers.sources.events import STATUSES, CommunityEvent, Status, meant_by
from twin.feature import Feature
from twin.store import Transaction

_REPORTED_BY = "third_party"
_ACKNOWLEDGED: frozenset[str] = frozenset({"accepted", "dispatched", "handling"})
_DONE: frozenset[str] = frozenset({"feedback", "assessed"})


def take_event(here: Services, event: CommunityEvent, only: str | None) -> dict[str, Any]:
    """Take one event; return what it became and its disposal. The same ``(source, event_no)`` again changes nothing.

    Args:
        here: The service.
        event: As decoded; a disposal that says *handled* is carried over.
        only: Number of the device that signed the message; it may report for itself only.

    Raises:
        BadInput: ``event.unknown_type``, what the reading or the report of an incident raises.
        NotFound: ``event.unknown_device``.
        Forbidden: ``event.foreign_device``.
    """
    if only not in (None, event.device_no):
        raise Forbidden("event.foreign_device", f"{only} may not report for others.", "Report with its own number.")
    kind = _device_type(here, event)
    classes = {name: one.title for name, one in load_policy().classes.items()}
    what, name = meant_by(event, kind, classes)
    if what == "incident" or kind is None:
        return _as_incident(here, event, name)
    return _as_alarm(here, event, kind.alarms[name])


def _device_type(here: Services, event: CommunityEvent) -> DeviceType | None:
    if event.device_no is None:
        return None
    device = here.live.registry.devices().get(event.device_no)
    if device is None:
        raise NotFound(
            "event.unknown_device",
            f"No device {event.device_no!r} is registered.",
            "Register it with POST /v1/devices, or leave device_no out and say where it was.",
            field="device_no",
        )
    return here.live.registry.kind(device)


def _as_alarm(here: Services, event: CommunityEvent, alarm: AlarmType) -> dict[str, Any]:
    known = here.store.event(_numbered_by(event.source), event.event_no) is not None
    _observe(here, event, alarm, event.event_no, event.occurred_at, holds=True)
    disposal = event.disposal
    if disposal.status == "handled" and disposal.handled_at is not None:
        if alarm.auto_clear:
            _observe(here, event, alarm, f"{event.event_no}:handled", disposal.handled_at, holds=False)
        else:
            _handle(here, f"{event.device_no}:{alarm.name}", disposal.handler or event.source, disposal.result)
    found = state_of(here, event.source, event.event_no)
    return {**found, "created": not known}


def _observe(
    here: Services, event: CommunityEvent, alarm: AlarmType, number: str, at: datetime, *, holds: bool
) -> None:
    item = {
        "device": event.device_no,
        "property": alarm.name,
        "result": holds,
        "phenomenonTime": at.isoformat(),
        "source": _numbered_by(event.source),
        "source_seq": number,
    }
    receipt = here.ingest.observe([item]).result()
    for fault in receipt.rejected:
        raise BadInput(fault["code"], fault["message"], fault["cure"])


def _handle(here: Services, alarm: str, by: str, result: str | None) -> None:
    """Note that an alarm was dealt with elsewhere; one that is over already stays as it is."""
    try:
        here.live.duty.handle(alarm, by, result or "已处置").result()
    except (NotFound, Conflict) as error:
        if error.code not in ("alarm.unknown", "alarm.clears_itself"):
            raise


def _as_incident(here: Services, event: CommunityEvent, class_: str) -> dict[str, Any]:
    now = here.clock()
    filed = Report(
        class_=class_,
        severity=event.severity,
        source=_REPORTED_BY,
        source_no=_source_no(event.source, event.event_no),
        title=event.name,
        description=event.description,
        by=event.source,
        occurred_at=event.occurred_at,
        device=event.device_no,
        place=event.place,
        position=event.position,
    )

    def work(transaction: Transaction) -> bool:
        reported = report(transaction, filed, now)
        if event.disposal.status == "handled":
            number, result = f"{event.event_no}:handled", event.disposal.result or "已处置"
            _result(transaction, reported.no, event.source, number, now, result)
        return reported.created

    created = here.store.write(work).result()
    return {**state_of(here, event.source, event.event_no), "created": created}


def _result(transaction: Transaction, no: str, system: str, number: str, now: datetime, result: str) -> None:
    """Take a result back; a closed incident has one already."""
    try:
        result_of(transaction, no, system, number, now, result)
    except Conflict as error:
        if error.code != "incident.step":
            raise


def state_of(here: Services, source: str, event_no: str) -> dict[str, Any]:
    """Return what an event became and its disposal.

    Raises:
        NotFound: ``event.unknown``.
    """
    seen = here.store.event(_numbered_by(source), event_no)
    if seen is not None:
        alarm = f"{seen.subject}:{seen.body['property']}"
        versions = here.store.history("alarm", alarm)
        # The same condition may have come again since: that is another occurrence, and not this event's.
        own = [one for one in versions if one.attributes["raised_at"] <= utc(seen.occurred_at)]
        return _shown(source, event_no, "alarm", alarm, _alarm_disposal(own[-1] if own else None))
    key = f"{_REPORTED_BY}/{_source_no(source, event_no)}"
    note = _record(here, REPORTS, key)
    if note is None:
        raise NotFound("event.unknown", f"{source} has reported no event {event_no!r}.", "Report it with POST.")
    no = str(note.attributes["incident"])
    return _shown(source, event_no, "incident", no, _incident_disposal(_record(here, INCIDENT, no)))


def _record(here: Services, layer: str, name: str) -> Feature | None:
    """Return what was last known of an alarm or incident, closed ones too."""
    return next(reversed(here.store.history(layer, name)), None)


def _shown(source: str, event_no: str, became: str, name: str, disposal: Mapping[str, Any]) -> dict[str, Any]:
    status: Status = disposal["status"]
    shown = {**disposal, "status_zh": STATUSES[status][0]}
    return {"source": source, "event_no": event_no, "became": became, "id": name, **shown}


def _alarm_disposal(record: Feature | None) -> dict[str, Any]:
    if record is None:
        return {"status": "handled", "handler": None, "handled_at": None}
    held = record.attributes
    seen = held.get("acknowledged_at")
    if held.get("active"):
        return {
            "status": "handling" if seen else "unhandled",
            "handler": held.get("acknowledged_by"),
            "handled_at": None,
        }
    by = held.get("handled_by") or held.get("acknowledged_by")
    return {"status": "handled", "handler": by, "handled_at": held.get("cleared_at")}


def _incident_disposal(record: Feature | None) -> dict[str, Any]:
    held: Mapping[str, Any] = {} if record is None else record.attributes
    state = str(held.get("state", "reported"))
    done = state in _DONE or held.get("result") is not None or held.get("merged_into") is not None
    status = "handled" if done else "handling" if state in _ACKNOWLEDGED else "unhandled"
    at = held.get("feedback_at") or held.get("changed_at")
    return {
        "status": status,
        "handler": held.get("result_by") or held.get("handler"),
        "handled_at": at if done else None,
    }


def _numbered_by(source: str) -> str:
    return f"event:{source}"


def _source_no(source: str, event_no: str) -> str:
    return f"{source}:{event_no}"


def fault_of(index: int, error: LifangError) -> dict[str, Any]:
    """Return why one event was not taken."""
    return {"index": index, "code": error.code, "message": error.message, "cure": error.cure, **error.facts}
