"""A city of buildings that is the same at every run, loaded as the store writes it and as a plain table for the peers."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import shapely

from twin.embedded.rows import COLUMNS
from twin.feature import Feature
from twin.versions import stated

WEST, SOUTH = 120.0, 30.0
EXTENT_M = 20_000
LON_M, LAT_M = 1 / 96_486, 1 / 110_852
"""Degrees of a metre at 30° north."""
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK = 20_000
USES = ("residential", "commercial", "office", "education", "medical", "mixed", "parking", "utility", "other")

_TABLE = """
CREATE TABLE public.building (
    id text PRIMARY KEY, layer text, name text, place text, parent text, storey integer, z_min_m float8, z_max_m float8,
    stage text, source text, valid_from timestamptz, valid_to timestamptz, building_no text, main_use text,
    structure_type text, built_year integer, status text, storey_count integer, height_m float8,
    gross_floor_area_m2 float8, compound text, street text, geom geometry(Polygon, 4326))
"""
_ATTRIBUTES = (
    "building_no", "main_use", "structure_type", "built_year", "status", "storey_count", "height_m",
    "gross_floor_area_m2", "compound", "street",
)  # fmt: skip


def outlines(count: int) -> np.ndarray:
    """Return L-shaped outlines, each turned a little, one on each lot of a square grid over the whole city."""
    chance = np.random.default_rng(7)
    side = int(np.ceil(np.sqrt(count)))
    lot = EXTENT_M / side
    number = np.arange(count)
    corner = np.array([(0, 0), (1, 0), (1, 0.5), (0.6, 0.5), (0.6, 1), (0, 1), (0, 0)]) - 0.5
    size = chance.uniform(0.4, 0.65, (count, 1, 2)) * lot
    turn = chance.uniform(-0.2, 0.2, count)
    turned = np.stack([np.cos(turn), -np.sin(turn), np.sin(turn), np.cos(turn)], axis=-1).reshape(-1, 2, 2)
    local = np.einsum("nij,npj->npi", turned, corner * size)
    centre = np.column_stack([(number % side + 0.5) * lot, (number // side + 0.5) * lot])
    metres = local + centre[:, None, :]
    return shapely.polygons(np.round(metres * (LON_M, LAT_M) + (WEST, SOUTH), 7))


def features(count: int) -> Iterator[Feature]:
    """Yield the buildings; their ids are in no spatial order."""
    chance = random.Random(7)
    numbers = list(range(count))
    chance.shuffle(numbers)
    for number, outline in zip(numbers, outlines(count), strict=True):
        storeys = chance.randrange(1, 30)
        key = f"B{number:07}"
        yield Feature(
            layer="building",
            id=key,
            community="c1",
            name=f"{number % 900 + 1}幢",
            place=key,
            z_min_m=4.0,
            z_max_m=4.0 + 3.0 * storeys,
            geometry=outline,
            stage="operation",
            attributes={
                "building_no": key,
                "main_use": USES[min(chance.getrandbits(5), 8)],
                "structure_type": "frame",
                "built_year": 1980 + storeys,
                "status": "in_use",
                "storey_count": storeys,
                "height_m": 3.0 * storeys,
                "gross_floor_area_m2": 90.0 * storeys,
                "compound": f"小区{number // 1000}",
                "street": f"街道{number // 50_000}",
            },
            source="bench",
            batch="bench",
            valid_from=SINCE,
        )


def load(connection, count: int) -> None:
    """Fill both tables by COPY, index the plain one and let PostgreSQL gather its statistics."""
    names = COLUMNS.replace(" superseded_at, geom", " geom")
    connection.execute(_TABLE)
    with connection.cursor() as cursor, cursor.copy(f"COPY feature ({names}) FROM STDIN") as copy:
        for one in features(count):
            copy.write_row((*stated(one), SINCE, None, SINCE, _wkb(one)))
    columns = ", ".join(f"attributes ->> '{name}'" for name in _ATTRIBUTES)
    typed = columns
    for name, kind in (
        ("built_year", "int"),
        ("storey_count", "int"),
        ("height_m", "float8"),
        ("gross_floor_area_m2", "float8"),
    ):
        typed = typed.replace(f"attributes ->> '{name}'", f"(attributes ->> '{name}')::{kind}")
    connection.execute(
        "INSERT INTO public.building SELECT id, layer, name, place, parent, storey, z_min_m, z_max_m, stage, source,"
        f" valid_from, valid_to, {typed}, geom FROM feature"
    )
    connection.execute("CREATE INDEX ON public.building USING gist (geom)")
    connection.execute("CREATE INDEX ON public.building (main_use)")
    connection.execute("INSERT INTO layer_version VALUES ('building', 1)")
    connection.execute("UPDATE clock SET recorded_at = %s", (SINCE,))
    connection.commit()
    connection.autocommit = True
    connection.execute("VACUUM ANALYZE")


def _wkb(one: Feature) -> str:
    return shapely.to_wkb(shapely.set_srid(one.geometry, 4326), hex=True, include_srid=True)


def boxes(metres: float, count: int) -> list[str]:
    """Return bbox parameters of a square's size, anywhere in the city."""
    chance = random.Random(int(metres))
    found = []
    for _ in range(count):
        east, north = (chance.uniform(0, EXTENT_M - metres) for _ in range(2))
        sides = (WEST + east * LON_M, SOUTH + north * LAT_M)
        far = (sides[0] + metres * LON_M, sides[1] + metres * LAT_M)
        found.append(",".join(f"{side:.7f}" for side in (*sides, *far)))
    return found
