"""From local metres to longitude and latitude: plain numbers in, a frame out.

Local coordinates are metres, X and Y horizontal, as the geometry kernel gives them. A statement of position is tried
in the order conversion to a map, angles of a site; one that cannot be meant is refused with a reason, never patched
silently. Clauses: ISO 16739-1, IfcMapConversion, IfcProjectedCRS, IfcSite, IfcGeometricRepresentationContext.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

import pyproj
import yaml

from bim_import.agreement import FAR_M, apart
from bim_import.frame import Frame, crs_of, frame_about, frame_at, inside
from bim_import.model import Georeference, Notice, Placement

FEET_M = (0.3048, 1200 / 3937)
UNSET_NORTH_DEG = 0.01

SCALE_TOLERANCE = 0.01
"""A projection stretches a site by far less than 1 %; more than that is a unit."""

_GLOBE = pyproj.Geod(ellps="GRS80")


@dataclass(frozen=True, slots=True, kw_only=True)
class MapConversion:
    """The numbers of an IfcMapConversion and its IfcProjectedCRS, as stated.

    Attributes:
        scale: ``Scale`` (times ``FactorX``); ``None`` when not stated.
        mirrored: Whether its factors turn one horizontal axis round and leave the other.
        map_unit_m: Size of the CRS's MapUnit in metres; ``None`` when not stated.
        project_unit_m: Size of the project's length unit in metres.
        origin_m: Origin of the context's WorldCoordinateSystem, local metres: the point the conversion places.
        method: ``map_conversion``, ``property_set`` or ``rigid_operation``.
    """

    source: str
    crs_name: str
    eastings: float
    northings: float
    height: float | None = None
    abscissa: float = 1.0
    ordinate: float = 0.0
    scale: float | None = None
    mirrored: bool = False
    map_unit_m: float | None = None
    project_unit_m: float = 1.0
    vertical_datum: str | None = None
    origin_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    method: str = "map_conversion"


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePosition:
    """Longitude and latitude of a site's own origin, and the direction of true north in the model's XY plane."""

    source: str
    lon_deg: float
    lat_deg: float
    elevation_m: float | None = None
    origin_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    true_north: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Solution:
    """A frame with its description, or none with the reasons; ``notices`` either way."""

    frame: Frame | None
    georeference: Georeference | None = None
    notices: tuple[Notice, ...] = ()


def solve(conversions: Sequence[MapConversion], sites: Sequence[SitePosition], at: Placement | None = None) -> Solution:
    """Return the frame of the first statement that can be meant; ``at`` overrides all but the stated height.

    >>> solve([], []).frame is None
    True
    >>> solve([], [SitePosition(source="IfcSite", lon_deg=0.0, lat_deg=0.0)]).notices[0].code
    'ifc.default_position'
    """
    tried = [*(map(solve_map_conversion, conversions)), *(map(solve_site, sites))]
    best = next((one for one in tried if one.frame), Solution(None))
    notices = tuple(dict.fromkeys(notice for one in tried for notice in one.notices))
    if at is not None:
        return _given(at, best, notices)
    others = [one.georeference for one in tried if one.georeference and one is not best]
    doubts = tuple(apart(best.georeference, others)) if best.georeference else ()
    return Solution(best.frame, best.georeference, notices + doubts)


def solve_map_conversion(stated: MapConversion) -> Solution:
    """Return the frame of a map conversion, in metres.

    Eastings are read in the MapUnit, else the project's unit, else metres, millimetres or feet: the first that falls
    into the CRS's area of use. Scale is compared with the ratio of units and its inverse; only what remains of it, the
    scale factor of the projection, is applied, and to the horizontal axes only.
    """
    if stated.eastings == 0 and stated.northings == 0:
        return _refused(stated, "ifc.zero_conversion", "has zero eastings and northings, a placeholder")
    if stated.mirrored:
        return _refused(stated, "ifc.mirrored", "mirrors the model: its FactorX and FactorY differ in sign")
    crs = crs_of(stated.crs_name)
    if crs is None:
        return _refused(stated, "ifc.unknown_crs", f"names the CRS {stated.crs_name!r}, which is not known")
    if not crs.is_projected:
        return _refused(stated, "ifc.not_projected", f"names {stated.crs_name!r}, which is not a projected CRS")
    unit_m = _unit_inside(crs, stated)
    if unit_m is None:
        return _refused(
            stated, "ifc.outside_crs", f"falls outside the area of use of {stated.crs_name}{_hint(crs, stated)}"
        )
    return _map_solution(stated, crs, unit_m)


def _map_solution(stated: MapConversion, crs: pyproj.CRS, unit_m: float) -> Solution:
    declared_m = stated.map_unit_m or stated.project_unit_m
    scale, notices = residual_scale(stated)
    if unit_m != declared_m:
        notices.append(
            _notice(stated, "ifc.map_unit", f"is in units of {unit_m:g} m, not {declared_m:g} m as declared")
        )
    length = math.hypot(stated.abscissa, stated.ordinate)
    turned = (1.0, 0.0) if length < 1e-9 else (stated.abscissa / length, stated.ordinate / length)
    cosine, sine = scale * turned[0], scale * turned[1]
    x, y, z = stated.origin_m
    frame = Frame(
        crs=crs,
        east_m=stated.eastings * unit_m - (cosine * x - sine * y),
        north_m=stated.northings * unit_m - (sine * x + cosine * y),
        cosine=cosine,
        sine=sine,
        height_offset_m=None if stated.height is None else stated.height * unit_m - z,
    )
    confidence = 0.95 if not notices else 0.85
    described = frame.describe(stated.method, stated.source, stated.crs_name, stated.vertical_datum, confidence)
    return Solution(frame, described, tuple(notices))


def solve_site(site: SitePosition) -> Solution:
    """Return the frame of a site's longitude, latitude and true north: a local transverse Mercator about that point."""
    if not (-180 <= site.lon_deg <= 180 and -90 < site.lat_deg < 90):
        swapped = ": longitude and latitude are swapped" if abs(site.lon_deg) < 90 and abs(site.lat_deg) <= 180 else ""
        message = f"{site.source} has {site.lon_deg}, {site.lat_deg} for a longitude and a latitude{swapped}."
        notice = Notice(code="ifc.bad_site", message=message, cure="Mend the location in the authoring tool.")
        return Solution(None, None, (notice,))
    if default := default_place(site.lon_deg, site.lat_deg):
        notice = Notice(
            code="ifc.default_position",
            message=f"{site.source} stands in {default}, where the tool puts every model; it was not believed.",
            cure="Set the location in the authoring tool, or give the position of the model's origin.",
        )
        return Solution(None, None, (notice,))
    bearing_deg, notices = north_bearing_deg(site.true_north, site.source)
    confidence = 0.5
    if math.hypot(*site.origin_m[:2]) > 10 * FAR_M:
        confidence = 0.3
        notices.append(
            Notice(
                code="ifc.large_offset",
                message=f"{site.source} stands {math.hypot(*site.origin_m[:2]):.0f} m from the model's origin.",
                cure="Check the position on the map; the offset may be a map coordinate of an unnamed CRS.",
            )
        )
    height_m = None if site.elevation_m is None else site.elevation_m - site.origin_m[2]
    frame = frame_about(site.lon_deg, site.lat_deg, bearing_deg, height_m, site.origin_m[:2])
    datum = None if height_m is None else "IfcSite.RefElevation (sea level, not named)"
    described = frame.describe("site", site.source, "CRS84", datum, confidence)
    return Solution(frame, replace(described, true_north_deg=meant_bearing_deg(site.true_north)), tuple(notices))


