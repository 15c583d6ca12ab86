"""The ingest loop: decode → observe → alarm, all of a message in one durable transaction."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gis.errors import BadInput, LifangError, NotFound
from layers.alarm import acknowledge, clear, raise_again, raise_new
from layers.alarm.record import alarm_of, feature_of, message_of, named_places, place_name, updated
from layers.device.types import DeviceType
from layers.observation.decode import Observation, check, decode
from twin.feature import Feature
from twin.query import Query
from twin.store import NewEvent, Observed, Reading, Store, Transaction

MAX_ITEMS = 10_000


@dataclass(slots=True)
class Receipt:
    """What became of a message.

    Attributes:
        accepted: Observations now in the log.
        duplicates: Observations that were there already.
        rejected: ``index``, ``code``, ``message`` and ``cure`` of each that was not taken.
        seq: Position of the newest event this message appended; 0 when none.
    """

    accepted: int = 0
    duplicates: int = 0
    rejected: list[Mapping[str, Any]] = field(default_factory=list)
    seq: int = 0

    def reject(self, index: int, error: LifangError) -> None:
        """Note why one item was not taken."""
        self.rejected.append(
            {"index": index, "code": error.code, "message": error.message, "cure": error.cure, **error.facts}
        )


class Ingest:
    """Takes observations of registered devices into the twin.

    Args:
        store: Where devices, events and alarms live.
        types: The device catalogue.
        clock: Returns now in UTC.
    """

    def __init__(self, store: Store, types: Mapping[str, DeviceType], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._types = types
        self._clock = clock
        self._lock = threading.Lock()
        self._devices: Mapping[str, Feature] = {}
        self._devices_version = ""

    def observe(self, items: Sequence[Any]) -> "Future[Receipt]":
        """Take a batch; the future's receipt is given after the durable commit.

        Raises:
            BadInput: ``observation.too_many``.
        """
        if len(items) > MAX_ITEMS:
            raise BadInput(
                "observation.too_many",
                f"{len(items)} observations in one message.",
                f"Send at most {MAX_ITEMS} at a time.",
            )
        receipt = Receipt()
        devices = self._registry()
        checked = [
            found
            for index, item in enumerate(items)
            if (found := self._checked(index, item, devices, receipt)) is not None
        ]

        def work(transaction: Transaction) -> Receipt:
            for (reading, device), observed in zip(
                checked, transaction.observe([reading for reading, _ in checked]), strict=True
            ):
                self._take(transaction, reading, device, observed, receipt)
            return receipt

        return self._store.write(work)

    def acknowledge(self, alarm_id: str, by: str) -> "Future[dict[str, Any]]":
        """Note that a person saw an alarm; the future holds its message.

        The future raises ``NotFound`` ``alarm.unknown`` or ``Conflict`` ``alarm.acknowledged``.
        """
        now = self._clock()

        def work(transaction: Transaction) -> dict[str, Any]:
            record = transaction.current("alarm", alarm_id)
            if record is None:
                raise NotFound("alarm.unknown", f"No open alarm {alarm_id!r}.", "See GET /v1/alarms.", alarm=alarm_id)
            state = acknowledge(alarm_of(record), by, now)
            seen = updated(record, state, now)
            transaction.put(seen)
            if not state.open:
                transaction.end("alarm", alarm_id, now)
            message = self._announce(transaction, seen, now, f"{alarm_id}:acknowledged:{now.isoformat()}")
            if message is None:
                raise LifangError("alarm.not_announced", f"The log refused the acknowledgement of {alarm_id}.")
            return message

        return self._store.write(work)

    def silent(self) -> list[str]:
        """Return the devices that measure something but have never been heard."""
        heard = self._store.heard()
        return [
            device.id
            for device in self._registry().values()
            if device.id not in heard and _reports(self._types[device.attributes["device_type"]])
        ]

    def _registry(self) -> Mapping[str, Feature]:
        with self._lock:
            version = self._store.version(["device"])
            if version != self._devices_version:
                page = self._store.find(Query(layers=("device",)))
                self._devices = {device.id: device for device in page.features}
                self._devices_version = version
            return self._devices

    def _checked(
        self, index: int, item: Any, devices: Mapping[str, Feature], receipt: Receipt
    ) -> tuple[Reading, Feature] | None:
        try:
            observation = decode(item)
            device = devices.get(observation.device)
            if device is None:
                raise NotFound(
                    "observation.unknown_device",
                    f"No device {observation.device!r} is registered.",
                    "Import it into layer device first.",
                    device=observation.device,
                )
            check(observation, self._types[device.attributes["device_type"]])
            return _reading(observation, device), device
        except LifangError as error:
            receipt.reject(index, error)
            return None

    def _take(
        self, transaction: Transaction, reading: Reading, device: Feature, observed: Observed | None, receipt: Receipt
    ) -> None:
        """Count what became of a reading, and move its alarm."""
        if observed is None:
            receipt.duplicates += 1
            return
        receipt.accepted += 1
        receipt.seq = max(receipt.seq, observed.seq)
        kind = self._types[device.attributes["device_type"]].alarms.get(reading.name)
        if kind is not None and observed.newest:
            record = self._moved(transaction, reading, device)
            if record is not None:
                transaction.put(record)
                announced = self._announce(transaction, record, reading.occurred_at, f"event:{observed.seq}")
                receipt.seq = receipt.seq if announced is None else announced["seq"]
                if not alarm_of(record).open:
                    transaction.end("alarm", record.id, reading.occurred_at)

    def _moved(self, transaction: Transaction, reading: Reading, device: Feature) -> Feature | None:
        """Return the alarm's record after this report, ``None`` when nothing moved."""
        record = transaction.current("alarm", f"{reading.device}:{reading.name}")
        at = reading.occurred_at
        if record is None:
            if not reading.value:
                return None
            kind = self._types[device.attributes["device_type"]].alarms[reading.name]
            return feature_of(raise_new(device.id, reading.name, kind.severity, at), device, kind, self._clock())
        before = alarm_of(record)
        after = raise_again(before, at) if reading.value else clear(before, at)
        return None if after == before else updated(record, after, self._clock())

    def _announce(
        self, transaction: Transaction, record: Feature, at: datetime, source_seq: str
    ) -> dict[str, Any] | None:
        place = None if record.place is None else _place(transaction, record.place)
        message = message_of(record, place)
        event = transaction.append(
            NewEvent(
                kind="alarm",
                community=record.community,
                subject=record.id,
                source="lifang:alarm",
                source_seq=source_seq,
                occurred_at=at,
                body=message,
            )
        )
        return None if event is None else {**message, "seq": event.seq}


def _reading(observation: Observation, device: Feature) -> Reading:
    return Reading(
        device.community,
        observation.device,
        observation.name,
        observation.result,
        observation.phenomenon_time,
        observation.source,
        observation.source_seq,
    )


def _reports(kind: DeviceType) -> bool:
    """Tell whether devices of this type report by themselves; a record such as a pass needs somebody to pass."""
    return any(measure.kind != "record" for measure in kind.measures.values())


def _place(transaction: Transaction, key: str) -> str | None:
    found = {place: transaction.current(layer, place) for layer, place in named_places(key)}
    return place_name(key, {place: feature.name for place, feature in found.items() if feature is not None})
