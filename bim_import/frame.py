"""The frame a model stands in: a similarity between its local metres and the plane of a CRS, and on to CRS84."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from bim_import.model import Georeference, Placement

Floats = npt.NDArray[np.float64]

AREA_MARGIN_DEG = 1.5

_GLOBE = pyproj.Geod(ellps="GRS80")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A similarity in the plane of a CRS: local metres in, CRS84 out.

    Attributes:
        east_m: Easting of the local origin, in metres whatever the CRS's unit is.
        cosine: Scale times cosine of the angle from the CRS's east axis to the local X axis, counter-clockwise.
        height_offset_m: Added to local heights; ``None`` when no height is stated, then they stay local.
    """

    crs: pyproj.CRS
    east_m: float
    north_m: float
    cosine: float = 1.0
    sine: float = 0.0
    height_offset_m: float | None = None

    def lonlat(self, local_m: npt.ArrayLike) -> Floats:
        """Return an (n, 2) array of CRS84 longitude, latitude for an (n, 2) array of local X, Y in metres."""
        x, y = np.asarray(local_m, dtype=float).reshape(-1, 2).T
        east_m = self.east_m + self.cosine * x - self.sine * y
        north_m = self.north_m + self.sine * x + self.cosine * y
        unit_m = axis_unit_m(self.crs)
        return np.column_stack(to_crs84(self.crs).transform(east_m / unit_m, north_m / unit_m))

    def local_m(self, lonlat: npt.ArrayLike) -> Floats:
        """Return an (n, 2) array of local X, Y in metres for an (n, 2) array of CRS84 longitude, latitude."""
        lon, lat = np.asarray(lonlat, dtype=float).reshape(-1, 2).T
        unit_m = axis_unit_m(self.crs)
        east, north = to_crs84(self.crs).transform(lon, lat, direction="INVERSE")
        turned = (east * unit_m - self.east_m + 1j * (north * unit_m - self.north_m)) / (self.cosine + 1j * self.sine)
        return np.column_stack([turned.real, turned.imag])

    def to_local(self, geometry: BaseGeometry) -> BaseGeometry:
        """Return a CRS84 geometry in local metres."""
        moved: BaseGeometry = shapely.transform(geometry, self.local_m)
        return moved

    def to_crs84(self, geometry: BaseGeometry) -> BaseGeometry:
        """Return a local geometry in CRS84."""
        moved: BaseGeometry = shapely.transform(geometry, self.lonlat)
        return moved

    def height_m(self, local_z_m: float) -> float:
        """Return the height of a local Z, in the stated vertical frame or, when none is stated, in the model's own."""
        return local_z_m + (self.height_offset_m or 0.0)

    def described(self, at: Placement, height_datum: str | None) -> Georeference:
        """Return this frame as the receipt tells of a placement by the planner."""
        named = self.describe(at.method, at.statement, "CRS84", height_datum, float(at.evidence.get("iou", 1.0)))
        return replace(named, evidence=at.evidence)

    def describe(self, method: str, statement: str, crs: str, datum: str | None, confidence: float) -> Georeference:
        """Return this frame in the words of the receipt; the rotation is measured on the globe, from true north."""
        (lon, lat), (lon_y, lat_y) = self.lonlat([[0.0, 0.0], [0.0, 100.0]])
        return Georeference(
            method=method,
            statement=statement,
            crs=crs,
            origin_lon_deg=float(lon),
            origin_lat_deg=float(lat),
            rotation_deg=round(_GLOBE.inv(lon, lat, lon_y, lat_y)[0], 6) % 360,
            scale=math.hypot(self.cosine, self.sine),
            height_offset_m=self.height_offset_m,
            height_datum=datum,
            confidence=confidence,
        )


def frame_about(
    lon_deg: float, lat_deg: float, bearing_deg: float, height_m: float | None, origin_m: Sequence[float]
) -> Frame:
    """Return the frame in which the local point ``origin_m`` is at this place and +Y bears ``bearing_deg``.

    A transverse Mercator with scale 1 about that point: nothing is stretched, however far the model's own origin is.
    """
    crs = pyproj.CRS.from_proj4(
        f"+proj=tmerc +lat_0={float(lat_deg)!r} +lon_0={float(lon_deg)!r} +k=1 +ellps=GRS80 +units=m"
    )
    angle = -math.radians(bearing_deg)
    cosine, sine = math.cos(angle), math.sin(angle)
    east_m = -(cosine * origin_m[0] - sine * origin_m[1])
    north_m = -(sine * origin_m[0] + cosine * origin_m[1])
    return Frame(crs=crs, east_m=east_m, north_m=north_m, cosine=cosine, sine=sine, height_offset_m=height_m)


def frame_at(at: Placement, stated_height_m: float | None = None) -> Frame:
    """Return the frame of a placement; ``stated_height_m`` is the model's own word for the height of its zero."""
    height_m = stated_height_m if at.height_m is None else at.height_m
    return frame_about(at.lon_deg, at.lat_deg, at.bearing_deg, height_m, at.origin_m)


@lru_cache
def crs_of(name: str) -> pyproj.CRS | None:
    """Return the horizontal CRS of a name such as ``EPSG:4549``; ``None`` when it means nothing to PROJ.

    >>> crs_of(" epsg 4549 ").name, crs_of(""), crs_of("site grid")
    ('CGCS2000 / 3-degree Gauss-Kruger CM 120E', None, None)
    """
    text = name.strip()
    if text.upper().startswith("EPSG"):
        text = "EPSG:" + text[4:].strip(" :_-")
    try:
        crs = pyproj.CRS.from_user_input(int(text) if text.isdigit() else text)
    except CRSError:
        return None
    return crs.sub_crs_list[0] if crs.is_compound else crs


def axis_unit_m(crs: pyproj.CRS) -> float:
    """Return the size of the CRS's unit of easting, metres."""
    return float(crs.axis_info[0].unit_conversion_factor) if crs.axis_info else 1.0


@lru_cache
def to_crs84(crs: pyproj.CRS) -> pyproj.Transformer:
    """Return the transformer from a CRS, easting first, to longitude and latitude."""
    return pyproj.Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)


def inside(crs: pyproj.CRS, east_m: float, north_m: float) -> bool:
    """Tell whether a position, in metres whatever the CRS's unit is, falls into the CRS's area of use or near it.

    >>> zone = crs_of("EPSG:4549")
    >>> inside(zone, 514777.4, 3351983.1), inside(zone, 3351983.1, 514777.4), inside(zone, math.inf, 0)
    (True, False, False)
    """
    unit_m = axis_unit_m(crs)
    lon, lat = to_crs84(crs).transform(east_m / unit_m, north_m / unit_m)
    if not (math.isfinite(lon) and math.isfinite(lat)):
        return False
    area, margin = crs.area_of_use, AREA_MARGIN_DEG
    if area is None:
        return True
    east = area.east if area.east >= area.west else area.east + 360
    lon_in = area.west - margin <= lon <= east + margin or area.west - margin <= lon + 360 <= east + margin
    return bool(lon_in and area.south - margin <= lat <= area.north + margin)
