"""Takes a batch of a broker's messages into the twin: decoded one by one, committed together."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from api.live import Live
from gis.errors import BadInput, Forbidden, LifangError, NotFound, Unavailable
from layers.ingest import MAX_ITEMS
from layers.sources.answers import Answered, decode_answer
from layers.sources.payload import Item, Said
from layers.sources.rejected import Rejections
from layers.sources.topics import ANSWERS, DECODERS, STATUS, Template
from twin.event import NewEvent
from twin.feature import Feature
from twin.store import Store


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as a broker delivered it.

    Attributes:
        connection: Which connection it came over; a packet id means nothing on another.
        packet: Id to acknowledge it by.
        qos: 0 needs no acknowledgement.
    """

    connection: int
    packet: int
    qos: int
    topic: str
    payload: bytes


@dataclass(slots=True)
class Counts:
    """What became of the items so far."""

    accepted: int = 0
    duplicates: int = 0
    unchanged: int = 0
    rejected: int = 0


@dataclass(slots=True)
class _Batch:
    items: list[Item] = field(default_factory=list)
    origins: list[tuple[Delivery, Said]] = field(default_factory=list)
    presences: dict[str, Literal["online", "offline"]] = field(default_factory=dict)
    answers: list[tuple[Delivery, Said, Answered]] = field(default_factory=list)
    notes: list[NewEvent] = field(default_factory=list)


class Taker:
    """Decodes and stores messages; returns only when all that is kept of them is durable.

    Args:
        store: Where rejected messages are noted.
        live: Takes readings and answers, knows the devices.
        templates: Which topic is whose.
        clock: Returns now in UTC.
    """

    def __init__(self, store: Store, live: Live, templates: Sequence[Template], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._live = live
        self._templates = templates
        self._rejections = Rejections(clock)
        self.counts = Counts()

    @property
    def untold(self) -> int:
        """Return how many rejected items the log does not hold, because it holds enough of the kind."""
        return self._rejections.untold

    def take(self, deliveries: Sequence[Delivery]) -> None:
        """Take messages in their order.

        Raises:
            Unavailable: When the store cannot write now; nothing is lost by trying again.
        """
        batch, devices = _Batch(), self._live.registry.devices()
        for delivery in deliveries:
            self._read(delivery, devices, batch)
        for start in range(0, len(batch.items), MAX_ITEMS):
            part = slice(start, start + MAX_ITEMS)
            receipt = self._live.ingest.observe(batch.items[part]).result()
            self.counts.accepted += receipt.accepted
            self.counts.duplicates += receipt.duplicates
            self.counts.unchanged += receipt.unchanged
            for fault in receipt.rejected:
                delivery, said = batch.origins[part][fault["index"]]
                error = BadInput(fault["code"], fault["message"], fault["cure"], device=fault.get("device"))
                self._reject(delivery, said, error, batch)
        self._settle(batch)
        self._finish(batch)

    def refuse(self, delivery: Delivery, error: LifangError) -> None:
        """Note a message that cannot be taken at all."""
        batch = _Batch()
        self._reject(delivery, {}, error, batch)
        self._finish(batch)

    def _settle(self, batch: _Batch) -> None:
        """Take the devices' answers; the topic a device may write on is its proof that they are its own."""
        answer = self._live.commands.answer
        waiting = [answer(one.id, one.state, one.result, said["device"]) for _, said, one in batch.answers]
        for (delivery, said, _), done in zip(batch.answers, waiting, strict=True):
            try:
                done.result()
            except Unavailable:
                raise
            except LifangError as error:
                self._reject(delivery, said, error, batch)

    def _finish(self, batch: _Batch) -> None:
        waiting: list[Future[Any]] = [self._live.watchman.say(*one) for one in self._changed(batch.presences)]
        if batch.notes:
            waiting.append(self._store.write(lambda transaction: transaction.append_all(batch.notes)))
        for one in waiting:
            one.result()

    def _changed(self, presences: Mapping[str, Literal["online", "offline"]]) -> list[tuple[str, Any]]:
        """Return what is news: a broker repeats retained messages at every connection."""
        standing = self._live.watchman.standing()
        return [
            (number, said)
            for number, said in presences.items()
            if number not in standing or standing[number].presence != said
        ]

    def _read(self, delivery: Delivery, devices: Mapping[str, Feature], batch: _Batch) -> None:
        said: Said = {}
        try:
            template, said = self._whose(delivery.topic)
            _check_community(said, devices)
            if template.source == STATUS:
                self._read_status(delivery, said, devices, batch)
                return
            if template.source == ANSWERS:
                self._read_answer(delivery, said, devices, batch)
                return
            decoded = DECODERS[template.source](delivery.payload, said)
        except LifangError as error:
            self._reject(delivery, said, error, batch)
            return
        for one in decoded:
            if isinstance(one, LifangError):
                self._reject(delivery, said, one, batch)
            else:
                batch.items.append(one)
                batch.origins.append((delivery, said))

    def _whose(self, topic: str) -> tuple[Template, Said]:
        for template in self._templates:
            said = template.match(topic)
            if said is not None:
                return template, said
        raise BadInput("mqtt.unknown_topic", f"Nothing is expected on {topic!r:.200}.", "See docs/sources.md.")

    def _read_status(self, delivery: Delivery, said: Said, devices: Mapping[str, Feature], batch: _Batch) -> None:
        word = delivery.payload[:20].decode("utf-8", "replace").strip().casefold()
        if word not in ("online", "offline") or said.get("device") not in devices:
            raise BadInput(
                "mqtt.status",
                f"{word!r} is no status of a registered device.",
                "Send online or offline, under the number of a device.",
            )
        batch.presences[said["device"]] = "online" if word == "online" else "offline"

    def _read_answer(self, delivery: Delivery, said: Said, devices: Mapping[str, Feature], batch: _Batch) -> None:
        if said.get("device") not in devices:
            raise NotFound(
                "device.unknown",
                f"No device {said.get('device')!r:.200} is registered.",
                "Answer under the number of the device that was told.",
            )
        batch.answers.append((delivery, said, decode_answer(delivery.payload)))

    def _reject(self, delivery: Delivery, said: Said, error: LifangError, batch: _Batch) -> None:
        self.counts.rejected += 1
        note = self._rejections.event(
            error,
            source="mqtt",
            subject=said.get("device", delivery.topic),
            community=said.get("community", ""),
            payload=delivery.payload,
        )
        if note is not None:
            batch.notes.append(note)


def _check_community(said: Said, devices: Mapping[str, Feature]) -> None:
    """Refuse a device that speaks in another community: a broker may give rights by community."""
    device = devices.get(said.get("device", ""))
    own = said.get("community")
    if device is not None and own is not None and device.community != own:
        raise Forbidden(
            "mqtt.foreign_community",
            f"{device.id} does not belong to {own!r:.80}.",
            "Use the topic of its own community.",
            device=device.id,
        )
