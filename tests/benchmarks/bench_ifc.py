"""An IFC import beside the geometry kernel alone: ``python tests/benchmarks/bench_ifc.py``, at most 4 minutes.

For each real model of ``../shared/data/ifc/core``, smallest first: the time to read it whole with
``bim_import.read_ifc`` (open, georeference, storeys, footprints, rooms) and the time ifcopenshell's default Open CASCADE
iterator takes just to triangulate its products. Each runs in a process of its own, start included.

``python tests/benchmarks/bench_ifc.py second`` imports each model into a store of its own, then once more unchanged, and
once more with its places to be matched because the first import was followed by another.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT.parent / "shared" / "data" / "ifc" / "core"
BUDGET_S, LIMIT_S = 240, 60

IMPORT = """
import sys
from pathlib import Path
from bim_import import Placement, read_ifc
from gis.errors import LifangError
try:
    read_ifc(Path(sys.argv[1]), at=Placement(120.15, 30.28))
except LifangError as error:
    sys.exit(str(error))
"""

SECOND = """
import sys, tempfile, time
from pathlib import Path
from api.import_options import ModelOptions
from api.importing import Importer
from api.readings import Readings
from bim_import import Placement
from gis.errors import LifangError
from layers.catalogue import load_catalogue
from twin.embedded import EmbeddedStore
path, seconds = Path(sys.argv[1]), []
options = ModelOptions(at=Placement(120.15, 30.28))
with tempfile.TemporaryDirectory() as folder:
    store = EmbeddedStore(Path(folder) / "twin.gpkg", load_catalogue())
    importer = Importer(store, load_catalogue(), "c", readings=Readings(Path(folder) / "readings"))
    def matched():
        return importer.take(importer.read(path, options, lambda *_: None))
    for step in (lambda: importer.run(path, options), lambda: importer.run(path, options), matched):
        began = time.perf_counter()
        try:
            step()
        except LifangError as error:
            sys.exit(str(error))
        seconds.append(time.perf_counter() - began)
    store.close()
print(*seconds)
"""

BARE = """
import sys
import ifcopenshell
import ifcopenshell.geom
model = ifcopenshell.open(sys.argv[1])  # the iterator does not keep it alive
iterator = ifcopenshell.geom.iterator(ifcopenshell.geom.settings(), model, 1)
if not iterator.initialize():
    sys.exit("nothing to triangulate")
while iterator.next():
    pass
"""


def main() -> None:
    """Print a line a model and the median ratio."""
    files = sorted(FOLDER.glob("*.ifc"), key=lambda path: path.stat().st_size)
    if not files:
        print(f"no models in {FOLDER}")
        return
    if sys.argv[1:] == ["second"]:
        second(files)
        return
    print(f"{'model':50s} {'MB':>6s} {'import s':>9s} {'bare s':>9s} {'ratio':>6s}")
    began, ratios = time.monotonic(), []
    for path in files:
        if time.monotonic() - began > BUDGET_S - LIMIT_S:
            break
        ours, fault = timed(IMPORT, path)
        if fault:
            print(f"{path.name[:50]:50s} {fault}")
            continue
        bare, note = timed(BARE, path)
        ratios.append(ours / bare)
        line = f"{path.name[:50]:50s} {path.stat().st_size / 1e6:6.1f} {ours:9.2f} {bare:9.2f} {ratios[-1]:6.2f}"
        print(line, f"bare: {note}" if note else "", flush=True)
    print(f"median ratio of {len(ratios)} of {len(files)} models: {statistics.median(ratios):.2f}")


def second(files: list[Path]) -> None:
    """Print what a second import of each model takes beside the first, and the median ratios."""
    print(f"load {os.getloadavg()[0]:.1f}\n{'model':50s} {'first s':>9s} {'unchanged':>9s} {'matched':>9s}")
    began, known, matched = time.monotonic(), [], []
    for path in files:
        if time.monotonic() - began > BUDGET_S - LIMIT_S:
            break
        command = [sys.executable, "-c", SECOND, str(path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        if done.returncode:
            print(f"{path.name[:50]:50s} {done.stderr.strip().splitlines()[-1]}")
            continue
        first, again, anew = map(float, done.stdout.split())
        known.append(again / first)
        matched.append(anew / first)
        print(f"{path.name[:50]:50s} {first:9.2f} {known[-1]:9.3f} {matched[-1]:9.3f}", flush=True)
    print(f"median of {len(known)}: {statistics.median(known):.3f} unchanged, {statistics.median(matched):.3f} matched")
    print(f"worst: {max(known):.3f} unchanged, {max(matched):.3f} matched; load {os.getloadavg()[0]:.1f}")


def timed(script: str, path: Path) -> tuple[float, str]:
    """Return the seconds a script takes on a file, and the last line of what it complained about."""
    began = time.monotonic()
    command = [sys.executable, "-c", script, str(path)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return time.monotonic() - began, f"stopped after {LIMIT_S} s"
    fault = done.stderr.strip().splitlines()[-1:] if done.returncode else []
    return time.monotonic() - began, "".join(fault)


if __name__ == "__main__":
    main()
