"""What a tile holds of features, the same from every store.

Their members, and their attributes: text, numbers and booleans as they are, lists and objects not. A member goes before
an attribute of its name.
"""

from collections.abc import Collection

from gis.tilegrid import Tile
from gis.write import mvt
from twin.query import Query

MEMBERS = ("id", "name", "place", "storey", "z_min_m", "z_max_m")
"""The properties of features of every layer."""

Shown = Collection[str] | None
"""The attributes that may be told; ``None``: all."""


def asked(layer: str, tile: Tile) -> Query:
    """Return the question that a tile answers: what stands now and whose box touches the tile or its margin."""
    return Query(layers=(layer,), bbox=tile.bounds(mvt.BUFFER / mvt.EXTENT))
