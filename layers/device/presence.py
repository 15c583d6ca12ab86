"""Online, offline, silent: what the log says about each device, kept with its history and told when it changes."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from gis.errors import NotFound
from layers.alarm.board import Board
from layers.alarm.desk import Desk, Report
from layers.alarm.policy import Policy
from layers.alarm.record import utc
from layers.alarm.rules import alarm_id
from layers.device.registry import KIND, Registry, device_event
from layers.device.silence import Presence, Standing, changes, grouped, silent_groups
from layers.device.types import DeviceType
from layers.following import Following
from twin.feature import Feature
from twin.query import Query
from twin.spacecode import building_of
from twin.store import Store, Transaction

LAYER = "device_status"
DEVICE, BUILDING, GATEWAY = "device_silent", "building_silent", "gateway_silent"
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class _Groups:
    """Buildings and gateways: which devices belong to each, and which of them were and are silent."""

    kind: str
    members: Mapping[str, list[str]]
    before: set[str]
    now: set[str]


class Watchman:
    """Notes who is heard and who is not; somebody calls :meth:`tick` now and then.

    Args:
        store: Where devices and readings live.
        policy: How alarms behave.
        registry: The devices.
        board: What is open.
        clock: Returns now in UTC.
    """

    def __init__(
        self, store: Store, policy: Policy, registry: Registry, board: Board, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._policy = policy
        self._registry = registry
        self._board = board
        self._clock = clock
        self._started = clock()
        self._lock = threading.Lock()
        self._following = Following(store, LAYER, KIND)
        self._standing: Mapping[str, Standing] = {}
        self._heard: Mapping[str, datetime] = {}
        self._newest: datetime | None = None
        self._beats: tuple[Mapping[str, Feature], Mapping[str, int]] = ({}, {})
        self._members: tuple[Mapping[str, Feature], Mapping[str, Mapping[str, list[str]]]] = ({}, {})

    def standing(self) -> Mapping[str, Standing]:
        """Return the presence of every device that has begun to talk."""
        with self._lock:
            changed = self._following.changed()
            if changed:
                standing = {number: one for number, one in self._standing.items() if number not in changed}
                standing.update((one.id, standing_of(one)) for one in changed.values() if one is not None)
                self._standing = standing
            return self._standing

    def heard(self) -> Mapping[str, datetime]:
        """Return when each device that has begun to talk was last heard, by our clock."""
        with self._lock:
            newer = self._store.heard(self._newest)
            if newer:
                self._heard = {**self._heard, **newer}
                self._newest = max(newer.values())
            return self._heard

    def missed(self) -> dict[str, str]:
        """Return the devices that are not heard although they report by themselves: ``silent`` or ``offline``."""
        heard, known = self.heard(), self.standing()
        found: dict[str, str] = {
            number: "silent"
            for number, device in self._registry.devices().items()
            if number not in heard and reports(self._registry.kind(device))
        }
        found.update((number, one.presence) for number, one in known.items() if one.presence != "online")
        devices = self._registry.devices()
        return {number: presence for number, presence in found.items() if number in devices}

    def say(self, number: str, presence: Presence) -> "Future[None]":
        """Note what a gateway or a broker says of a device: that it came or went.

        Raises:
            NotFound: ``device.unknown``.
        """
        if number not in self._registry.devices():
            raise NotFound(
                "device.unknown", f"No device {number!r} is registered.", "See GET /v1/devices.", device=number
            )
        return self._take([(number, presence)], self._clock())

    def tick(self) -> "Future[None] | None":
        """Note whose presence changed, a thousand at most; ``None`` when nobody's did."""
        now, devices = self._clock(), self._registry.devices()
        beats = self._heartbeats(devices)
        changed = changes(now, self._started, beats, self.heard(), self.standing())
        found = list(islice((one for one in changed if one[0] in devices), _AT_ONCE))
        return self._take(found, now) if found else None

    def _heartbeats(self, devices: Mapping[str, Feature]) -> Mapping[str, int]:
        """Return after how many seconds each device's silence tells; worked out once for the same registry."""
        if self._beats[0] is not devices:
            known = ((number, heartbeat_s(one, self._registry.kind(one))) for number, one in devices.items())
            self._beats = devices, {number: beat for number, beat in known if beat is not None}
        return self._beats[1]

    def _take(self, found: list[tuple[str, Presence]], now: datetime) -> "Future[None]":
        devices, standing = self._registry.devices(), self.standing()
        after = {**standing, **{number: Standing(presence, now) for number, presence in found}}
        groups = self._groups(devices, [number for number, _ in found], after)

        def work(transaction: Transaction) -> None:
            desk = Desk(transaction, self._policy, now)
            fresh = [(devices[number], presence) for number, presence in _not_yet(transaction, found)]
            transaction.put_all([_record(device, presence, now) for device, presence in fresh])
            transaction.append_all([device_event(device, presence, now) for device, presence in fresh])
            for device, presence in fresh:
                self._report(desk, device, presence == "silent" and not _inside(groups, device.id), now)
            for group in groups:
                self._tell(transaction, desk, group, after, now)
            desk.finish()

        return self._store.write(work)

    def _groups(
        self, devices: Mapping[str, Feature], changed: Sequence[str], after: Mapping[str, Standing]
    ) -> list[_Groups]:
        """Judge the groups of devices that changed and those that were silent; all, where devices came or went."""
        known = self._members
        renewed = known[0] is not devices
        if renewed:
            known = self._members = devices, _members(devices)
        found = []
        for kind, members in known[1].items():
            before = self._board.silent(kind)
            touched = {group for number in changed if (group := _KINDS[kind](devices[number]))} | before
            judged = members if renewed else {group: members[group] for group in touched & members.keys()}
            found.append(_Groups(kind, members, before, silent_groups(judged, after, before)))
        return found

    def _tell(
        self, transaction: Transaction, desk: Desk, group: _Groups, after: Mapping[str, Standing], now: datetime
    ) -> None:
        """Tell of a group instead of its devices when it falls silent, and of those still silent when it is heard."""
        for key in sorted(group.now - group.before):
            desk.report(self._bearer(transaction, group, key), self._policy.own[group.kind], _said(key, True, now))
            for member in group.members[key]:
                desk.end(alarm_id(member, DEVICE), "reading")
        for key in sorted(group.before - group.now):
            desk.report(self._bearer(transaction, group, key), self._policy.own[group.kind], _said(key, False, now))
            for member in group.members.get(key, ()):
                if member in after and after[member].presence == "silent":
                    self._report(desk, self._registry.devices()[member], True, now)

    def _bearer(self, transaction: Transaction, group: _Groups, key: str) -> Feature:
        """Return what a group's alarm is about: the building, or the gateway where it is registered."""
        found = transaction.current("building" if group.kind == BUILDING else "device", key)
        community = self._registry.devices()[group.members[key][0]].community if key in group.members else ""
        return found or Feature(layer="device", id=key, community=community)

    def _report(self, desk: Desk, device: Feature, silent: bool, now: datetime) -> None:  # noqa: FBT001
        if silent or desk.standing(alarm_id(device.id, DEVICE)) is not None:
            desk.report(device, self._policy.own[DEVICE], _said(device.id, silent, now))


