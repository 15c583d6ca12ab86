"""What was observed, once more: at the pace it had or faster, at its own times or as if it began now."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from gis.errors import BadInput
from layers.observation.decode import decode
from layers.sources.payload import Item


@dataclass(frozen=True, slots=True)
class Pace:
    """When each observation of a recording is due.

    Attributes:
        first: Phenomenon time of the recording's first observation.
        started: When the replay began.
        speed: Seconds of the recording in a second.
        run: Names a replay whose times are shifted: what it observes is new. ``None`` keeps times and numbers.
    """

    first: datetime
    started: datetime
    speed: float
    run: str | None

    def due(self, at: datetime) -> datetime:
        """Return when an observation of the recording is to be repeated.

        >>> noon = datetime.fromisoformat("2026-11-21T12:00:00+00:00")
        >>> Pace(noon - timedelta(days=1), noon, 60.0, "r").due(noon - timedelta(days=1) + timedelta(minutes=1)) - noon
        datetime.timedelta(seconds=1)
        """
        return self.started + (at - self.first) / self.speed

    def repeated(self, item: Item, at: datetime) -> Item:
        """Return the item as it is repeated."""
        if self.run is None:
            return item
        number = f"{item['source']}:{item['source_seq']}"
        return {
            **item,
            "phenomenonTime": self.due(at).isoformat(),
            "resultTime": None,
            "source": f"replay:{self.run}",
            "source_seq": number,
        }


def speed_of(text: str) -> float:
    """Return how many times as fast.

    Raises:
        BadInput: ``replay.speed``.

    >>> speed_of("60"), speed_of("0.5")
    (60.0, 0.5)
    >>> speed_of("nan")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: replay.speed: 'nan' is no speed. Say how many times as fast, such as 60.
    """
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.001 <= speed <= 1e9:
        raise BadInput("replay.speed", f"{text!r:.20} is no speed.", "Say how many times as fast, such as 60.")
    return speed


def in_time(items: Iterable[Item]) -> list[tuple[datetime, Item]]:
    """Return a recording in the order of phenomenon time; what cannot be read as an observation is refused.

    Raises:
        BadInput: ``observation.malformed``.
    """
    return sorted(((decode(item).phenomenon_time, item) for item in items), key=lambda one: one[0])


def together(
    recording: Iterable[tuple[datetime, Item]], pace: Pace, step: timedelta
) -> Iterator[tuple[datetime, list[Item]]]:
    """Yield what is due within a step of another, as one batch with the moment the last of it is due."""
    batch: list[Item] = []
    opened = due = pace.started
    for at, item in recording:
        due = pace.due(at)
        if batch and due - opened > step:
            yield opened + step, batch
            batch, opened = [], due
        batch.append(pace.repeated(item, at))
    if batch:
        yield due, batch
