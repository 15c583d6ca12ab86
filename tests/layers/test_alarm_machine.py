"""Whatever is done to an alarm in whatever order, on a real store: the promises hold."""

import itertools
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gis.errors import LifangError
from layers.alarm.board import Wanted
from tests.layers.conftest import BUILDING, Community

CLEARING, PASSING = ("S-1", "fire_smoke"), ("E-1", "ebike_in_elevator")
TYPES = frozenset({CLEARING[1], PASSING[1]})  # silence has tests of its own
WHICH = st.sampled_from([CLEARING, PASSING])


class Alarms(RuleBasedStateMachine):
    """Reports, decisions and time, in any order; the model keeps what must be true of each alarm."""

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.community = Community(Path(self.folder.name) / "twin.gpkg")
        self.second = 0
        self.sent = []
        self.reports = {CLEARING: 0, PASSING: 0}
        self.seen_by = {CLEARING: None, PASSING: None}

    def standing(self, which):
        return self.community.alarm(":".join(which))

    def act(self, which, step):
        """Take a decision; a refusal must leave everything as it was."""
        before = self.standing(which)
        try:
            step(":".join(which)).result()
        except LifangError:
            after = self.standing(which)
            assert (before and vars(before)) == (after and vars(after))
            return False
        return True

    @rule(seconds=st.integers(0, 2000))
    def time_passes(self, seconds):
        self.second += seconds
        self.community.at(self.second)

    @rule()
    def tick(self):
        self.community.tick()

    @rule(which=WHICH, holds=st.booleans(), late=st.integers(0, 300), times=st.integers(1, 3))
    def report(self, which, holds, late, times):
        before = self.standing(which)
        moment = (self.community.now - timedelta(seconds=late)).isoformat()
        items = [self.community.item(*which, holds, phenomenonTime=moment) for _ in range(times)]
        receipt = self.community.ingest.observe(items).result()
        assert receipt.accepted == times
        self.sent += items
        after = self.standing(which)
        if before is not None and after is None:
            assert before.acknowledged  # nothing disappears that nobody has seen
        if before is not None and after is not None and before.raised_at == after.raised_at:
            assert 0 <= after.count - before.count <= times * holds
        if before is not None and before.active and not holds and which == PASSING and after and after.active:
            assert after.last_seen == before.last_seen

    @rule(data=st.data())
    def say_again(self, data):
        if self.sent:
            old = data.draw(st.sampled_from(self.sent))
            before = [self.standing(which) for which in (CLEARING, PASSING)]
            assert self.community.ingest.observe([old]).result().duplicates == 1
            after = [self.standing(which) for which in (CLEARING, PASSING)]
            assert [one and vars(one) for one in before] == [one and vars(one) for one in after]

    @rule(which=WHICH)
    def acknowledge(self, which):
        before = self.standing(which)
        done = self.act(which, lambda alarm: self.community.duty.acknowledge(alarm, "王"))
        assert done == (before is not None and not before.acknowledged)

    @rule(which=WHICH)
    def handle(self, which):
        before = self.standing(which)
        done = self.act(which, lambda alarm: self.community.duty.handle(alarm, "李", "好了"))
        assert done == (before is not None and (which == PASSING or not before.active))

    @rule(which=WHICH, seconds=st.integers(1, 3000))
    def shelve(self, which, seconds):
        until = self.community.now + timedelta(seconds=seconds)
        done = self.act(which, lambda alarm: self.community.duty.shelve(alarm, "王", until, "检修"))
        assert done == (self.standing(which) is not None)

    @rule(which=WHICH)
    def unshelve(self, which):
        before = self.standing(which)
        done = self.act(which, self.community.duty.unshelve)
        assert done == (before is not None and before.shelved_until is not None)

    @rule()
    def restart(self):
        self.community.start()

    @invariant()
    def an_alarm_stands_once_and_is_what_it_says(self):
        for which in (CLEARING, PASSING):
            alarm = self.standing(which)
            versions = [one for one in self.community.store.history("alarm", ":".join(which)) if not one.superseded_at]
            assert sum(one.valid_to is None for one in versions) == (alarm is not None)
            if alarm is not None:
                assert alarm.active or not alarm.acknowledged or alarm.shelved_until
                assert alarm.active == (alarm.cleared_at is None) == (alarm.ended_by is None)
                assert alarm.acknowledged == (alarm.acknowledged_by is not None)
                assert alarm.count >= 1
                assert alarm.raised_at <= alarm.last_seen

    @invariant()
    def the_board_shows_what_the_store_holds(self):
        on_board = set(self.community.board.page(Wanted(state="standing", types=TYPES), 10)[0])
        assert on_board == {":".join(w) for w in (CLEARING, PASSING) if self.standing(w) is not None}
        narrow = [{"within": BUILDING}, {"device": CLEARING[0]}, {"device": PASSING[0]}]
        parts = [self.community.board.page(Wanted(state="standing", types=TYPES, **one), 10)[0] for one in narrow]
        assert set(parts[0]) == on_board
        assert sorted(parts[1] + parts[2]) == sorted(on_board)

    @invariant()
    def one_version_is_believed_of_every_moment(self):
        for which in (CLEARING, PASSING):
            versions = [one for one in self.community.store.history("alarm", ":".join(which)) if not one.superseded_at]
            spans = sorted((one.valid_from, one.valid_to) for one in versions if one.valid_to != one.valid_from)
            for (_, end), (start, _) in itertools.pairwise(spans):
                assert end is not None
                assert end <= start

    def teardown(self):
        if hasattr(self, "community"):
            self.community.store.close()
            self.folder.cleanup()


Alarms.TestCase.settings = settings(
    max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestAlarms = Alarms.TestCase
