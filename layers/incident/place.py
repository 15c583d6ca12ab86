"""Where an incident is: frozen when it is reported."""

from dataclasses import dataclass

import shapely
from shapely.geometry.base import BaseGeometry

from gis.errors import BadInput
from layers.incident.report import Report
from twin.feature import Feature, RecordDraft
from twin.geocode import INSIDE
from twin.locate import Locator
from twin.query import Query
from twin.spacecode import SpaceCode, building_of
from twin.store import Transaction


@dataclass(frozen=True, slots=True)
class Site:
    """Where something is.

    Attributes:
        geometry: CRS84 point; ``None`` when only a name is known.
        grid: Key of the governance grid it lies in; ``None`` when it lies in none.
    """

    community: str
    place: str | None
    storey: int | None
    geometry: BaseGeometry | None
    z_m: float | None
    grid: str | None


def site_of(transaction: Transaction, report: Report) -> Site:
    """Return where a report says it is.

    Raises:
        BadInput: ``incident.nowhere`` when the report does not say; ``incident.unknown_place`` naming the field,
            ``incident.no_community``, or what :meth:`SpaceCode.parse` raises.
    """
    if report.device is not None:
        return _of_thing(transaction, "device", report.device)
    if report.facility is not None:
        return _of_thing(transaction, "facility", report.facility)
    if report.place is not None:
        return _of_place(transaction, report.place)
    if report.position is not None:
        return _of_position(transaction, report, report.position)
    raise BadInput(
        "incident.nowhere", "The report does not say where it is.", "Give device, facility, place or position."
    )


def _of_thing(transaction: Transaction, layer: str, name: str) -> Site:
    thing = transaction.current(layer, name)
    if thing is None:
        raise _unknown(layer, name)
    held = None
    if thing.geometry is None and thing.place is not None:
        held = transaction.current(SpaceCode.parse(thing.place).kind, thing.place)
    return _site(transaction, thing, held)


def _of_place(transaction: Transaction, text: str) -> Site:
    code = SpaceCode.parse(text)
    place = transaction.current(code.kind, code.key)
    if place is None:
        raise _unknown("place", text)
    building = building_of(code.key)
    above = None if place.geometry is not None else transaction.current("building", building)
    return _site(transaction, place, above)


def _site(transaction: Transaction, thing: Feature, above: Feature | None) -> Site:
    held = thing if thing.geometry is not None or above is None else above
    point = None if held.geometry is None else held.geometry.representative_point()
    return Site(thing.community, thing.place, thing.storey, point, thing.z_min_m, _grid(transaction, point))


def _of_position(transaction: Transaction, report: Report, at: tuple[float, float]) -> Site:
    point = shapely.Point(at)
    keys = [found.id for found in transaction.find(Query(layers=("building",), area=point)).features]
    # Without a height nothing inside a building can be found.
    inside = ("building", *INSIDE) if report.height_m is not None else ("building",)
    places = [place for key in keys for place in transaction.find(Query(layers=inside, within=key)).features]
    located = Locator(places, {}).locate(RecordDraft(id="", geometry=point, height_m=report.height_m))
    grid = next(iter(transaction.find(Query(layers=("grid",), area=point)).features), None)
    known = (*(place.community for place in places), *([grid.community] if grid else ()), report.community)
    community = next((one for one in known if one is not None), None)
    if community is None:
        raise BadInput(
            "incident.no_community",
            f"{at[0]},{at[1]} lies in no building and no grid of the twin.",
            "Say which community it belongs to.",
            field="community",
        )
    return Site(community, located.place, located.storey, point, report.height_m, None if grid is None else grid.id)


def _grid(transaction: Transaction, point: BaseGeometry | None) -> str | None:
    if point is None:
        return None
    return next((grid.id for grid in transaction.find(Query(layers=("grid",), area=point)).features), None)


def _unknown(what: str, name: str) -> BadInput:
    return BadInput("incident.unknown_place", f"The twin knows no {what} {name!r}.", "Check the number.", field=what)
