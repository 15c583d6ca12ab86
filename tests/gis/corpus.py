"""The same ten buildings in every format that is read; what tests compare and what the fuzz mutates."""

import json
import zipfile
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pyogrio
import pyproj
import shapely

ZONE = 4549  # CGCS2000 / 3-degree Gauss-Kruger CM 120E, without zone number
COLUMNS = ("楼栋编号", "建筑名称", "层数", "楼高")


@cache
def buildings():
    """Footprints in the projected frame, one of them L-shaped with a yard, and their properties."""
    shapes, rows = [], []
    for at in range(10):
        x, y = 514_700 + 40 * (at % 5), 3_351_980 + 60 * (at // 5)
        shapes.append(shapely.box(x, y, x + 24.37, y + 12.113))
        rows.append((f"{at + 1}号楼", f"里坊苑{at + 1}幢", 6 + at, 18.5 + 3 * at))
    x, y = 514_700, 3_352_100
    shapes[9] = shapely.Polygon(
        [(x, y), (x + 30, y), (x + 30, y + 10), (x + 12, y + 10), (x + 12, y + 30), (x, y + 30)],
        [[(x + 2, y + 2), (x + 2, y + 6), (x + 8, y + 6), (x + 8, y + 2)]],
    )
    return shapes, [dict(zip(COLUMNS, row, strict=True)) for row in rows]


@cache
def in_degrees():
    transform = pyproj.Transformer.from_crs(ZONE, "OGC:CRS84", always_xy=True).transform
    return [shapely.transform(shape, lambda p: np.column_stack(transform(*p.T))) for shape in buildings()[0]]


def _columns():
    return [np.array([row[name] for row in buildings()[1]], dtype=kind) for name, kind in zip(COLUMNS, (object, object, np.int32, float), strict=True)]  # fmt: skip


def gdal(path, driver, *, shapes=None, crs=f"EPSG:{ZONE}", **options):
    wkb = np.array([shape.wkb for shape in shapes or buildings()[0]], dtype=object)
    pyogrio.raw.write(
        str(path), wkb, _columns(), list(COLUMNS), driver=driver, crs=crs, geometry_type="Polygon", **options
    )
    return path


def gpkg(folder):
    return gdal(folder / "a.gpkg", "GPKG")


def fgb(folder):
    return gdal(folder / "a.fgb", "FlatGeobuf", SPATIAL_INDEX="NO")


def shp(folder):
    return gdal(folder / "a.shp", "ESRI Shapefile", encoding="GBK")


def geojson(folder):
    return gdal(folder / "a.geojson", "GeoJSON", shapes=in_degrees(), crs="OGC:CRS84", COORDINATE_PRECISION="9")


def geojsonseq(folder):
    return gdal(folder / "a.geojsonl", "GeoJSONSeq", shapes=in_degrees(), crs="OGC:CRS84", COORDINATE_PRECISION="9")


def gml(folder):
    path = gdal(folder / "a.gml", "GML", shapes=in_degrees(), crs="EPSG:4490")  # latitude first
    path.with_suffix(".xsd").unlink()
    return path


def zipped(folder):
    path = shp(folder)
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for part in sorted(folder.glob("a.[sdpc]*")):
            archive.write(part, f"数据/{part.name}")
            part.unlink()
    return path.with_suffix(".zip")


def parquet(folder):
    import pyarrow as pa
    from pyarrow import parquet as writer

    frame = json.loads(pyproj.CRS(ZONE).to_json())
    geometry = {"encoding": "WKB", "geometry_types": ["Polygon"], "crs": frame}
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
    columns = dict(zip(COLUMNS, _columns(), strict=True)) | {"geometry": [shape.wkb for shape in buildings()[0]]}
    table = pa.table(columns).replace_schema_metadata({"geo": json.dumps(geo)})
    writer.write_table(table, folder / "a.parquet")
    return folder / "a.parquet"


def _text(rings, order=(0, 1), z=None):
    def ring(points):
        return " ".join(
            " ".join(f"{point[axis]:.9f}" for axis in order) + ("" if z is None else f" {z}") for point in points
        )

    return [ring(rings.exterior.coords), *(ring(hole.coords) for hole in rings.interiors)]


def kml(folder):
    placemarks = []
    for shape, row in zip(in_degrees(), buildings()[1], strict=True):
        outer, *holes = (text.replace(" ", ",").replace(";", " ") for text in (
            ";".join(f"{x:.9f} {y:.9f}" for x, y in ring.coords) for ring in (shape.exterior, *shape.interiors)
        ))  # fmt: skip
        data = "".join(f'<Data name="{name}"><value>{value}</value></Data>' for name, value in row.items())
        inner = "".join(f"<innerBoundaryIs><LinearRing><coordinates>{hole}</coordinates></LinearRing></innerBoundaryIs>" for hole in holes)  # fmt: skip
        placemarks.append(
            f"<Placemark><ExtendedData>{data}</ExtendedData><Polygon><outerBoundaryIs><LinearRing><coordinates>{outer}"
            f"</coordinates></LinearRing></outerBoundaryIs>{inner}</Polygon></Placemark>"
        )
    path = folder / "a.kml"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder>'
        f"<name>楼栋</name>{''.join(placemarks)}</Folder></Document></kml>",
        "utf-8",
    )
    return path


