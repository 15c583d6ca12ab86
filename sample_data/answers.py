"""What is true of the synthetic community, computed from its plan: the right answers to questions about it."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sample_data.floor_plan import rooms
from sample_data.frame import xy
from sample_data.places import facility_rows
from sample_data.site import Building, Row, buildings, grid_of, site, table


def answers(
    homes: Sequence[Row], people: Sequence[Row], things: Sequence[Row], counts: Mapping[str, int]
) -> dict[str, Any]:
    """Return the known answers.

    ``outside_radius`` counts, for each facility type with a service radius, the buildings whose footprint's centre
    is farther than the radius (straight line, metres in EPSG:4549) from every facility of the type; where the type is
    missing that is every building.
    """
    by_building = Counter(person["楼栋编号"] for person in people)
    return {
        "counts": dict(counts),
        "missing_facility_types": _missing(),
        "undersized_facilities": _undersized(),
        "outside_radius": _outside(lambda _: True),
        "dwelling_houses_outside_radius": _outside(lambda house: house.units > 0),
        "population": len(people),
        "population_by_building": dict(sorted(by_building.items())),
        "population_by_grid": _by_grid(by_building),
        "households_occupied": sum(1 for home in homes if home["常住人数"]),
        "dwellings_by_building": dict(sorted(Counter(home["楼栋编号"] for home in homes).items())),
        "devices_by_type": dict(sorted(Counter(thing["设备类型"] for thing in things).items())),
        "rooms_by_building": {house.no: len(list(rooms(house))) for house in buildings() if house.model},
    }


def _missing() -> list[str]:
    there = {row["设施类型"] for row, _ in facility_rows()}
    return [kind["type"] for kind in table("facility_types.csv") if kind["type"] not in there]


def _undersized() -> list[str]:
    kinds = {kind["type"]: kind for kind in table("facility_types.csv")}
    return [row["设施编号"] for row, _ in facility_rows() if _too_small(row, kinds[row["设施类型"]])]


def _too_small(row: Row, kind: Mapping[str, str]) -> bool:
    pairs = [(row["建筑面积"], kind["min_floor_area_m2"]), (row["用地面积"], kind["min_site_area_m2"])]
    return any(least and has is not None and has < float(least) for has, least in pairs)


def _outside(counts_it: Callable[[Building], bool]) -> dict[str, int]:
    asked = [house for house in buildings() if counts_it(house)]
    facilities = [(row["设施类型"], xy(at)) for row, at in facility_rows()]
    return {
        kind["type"]: sum(
            not _served(house, [at for what, at in facilities if what == kind["type"]], float(kind["radius_m"]))
            for house in asked
        )
        for kind in table("facility_types.csv")
        if kind["radius_m"]
    }


def _served(house: Building, facilities: Sequence[tuple[float, float]], radius_m: float) -> bool:
    return any(math.dist(house.centre, at) <= radius_m for at in facilities)


def _by_grid(by_building: Mapping[str, int]) -> dict[str, int]:
    code = site()["community"]["code"]
    persons: Counter[str] = Counter()
    for house in buildings():
        persons[f"{code}{grid_of(house.centre)}"] += by_building.get(house.no, 0)
    return dict(sorted(persons.items()))
