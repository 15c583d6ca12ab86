"""Who may be called, and who is nearest on foot (D 三(二)3.3)). Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from gis.errors import LifangError
from gis.local import distance_m
from gis.network import Network, Position
from layers.moving.movers import Responder
from twin.walking import Start


@dataclass(frozen=True, slots=True)
class Near:
    """A responder and how far the way is, metres: on foot, or in a straight ``line`` where no path is known."""

    number: str
    length_m: float
    by: Literal["walk", "line"]


def on_duty(force: Iterable[Responder], grid: str, absent: Collection[str]) -> list[Responder]:
    """Return who of a force may be called.

    Args:
        force: The whole grid force, and where it is.
        grid: Code of the grid; who answers for another one is not called away from it.
        absent: Values of ``status`` that mean somebody is not there.
    """
    said = ((one, one.staff.attributes) for one in force)
    return [one for one, held in said if held.get("grid_code") == grid and held.get("status") not in absent]


def nearest(
    people: Sequence[Responder], here: Position, network: Network | None, starts: Iterable[Start] = ()
) -> list[Near]:
    """Return the people, nearest on foot first; behind them those no path leads to, by straight line.

    Args:
        people: Who may be called.
        here: Where they are needed.
        network: The walking network; ``None`` when the twin has none.
        starts: Where walks from there begin; ``here`` when none is named.

    >>> from twin.feature import Feature
    >>> guard = Feature(layer="staff", id="A", community="c1")
    >>> nearest([Responder(guard, 120.0, 30.0, None)], (120.0, 30.0), None)
    [Near(number='A', length_m=0.0, by='line')]
    """
    walked = {} if network is None else _walked(network, [start.at for start in starts] or [here], people)
    ways = [
        Near(one.staff.id, round(walked[index], 1), "walk")
        if index in walked
        else Near(one.staff.id, round(distance_m(*here, one.lon, one.lat), 1), "line")
        for index, one in enumerate(people)
    ]
    return sorted(ways, key=_order)


def _order(way: Near) -> tuple[bool, float, str]:
    return way.by == "line", way.length_m, way.number


def _walked(network: Network, starts: Sequence[Position | str], people: Sequence[Responder]) -> dict[int, float]:
    best: dict[int, float] = {}
    for start in starts:
        try:
            found = network.nearest(start, [(one.lon, one.lat) for one in people])
        except LifangError:  # no path leads here: the straight line stands in and is told as such
            continue
        for index, length_m in found:
            best[index] = min(length_m, best.get(index, length_m))
    return best