def kmz(folder):
    path = kml(folder)
    with zipfile.ZipFile(folder / "a.kmz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, "doc.kml")
    path.unlink()
    return folder / "a.kmz"


def dxf(folder):
    """Outlines as closed polylines, one of them in a block that is inserted; the yard is not drawn."""
    lines = ["0", "SECTION", "2", "HEADER", "9", "$DWGCODEPAGE", "3", "ANSI_936", "0", "ENDSEC"]
    lines += ["0", "SECTION", "2", "BLOCKS", "0", "BLOCK", "8", "0", "2", "HOUSE", "70", "0", "10", "0", "20", "0"]
    shapes = buildings()[0]
    x, y = shapes[0].exterior.coords[0]
    lines += _polyline("0", [(a - x, b - y) for a, b in shapes[0].exterior.coords])
    lines += ["0", "ENDBLK", "0", "ENDSEC", "0", "SECTION", "2", "ENTITIES"]
    lines += ["0", "INSERT", "8", "建筑", "2", "HOUSE", "10", f"{x}", "20", f"{y}"]
    for shape in shapes[1:]:
        lines += _polyline("建筑", shape.exterior.coords)
    lines += [
        "0",
        "TEXT",
        "8",
        "注记",
        "10",
        f"{x}",
        "20",
        f"{y}",
        "40",
        "2.5",
        "1",
        "一号楼",
        "0",
        "ENDSEC",
        "0",
        "EOF",
    ]
    path = folder / "a.dxf"
    path.write_text("\n".join(lines) + "\n", "gbk")
    return path


def _polyline(layer, points):
    lines = ["0", "LWPOLYLINE", "100", "AcDbEntity", "8", layer, "100", "AcDbPolyline", "90", str(len(points) - 1), "70", "1"]  # fmt: skip
    for x, y in list(points)[:-1]:
        lines += ["10", f"{x:.4f}", "20", f"{y:.4f}"]
    return lines


def citygml(folder, name=f"urn:ogc:def:crs:EPSG::{ZONE}", order=(1, 0)):
    """LoD 1 solids; CGCS2000 zones have north first in their register."""
    members = []
    for shape, row in zip(buildings()[0], buildings()[1], strict=True):
        top = 12 + row["楼高"]
        faces = "".join(_gml_polygon(_text(shape, order, z)) for z in (12, top))
        generic = "".join(
            f'<gen:stringAttribute name="{key}"><gen:value>{escape(str(row[key]))}</gen:value></gen:stringAttribute>'
            for key in COLUMNS[:2]
        )
        members.append(
            f'<cityObjectMember><bldg:Building gml:id="b{len(members)}">{generic}<gen:intAttribute name="层数">'
            f'<gen:value>{row["层数"]}</gen:value></gen:intAttribute><gen:doubleAttribute name="楼高"><gen:value>'
            f"{row['楼高']}</gen:value></gen:doubleAttribute><bldg:lod1Solid><gml:Solid><gml:exterior>"
            f"<gml:CompositeSurface>{faces}</gml:CompositeSurface></gml:exterior></gml:Solid></bldg:lod1Solid>"
            "</bldg:Building></cityObjectMember>"
        )
    path = folder / "a_citygml.gml"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><CityModel xmlns="http://www.opengis.net/citygml/2.0" '
        'xmlns:bldg="http://www.opengis.net/citygml/building/2.0" xmlns:gml="http://www.opengis.net/gml" '
        'xmlns:gen="http://www.opengis.net/citygml/generics/2.0"><gml:boundedBy>'
        f'<gml:Envelope srsName="{name}" srsDimension="3"/></gml:boundedBy>{"".join(members)}</CityModel>',
        "utf-8",
    )
    return path


