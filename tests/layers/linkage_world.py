"""Two houses and a yard on a real store, with linkage at work, for the tests of linkage."""

from datetime import UTC, datetime, timedelta

import shapely

from layers.alarm.board import Board
from layers.alarm.duty import Duty
from layers.alarm.policy import load_policy
from layers.catalogue import load_catalogue
from layers.device.commands import Commands
from layers.device.presence import Watchman
from layers.device.registry import Registry
from layers.device.types import load_device_types
from layers.incident import Report, report, take
from layers.ingest import Ingest
from layers.linkage.book import RuleBook
from layers.linkage.engine import Engine
from layers.linkage.scope import Cause
from layers.linkage.signal import Signal, raise_signal
from layers.linkage.watched import WatchedStore
from twin.embedded import EmbeddedStore
from twin.feature import Feature

CATALOGUE = load_catalogue()

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUSE, TWIN = "N51H0429733232-0", "N51H0429733232-1"  # twins in one grid cell, 15 m apart
ROOM = "U01-F05-R0501"
M = 1 / 96_486  # a metre eastwards, in degrees of longitude at 30° north

INDOORS = {
    "door": ("access_controller_smart", "U01"),
    "door2": ("access_controller_smart", "U02"),
    "bell": ("intercom_host", "U01"),
    "gate": ("pedestrian_gate", None),
    "lift": ("elevator_monitor", "U01-F01-R0001"),
    "bike": ("ebike_entry_monitor", "U01-F01-R0001"),
    "cam": ("camera_dome", "U01-F01-R0001"),
    "smoke": ("smoke_detector", ROOM),
    "smoke2": ("smoke_detector", "U02-F03-R0302"),
    "unit": ("fire_alarm_unit", "U01-F01-R0001"),
    "pressure": ("fire_water_pressure", "U01-B01-R0001"),
    "gas": ("gas_detector", ROOM),
    "meter": ("meter_gas", ROOM),
    "meter2": ("meter_gas", "U01-F05-R0502"),
    "home": ("home_gateway", ROOM),
    "home2": ("home_gateway", "U01-F05-R0502"),
    "lock": ("smart_lock", ROOM),
    "warm": ("room_temp", ROOM),
    "air": ("building_env", "U01-F01-R0001"),
    "help": ("one_key_help", ROOM),
}
OUTDOORS = {
    "horn": ("sound_light_alarm", 30),
    "fence": ("electronic_fence", 40),
    "edge": ("camera_boundary", 45),
    "ai": ("camera_ai", 50),
    "sky": ("camera_throwing", 55),
    "lane": ("camera_crossline", 63),
    "lamp": ("street_lamp_monitor", 65),
    "lux": ("positioning", 70),
    "barrier": ("vehicle_gate", 75),
    "soil": ("soil_th", 80),
    "rain": ("rain_gauge", 85),
    "bin": ("smart_bin", 90),
    "pond": ("water_immersion", 95),
    "speaker": ("broadcast", 100),
    "screen": ("display", 105),
    "glow": ("landscape_lighting", 110),
    "quake": ("earthquake_sensor", 115),
    "smog": ("air_quality_detector", 120),
    "pile": ("charging_pile", 125),
    "patrol": ("patrol_set", 130),
    "worker": ("grid_worker_terminal", 35),
    "plate": ("camera_plate", 135),
    "hydrant": ("hydrant_sensor", 140),
}


