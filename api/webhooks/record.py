"""A subscription: who is called, and for what; as a record of the layer ``subscription``. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from api.stream.asked import StreamFilter, filter_from
from api.stream.filter import Filter, plate_key
from api.stream.told import Told
from gis.errors import BadInput, Forbidden
from layers.alarm.record import utc
from twin.feature import Feature

LAYER = "subscription"
TARGETS = ("vehicle", "device", "zone")
_PERSONS = ("person", "people", "face", "portrait", "resident", "human", "category", "body", "人")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription.

    Attributes:
        asked: The filter, as :class:`api.stream.asked.StreamFilter` holds it.
        target: What a surveillance task watches: ``vehicle``, ``device`` or ``zone``; ``None``: an ordinary one.
        values: Number plates or numbers of devices it watches.
        starts_at: What happened earlier is not told; ``None``: from ``start`` on.
        ends_at: What happened then or later is not told.
        start: Number in the log it begins after.
        status: ``paused`` ones are not called.
        reason: Why it was paused.
        since: When the status was reached.
    """

    id: str
    community: str
    owner: str
    title: str | None
    url: str
    asked: Mapping[str, Any]
    target: str | None
    values: tuple[str, ...]
    starts_at: datetime | None
    ends_at: datetime | None
    start: int
    status: Literal["active", "paused"]
    reason: str | None
    since: datetime
    created_at: datetime

    @property
    def filter(self) -> Filter:
        """What it wants, but for the time."""
        wanted = replace(filter_from(StreamFilter.model_validate(self.asked)), community=self.community)
        if self.target == "vehicle":
            return replace(wanted, plates=frozenset(plate_key(value) for value in self.values))
        return replace(wanted, devices=frozenset(self.values)) if self.target == "device" else wanted

    def in_time(self, told: Told) -> bool:
        """Tell whether it happened in the time the subscription is about."""
        at = told.event.occurred_at
        return (self.starts_at is None or self.starts_at <= at) and (self.ends_at is None or at < self.ends_at)

    def told(self, one: Told) -> dict[str, Any]:
        """Return an event as the receiver gets it."""
        fields, event = one.fields(), one.event
        if self.target == "vehicle":
            fields["plate_no"] = one.facts.plate  # who watches for a plate has named it
        return {
            "id": f"{self.id}:{event.seq}",
            "seq": event.seq,
            "kind": event.kind,
            "occurred_at": utc(event.occurred_at),
            "recorded_at": utc(event.recorded_at),
            "data": fields,
        }

    def shown(self) -> dict[str, Any]:
        """Return it as JSON; there is no secret in it."""
        values = {name: utc(value) if isinstance(value, datetime) else value for name, value in asdict(self).items()}
        target = None if self.target is None else {"type": self.target, "values": list(self.values)}
        kept = {name: value for name, value in values.items() if name not in ("asked", "values")}
        return {**kept, "target": target, "filter": dict(self.asked)}

    def record(self) -> Feature:
        """Return its record."""
        said = self.shown()
        attributes = {name: value for name, value in said.items() if name not in ("id", "community", "title")}
        return Feature(
            layer=LAYER,
            id=self.id,
            community=self.community,
            name=self.title,
            attributes=attributes,
            valid_from=self.since,
        )


def subscription_of(record: Feature) -> Subscription:
    """Return what a record holds."""
    held = record.attributes
    times = {
        name: None if held[name] is None else datetime.fromisoformat(held[name])
        for name in ("starts_at", "ends_at", "since", "created_at")
    }
    target = held["target"] or {"type": None, "values": ()}
    plain = {name: held[name] for name in ("owner", "url", "start", "status", "reason")}
    return Subscription(
        id=record.id,
        community=record.community,
        title=record.name,
        asked=held["filter"],
        target=target["type"],
        values=tuple(target["values"]),
        **plain,
        **times,  # type: ignore[arg-type]
    )


def check_target(target: str, values: tuple[str, ...], asked: StreamFilter) -> None:
    """Refuse what may not, or cannot, be watched.

    Raises:
        Forbidden: ``subscription.persons``.
        BadInput: ``subscription.target``, ``subscription.no_zone``.

    >>> check_target("face", ("王",), StreamFilter())
    Traceback (most recent call last):
        ...
    gis.errors.Forbidden: subscription.persons: Persons are not watched, neither by face nor by category. ...
    """
    if any(word in target.casefold() for word in _PERSONS):
        raise Forbidden(
            "subscription.persons",
            "Persons are not watched, neither by face nor by category.",
            "Watch a vehicle, a device or a zone.",
            parameter="target",
        )
    if target not in TARGETS or (target == "zone") == bool(values):
        raise BadInput(
            "subscription.target",
            f"{target!r:.60} with {len(values)} values cannot be watched.",
            "Name plates of type vehicle, numbers of type device, or type zone without values.",
            parameter="target",
        )
    if target == "zone" and asked.area is None and asked.bbox is None and asked.place is None:
        raise BadInput(
            "subscription.no_zone",
            "It is not said where the zone is.",
            "Give filter.area, bbox or place.",
            field="area",
        )