def _gml_polygon(rings):
    outer, *holes = (f"<gml:LinearRing><gml:posList>{ring}</gml:posList></gml:LinearRing>" for ring in rings)
    inner = "".join(f"<gml:interior>{hole}</gml:interior>" for hole in holes)
    return (
        f"<gml:surfaceMember><gml:Polygon><gml:exterior>{outer}</gml:exterior>{inner}</gml:Polygon></gml:surfaceMember>"
    )


def city_objects(ids=None):
    """CityObjects and vertices of CityJSON, whole millimetres from the corner."""
    vertices, objects = [], {}
    for at, (shape, row) in enumerate(zip(*buildings(), strict=True)):
        if ids is not None and at not in ids:
            continue
        floors = []
        for z in (12, 12 + row["楼高"]):
            rings = []
            for ring in (shape.exterior, *shape.interiors):
                points = list(ring.coords)[:-1]
                rings.append(list(range(len(vertices), len(vertices) + len(points))))
                vertices += [[round((x - 514_000) * 1000), round((y - 3_351_000) * 1000), round(z * 1000)] for x, y in points]  # fmt: skip
            floors.append(rings)
        geometry = {"type": "Solid", "lod": "1.2", "boundaries": [floors]}
        objects[f"b{at}"] = {"type": "Building", "attributes": row, "geometry": [geometry]}
    return objects, vertices


TRANSFORM = {"scale": [0.001] * 3, "translate": [514_000, 3_351_000, 0]}
FRAME = {"referenceSystem": f"https://www.opengis.net/def/crs/EPSG/0/{ZONE}"}


def cityjson(folder, version="2.0"):
    objects, vertices = city_objects()
    model = {"type": "CityJSON", "version": version, "transform": TRANSFORM, "metadata": FRAME}
    path = folder / "a.city.json"
    path.write_text(json.dumps({**model, "CityObjects": objects, "vertices": vertices}, ensure_ascii=False), "utf-8")
    return path


def cityjsonseq(folder):
    head = {"type": "CityJSON", "version": "2.0", "transform": TRANSFORM, "metadata": FRAME, "CityObjects": {}, "vertices": []}  # fmt: skip
    lines = [head]
    for at in range(10):
        objects, vertices = city_objects({at})
        lines.append({"type": "CityJSONFeature", "id": f"b{at}", "CityObjects": objects, "vertices": vertices})
    path = folder / "a.city.jsonl"
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), "utf-8")
    return path


def csv(folder):
    """Tables have points only."""
    path = folder / "a.csv"
    lines = [",".join([*COLUMNS, "经度", "纬度"])]
    for shape, row in zip(in_degrees(), buildings()[1], strict=True):
        point = shape.representative_point()
        lines.append(",".join([*map(str, row.values()), f"{point.x:.9f}", f"{point.y:.9f}"]))
    path.write_text("\n".join(lines), "gb18030")
    return path


def xlsx(folder):
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append([*COLUMNS, "经度", "纬度"])
    for shape, row in zip(in_degrees(), buildings()[1], strict=True):
        point = shape.representative_point()
        book.active.append([*row.values(), round(point.x, 9), round(point.y, 9)])
    book.save(folder / "a.xlsx")
    return folder / "a.xlsx"


AREAS = (gpkg, fgb, shp, zipped, geojson, geojsonseq, gml, parquet, kml, kmz, dxf, citygml, cityjson, cityjsonseq)
POINTS = (csv, xlsx)


def options_of(write):
    """What a person must say of a drawing, which says neither its frame nor which layer matters."""
    return {"crs": f"EPSG:{ZONE}", "layer": "建筑"} if write is dxf else {}


def write_all(folder: Path):
    """Write every format into a folder of its own; return (writer, path)."""
    found = []
    for write in (*AREAS, *POINTS):
        own = folder / write.__name__
        own.mkdir()
        found.append((write, write(own)))
    return found
