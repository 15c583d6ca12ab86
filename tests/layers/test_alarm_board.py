"""What the board counts as alarms come and go is what counting them anew finds, at any moment."""

import itertools
import tempfile
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from layers.alarm.board import Board, Wanted
from layers.catalogue import load_catalogue
from twin.embedded import EmbeddedStore
from twin.event import NewEvent

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ONE, OTHER = "N51H0429733232-0", "N51H0429733233-0"
PLACES = [
    None,
    ONE,
    f"{ONE}-U01",
    f"{ONE}-U01-F02",
    f"{ONE}-U01-F02-R0201",
    f"{ONE}-U00-F01",
    OTHER,
    f"{OTHER}-U01-F02",
]
BYS = ("community", "building", "unit", "storey", "type", "severity")


def alarm(number, device, kind, severity, active, acknowledged, shelved, place, minute):
    return {
        "id": f"A-{number}", "device": device, "type": kind, "severity": severity, "active": active,
        "acknowledged": acknowledged, "shelved_until": NOON.isoformat() if shelved else None, "place": place,
        "raised_at": (NOON + timedelta(minutes=minute)).isoformat(),
    }  # fmt: skip


SAID = st.builds(
    alarm,
    st.integers(1, 6),
    st.sampled_from(["S-1", "S-2"]),
    st.sampled_from(["fire_smoke", "device_fault"]),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from(PLACES),
    st.integers(0, 3),
)
WANTED = [
    Wanted(state=state, **more)
    for state, more in itertools.product(
        ("open", "active", "shelved", "standing"),
        (
            {},
            {"severities": frozenset({1, 2})},
            {"types": frozenset({"fire_smoke"})},
            {"acknowledged": False},
            {"device": "S-1"},
            {"within": ONE},
            {"within": f"{ONE}-U01"},
            {"since": NOON + timedelta(minutes=1), "until": NOON + timedelta(minutes=2)},
        ),
    )
]


def group_of(said, by):
    parts = (said["place"] or "").split("-")
    levels = {"building": 2, "unit": 3, "storey": 4}
    if by in levels:
        return "-".join(parts[: levels[by]]) if len(parts) >= levels[by] else None
    return "c1" if by == "community" else str(said[by])


def is_wanted(said, wanted):
    shelved, raised = said["shelved_until"] is not None, datetime.fromisoformat(said["raised_at"])
    states = {
        "open": not shelved and (said["active"] or not said["acknowledged"]),
        "active": not shelved and said["active"],
        "shelved": shelved,
        "standing": shelved or said["active"] or not said["acknowledged"],
    }
    return (
        states[wanted.state]
        and (not wanted.severities or said["severity"] in wanted.severities)
        and (not wanted.types or said["type"] in wanted.types)
        and wanted.acknowledged in (None, said["acknowledged"])
        and wanted.device in (None, said["device"])
        and (wanted.within is None or f"{said['place']}-".startswith(f"{wanted.within}-"))
        and (wanted.since is None or wanted.since <= raised < wanted.until)
    )


def counted_anew(alarms, by):
    groups = defaultdict(list)
    for said in alarms:
        groups[group_of(said, by)].append(said)
    return {
        name: {
            "key": name,
            "count": len(group),
            "active": sum(one["active"] for one in group),
            "unacknowledged": sum(not one["acknowledged"] for one in group),
            "shelved": sum(one["shelved_until"] is not None for one in group),
            "worst": min((one["severity"] for one in group if one["active"]), default=None),
            "severities": {str(level): number for level, number in Counter(one["severity"] for one in group).items()},
        }
        for name, group in groups.items()
    }


@settings(max_examples=20, deadline=None)
@given(told=st.lists(st.lists(SAID, min_size=1, max_size=4), min_size=1, max_size=6))
def test_the_counts_are_those_of_counting_anew_at_any_moment(told):
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder) / "twin.gpkg", load_catalogue(), lambda: NOON)
        board, known, number = Board(store), {}, itertools.count()
        assert board.count(Wanted()) == 0
        for batch in told:
            known |= {said["id"]: said for said in batch}
            events = [event(said, next(number)) for said in batch]
            store.write(lambda tx, events=events: tx.append_all(events)).result()
            for wanted in WANTED:
                alarms = [said for said in known.values() if is_wanted(said, wanted)]
                assert board.count(wanted) == len(alarms)
                for by in BYS:
                    rows = board.summary(by, wanted)
                    assert {row["key"]: row for row in rows} == counted_anew(alarms, by)
                    assert rows == sorted(rows, key=lambda row: (row["worst"] or 9, -row["count"], row["key"] or "~"))
        store.close()


def event(said, number):
    return NewEvent(
        kind="alarm",
        community="c1",
        subject=said["id"],
        source="test",
        source_seq=str(number),
        occurred_at=NOON,
        body=said,
    )
