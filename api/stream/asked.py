"""What a subscriber asks for, as JSON or as parameters, turned into a filter."""

from typing import Annotated

import shapely
from pydantic import BaseModel, ConfigDict, Field
from shapely.geometry.base import BaseGeometry

from api.parameters import box, integers, polygon, words
from api.stream.filter import Filter
from gis.errors import BadInput

_MOST = 1000
_Words = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=_MOST)]


class StreamFilter(BaseModel):
    """Conditions, joined by *and*; one left out does not narrow."""

    model_config = ConfigDict(extra="forbid")

    kinds: _Words = Field(default_factory=list, description="observations, alarm, device, incident, change …")
    layers: _Words = Field(default_factory=list, description="Layers the messages are about.")
    place: str | None = Field(default=None, max_length=200, description="Space code: this place and everything in it.")
    area: str | None = Field(default=None, max_length=100_000, description="Polygon, WKT, CRS84.")
    bbox: tuple[float, float, float, float] | None = Field(
        default=None, description="west, south, east, north in degrees."
    )
    storeys: Annotated[list[int], Field(max_length=_MOST)] = Field(default_factory=list)


def from_text(
    kinds: str | None, layers: str | None, place: str | None, area: str | None, bbox: str | None, storeys: str | None
) -> StreamFilter:
    """Return what comma-separated parameters ask for."""
    return StreamFilter(
        kinds=list(words(kinds)),
        layers=list(words(layers)),
        place=place,
        area=area,
        bbox=None if bbox is None else box(bbox, "bbox"),
        storeys=list(integers(storeys, "storeys")),
    )


def filter_from(asked: StreamFilter) -> Filter:
    """Return the filter of what was checked.

    >>> filter_from(StreamFilter(kinds=["observation"], storeys=[1, -1])).kinds
    frozenset({'observations'})
    """
    return Filter(
        kinds=frozenset("observations" if kind == "observation" else kind for kind in asked.kinds),
        layers=frozenset(asked.layers),
        place=asked.place,
        area=area_of(asked),
        storeys=frozenset(asked.storeys),
    )


def area_of(asked: StreamFilter) -> BaseGeometry | None:
    """Return where: what area and box have in common; ``None``: everywhere.

    Raises:
        BadInput: ``request.parameter``, ``query.bbox``.
    """
    area, within = polygon(asked.area, "area"), None if asked.bbox is None else _rectangle(asked.bbox)
    if area is None or within is None:
        return within if area is None else area
    return area.intersection(within)


def _rectangle(bbox: tuple[float, float, float, float]) -> BaseGeometry:
    west, south, east, north = bbox
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise BadInput("query.bbox", f"{bbox} is no box.", "Write west,south,east,north in degrees.", parameter="bbox")
    return shapely.box(west, south, east, north)
