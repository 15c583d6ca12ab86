"""Storeys and units of buildings that have no model: the same codes that a model's storeys will bear later."""

from collections.abc import Iterable, Iterator

from twin.feature import PlaceDraft

MAX_STOREYS = 99  # what a space code can number


def with_synthetic(buildings: Iterable[PlaceDraft]) -> list[PlaceDraft]:
    """Return the buildings, each followed by the units and storeys that its numbers imply.

    A building of known storey count gets a place for each storey, its outline that of the building, its share of the
    height its own; basements get no height, because nobody stated one. All are marked ``derived`` and give way to
    the storeys of a model.

    >>> house = PlaceDraft(kind="building", key="h", z_min_m=5, z_max_m=11, attributes={"storey_count": 2})
    >>> [(one.storey, one.z_min_m, one.z_max_m) for one in with_synthetic([house])][1:]
    [(1, 5.0, 8.0), (2, 8.0, 11.0)]
    >>> with_synthetic([PlaceDraft(kind="building", key="shed")])     # nothing is known, so nothing is made up
    [PlaceDraft(kind='building', key='shed', ...)]
    """
    return [draft for building in buildings for draft in (building, *_units(building), *_storeys(building))]


def _units(building: PlaceDraft) -> Iterator[PlaceDraft]:
    count = building.attributes.get("unit_count")
    if not isinstance(count, int) or not 2 <= count <= MAX_STOREYS:
        return  # one unit is no division
    for number in range(1, count + 1):
        yield PlaceDraft(
            kind="unit",
            key=f"{building.key}/unit/{number}",
            parent_key=building.key,
            unit=number,
            name=f"{number}单元",
            attributes={"derived": True},
        )


def _storeys(building: PlaceDraft) -> Iterator[PlaceDraft]:
    above, below = (_count(building, name) for name in ("storey_count", "basement_count"))
    for storey in (*range(-below, 0), *range(1, above + 1)):
        bottom, top = _heights(building, storey, above)
        yield PlaceDraft(
            kind="storey",
            key=f"{building.key}/storey/{storey}",
            parent_key=building.key,
            storey=storey,
            name=f"{storey}层" if storey > 0 else f"地下{-storey}层",
            z_min_m=bottom,
            z_max_m=top,
            geometry=building.geometry,
            attributes={"derived": True},
        )


def _count(building: PlaceDraft, name: str) -> int:
    value = building.attributes.get(name)
    return value if isinstance(value, int) and 0 < value <= MAX_STOREYS else 0


def _heights(building: PlaceDraft, storey: int, storeys: int) -> tuple[float | None, float | None]:
    if storey < 0 or building.z_min_m is None or building.z_max_m is None:
        return None, None
    share = (building.z_max_m - building.z_min_m) / storeys
    return round(building.z_min_m + (storey - 1) * share, 3), round(building.z_min_m + storey * share, 3)
