"""A real embedded store with a building full of devices, and a clock that the tests turn."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import shapely

from layers.alarm.board import Board
from layers.alarm.duty import Duty
from layers.alarm.policy import load_policy
from layers.catalogue import load_catalogue
from layers.device.presence import Watchman
from layers.device.registry import Registry
from layers.device.types import load_device_types
from layers.ingest import Ingest
from twin.embedded import EmbeddedStore
from twin.feature import Feature

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BUILDING = "N51H0429733232-0"
DEVICES = {
    "S-1": "smoke_detector",
    "S-2": "smoke_detector",
    "S-3": "smoke_detector",
    "S-4": "smoke_detector",
    "G-1": "gas_detector",
    "Q-1": "water_quality_monitor",
    "E-1": "ebike_entry_monitor",
    "C-1": "camera_ai",
}


class Community:
    """Everything live on one store; :meth:`at` turns the clock."""

    def __init__(self, path):
        self.now = NOON
        self.number = 0
        self.store = EmbeddedStore(path, load_catalogue(), lambda: self.now)
        self.types, self.policy = load_device_types(), load_policy()
        self.start()
        self.put(
            Feature(
                layer="building",
                id=BUILDING,
                community="c1",
                place=BUILDING,
                name="1幢",
                geometry=shapely.box(120.1, 30.1, 120.2, 30.2),
                valid_from=NOON - timedelta(days=400),
            ),
            *(
                Feature(
                    layer="device",
                    id=number,
                    community="c1",
                    place=BUILDING,
                    name=number,
                    geometry=shapely.Point(120.15, 30.15),
                    attributes={"device_no": number, "device_type": kind, "heartbeat_s": 60},
                    valid_from=NOON - timedelta(days=400),
                )
                for number, kind in DEVICES.items()
            ),
        )

    def start(self):
        """Begin anew on the same store, as a restarted service does."""

        def clock():
            return self.now

        self.registry, self.board = Registry(self.store, self.types, clock), Board(self.store)
        self.ingest = Ingest(self.store, self.types, clock, policy=self.policy, registry=self.registry)
        self.duty = Duty(self.store, self.types, self.policy, self.registry, self.board, clock)
        self.watchman = Watchman(self.store, self.policy, self.registry, self.board, clock)

    def put(self, *features):
        self.store.write(lambda tx: [tx.put(feature) for feature in features]).result()

    def at(self, seconds):
        self.now = NOON + timedelta(seconds=seconds)

    def item(self, device, name, result, **more):
        self.number += 1
        said = {"device": device, "property": name, "result": result, "source": "gw", "source_seq": self.number}
        return {**said, "phenomenonTime": self.now.isoformat(), **more}

    def say(self, device, name, result, **more):
        receipt = self.ingest.observe([self.item(device, name, result, **more)]).result()
        assert receipt.rejected == []

    def tick(self):
        for ticking in (self.duty, self.watchman):
            if (done := ticking.tick()) is not None:
                done.result()

    def alarm(self, alarm):
        record = self.store.write(lambda tx: tx.current("alarm", alarm)).result()
        return None if record is None else SimpleNamespace(**record.attributes, record=record)

    def told(self, kind="alarm"):
        return self.store.events(0, 100_000, (kind,))


@pytest.fixture
def community(tmp_path):
    made = Community(tmp_path / "twin.gpkg")
    yield made
    made.store.close()
