"""Do the statements of position in one model agree? Each way in which they contradict one another has a name."""

from collections.abc import Iterator, Sequence

import pyproj

from bim_import.model import Georeference, Notice

FAR_M = 1000.0
"""Two statements of one model that differ by more deserve a word."""

_TURNED_DEG = 3.0
_CURE = "Check the position on the map."
_GLOBE = pyproj.Geod(ellps="GRS80")


def apart(used: Georeference, others: Sequence[Georeference]) -> Iterator[Notice]:
    """Yield what contradicts the statement used: another place, swapped angles, another or a mirrored north."""
    for other in others:
        apart_m = _distance_m(used, other.origin_lon_deg, other.origin_lat_deg)
        both = f"{used.statement} and {other.statement}"
        if apart_m > FAR_M:
            if _distance_m(used, other.origin_lat_deg, other.origin_lon_deg) <= FAR_M:
                message = f"{other.statement} has longitude and latitude swapped; {used.statement} was used."
                yield Notice(code="ifc.site_swapped", message=message, cure="Swap them in the authoring tool.")
            else:
                message = f"{both} are {apart_m / 1000:.1f} km apart; the first was used."
                yield Notice(code="ifc.positions_differ", message=message, cure=_CURE)
        elif other.true_north_deg is not None:
            yield from _norths(used, other, both)


def _norths(used: Georeference, other: Georeference, both: str) -> Iterator[Notice]:
    off_deg = _turn(used.rotation_deg - other.rotation_deg)
    if abs(off_deg) <= _TURNED_DEG:
        return
    if abs(_turn(used.rotation_deg + other.rotation_deg)) <= _TURNED_DEG:
        message = f"{both} turn the model by one angle in opposite senses; the first was used."
        yield Notice(code="ifc.north_mirrored", message=message, cure=_CURE)
    else:
        message = f"{both} differ by {abs(off_deg):.0f}° in the direction of north; the first was used."
        yield Notice(code="ifc.norths_differ", message=message, cure=_CURE)


def _distance_m(here: Georeference, lon_deg: float, lat_deg: float) -> float:
    if not abs(lat_deg) <= 90:
        return float("inf")
    return float(_GLOBE.inv(here.origin_lon_deg, here.origin_lat_deg, lon_deg, lat_deg)[2])


def _turn(degrees: float) -> float:
    """Return an angle in -180 to 180."""
    return (degrees + 180) % 360 - 180
