"""The figures of one process for Prometheus; labels are routes, methods, states: never a path or a person."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from api.gateway.traffic import BOUNDS_S, Cell, Key
from api.state import Services
from layers.alarm.board import Wanted

_STATES = ("queued", "reading", "rehearsed", "committing", "committed", "failed", "cancelled")


def exposition(here: Services, cells: list[tuple[Key, Cell]]) -> bytes:
    """Return the figures as text (Prometheus exposition format 0.0.4); ``cells`` are the calls counted so far."""
    registry = CollectorRegistry()
    registry.register(_Figures(here, cells))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, here: Services, cells: list[tuple[Key, Cell]]) -> None:
        self._here = here
        self._cells = cells

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: names need not be checked against a registry that is made anew each time."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        yield from _requests(self._cells)
        yield from _applications(self._cells)
        yield from self._live()
        yield from self._store()

    def _live(self) -> Iterator[Metric]:
        hub, totals = self._here.hub, self._here.ingest.totals
        yield _gauge("lifang_stream_subscribers", "Clients that follow the stream.", hub.subscribers)
        yield _counter("lifang_stream_resynced", "Subscribers told to read anew because they fell behind.", hub.dropped)
        taken = CounterMetricFamily("lifang_observations", "What became of observations.", labels=["outcome"])
        taken.add_metric(["accepted"], totals.accepted)
        taken.add_metric(["duplicate"], totals.duplicates)
        taken.add_metric(["unchanged"], totals.unchanged)
        taken.add_metric(["rejected"], totals.rejected)
        yield taken
        alarms = GaugeMetricFamily("lifang_alarms", "Alarms by state.", labels=["state"])
        alarms.add_metric(["active"], self._here.live.board.count(Wanted(state="active")))
        alarms.add_metric(["standing"], self._here.live.board.count(Wanted(state="standing")))
        yield alarms
        yield _counter("lifang_alarms_unread", "Alarms left off the list: they say too little.", self._unread())

    def _store(self) -> Iterator[Metric]:
        yield _gauge("lifang_log_seq", "Number of the newest event; its growth is what the twin takes in.", self._seq())
        states = Counter(job["state"] for job in self._here.jobs.own())
        jobs = GaugeMetricFamily("lifang_imports", "Uploads that this process works on, by state.", labels=["state"])
        for state in _STATES:
            jobs.add_metric([state], states[state])
        yield jobs
        leads = self._here.lease.held()
        yield _gauge("lifang_leads", "1 in the process that lets time pass for alarms and devices.", int(leads))

    def _unread(self) -> int:
        return self._here.live.board.unread

    def _seq(self) -> int:
        return self._here.store.last_seq()


def _requests(cells: list[tuple[Key, Cell]]) -> Iterator[Metric]:
    """Yield calls and latencies by route, over all applications."""
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    classes: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * (len(BOUNDS_S) + 1))
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    for key, cell in cells:
        for status, number in cell.statuses.items():
            counts[(key.route, key.method, str(status))] += number
        at = (key.route, key.method)
        classes[at] = [one + more for one, more in zip(classes[at], cell.classes, strict=True)]
        seconds[at] += cell.seconds
    calls = CounterMetricFamily("lifang_requests", "Requests answered.", labels=["route", "method", "status"])
    for labels, number in sorted(counts.items()):
        calls.add_metric(list(labels), number)
    yield calls
    latency = HistogramMetricFamily(
        "lifang_request_seconds", "Until an answer begins, in seconds.", labels=["route", "method"]
    )
    for at, numbers in sorted(classes.items()):
        latency.add_metric(list(at), _cumulated(numbers), seconds[at])
    yield latency


def _cumulated(numbers: list[int]) -> list[tuple[str, float]]:
    """Return the classes as Prometheus counts them: each with all that are smaller.

    >>> _cumulated([1] + [0] * 10 + [2])[-2:]
    [('10.0', 1), ('+Inf', 3)]
    """
    bounds = (*map(str, BOUNDS_S), "+Inf")
    return list(zip(bounds, accumulate(numbers), strict=True))


def _applications(cells: list[tuple[Key, Cell]]) -> Iterator[Metric]:
    """Yield calls and bytes by application; there are as many as are registered."""
    calls: dict[str, int] = defaultdict(int)
    sent: dict[str, int] = defaultdict(int)
    for key, cell in cells:
        calls[key.application] += cell.calls
        sent[key.application] += cell.bytes
    asked = CounterMetricFamily("lifang_application_requests", "Requests by application.", labels=["application"])
    told = CounterMetricFamily("lifang_application_sent_bytes", "Bytes sent by application.", labels=["application"])
    for name in sorted(calls):
        asked.add_metric([name], calls[name])
        told.add_metric([name], sent[name])
    yield asked
    yield told


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, value=value)


def _counter(name: str, about: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, about, value=value)
