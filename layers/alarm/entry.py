"""What is known of an alarm that stands: read from its record or from what the log tells of it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from twin.feature import Feature
from twin.spacecode import building_of

TOO_LITTLE = (KeyError, TypeError, ValueError, AttributeError)
"""What reading raises of something that is no alarm."""

Key = tuple[bool, int, bool, float, str]


class Kind(NamedTuple):
    """What alarms are counted by, beside where they stand."""

    type: str
    severity: int
    active: bool
    acknowledged: bool
    shelved: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """What the board knows of an alarm that stands.

    Attributes:
        due: When it may change by itself, at the earliest; ``None`` when it will not.
    """

    id: str
    community: str
    device: str
    type: str
    severity: int
    active: bool
    acknowledged: bool
    shelved: bool
    silence: bool
    place: str | None
    building: str | None
    raised_at: datetime
    due: datetime | None

    @property
    def urgency(self) -> Key:
        """Return what sorts the list: active before cleared, worst first, unacknowledged first, newest first."""
        return (not self.active, self.severity, self.acknowledged, -self.raised_at.timestamp(), self.id)

    @property
    def kind(self) -> Kind:
        """Return what it is counted by."""
        return Kind(self.type, self.severity, self.active, self.acknowledged, self.shelved)


def entry_of(record: Feature) -> Entry | None:
    """Return what the board knows of a record of the ``alarm`` layer; ``None`` when it says too little."""
    try:
        return entry_from(record.community, body_of(record))
    except TOO_LITTLE:
        return None


def body_of(record: Feature) -> dict[str, Any]:
    """Return the same of a record as the log tells of an alarm."""
    return {**record.attributes, "id": record.id, "place": record.place}


def entry_from(community: str, body: Mapping[str, Any]) -> Entry:
    """Return what a message tells; raises :data:`TOO_LITTLE` when it tells too little."""
    return Entry(
        id=_text(body["id"]),
        community=community,
        device=body["device"],
        type=_text(body["type"]),
        severity=int(body["severity"]),
        active=bool(body["active"]),
        acknowledged=bool(body["acknowledged"]),
        shelved=body.get("shelved_until") is not None,
        silence=body.get("cause") == "silence",
        place=body["place"],
        building=None if body["place"] is None else building_of(body["place"]),
        raised_at=_time(body["raised_at"]),
        due=min(_dues(body), default=None),
    )


def _text(said: Any) -> str:
    if not isinstance(said, str):
        raise TypeError(said)
    return said


def _dues(body: Mapping[str, Any]) -> Iterator[datetime]:
    if body.get("shelved_until") is not None:
        yield _time(body["shelved_until"])
    if body["active"] and body.get("timeout_s") is not None:
        yield _time(body["last_seen"]) + timedelta(seconds=body["timeout_s"])
    if body.get("flapping"):
        yield _time(body["changed_at"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
