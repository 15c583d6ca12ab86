"""Which messages a subscriber wants. Pure."""

from dataclasses import dataclass

import shapely
from shapely.geometry.base import BaseGeometry


@dataclass(frozen=True, slots=True)
class Where:
    """Where something happened: key of the place, storey, longitude and latitude in degrees; ``None``: not known."""

    place: str | None = None
    storey: int | None = None
    lon_deg: float | None = None
    lat_deg: float | None = None

    @property
    def center(self) -> list[float] | None:
        """Longitude and latitude, as messages carry them."""
        return None if self.lon_deg is None or self.lat_deg is None else [self.lon_deg, self.lat_deg]


@dataclass(frozen=True, slots=True)
class Facts:
    """What filters look at; equal for all readings of one property of a device, so that answers can be kept.

    Attributes:
        kind: As the stream names it.
        layers: Layers it is about.
        device: Number of the device it is about.
        plate: Number plate of the vehicle it is about, as :func:`plate_key` writes it.
        everywhere: It concerns a layer as a whole, so every place.
        withheld: What it says is where a person in care is; that it was said may be told.
    """

    community: str
    kind: str
    layers: frozenset[str]
    where: Where
    device: str | None = None
    plate: str | None = None
    everywhere: bool = False
    withheld: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a subscriber wants; conditions are joined by *and*, an empty one does not narrow.

    What happened nowhere known is in no place, area or storey. What concerns whole layers (an import, its undoing)
    concerns every place.

    Attributes:
        kinds: As the stream names them.
        place: Key of a place: it and everything in it.
        area: Polygon in CRS84; its edge belongs to it.
        storeys: Physical storeys.
        devices: Numbers of devices.
        plates: Number plates, as :func:`plate_key` writes them.

    >>> f501 = Facts("c1", "alarm", frozenset({"alarm"}), Where("B1-0-U01-F05-R0501", 5, 120.0, 30.0))
    >>> Filter(place="B1-0-U01").admits(f501), Filter(place="B1-0-U0").admits(f501), Filter().admits(f501)
    (True, False, True)
    >>> Filter(area=shapely.box(120, 30, 121, 31), storeys=frozenset({5})).admits(f501)
    True
    >>> nowhere = Facts("c1", "device", frozenset({"device"}), Where())
    >>> Filter(area=shapely.box(-180, -90, 180, 90)).admits(nowhere)
    False
    """

    community: str | None = None
    kinds: frozenset[str] = frozenset()
    layers: frozenset[str] = frozenset()
    place: str | None = None
    area: BaseGeometry | None = None
    storeys: frozenset[int] = frozenset()
    devices: frozenset[str] = frozenset()
    plates: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Prepare the area for many points."""
        if self.area is not None:
            shapely.prepare(self.area)

    def admits(self, facts: Facts) -> bool:
        """Tell whether the subscriber wants it."""
        return self.admits_but_area(facts) and (self.area is None or facts.everywhere or self._covers(facts.where))

    def admits_but_area(self, facts: Facts) -> bool:
        """Tell the same without looking at the area."""
        return (
            self.community in (None, facts.community)
            and (not self.kinds or facts.kind in self.kinds)
            and (not self.layers or not self.layers.isdisjoint(facts.layers))
            and (not self.devices or facts.device in self.devices)
            and (not self.plates or facts.plate in self.plates)
            and (facts.everywhere or self._holds(facts.where))
        )

    def _holds(self, where: Where) -> bool:
        if self.storeys and where.storey not in self.storeys:
            return False
        return self.place is None or (
            where.place is not None and (where.place == self.place or where.place.startswith(self.place + "-"))
        )

    def _covers(self, where: Where) -> bool:
        center = where.center
        return center is not None and bool(shapely.intersects_xy(self.area, *center))


def plate_key(text: str) -> str:
    """Return a number plate in one spelling.

    >>> plate_key("浙a·12 345")
    '浙A12345'
    """
    return "".join(letter for letter in text.upper() if letter.isalnum())
