"""A tile drawn from the embedded store, all its features at once."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import orjson

from gis.tilegrid import Tile
from gis.write import mvt
from twin.embedded.gpkg import decode_geometries
from twin.embedded.select import where_of
from twin.tiles import MEMBERS, Shown, asked


def drawn(connection: sqlite3.Connection, layer: str, shown: Shown, tile: Tile, now: datetime) -> mvt.Drawn:
    """Return what stands now in a tile as a layer of it."""
    where = where_of(asked(layer, tile), now)
    sql = f"SELECT {', '.join(MEMBERS)}, attributes, geom FROM feature WHERE {where.sql}"  # noqa: S608  only our own text
    rows = connection.execute(sql, where.values).fetchall()
    if not rows:
        return mvt.Drawn(b"", 0, 0)
    *members, texts, shapes = zip(*rows, strict=True)
    told = {**_attributes(texts, shown), **dict(zip(MEMBERS, members, strict=True))}
    return mvt.encode(layer, told.pop("id"), decode_geometries(shapes), told, tile)


def _attributes(texts: Sequence[str], shown: Shown) -> Mapping[str, Sequence[Any]]:
    said = orjson.loads(f"[{','.join(texts)}]")  # one text is read much faster than many
    names = [name for name in dict.fromkeys(chain.from_iterable(said)) if shown is None or name in shown]
    return {name: [one.get(name) for one in said] for name in names}
