"""100,000 footprints with 20 attributes from GeoPackage into the twin, against reading and copying them with pyogrio.

    python tests/benchmarks/bench_gis.py [COUNT]

Both in one run; the goal is a ratio of at most 4. A third figure tells how much of it is reading into rows.
"""

import cProfile
import os
import pstats
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyogrio
import shapely

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from api.importing import Importer
from gis.read import read_features
from layers.catalogue import load_catalogue
from twin.embedded import EmbeddedStore


def write_footprints(path, count):
    """A town of rectangles in CGCS2000 zone 120E: number, name, use, a whole number, height and fifteen columns more."""
    at = np.arange(count)
    x, y = 500_000 + 40.0 * (at % 320), 3_350_000 + 30.0 * (at // 320)
    shapes = shapely.box(x, y, x + 24.5, y + 12.25)
    columns = {
        "楼栋编号": np.array([f"B{one:06d}" for one in at], dtype=object),
        "建筑名称": np.array([f"里坊苑{one % 977 + 1}幢" for one in at], dtype=object),
        "用途": np.array([("住宅", "商业", "办公")[one % 3] for one in at], dtype=object),
        "整数": (at % 30 + 1).astype(np.int32),  # not storeys: each would become a place of its own
        "楼高": 3.0 * (at % 30 + 1),
        **{f"文字{one}": np.array([f"值{one * at_ % 1009}" for at_ in at], dtype=object) for one in range(1, 8)},
        **{f"数{one}": at * 0.25 * one for one in range(1, 9)},
    }
    pyogrio.raw.write(
        str(path), shapely.to_wkb(shapes), list(columns.values()), list(columns), driver="GPKG", crs="EPSG:4549",
        geometry_type="Polygon",
    )  # fmt: skip


def timed(work):
    """Seconds of the processor, of all threads: on a machine that others use too, the clock tells their story."""
    started = time.process_time()
    work()
    return time.process_time() - started


def copy(source, target):
    meta, _, wkb, columns = pyogrio.raw.read(str(source))
    pyogrio.raw.write(
        str(target), wkb, columns, list(meta["fields"]), driver="GPKG", crs=meta["crs"], geometry_type="Polygon"
    )


def main(count):
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "town.gpkg"
        write_footprints(source, count)
        bare = sorted(timed(lambda at=at: copy(source, folder / f"copy{at}.gpkg")) for at in range(3))[1]
        reading = sorted(timed(lambda: read_features(source, on_warning=print)) for _ in range(3))[1]
        store = EmbeddedStore(folder / "twin.gpkg", load_catalogue())
        profile = cProfile.Profile() if "--profile" in sys.argv else None
        importer = Importer(store, load_catalogue(), "town")
        if profile:
            profile.enable()
        started = time.perf_counter()
        whole = timed(lambda: importer.gis(source, "building"))
        clock = time.perf_counter() - started
        if profile:
            profile.disable()
            pstats.Stats(profile).sort_stats("cumulative").print_stats(45)
        store.close()
    print(f"{count:,} footprints, 20 attributes: pyogrio read and GeoPackage copy {bare:.2f} s; read into rows")
    print(f"{reading:.2f} s ({reading / bare:.2f} x); into the twin {whole:.2f} s ({whole / bare:.2f} x, goal 4)")
    print(f"seconds of the processor; by the clock the import took {clock:.2f} s at load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    numbers = [int(one) for one in sys.argv[1:] if one.isdigit()]
    main(numbers[0] if numbers else 100_000)
