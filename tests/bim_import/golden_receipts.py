"""Golden receipts of the real models: ``python tests/bim_import/golden_receipts.py`` checks them, ``… write`` first.

The check uses nothing of ours. Counts are those of ``ifcopenshell``'s ``by_type``; room areas those that
``ifcopenshell.util.shape`` finds in the meshes of its default kernel (Open CASCADE), and the authors' own
GrossFloorArea or NetFloorArea; positions of sites the angles of ``ifcopenshell.util.geolocation``. It prints what
differs, and every such line was looked at before the file was kept:

* fewer storeys than IfcBuildingStorey where levels were merged or have no height, and more spaces than IfcSpace where
  they were derived from walls; the notices say so;
* areas stated by authors differ where net leaves out columns or what is under a slope.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import ifcopenshell
import ifcopenshell.geom
import ifcopenshell.util.element
import ifcopenshell.util.geolocation
import ifcopenshell.util.shape
import pyproj
import shapely

from bim_import import Placement
from bim_import.worker import read
from gis.errors import BadInput

GOLDEN = Path(__file__).parents[1] / "golden" / "ifc_receipts.json"
FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "ifc"
AT = Placement(120.1536, 30.2874)
KINDS = ("building", "unit", "storey", "space", "connection", "device")
GLOBE = pyproj.Geod(ellps="GRS80")


def receipt_of(path):
    """What is golden about a file: what came of it, or why nothing did; placed by hand where it states no position."""
    try:
        return _told(read(path, None, lambda stage, share: None))
    except BadInput as fault:
        if fault.code != "ifc.no_position":
            return {"refused": fault.code}
    return {"placed": True, **_told(read(path, AT, lambda stage, share: None))}


def _told(model):
    georeference = model.receipt.georeference
    rooms = [place.geometry for place in model.places if place.kind == "space" and place.geometry is not None]
    walls = [place.geometry for place in model.places if place.kind == "building" and place.geometry is not None]
    return {
        "counts": {kind: count for kind in KINDS if (count := model.receipt.counts.get(kind, 0))},
        "origin": [georeference.origin_lon_deg, georeference.origin_lat_deg],
        "buildings": list(shapely.union_all(walls).centroid.coords[0]) if walls else [],
        "room_area_m2": round(sum(abs(GLOBE.geometry_area_perimeter(room)[0]) for room in rooms), 2),
        "notices": sorted({notice.code for notice in model.receipt.warnings}),
    }


def independent(path):
    """Say what differs between a golden receipt and what other tools find in the file."""
    golden = json.loads(GOLDEN.read_text("utf-8"))[name_of(path)]
    if "refused" in golden:
        return [golden["refused"]]
    try:
        model = ifcopenshell.open(str(path))
    except (ifcopenshell.Error, OSError) as fault:
        return [f"only readable after repair: {fault}"]
    named = {"building": "IfcBuilding", "storey": "IfcBuildingStorey", "space": "IfcSpace"}
    found = {kind: len(model.by_type(ifc)) for kind, ifc in named.items()}
    ours = Counter(golden["counts"])
    told = [f"{kind}: {ours[kind]}, in the file {count}" for kind, count in found.items() if ours[kind] != count]
    meshed, stated = _areas(model)
    for what, area in (("meshed", meshed), ("stated", stated)):
        if area and abs(golden["room_area_m2"] / area - 1) > 0.01:
            told.append(f"rooms: {golden['room_area_m2']} m², {what} {area:.2f}")
    for site in model.by_type("IfcSite"):
        if site.RefLatitude and site.RefLongitude and "placed" not in golden:
            lat, lon = (ifcopenshell.util.geolocation.dms2dd(*angle) for angle in (site.RefLatitude, site.RefLongitude))
            away_m = GLOBE.inv(*golden["origin"], lon, lat)[2]
            if away_m > 0.5:
                told.append(f"origin: {away_m:.1f} m from the site's angles")
    return told


def _areas(model):
    """The sum of the plan areas of the rooms by the default kernel, and by their authors where all state one."""
    spaces = [space for space in model.by_type("IfcSpace") if space.Representation]
    meshed = 0.0
    settings = ifcopenshell.geom.settings()
    for shape in ifcopenshell.geom.iterator(settings, model, 1, include=spaces) if spaces else ():
        # Some tools orient the faces inwards; straight down is a direction that function cannot do.
        ways = ((0.0, 0.0, 1.0), (1e-4, 0.0, -1.0))
        meshed += max(ifcopenshell.util.shape.get_footprint_area(shape.geometry, direction=way) for way in ways)
    stated = [_stated(space) for space in spaces]
    return meshed, sum(stated) if all(stated) else None


def _stated(space):
    sets = ifcopenshell.util.element.get_psets(space, qtos_only=True).values()
    names = ("GrossFloorArea", "NetFloorArea")
    return next((values[name] for name in names for values in sets if values.get(name)), None)


def name_of(path):
    """A file's name in the golden file."""
    return f"{path.parent.name}/{path.name}"


def files():
    """All models there are."""
    return sorted(path for path in FOLDER.glob("*/*") if path.suffix in (".ifc", ".ifczip", ".ifcxml"))


if __name__ == "__main__":
    if sys.argv[1:] == ["write"]:
        told = {name_of(path): {"bytes": path.stat().st_size, **receipt_of(path)} for path in files()}
        GOLDEN.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    for model_path in files():
        print(name_of(model_path), *independent(model_path), sep="\n    ")
