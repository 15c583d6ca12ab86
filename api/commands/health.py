"""``lifang health``: how complete the buildings are, and what to do about it."""

from argparse import Namespace
from typing import Any

from api.commands.common import add_store, opened, settings
from api.scores import Find, scores, summary
from gis.errors import NotFound
from layers.health import Health, checks
from twin.query import Query
from twin.spacecode import SpaceCode, building_of
from twin.store import Store


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("health", help="health scores of buildings, worst first, and the cures")
    parser.add_argument("code", nargs="?", help="only this building: its code, or that of a place in it")
    parser.add_argument("--community", help="only buildings of this community")
    parser.add_argument("--limit", type=int, default=20, help="buildings to list (default: 20)")
    add_store(parser)
    parser.set_defaults(run=_health)


def _health(arguments: Namespace) -> int:
    building = None if arguments.code is None else building_of(SpaceCode.parse(arguments.code).key)
    with opened(settings(store=arguments.store), must_exist=True) as (store, _catalogue):
        found = scores(_finder(store), store, arguments.community, building)
    if building is not None and not found:
        raise NotFound("place.unknown", f"There is no building {building!r}.", "See lifang health.")
    told = summary(found)
    if building is None:
        print(f"{told['buildings']} buildings, mean score {told['mean']}")
    for health in found[: arguments.limit]:
        print("\n".join(_told(health, details=building is not None)))
    return 0


def _finder(store: Store) -> Find:
    return lambda *layers, **conditions: store.find(Query(layers=layers, **conditions)).features


def _told(health: Health, *, details: bool) -> list[str]:
    """Return one line, or with details one more for each loss: why, how many, and the cure.

    >>> _told(Health("N51H0429733232-0", "1幢", 97.0), details=True)
    [' 97.0  N51H0429733232-0  1幢']
    """
    line = f"{health.score:5.1f}  {health.code}  {health.name or ''}".rstrip()
    worst = ", ".join(f"{loss.check} -{loss.lost:g}" for loss in health.losses[:4])
    if not details:
        return [f"{line}  {worst}".rstrip()]
    return [line, *(text for loss in health.losses for text in _loss(loss.check, loss.lost, loss.count, loss.things))]


def _loss(check: str, lost: float, count: int, things: tuple[str, ...]) -> list[str]:
    declared = checks()[check]
    shown = ", ".join(things[:3]) + (f" … ({count})" if count > 3 else "")
    return [
        f"  -{lost:<5g}{check}: {declared.why.zh} {declared.why.en}  [{shown}]",
        f"         → {declared.cure.zh} {declared.cure.en}",
    ]
