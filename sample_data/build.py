"""Write the whole synthetic community into a directory."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from sample_data import places
from sample_data.answers import answers
from sample_data.devices import devices
from sample_data.frame import DEGREE_CRS, MAP_CRS, to_degrees, to_map
from sample_data.ifc_file import write_ifc
from sample_data.manifest import Manifest, SampleFile, write_manifest
from sample_data.people import households, residents, staff, vehicles
from sample_data.site import Row, buildings, site
from sample_data.tables import FIXED_DAY, fixed_clock, write_csv, write_dem, write_excel, write_vector

Progress: TypeAlias = Callable[[str, float], None]
"""Called with the step in hand and the share of the whole that is done, 0 to 1."""

_BASE_MAP: Mapping[str, Callable[[], list[places.Shape]]] = {
    "community": places.community_rows,
    "grid": places.grid_rows,
    "street": places.street_rows,
    "walkway": places.walkway_rows,
    "entrance": places.entrance_rows,
    "green": places.green_rows,
    "water": places.water_rows,
    "parking": places.parking_rows,
    "fence": places.fence_rows,
}
# Areas first, then what stands in them, then what is told of them.
_ORDER = (
    *("community", "grid", "building", "public_space", "street", "walkway", "entrance", "green", "water", "parking"),
    *("fence", "facility", "key_place", "hydrant", "shelter", "household", "resident", "staff", "vehicle", "device"),
)
_DEVICE_SHEET = "设备台账"


def build(directory: Path, seed: int, progress: Progress | None) -> list[SampleFile]:
    """Write models, map files, tables, the ground, the answers and the manifest."""
    tell = progress or (lambda _step, _share: None)
    for folder in ("ifc", "gis", "tables"):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    models = list(_models(directory, seed, tell))
    tell("map files", 0.4)
    with fixed_clock():
        maps = {file.layer: (file, count) for file, count in _maps(directory / "gis")}
    write_dem(directory / "gis" / "dem.tif")
    tell("people and devices", 0.7)
    tables = {file.layer: (file, count) for file, count in _tables(directory, seed)}
    ordered = {layer: (maps | tables)[layer] for layer in _ORDER}
    _write_answers(directory, seed, {layer: count for layer, (_, count) in ordered.items()})
    files = [*models, *(file for file, _ in ordered.values())]
    write_manifest(directory, Manifest(seed, site()["community"]["code"], tuple(files)))
    tell("sample community", 1.0)
    return files


def _write_answers(directory: Path, seed: int, counts: Mapping[str, int]) -> None:
    homes = households(seed)
    # The houses that come as models are in no table.
    true = {**counts, "building": len(buildings())}
    document = answers(homes, residents(seed, homes), [row for row, _ in devices(seed)], true)
    (directory / "answers.json").write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _models(directory: Path, seed: int, tell: Progress) -> Iterator[SampleFile]:
    modelled = [house for house in buildings() if house.model]
    for index, house in enumerate(modelled):
        tell("building models", 0.4 * index / len(modelled))
        path = directory / "ifc" / f"{house.no}.ifc"
        write_ifc(house, path, seed)
        yield SampleFile(path, "ifc", "building")


def _maps(folder: Path) -> Iterator[tuple[SampleFile, int]]:
    yield from _base_map(folder / "base_map.gpkg")
    yield _buildings(folder / "buildings.shp")
    in_degrees = {
        "public_space": places.public_space_rows,
        "shelter": places.shelter_rows,
        "hydrant": places.hydrant_rows,
    }
    for layer, rows in in_degrees.items():
        yield _map(folder / f"{_plural(layer)}.geojson", layer, rows())
    yield _map(folder / "facilities.gpkg", "facility", places.facility_rows())
    yield _map(folder / "key_places.gpkg", "key_place", places.key_place_rows())


def _plural(layer: str) -> str:
    return layer if layer == "public_space" else f"{layer}s"


def _base_map(path: Path) -> Iterator[tuple[SampleFile, int]]:
    path.unlink(missing_ok=True)
    for layer, rows in _BASE_MAP.items():
        shapes = rows()
        write_vector(path, shapes, crs=DEGREE_CRS, project=to_degrees, table=layer)
        yield SampleFile(path, "gis", layer, {"table": layer}), len(shapes)


def _map(path: Path, layer: str, shapes: list[places.Shape]) -> tuple[SampleFile, int]:
    path.unlink(missing_ok=True)
    if path.suffix == ".geojson":
        write_vector(path, shapes, crs="OGC:CRS84", project=to_degrees, COORDINATE_PRECISION="9")
        return SampleFile(path, "gis", layer), len(shapes)
    write_vector(path, shapes, crs=MAP_CRS, project=to_map, table=layer)
    return SampleFile(path, "gis", layer, {"table": layer}), len(shapes)


def _buildings(path: Path) -> tuple[SampleFile, int]:
    shapes = places.building_rows()
    write_vector(path, shapes, crs=MAP_CRS, project=to_map, encoding="GBK", DBF_DATE_LAST_UPDATE=FIXED_DAY)
    return SampleFile(path, "gis", "building", {"encoding": "GBK"}), len(shapes)


def _tables(directory: Path, seed: int) -> Iterator[tuple[SampleFile, int]]:
    homes = households(seed)
    people = residents(seed, homes)
    bays = [row["车位编号"] for row, _ in places.parking_rows() if row["类别"] == "车位"]
    things = [row for row, _ in devices(seed)]
    folder = directory / "tables"
    written = [
        _csv(folder / "households.csv", "household", homes, "utf-8-sig"),
        _csv(folder / "residents.csv", "resident", people, "utf-8-sig"),
        _csv(folder / "staff.csv", "staff", staff(), "utf-8-sig"),
        _csv(folder / "vehicles.csv", "vehicle", vehicles(seed, homes, bays), "gbk"),
    ]
    write_excel(folder / "devices.xlsx", things, _DEVICE_SHEET)
    yield from written
    yield SampleFile(folder / "devices.xlsx", "gis", "device", {"table": _DEVICE_SHEET}), len(things)


def _csv(path: Path, layer: str, rows: list[Row], encoding: str) -> tuple[SampleFile, int]:
    write_csv(path, rows, encoding)
    return SampleFile(path, "gis", layer, {"encoding": encoding}), len(rows)
