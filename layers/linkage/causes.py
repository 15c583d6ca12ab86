"""What happened, told from the log, as causes that rules may wait for. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from layers.device.types import DeviceType
from layers.linkage.scope import Cause, Position
from twin.event import Event, Observed, Reading
from twin.feature import Feature


def alarm_cause(event: Event, moment: str, family: str | None, chain: tuple[str, ...]) -> Cause:
    """Return an alarm's raising or clearing as a cause; ``moment`` tells this one from every other of the alarm."""
    body = event.body
    return Cause(
        key=f"{body['id']}:{'raised' if body['active'] else 'cleared'}:{moment}",
        name=body["type"],
        at=event.occurred_at,
        community=event.community,
        seq=event.seq,
        device=body["device"],
        family=family,
        place=body["place"],
        storey=body["storey"],
        position=_position(body.get("center")),
        severity=body["severity"],
        alarm=body["id"],
        title=body["title"],
        chain=chain,
    )


def moment_of(body: Mapping[str, Any], record: Feature | None) -> str:
    """Return when the alarm that a message tells of was last raised, or cleared, as its record says by now.

    An acknowledgement or the end of a shelf tells of the same raising as the message before it. An alarm that was
    raised and cleared within one transaction stands cleared when this is asked.
    """
    if not body["active"]:
        return str(body["cleared_at"])
    moments = [] if record is None else record.attributes["transitions"]
    if record is not None and not record.attributes["active"]:
        moments = moments[:-1]
    return str(moments[-1] if moments else body["changed_at"])


def reading_cause(reading: Reading, observed: Observed, device: Feature, kind: DeviceType) -> Cause:
    """Return a reading as a cause."""
    return Cause(
        key=f"reading:{observed.seq}",
        name=reading.name,
        at=reading.occurred_at,
        community=reading.community,
        seq=observed.seq,
        device=device.id,
        family=kind.family.name,
        place=device.place,
        storey=device.storey,
        position=_of(device),
    )


def event_cause(event: Event, device: Feature | None, chain: tuple[str, ...]) -> Cause:
    """Return any other event as a cause: where it says it was, else where its device stands."""
    body = event.body
    place, position = body.get("place"), _position(body.get("center") or body.get("position"))
    if device is not None:
        place, position = place or device.place, position or _of(device)
    return Cause(
        key=f"event:{event.seq}",
        name=str(body.get("name", event.kind)) if event.kind == "signal" else event.kind,
        at=event.occurred_at,
        community=event.community,
        seq=event.seq,
        device=None if device is None else device.id,
        place=place,
        storey=body.get("storey") if device is None else device.storey,
        position=position,
        chain=(*chain, *(name for name in body.get("chain", ()) if name not in chain)),
    )


def time_cause(key: str, at: datetime, community: str) -> Cause:
    """Return a time of day as a cause."""
    return Cause(key=key, name="schedule", at=at, community=community)


def device_cause(device: Feature, name: str, at: datetime, severity: int | None = None) -> Cause:
    """Return the cause that a device is for a signal, or would be in a simulation."""
    return Cause(
        key="simulated",
        name=name,
        at=at,
        community=device.community,
        device=device.id,
        place=device.place,
        storey=device.storey,
        position=_of(device),
        severity=severity,
    )


def _of(device: Feature) -> Position | None:
    if device.geometry is None:
        return None
    middle = device.geometry.centroid
    return middle.x, middle.y


def _position(said: Any) -> Position | None:
    if isinstance(said, list | tuple) and len(said) == 2 and all(isinstance(part, int | float) for part in said):
        return float(said[0]), float(said[1])
    return None
