"""How long a search takes among 20,000 features of an estate; median and slowest of ten, both stores ask the same."""

import statistics
import tempfile
import time
from pathlib import Path

from layers.catalogue import load_catalogue
from twin.embedded import EmbeddedStore
from twin.feature import Feature

QUERIES = (
    "安和里",
    "安和里21幢",
    "21幢2单元 501",
    "二十一号楼",
    "住宅",
    "烟感",
    "和安里21幢",
    "N51H04297332",
    "安合里99号门",
)


def estate() -> list[Feature]:
    """Return 100 houses with two units of 18 storeys, two rooms each, and a detector in every other room."""
    found = []
    for house in range(1, 101):
        key, name = f"N51H04297332{house % 100:02}-0", f"安和里{house}幢"
        found.append(_feature("building", key, name, name))
        for unit in (1, 2):
            for storey in range(1, 19):
                above = f"{key}-U{unit:02}-F{storey:02}"
                found.append(_feature("storey", above, f"{unit}单元{storey}层", f"{name}{unit}单元{storey}层"))
                found += _rooms(above, name, unit, storey)
    return found


def _rooms(above: str, name: str, unit: int, storey: int) -> list[Feature]:
    found = []
    for door in (1, 2, 3, 4):
        key, room = f"{above}-R{storey:02}{door:02}", f"{storey:02}{door:02}"
        found.append(_feature("space", key, f"{room} 住宅", f"{name}{unit}单元{storey}层{storey}{door:02}室"))
        if door == 1:
            found.append(_feature("device", f"D-{key}", f"{name}{unit}单元{storey}层{room}住宅感烟探测器", None))
    return found


def _feature(layer: str, key: str, name: str, address: str | None) -> Feature:
    attributes = {"address": address} if address else {}
    return Feature(layer=layer, id=key, community="c", name=name, place=key, attributes=attributes)


def main() -> None:
    """Print a line for each query."""
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder) / "twin.gpkg", load_catalogue())
        features = estate()
        store.write(lambda transaction: [transaction.put(feature) for feature in features]).result()
        print(f"{len(features)} features")
        for query in QUERIES:
            times = []
            for _ in range(10):
                start = time.perf_counter()
                found = store.search(query, 10)
                times.append((time.perf_counter() - start) * 1000)
            print(f"{statistics.median(times):6.1f} ms  {max(times):6.1f} ms  {len(found):3}  {query}")
        store.close()


if __name__ == "__main__":
    main()
