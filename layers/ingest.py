"""The ingest loop: decode → observe → alarm, all of a message in one durable transaction."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

import h3
import shapely

from gis.errors import BadInput, Forbidden, LifangError, NotFound
from layers.alarm.desk import Desk, Report
from layers.alarm.limits import Limits
from layers.alarm.policy import Policy, load_policy
from layers.device.registry import Registry
from layers.device.types import DeviceType
from layers.observation.decode import Clocks, Observation, check, decode
from twin.event import UNCHANGED, Band, Observed, Reading
from twin.feature import Feature
from twin.store import Store, Transaction

MAX_ITEMS = 10_000


@dataclass(slots=True)
class Receipt:
    """What became of a message.

    Attributes:
        accepted: Observations now in the log.
        duplicates: Observations that were there already.
        unchanged: Observations that say nothing new, where the policy keeps exceptions only; they are not in the log.
        rejected: ``index``, ``code``, ``message`` and ``cure`` of each that was not taken.
        seq: Position of the newest event this message appended; 0 when none.
    """

    accepted: int = 0
    duplicates: int = 0
    unchanged: int = 0
    rejected: list[Mapping[str, Any]] = field(default_factory=list)
    seq: int = 0

    def reject(self, index: int, error: LifangError) -> None:
        """Note why one item was not taken."""
        self.rejected.append(
            {"index": index, "code": error.code, "message": error.message, "cure": error.cure, **error.facts}
        )


class _Seen(NamedTuple):
    """An item that may be stored."""

    reading: Reading
    device: Feature
    kind: DeviceType
    position: tuple[float, float] | None


@dataclass(slots=True)
class Totals:
    """What became of all observations since the start."""

    accepted: int = 0
    duplicates: int = 0
    unchanged: int = 0
    rejected: int = 0


class Ingest:
    """Takes observations of registered devices into the twin.

    Args:
        store: Where devices, events and alarms live.
        types: The device catalogue.
        clock: Returns now in UTC.
        policy: How alarms behave; ``None`` for the one that comes with the product.
        clocks: How far a device's clock may be from ours.
        registry: The devices; ``None`` makes one of its own.
        bands: Of which properties only exceptions are kept; those that have a limit are kept whole all the same.
    """

    def __init__(
        self,
        store: Store,
        types: Mapping[str, DeviceType],
        clock: Callable[[], datetime],
        *,
        policy: Policy | None = None,
        clocks: Clocks | None = None,
        registry: Registry | None = None,
        bands: Mapping[str, Band] | None = None,
    ) -> None:
        self._store = store
        self._types = types
        self._clock = clock
        self._policy = policy or load_policy()
        self._clocks = clocks or Clocks()
        self._registry = registry or Registry(store, types, clock)
        self._limits = self._policy.limits(types)
        self._bands = bands or {}
        self.totals = Totals()

    def observe(self, items: Sequence[Any], *, only: str | None = None) -> "Future[Receipt]":
        """Take a batch; the future's receipt is given after the durable commit.

        Args:
            items: As :func:`layers.observation.decode.decode` reads them.
            only: Number of the device that sent the message and proved it; it may speak for nobody else.

        Raises:
            BadInput: ``observation.too_many``.
        """
        if len(items) > MAX_ITEMS:
            raise BadInput(
                "observation.too_many",
                f"{len(items)} observations in one message.",
                f"Send at most {MAX_ITEMS} at a time.",
            )
        receipt, devices, now = Receipt(), self._registry.devices(), self._clock()
        checked = []
        for index, item in enumerate(items):
            try:
                checked.append(self._checked(item, devices, now, only))
            except LifangError as error:
                receipt.reject(index, error)

        def work(transaction: Transaction) -> Receipt:
            desk = Desk(transaction, self._policy, now)
            limits = Limits(transaction, desk, self._limits)
            for seen, observed in zip(checked, transaction.observe([seen.reading for seen in checked]), strict=True):
                if observed is None:
                    receipt.duplicates += 1
                    continue
                if observed is UNCHANGED:
                    receipt.unchanged += 1
                    continue
                receipt.accepted += 1
                receipt.seq = max(receipt.seq, observed.seq)
                if observed.newest:
                    self._judge(seen, observed, desk, limits)
            desk.finish()
            receipt.seq = max(receipt.seq, desk.seq)
            return receipt

        written = self._store.write(work)
        written.add_done_callback(self._count)
        return written

    def _count(self, written: "Future[Receipt]") -> None:
        """Add up what is durably stored; the store's one writer calls this, so nothing is lost between two."""
        if not written.cancelled() and written.exception() is None:
            receipt = written.result()
            self.totals.accepted += receipt.accepted
            self.totals.duplicates += receipt.duplicates
            self.totals.unchanged += receipt.unchanged
            self.totals.rejected += len(receipt.rejected)

    def _checked(self, item: Any, devices: Mapping[str, Feature], now: datetime, only: str | None) -> _Seen:
        observation = decode(item)
        device = devices.get(observation.device)
        if device is None:
            raise NotFound(
                "observation.unknown_device",
                f"No device {observation.device!r} is registered.",
                "Register it with POST /v1/devices, or import it into layer device.",
                device=observation.device,
            )
        if only not in (None, observation.device):
            raise Forbidden(
                "observation.foreign_device",
                f"{only} may not speak for {observation.device}.",
                "Let each device send its own observations.",
                device=observation.device,
            )
        kind = self._types[device.attributes["device_type"]]
        self._clocks.check(observation, now)
        band = self._band(kind, observation.name) if self._bands else None
        return _Seen(_reading(check(observation, kind), device, band), device, kind, observation.position)

    def _band(self, kind: DeviceType, name: str) -> Band | None:
        """Return within what a reading says nothing new; what may raise an alarm is never left out."""
        whole = name in kind.alarms or (kind.name, name) in self._limits
        return None if whole else self._bands.get(name)

    def _judge(self, seen: _Seen, observed: Observed, desk: Desk, limits: Limits) -> None:
        """Let a new latest value move the alarms it speaks of."""
        reading, kind, by = seen.reading, seen.kind, f"event:{observed.seq}"
        alarm = kind.alarms.get(reading.name)
        if alarm is not None:
            device, cell = self._sighted(seen)
            desk.report(device, alarm, Report(holds=bool(reading.value), at=reading.occurred_at, by=by, cell=cell))
            return
        for rule in self._limits.get((kind.name, reading.name), ()):
            limits.read(seen.device, kind.alarms[rule.alarm], rule, float(reading.value), reading.occurred_at, by)

    def _sighted(self, seen: _Seen) -> tuple[Feature, str | None]:
        """Return the device where its alarm is to stand, and the cell of what a camera saw somewhere."""
        if seen.position is None or not self._policy.sights(seen.kind):
            return seen.device, None
        lon, lat = seen.position
        # What stands elsewhere is not in the camera's own room.
        there = replace(seen.device, geometry=shapely.Point(lon, lat), place=None, storey=None)
        return there, str(h3.latlng_to_cell(lat, lon, self._policy.resolution))


def _reading(observation: Observation, device: Feature, band: Band | None) -> Reading:
    return Reading(
        device.community,
        observation.device,
        observation.name,
        observation.result,
        observation.phenomenon_time,
        observation.source,
        observation.source_seq,
        observation.result_time,
        band,
    )