class Community:
    """Two houses and a yard, and the same yard again 3 km away, where nothing may happen."""

    def __init__(self, path, features=None, store=EmbeddedStore):
        self.now, self.number = NOON, 0
        self.raw = store(path, CATALOGUE, lambda: self.now)
        watched = WatchedStore(self.raw)
        self.store, self.types, policy = watched.as_store(), load_device_types(), load_policy()
        clock = lambda: self.now  # noqa: E731
        self.put(*([*self._places(), *self._devices()] if features is None else features))
        self.registry, self.board = Registry(self.store, self.types, clock), Board(self.store)
        self.book = RuleBook(self.store, self.types, clock)
        self.engine = Engine(self.store, self.book, self.registry, self.types, clock)
        watched.follow(self.engine.follow)
        self.ingest = Ingest(self.store, self.types, clock, policy=policy, registry=self.registry)
        self.duty = Duty(self.store, self.types, policy, self.registry, self.board, clock)
        self.watchman = Watchman(self.store, policy, self.registry, self.board, clock)
        self.commands = Commands(self.store, clock)

    def _places(self):
        for number, key in enumerate((HOUSE, TWIN)):
            west = 120 + 15 * number * M
            area = shapely.box(west, 30, west + 10 * M, 30 + 10 * M)
            yield Feature(layer="building", id=key, community="c1", place=key, name=f"{number + 1}幢", geometry=area)
        near = shapely.box(120 - 500 * M, 29.99, 120 + 500 * M, 30.01)
        yield Feature(layer="grid", id="G-1", community="c1", geometry=near, attributes={"grid_code": "G-1"})
        yield Feature(layer="shelter", id="SH-1", community="c1", name="广场", geometry=near)
        yield Feature(layer="green", id="GR-1", community="c1", name="绿地", geometry=near)
        yield Feature(layer="fence", id="FE-1", community="c1", name="围栏", geometry=near.exterior)

    def _devices(self):
        for house, suffix, at in ((HOUSE, "", 5), (TWIN, "-twin", 20)):
            for name, (kind, where) in INDOORS.items():
                storey = int(where[5:7]) if where and "-F" in where else None
                place = f"{house}-{where}" if where else house
                yield device(f"{name}{suffix}", kind, at, place=place, storey=storey)
        for name, (kind, at) in OUTDOORS.items():
            yield device(name, kind, at)
            yield device(f"{name}-far", kind, at + 3000)

    def put(self, *features):
        self.raw.write(lambda tx: tx.put_all(features)).result()

    def enable(self, *names):
        for name in names:
            self.book.switch(name, "王", on=True).result()

    def item(self, device, name, result, seq=None):
        self.number += 1
        said = {"device": device, "property": name, "result": result, "source": "gw", "source_seq": seq or self.number}
        return {**said, "phenomenonTime": self.now.isoformat()}

    def say(self, device, name, result, *, seq=None):
        receipt = self.ingest.observe([self.item(device, name, result, seq)]).result()
        assert receipt.rejected == []
        self.now += timedelta(seconds=1)
        return receipt

    def signal(self, name, **where):
        self.number += 1
        cause = Cause(key="signal", name=name, at=self.now, community="c1", **where)
        said = Signal(name=name, by="王", source="desk", source_seq=str(self.number), at=self.now, cause=cause)
        return self.store.write(lambda tx: raise_signal(tx, said)).result()

    def incident(self, *steps):
        filed = Report(
            class_="other", severity=3, source="operator", title="x", by="王", occurred_at=self.now, place=HOUSE
        )
        no = self.store.write(lambda tx: report(tx, filed, self.now)).result().no
        for step in steps:
            self.now += timedelta(seconds=1)
            self.store.write(
                lambda tx, step=step: take(tx, no, step, "王", self.now, {"to": "x", "reason": "x", "text": "x"})
            ).result()

    def clock(self, moment):
        self.now = datetime.fromisoformat(moment)
        if (done := self.engine.tick()) is not None:
            done.result()

    def told(self, *kinds):
        return self.store.events(0, 100_000, kinds)

    def effects(self):
        """What linkage did, as words."""
        found = {f"{one.body['device']} {one.body['command']}" for one in self.told("command")}
        found |= {f"@{name}" for one in self.told("notice") for name in one.body["to"]}
        found |= {f"see {camera['device']}" for one in self.told("camera") for camera in one.body["cameras"]}
        filed = (one.body for one in self.told("incident") if one.body["entry"]["by"].startswith("linkage:"))
        return found | {f"incident {body['class']}" for body in filed}


def device(number, kind, east, *, place=None, storey=None):
    return Feature(
        layer="device",
        id=number,
        community="c1",
        name=number,
        place=place,
        storey=storey,
        geometry=shapely.Point(120 + east * M, 30 + 5 * M),
        attributes={"device_no": number, "device_type": kind, "stream": "gb28181:1"},
    )
