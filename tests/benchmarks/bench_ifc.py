"""An IFC import beside the geometry kernel alone: ``python tests/benchmarks/bench_ifc.py``, at most 10 minutes.

For each real model of ``../shared/data/ifc/core``, smallest first: the time to import it (open, georeference, storeys,
rooms, envelope, connections, devices, codes, stored in a new twin) and the time ifcopenshell's default Open CASCADE
iterator takes just to open it and triangulate its products. Each runs in a program of its own that is up already, as a
service is: the clock starts with the file. Beside the ratio of the wall times stands that of the processor times, which
a busy machine does not change. Peak memory is that of the process that reads, and that of the iterator.

``… second`` imports each model into a store of its own, then once more unchanged, and once more with its places to be
matched because the first import was followed by another. ``… block`` imports the 95 MB of ``block.py``.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from block import write_block

ROOT = Path(__file__).parents[2]
FOLDER = ROOT.parent / "shared" / "data" / "ifc" / "core"
BUDGET_S, LIMIT_S = 600, 120

IMPORT = """
import os, resource, sys, tempfile, time
from pathlib import Path
from api.import_options import ModelOptions
from api.importing import Importer
from api.readings import Readings
from bim_import import Placement, read_ifc
from bim_import.workers import WORKERS
from gis.errors import LifangError
from layers.catalogue import load_catalogue
from twin.embedded import EmbeddedStore
path, tiny = map(Path, sys.argv[1:])
at = Placement(120.15, 30.28)
for _ in range(2):
    read_ifc(tiny, at=at)
def worked(of):
    used = resource.getrusage(of)
    return used.ru_utime + used.ru_stime
def started():
    told = Path(f"/proc/{WORKERS._ahead.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")
before = -1.0
while before < started():  # until the worker that is started ahead waits for its model
    before = started()
    time.sleep(1)
with tempfile.TemporaryDirectory() as folder:
    store = EmbeddedStore(Path(folder) / "twin.gpkg", load_catalogue())
    importer = Importer(store, load_catalogue(), "c", readings=Readings(Path(folder) / "readings"))
    began, self_s, workers_s = time.perf_counter(), worked(resource.RUSAGE_SELF), worked(resource.RUSAGE_CHILDREN)
    try:
        importer.run(path, ModelOptions(at=at))
    except LifangError as error:
        sys.exit(str(error))
    seconds = time.perf_counter() - began
    cpu = worked(resource.RUSAGE_SELF) - self_s + worked(resource.RUSAGE_CHILDREN) - workers_s - before
    store.close()
print(seconds, cpu, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
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
import resource, sys, time
import ifcopenshell
import ifcopenshell.geom
began, cpu = time.perf_counter(), time.process_time()
model = ifcopenshell.open(sys.argv[1])  # the iterator does not keep it alive
iterator = ifcopenshell.geom.iterator(ifcopenshell.geom.settings(), model, 1)
if not iterator.initialize():
    sys.exit("nothing to triangulate")
while iterator.next():
    pass
seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
print(seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main() -> None:
    """Print a line a model, and the ratios."""
    files = sorted(FOLDER.glob("*.ifc"), key=lambda path: path.stat().st_size)
    if not files:
        print(f"no models in {FOLDER}")
        return
    with tempfile.TemporaryDirectory() as folder:
        # Bytecode is kept as on any machine, whatever the environment says of it.
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        {"second": second, "block": block}.get("".join(sys.argv[1:]), first)(files)


def first(files: list[Path]) -> None:
    """Print what an import of each model takes beside the bare kernel, and the median and worst ratios."""
    measured(IMPORT, files[0], files[0])  # compiles what is imported
    print(
        f"load {os.getloadavg()[0]:.1f}\n{'model':46s} {'MB':>5s} {'import s':>9s} {'bare s':>7s} {'time':>5s}   cpu  peak"
    )
    began, ratios = time.monotonic(), []
    for path in files:
        if time.monotonic() - began > BUDGET_S - LIMIT_S:
            break
        ours, bare = measured(IMPORT, path, files[0]), measured(BARE, path)
        if isinstance(ours, str) or isinstance(bare, str):
            print(f"{path.name[:46]:46s} {ours if isinstance(ours, str) else f'bare: {bare}'}")
            continue
        ratios.append([one / other for one, other in zip(ours, bare, strict=True)])
        line = f"{path.name[:46]:46s} {path.stat().st_size / 1e6:5.1f} {ours[0]:9.2f} {bare[0]:7.2f}"
        print(line, *(f"{ratio:5.2f}" for ratio in ratios[-1]), flush=True)
    print(f"{len(ratios)} of {len(files)} models; load {os.getloadavg()[0]:.1f}")
    for name, found in zip(("wall time", "processor time", "peak memory"), zip(*ratios, strict=True), strict=True):
        print(f"{name}: median {statistics.median(found):.2f}, worst {max(found):.2f}")


def block(files: list[Path]) -> None:
    """Print what an import of 95 MB takes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "block.ifc"
        models = write_block(path)
        told = measured(IMPORT, path, files[0])
        if isinstance(told, str):
            sys.exit(told)
        size = path.stat().st_size / 1e6
        print(
            f"{models} models, {size:.0f} MB: {told[0]:.1f} s ({told[1]:.1f} s CPU), peak {told[2]:.0f} MB; load {os.getloadavg()[0]:.1f}"
        )


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


def measured(script: str, *paths: Path) -> list[float] | str:
    """Return the seconds, the processor seconds and the peak MB a script takes, or the last line of what it complained about."""
    command = [sys.executable, "-c", script, *map(str, paths)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"stopped after {LIMIT_S} s"
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
    return [float(one) for one in done.stdout.split()]


if __name__ == "__main__":
    main()
