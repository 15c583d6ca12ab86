"""Rounds of patrols: begun, watched and ended; a missed point or a left area is an alarm of the terminal."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gis.errors import BadInput, Conflict, NotFound
from layers.alarm.desk import Desk, Report
from layers.alarm.policy import Policy
from layers.device.registry import Registry
from layers.moving.patrol import Round, checkpoints_of, judged
from layers.moving.position import PROPERTY, Position, position_of
from twin.event import NewEvent
from twin.feature import Feature
from twin.query import Query
from twin.series import Series
from twin.store import Store, Transaction

ROUTES, ROUNDS = "patrol_route", "patrol"
POINT_MISSED, LEFT_AREA = "point_missed", "out_of_area"
_AFTERWARDS = timedelta(minutes=5)
"""Positions that come in late may still prove a visit; then the round is closed."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A round and how it goes."""

    record: Feature
    route: Feature
    judged: Round
    track: tuple[Position, ...]


class Patrols:
    """Begins rounds, watches them and tells what was missed.

    Args:
        store: Where routes, rounds and positions live.
        registry: The devices.
        policy: How alarms behave.
        clock: Returns now in UTC.
    """

    def __init__(self, store: Store, registry: Registry, policy: Policy, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._registry = registry
        self._policy = policy
        self._clock = clock

    def begin(self, route: str, device: str) -> "Future[Feature]":
        """Begin a round along a route with a terminal; the future holds its record.

        Raises:
            NotFound: ``patrol.unknown_route``, ``device.unknown``.
            BadInput: ``patrol.no_positions`` for a device that reports none, ``patrol.bad_points``.

        The future raises ``Conflict`` ``patrol.under_way`` when the terminal is on a round already.
        """
        planned, carrier = self._route(route), self._carrier(device)
        checkpoints_of(planned.attributes.get("points"), route)
        now = self._clock()
        record = Feature(
            layer=ROUNDS,
            id=f"{route}:{device}:{now:%Y%m%dT%H%M%S}",
            community=planned.community,
            name=planned.name,
            attributes={"route": route, "device": device, "started_at": now.isoformat(), "state": "under_way"},
            source="lifang:patrol",
            valid_from=now,
        )

        def work(transaction: Transaction) -> Feature:
            busy = transaction.find(Query(layers=(ROUNDS,), filters=(("device", carrier.id), ("state", "under_way"))))
            if busy.features:
                raise Conflict(
                    "patrol.under_way",
                    f"{device} is on round {busy.features[0].id}.",
                    "End that one first.",
                    patrol=busy.features[0].id,
                )
            transaction.put(record)
            self._tell(transaction, record, now)
            return record

        return self._store.write(work)

    def end(self, patrol: str) -> "Future[Feature]":
        """End a round; the future holds its record, and raises ``patrol.unknown`` or ``patrol.over``."""
        now = self._clock()

        def work(transaction: Transaction) -> Feature:
            record = transaction.current(ROUNDS, patrol)
            if record is None:
                raise NotFound(
                    "patrol.unknown", f"There is no round {patrol!r}.", "See GET /v1/patrols.", patrol=patrol
                )
            if record.attributes["state"] != "under_way":
                raise Conflict("patrol.over", f"{patrol} is over.", "Nothing needs to be done.", patrol=patrol)
            return self._close(transaction, record, now)

        return self._store.write(work)

    def watched(self, record: Feature) -> Watched:
        """Return how a round goes, or went."""
        route = self._route(str(record.attributes["route"]))
        started = datetime.fromisoformat(record.attributes["started_at"])
        ended = record.attributes.get("ended_at")
        until = self._clock() if ended is None else datetime.fromisoformat(ended)
        points = checkpoints_of(route.attributes.get("points"), route.id)
        track = self.positions(str(record.attributes["device"]), started, until)
        area = route.geometry if route.geometry is not None and "Polygon" in route.geometry.geom_type else None
        return Watched(record, route, judged(points, track, started, until, area), tuple(track))

    def positions(self, device: str, start: datetime, end: datetime) -> list[Position]:
        """Return the positions of a device from one moment on and before another, in the order of time."""
        asked = Series(devices=(device,), names=(PROPERTY,), start=start, end=end)
        found = []
        for event in self._store.observations(asked):
            try:
                found.append(position_of(device, event.body["result"], event.occurred_at))
            except BadInput:
                continue  # taken before positions were checked
        return found

    def tick(self) -> "Future[None] | None":
        """Raise alarms for what was missed by now and close what is over; ``None`` when nothing is to be done."""
        now = self._clock()
        found = self._store.find(Query(layers=(ROUNDS,), filters=(("state", "under_way"),))).features
        due = [(watched, news) for record in found if (news := self._news(watched := self.watched(record), now))]
        if not due:
            return None

        def work(transaction: Transaction) -> None:
            desk = Desk(transaction, self._policy, now)
            for watched, news in due:
                self._raise(transaction, desk, watched, news, now)
            desk.finish()

        return self._store.write(work)

    def _news(self, watched: Watched, now: datetime) -> Mapping[str, datetime]:
        """Return what has not been told of a round: its key, and since when it is so."""
        told = watched.record.attributes.get("told", [])
        news = {
            f"{POINT_MISSED}:{n}": visit.due for n, visit in enumerate(watched.judged.visits) if visit.state == "missed"
        }
        news |= {f"{LEFT_AREA}:{start.isoformat()}": start for start, _ in watched.judged.outside}
        fresh = {key: at for key, at in news.items() if key not in told}
        last = max(visit.due for visit in watched.judged.visits)
        return {**fresh, "over": last} if now >= last + _AFTERWARDS else fresh

    def _raise(
        self, transaction: Transaction, desk: Desk, watched: Watched, news: Mapping[str, datetime], now: datetime
    ) -> None:
        record = transaction.current(ROUNDS, watched.record.id)
        device = self._registry.devices().get(str(watched.record.attributes["device"]))
        if record is None or record.attributes["state"] != "under_way":
            return
        for key, at in news.items():
            kind = None if device is None else self._registry.kind(device).alarms.get(key.partition(":")[0])
            if device is not None and kind is not None:
                desk.report(device, kind, Report(holds=True, at=at, by=f"patrol:{record.id}:{key}", cause="rule"))
        told = [*record.attributes.get("told", []), *(key for key in news if key != "over")]
        noted = replace(record, attributes={**record.attributes, "told": told}, valid_from=now)
        if "over" in news:
            self._close(transaction, noted, now)
        else:
            transaction.put(noted)

    def _close(self, transaction: Transaction, record: Feature, now: datetime) -> Feature:
        done = {**record.attributes, "state": "over", "ended_at": now.isoformat()}
        closed = replace(record, attributes=done, valid_from=now)
        transaction.put(closed)
        self._tell(transaction, closed, now)
        return closed

    def _tell(self, transaction: Transaction, record: Feature, now: datetime) -> None:
        told = NewEvent(
            kind="patrol",
            community=record.community,
            subject=record.id,
            source="lifang:patrol",
            source_seq=f"{record.id}:{record.attributes['state']}",
            occurred_at=now,
            body={"id": record.id, **record.attributes},
        )
        transaction.append(told)

    def _route(self, name: str) -> Feature:
        found = self._store.find(Query(layers=(ROUTES,), ids=(name,), limit=1)).features
        if not found:
            raise NotFound(
                "patrol.unknown_route", f"There is no patrol route {name!r}.", "Import it into layer patrol_route."
            )
        return found[0]

    def _carrier(self, device: str) -> Feature:
        found = self._registry.devices().get(device)
        if found is None:
            raise NotFound(
                "device.unknown", f"No device {device!r} is registered.", "See GET /v1/devices.", device=device
            )
        kind = self._registry.kind(found)
        if PROPERTY not in kind.measures or POINT_MISSED not in kind.alarms:
            raise BadInput(
                "patrol.no_positions",
                f"A {kind.name} does not go on patrol.",
                "Use a terminal that reports positions, such as patrol_set.",
                device=device,
            )
        return found