def _given(at: Placement, stated: Solution, notices: tuple[Notice, ...]) -> Solution:
    datum = stated.georeference.height_datum if stated.georeference else None
    frame = frame_at(at, stated.frame.height_offset_m if stated.frame else None)
    return Solution(frame, frame.described(at, datum if at.height_m is None else "given"), notices)


def residual_scale(stated: MapConversion) -> tuple[float, list[Notice]]:
    """Return what one local metre measures in the CRS, once the change of units is taken out of Scale.

    >>> from dataclasses import replace
    >>> stated = MapConversion(source="#1", crs_name="", eastings=1, northings=1, project_unit_m=0.001, map_unit_m=1.0)
    >>> [residual_scale(replace(stated, scale=scale))[0] for scale in (None, 0.001, 1000.0, 1.0, 0.0009996)]
    [1.0, 1.0, 1.0, 1.0, 0.9996]
    >>> residual_scale(replace(stated, scale=7.0))[1][0].code
    'ifc.scale'
    """
    scale, ratio = stated.scale, stated.project_unit_m / (stated.map_unit_m or stated.project_unit_m)
    if scale is None or scale == 1:
        return 1.0, []
    by_rule, inverse = scale / ratio, scale * ratio
    if abs(by_rule - 1) <= SCALE_TOLERANCE:
        return round(by_rule, 12), []
    if abs(inverse - 1) <= SCALE_TOLERANCE:
        return round(inverse, 12), [
            _notice(stated, "ifc.scale", f"has Scale {scale:g}, read as map unit to project unit")
        ]
    if abs(scale - 1) <= SCALE_TOLERANCE:
        return scale, []
    metric = min((scale / unit for unit in (0.001, 1000.0, *FEET_M)), key=lambda left: abs(left - 1))
    left = round(metric, 12) if abs(metric - 1) <= SCALE_TOLERANCE else 1.0
    return left, [_notice(stated, "ifc.scale", f"has Scale {scale:g}, which fits no unit; {left:g} was used")]


