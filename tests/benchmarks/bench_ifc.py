"""An IFC import beside the geometry kernel alone: ``python tests/benchmarks/bench_ifc.py``, at most 4 minutes.

For each real model of ``../shared/data/ifc/core``, smallest first: the time to read it whole with
``bim_import.read_ifc`` (open, georeference, storeys, footprints, rooms) and the time ifcopenshell's default Open CASCADE
iterator takes just to triangulate its products. Each runs in a process of its own, start included.
"""

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
