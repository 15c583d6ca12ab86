"""A placement from points that are known in the model and on the ground."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from bim_import.frame import axis_unit_m, crs_of, inside, to_crs84
from bim_import.model import Placement
from gis.errors import BadInput
from gis.local import LocalFrame

Points = npt.NDArray[np.complex128]
"""Points of a plane as x + iy: a turn is a multiplication."""

LEAST_SPREAD_M = 1.0
RESIDUAL_M = 2.0
RESIDUAL_SHARE = 0.02
"""Points may be off by 2 m or by 2 % of how far they lie apart, whichever is more: what clicks on a map are worth."""

_UNITS = {0.001: "millimetres", 0.01: "centimetres", 0.3048: "feet"}


@dataclass(frozen=True, slots=True)
class PointPair:
    """One point in two frames.

    Attributes:
        x_m: X in the model, metres, whatever its length unit is.
        y_m: Y in the model, metres.
        lon_deg: Longitude, CRS84.
        lat_deg: Latitude, CRS84.
    """

    x_m: float
    y_m: float
    lon_deg: float
    lat_deg: float


def read_pair(text: str, crs: str | None = None) -> PointPair:
    """Return the pair of ``X,Y=LON,LAT``: model metres, then CRS84 degrees, or easting, northing of ``crs``.

    Raises:
        BadInput: ``ifc.bad_pair``, ``crs.unknown``.

    >>> read_pair("0,12.5=120.1536,30.2874")
    PointPair(x_m=0.0, y_m=12.5, lon_deg=120.1536, lat_deg=30.2874)
    >>> round(read_pair("0,0=514777.411,3351983.077", "EPSG:4549").lon_deg, 6)
    120.1536
    >>> read_pair("0,0=3351983.077,514777.411", "EPSG:4549")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: ifc.bad_pair: '0,0=3351983.077,514777.411' is outside EPSG:4549: the two are swapped. ...
    """
    try:
        x, y, first, second = (float(part) for side in text.split("=") for part in side.split(","))
    except ValueError:
        _refuse(text, "is not X,Y=LON,LAT", "Write two numbers, an equals sign and two numbers.")
    if text.count(",", 0, text.index("=")) != 1 or not np.isfinite([x, y, first, second]).all():
        _refuse(text, "is not X,Y=LON,LAT", "Write two numbers, an equals sign and two numbers.")
    return PointPair(x, y, *_ground(text, first, second, crs))


def _ground(text: str, first: float, second: float, crs: str | None) -> tuple[float, float]:
    if crs is None:
        if not (abs(first) <= 180 and abs(second) < 90):
            swapped = ": the two are swapped" if abs(second) <= 180 and abs(first) < 90 else ""
            _refuse(
                text, f"is no longitude and latitude{swapped}", "Give longitude before latitude, or name the --crs."
            )
        return first, second
    known = crs_of(crs)
    if known is None:
        raise BadInput("crs.unknown", f"There is no CRS {crs!r}.", "Name it as EPSG:4549.", crs=crs, parameter="crs")
    unit_m = axis_unit_m(known)
    if not inside(known, first * unit_m, second * unit_m):
        swapped = ": the two are swapped" if inside(known, second * unit_m, first * unit_m) else ""
        _refuse(text, f"is outside {crs}{swapped}", "Give easting before northing, in the unit of the CRS.")
    lon, lat = to_crs84(known).transform(first, second)
    return float(lon), float(lat)


def _refuse(text: str, fault: str, cure: str) -> NoReturn:
    raise BadInput("ifc.bad_pair", f"{text!r:.80} {fault}.", cure, parameter="pair")


def placement_from_pairs(pairs: Sequence[PointPair]) -> Placement:
    """Return the turn and shift that bring the model's points nearest to those on the ground (least squares).

    The model is never stretched: what its scale would have to be, and how far each point is off, is ``evidence``
    (``scale``, ``residuals_m``). Heights are left to the model.

    Raises:
        BadInput: ``ifc.too_few_pairs``; ``ifc.pairs_coincide`` when they lie within a metre; ``ifc.pairs_mirrored``
            when they fit only with one axis turned round (from three pairs on); ``ifc.pairs_disagree`` with the
            residuals.

    >>> here, north = PointPair(0, 0, 120.15, 30.28), PointPair(0, 110.855, 120.15, 30.281)
    >>> placed = placement_from_pairs([here, north])
    >>> round(placed.bearing_deg, 6) + 0.0, [round(one, 2) for one in placed.evidence["residuals_m"]]
    (0.0, [0.0, 0.0])
    >>> placement_from_pairs([here, here])
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: ifc.pairs_coincide: The points lie within 0.00 m. Choose points ...
    """
    if len(pairs) < 2:
        raise BadInput("ifc.too_few_pairs", "One pair of points leaves the turn open.", "Give two or more.",
                       parameter="pair")  # fmt: skip
    local = np.array([complex(pair.x_m, pair.y_m) for pair in pairs])
    lonlat = np.array([(pair.lon_deg, pair.lat_deg) for pair in pairs])
    frame = _about_the_middle(lonlat)
    x_m, y_m = frame.to_metres(*lonlat.T)
    turn, off_m, scale = _matched(local - local.mean(), x_m + 1j * y_m)
    middle = local.mean()
    return Placement(
        lon_deg=frame.lon_deg,
        lat_deg=frame.lat_deg,
        bearing_deg=-float(np.degrees(np.angle(turn))),
        origin_m=(float(middle.real), float(middle.imag)),
        method="pairs",
        evidence={"pairs": len(pairs), "residuals_m": [round(float(one), 4) for one in off_m], "scale": scale},
    )


def turn_between(before: Points, after: Points) -> complex:
    """Return the turn (a number of length 1) that brings centred points nearest to their centred counterparts.

    >>> turn_between(np.array([1 + 0j, -1]), np.array([2j, -2j]))
    1j
    """
    sum_of_products = complex(np.vdot(before, after))
    return sum_of_products / abs(sum_of_products) if sum_of_products else 1 + 0j


def _about_the_middle(lonlat: npt.NDArray[np.float64]) -> LocalFrame:
    """Return the frame whose origin is the mean of the positions, in metres."""
    first = LocalFrame(*lonlat.mean(axis=0).tolist())
    x_m, y_m = first.to_metres(*lonlat.T)
    lon, lat = first.to_degrees(x_m.mean(), y_m.mean())
    return LocalFrame(float(lon), float(lat))


def _matched(local: Points, ground: Points) -> tuple[complex, npt.NDArray[np.float64], float]:
    """Return turn, residuals in metres and the scale that would fit best, of points about their middles."""
    spread_m = min(np.abs(local).max(), np.abs(ground).max())
    if not spread_m >= LEAST_SPREAD_M / 2:
        raise BadInput(
            "ifc.pairs_coincide", f"The points lie within {2 * spread_m:.2f} m.",
            "Choose points at opposite ends of the building; model points are in metres.", parameter="pair",
        )  # fmt: skip
    turn = turn_between(local, ground)
    off_m = np.abs(turn * local - ground)
    scale = float(abs(np.vdot(local, ground)) / np.vdot(local, local).real)
    if off_m.max() > max(RESIDUAL_M, RESIDUAL_SHARE * np.abs(ground).max()) or _mirrored(local, ground):
        _disagree(local, ground, off_m, scale)
    return turn, off_m, round(scale, 9)


def _mirrored(local: Points, ground: Points) -> bool:
    """Tell whether the points fit clearly better with one axis of the model turned round, whatever its unit."""
    straight, mirrored = (_misfit(points, ground) for points in (local, local.conj()))
    return straight > RESIDUAL_SHARE and mirrored < straight / 3


def _misfit(local: Points, ground: Points) -> float:
    """Return what a turn and a scale leave unexplained of the points on the ground, 0 to 1."""
    explained = abs(np.vdot(local, ground)) / np.sqrt(np.vdot(local, local).real * np.vdot(ground, ground).real)
    return float(np.sqrt(max(0.0, 1 - explained**2)))


def _disagree(local: Points, ground: Points, off_m: npt.NDArray[np.float64], scale: float) -> NoReturn:
    residuals_m = [round(float(one), 2) for one in off_m]
    if _mirrored(local, ground):
        raise BadInput(
            "ifc.pairs_mirrored", "The points fit only when the model is mirrored, as if X and Y were swapped.",
            "Give X before Y and longitude before latitude in every pair.", parameter="pair", residuals_m=residuals_m,
        )  # fmt: skip
    unit = next((name for metres, name in _UNITS.items() if abs(scale / metres - 1) < 0.03), None)
    hint = (
        f"; the model points look like {unit}" if unit else f"; the model would have to be {scale:.4g} times as large"
    )
    raise BadInput(
        "ifc.pairs_disagree", f"The points do not fit: they are up to {max(residuals_m):.2f} m off{hint}.",
        "Give model points in metres, and check each pair.",
        parameter="pair", residuals_m=residuals_m, scale=round(scale, 6),
    )  # fmt: skip
