"""Whatever is done to incidents in whatever order, on a real store: the promises of the closed loop hold."""

import itertools
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from gis.errors import LifangError
from layers.incident import Report, report, take
from layers.incident.desk import result_of
from layers.incident.policy import load_policy
from layers.incident.record import KIND, LAYER, entries_of, incident_of
from layers.incident.rules import AWAITED, NEXT, folded
from layers.incident.supervision import Supervision
from layers.incident.times import awaited
from tests.layers.conftest import BUILDING, Community
from twin.query import Query

STEPS = ("accept", "dispatch", "handle", "feedback", "assess", "escalate", "note")
FACTS = {
    "dispatch": {"to": "WG001"},
    "assess": {"score": 4},
    "escalate": {"to": "消防救援站", "reason": "火势扩大"},
    "note": {"note": "现场已到"},
}
ORDER = {"reported": 0, "accepted": 1, "dispatched": 2, "handling": 3, "feedback": 4, "assessed": 5, "merged": 6}


class Incidents(RuleBasedStateMachine):
    """Reports, steps, merges and results of other systems, with a clock that now and then is set back."""

    numbers = Bundle("numbers")

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.community = Community(Path(self.folder.name) / "twin.gpkg")
        self.second = 0
        self.supervise()
        self.filed = {}
        self.seen = []

    @rule()
    def supervise(self):
        """The process that leads begins anew."""
        self.supervision = Supervision(self.community.store, load_policy(), lambda: self.community.now)

    def run_(self, work):
        return self.community.store.write(work).result()

    def now(self, no=None):
        found = self.community.store.find(
            Query(layers=(LAYER,), ids=() if no is None else (no,), during=(None, None))
        ).features
        return {one.id: incident_of(one) for one in found}

    @rule(seconds=st.integers(-30, 3000))
    def time_passes(self, seconds):
        self.second += seconds
        self.community.at(self.second)

    @rule(seconds=st.sampled_from([0, 200, 5_000, 400_000]))
    def supervision_ticks(self, seconds):
        self.time_passes(seconds)
        before = self.now()
        if (done := self.supervision.tick()) is not None:
            done.result()
        for no, after in self.now().items():
            waited = awaited(before[no], load_policy())
            late = waited is not None and waited.due <= self.community.now
            assert after.entries - before[no].entries == late
            assert after.overdue == (waited.step if late else before[no].overdue)
        assert self.supervision.tick() is None  # told once

    @rule(target=numbers, sender=st.sampled_from(["1", "2", "3"]), severity=st.integers(1, 4))
    def report(self, sender, severity):
        before = self.now()
        filed = Report(
            class_="fire",
            severity=severity,
            source="hotline",
            source_no=sender,
            title="一楼冒烟",
            by="12345",
            place=BUILDING,
            occurred_at=self.community.now,
        )
        done = self.run_(lambda tx: report(tx, filed, self.community.now))
        assert done.created == (sender not in self.filed)
        assert self.filed.setdefault(sender, done.no) == done.no
        if not done.created:
            assert self.now() == before
        return done.no

    @rule(no=numbers, step=st.sampled_from(STEPS), result=st.sampled_from([None, "已扑灭"]))
    def step(self, no, step, result):
        before = self.now()[no]
        facts = {**FACTS.get(step, {}), "result": result if step in ("handle", "feedback") else None}
        lawful = step in NEXT[before.state] and (step != "feedback" or result or before.result)
        try:
            self.run_(lambda tx: take(tx, no, step, "王", self.community.now, facts))
        except LifangError:
            assert not lawful
            assert self.now()[no] == before
            return
        assert lawful
        after = self.now()[no]
        assert after.entries == before.entries + 1
        assert ORDER[after.state] - ORDER[before.state] <= 1  # nothing is skipped
        assert step != "assess" or after.result

    @rule(no=numbers, into=numbers)
    def merge(self, no, into):
        before = self.now()
        lawful = no != into and "merge" in NEXT[before[no].state] and "absorb" in NEXT[before[into].state]
        try:
            self.run_(lambda tx: take(tx, no, "merge", "王", self.community.now, {"into": into}))
        except LifangError:
            assert not lawful
            assert self.now() == before
            return
        assert lawful
        assert self.now()[no].merged_into == into
        assert self.now()[into].merged[-1] == no

    @rule(no=numbers, message=st.sampled_from(["a", "b"]))
    def a_result_comes_back(self, no, message):
        before = self.now()[no]
        try:
            self.run_(lambda tx: result_of(tx, no, "119", f"{no}{message}", self.community.now, "已处置"))
        except LifangError:
            assert not before.open
            return
        after = self.now()[no]
        assert after.state == before.state
        assert after.entries - before.entries <= 1

    @invariant()
    def the_log_only_grows(self):
        events = self.community.store.events(0, 10_000, (KIND,))
        assert events[: len(self.seen)] == self.seen
        self.seen = events

    @invariant()
    def the_state_is_a_fold_of_the_log(self):
        for no, incident in self.now().items():
            bodies = [event.body for event in self.community.store.events(0, 10_000, (KIND,), subjects=(no,))]
            entries = entries_of(bodies)
            assert [entry.n for entry in entries] == list(range(1, len(entries) + 1))
            assert folded(no, entries) == incident
            assert all(one.at <= two.at for one, two in itertools.pairwise(entries))

    @invariant()
    def only_the_step_that_is_waited_for_is_overdue(self):
        for incident in self.now().values():
            assert incident.overdue in (None, AWAITED.get(incident.state, (None,))[0])
            assert (incident.overdue is None) == (incident.overdue_at is None)

    @invariant()
    def one_version_is_believed_of_every_moment(self):
        for no in self.now():
            versions = [one for one in self.community.store.history(LAYER, no) if not one.superseded_at]
            spans = sorted((one.valid_from, one.valid_to) for one in versions if one.valid_to != one.valid_from)
            for (_, end), (start, _) in itertools.pairwise(spans):
                assert end is not None
                assert end <= start

    def teardown(self):
        if hasattr(self, "community"):
            self.community.store.close()
            self.folder.cleanup()


Incidents.TestCase.settings = settings(
    max_examples=10, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestIncidents = Incidents.TestCase