def _building(device: Feature) -> str | None:
    return None if device.place is None else building_of(device.place)


def _gateway(device: Feature) -> str | None:
    return device.attributes.get("gateway")


_KINDS: Mapping[str, Callable[[Feature], str | None]] = {GATEWAY: _gateway, BUILDING: _building}


def _members(devices: Mapping[str, Feature]) -> dict[str, dict[str, list[str]]]:
    """Return the devices of each group, by kind of group."""
    return {kind: grouped((number, of(one)) for number, one in devices.items()) for kind, of in _KINDS.items()}


def _not_yet(transaction: Transaction, found: list[tuple[str, Presence]]) -> list[tuple[str, Presence]]:
    """Return what no other process of the service has noted before."""
    noted = transaction.find(Query(layers=(LAYER,), ids=tuple(number for number, _ in found))).features
    known = {one.id: standing_of(one).presence for one in noted}
    return [(number, presence) for number, presence in found if known.get(number) != presence]


def _said(key: str, silent: bool, now: datetime) -> Report:  # noqa: FBT001
    return Report(holds=silent, at=now, by=f"presence:{key}:{silent}:{now.isoformat()}", cause="silence")


def _inside(groups: Iterable[_Groups], number: str) -> bool:
    return any(number in group.members[key] for group in groups for key in group.now)


def _record(device: Feature, presence: Presence, now: datetime) -> Feature:
    return Feature(
        layer=LAYER,
        id=device.id,
        community=device.community,
        place=device.place,
        attributes={"presence": presence, "since": utc(now)},
        valid_from=now,
    )


def standing_of(record: Feature) -> Standing:
    """Return the presence that a record of the layer holds."""
    return Standing(record.attributes["presence"], datetime.fromisoformat(record.attributes["since"]))


def reports(kind: DeviceType) -> bool:
    """Tell whether devices of this type report by themselves; a record such as a pass needs somebody to pass."""
    return any(measure.kind != "record" for measure in kind.measures.values())


def heartbeat_s(device: Feature, kind: DeviceType) -> int | None:
    """Return after how many seconds a device's silence tells: its own, else its type's; ``None`` when it never does."""
    own = device.attributes.get("heartbeat_s")
    if own is not None:
        return int(own)
    return kind.heartbeat_s if reports(kind) else None