def north_bearing_deg(true_north: Sequence[float] | None, source: str) -> tuple[float, list[Notice]]:
    """Return the bearing of the model's +Y axis, degrees clockwise from true north; 0 when no north is stated.

    >>> north_bearing_deg((0.5, 0.8660254), "#1")[0].__round__(6)
    -30.0
    >>> north_bearing_deg(None, "#1")
    (0.0, [])
    >>> north_bearing_deg((2.0, 6e-17, 1.0), "#1")[1][0].code
    'ifc.true_north'
    """
    if true_north is None:
        return 0.0, []
    ratios = tuple(true_north)
    planar = len(ratios) == 2 or (len(ratios) == 3 and abs(ratios[2]) < 1e-6)
    if not planar or math.hypot(*ratios[:2]) < 1e-9 or not all(map(math.isfinite, ratios)):
        message = f"TrueNorth {ratios} of {source} is malformed; +Y was taken for north."
        return 0.0, [
            Notice(code="ifc.true_north", message=message, cure="Check the building's orientation on the map.")
        ]
    return -math.degrees(math.atan2(ratios[0], ratios[1])), []


def meant_bearing_deg(true_north: Sequence[float] | None) -> float | None:
    """Return the bearing of +Y by TrueNorth; ``None`` for the direction every tool writes when nobody has set one.

    >>> meant_bearing_deg((0.5, 0.8660254)).__round__(6), meant_bearing_deg((6.1e-17, 1.0)), meant_bearing_deg(None)
    (-30.0, None, None)
    """
    bearing_deg, _ = north_bearing_deg(true_north, "")
    return bearing_deg if abs(bearing_deg) > UNSET_NORTH_DEG else None


def default_place(lon_deg: float, lat_deg: float) -> str | None:
    """Return the name of the tool default this position is, ``None`` when it is nobody's.

    >>> default_place(0.0, 0.0), default_place(120.15, 30.28)
    ('Null Island (any default)', None)
    """
    for place in _default_places():
        if _GLOBE.inv(lon_deg, lat_deg, place["lon_deg"], place["lat_deg"])[2] <= place["radius_m"]:
            return f"{place['name']} ({place['tool']} default)"
    return None


@lru_cache
def _default_places() -> tuple[dict[str, Any], ...]:
    text = files("bim_import").joinpath("data/default_places.yaml").read_text(encoding="utf-8")
    return tuple(yaml.load(text, yaml.CSafeLoader))


def _unit_inside(crs: pyproj.CRS, stated: MapConversion) -> float | None:
    declared = (stated.map_unit_m or stated.project_unit_m,)
    for unit_m in (*declared, 1.0, 0.001, *FEET_M):
        if inside(crs, stated.eastings * unit_m, stated.northings * unit_m):
            return unit_m
    return None


def _hint(crs: pyproj.CRS, stated: MapConversion) -> str:
    unit_m = stated.map_unit_m or 1.0
    if inside(crs, stated.northings * unit_m, stated.eastings * unit_m):
        return "; eastings and northings are swapped"
    if inside(crs, stated.eastings % 1e6 * unit_m, stated.northings * unit_m):
        return "; the eastings carry a zone number that this CRS does not have"
    return ""


def _refused(stated: MapConversion, code: str, reason: str) -> Solution:
    return Solution(None, None, (_notice(stated, code, reason),))


def _notice(stated: MapConversion, code: str, reason: str) -> Notice:
    return Notice(code=code, message=f"{stated.source} {reason}.", cure="Check the coordinates in the authoring tool.")
