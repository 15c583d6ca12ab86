"""One record a layer: what it holds, from where, how good and how new it is (after OGC API Records, 20-004r1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from api.ogc.documents import GEOJSON, HTML, JSON, Document, has_tiles, link, moment_text, title
from twin.declaration import Layer
from twin.store import Completeness, Extent

RECORD_CORE = "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/record-core"
_GRADES = {
    "P0": "公开 Public",
    "P1": "内部 Internal",
    "P2": "个人信息 Personal",
    "P3": "敏感个人信息 Sensitive personal",
}
_ACCESS = {
    "open": "逐条可读 Single features may be read",
    "aggregate": "仅汇总可读 Only sums over groups may be read",
}


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who answers for the data of an installation.

    Attributes:
        contact: Office, telephone or e-mail address; ``None`` when the installation does not say.
        licence: Terms of use, a name or an address; ``None`` when it does not say.
    """

    contact: str | None = None
    licence: str | None = None


class Measured(NamedTuple):
    """What is known of the features of a layer that may be read one by one."""

    extent: Extent
    completeness: Completeness


def record(layer: Layer, measured: Measured | None, count: int, publisher: Publisher, base: str) -> Document:
    """Return the record of a layer as a GeoJSON feature.

    Args:
        layer: The layer.
        measured: What it spans and has; ``None`` for layers whose single features may not be read.
        count: How many features it has now.
        publisher: Who answers for it.
        base: Address of the landing page.
    """
    extent = None if measured is None else measured.extent
    found: Document = {
        "type": "Feature",
        "id": layer.name,
        "conformsTo": [RECORD_CORE],
        "geometry": None if extent is None or extent.bounds is None else _outline(extent.bounds),
        "time": {"interval": [moment_text(extent.begin), ".."]} if extent is not None and extent.begin else None,
        "properties": _properties(layer, measured, count, publisher),
        "links": _links(layer, base),
    }
    return found


def _properties(layer: Layer, measured: Measured | None, count: int, publisher: Publisher) -> Document:
    grades = {field.grade for field in layer.fields}
    found: Document = {
        "type": "dataset",
        "title": title(layer),
        "description": _description(layer),
        "keywords": [layer.group.zh, layer.group.en, layer.title.zh, layer.title.en],
        "language": {"code": "zh"},
        "formats": _formats(layer),
        "access": layer.access,
        "rights": _ACCESS[layer.access],
        "grade": max(grades, default="P0"),
        "gradeTitle": _GRADES[max(grades, default="P0")],
        "updateFrequency": layer.update,
        "requirement": layer.source,
        "license": publisher.licence,
        "contacts": [] if publisher.contact is None else [{"name": publisher.contact, "roles": ["pointOfContact"]}],
        "quality": _quality(layer, measured, count),
        "fields": [_field(field) for field in layer.fields],
    }
    if measured is not None:
        updated = measured.extent.updated
        found["sources"] = dict(sorted(measured.completeness.sources.items()))
        found["updated"] = None if updated is None else moment_text(updated)
    return found


def _field(field: Any) -> Document:
    return {
        "name": field.name,
        "title": f"{field.title.zh} {field.title.en}",
        "type": field.type,
        "unit": field.unit,
        "grade": field.grade,
        "required": field.required,
    }


def _description(layer: Layer) -> str:
    fields = "、".join(field.title.zh for field in layer.fields)
    return f"{layer.title.zh}（{layer.group.zh}）：{fields}。 {layer.title.en} ({layer.group.en})."


def _quality(layer: Layer, measured: Measured | None, count: int) -> Document:
    """Return the number of features and, as far as they may be read, which part of them has what it must have.

    Completeness after ISO 19157: the share, 0 to 1, of features that have a value; ``None`` when there are none.
    """
    found: Document = {"count": count}
    if measured is not None:
        extent, filled = measured.extent, measured.completeness.filled
        required = [field.name for field in layer.fields if field.required and field.grade in ("P0", "P1")]
        found["completeness"] = {name: _share(filled.get(name, 0), extent.count) for name in required}
        if layer.geometry != "none":
            found["positioned"] = _share(extent.placed, extent.count)
    return found


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _formats(layer: Layer) -> list[str]:
    if layer.access != "open":
        return ["JSON"]
    tiles = ["Mapbox Vector Tiles"] if has_tiles(layer) else []
    return ["GeoJSON", "JSON-FG", "CSV", "GeoParquet", "FlatGeobuf", "GeoPackage", *tiles]


def _links(layer: Layer, base: str) -> list[Document]:
    own = f"{base}/catalogue/{layer.name}"
    links = [
        link(f"{own}?f=json", "self", GEOJSON, "本记录 This record (JSON)"),
        link(f"{own}?f=html", "alternate", HTML, "本记录 This record (网页 HTML)"),
        link(f"{base}/catalogue", "collection", GEOJSON, "目录 Catalogue"),
    ]
    if layer.access == "open":
        here = f"{base}/collections/{layer.name}"
        links += [
            link(here, "item", JSON, title(layer)),
            link(f"{here}/items", "items", GEOJSON, "要素 Features"),
        ]
    return links


def _outline(bounds: tuple[float, float, float, float]) -> Document:
    west, south, east, north = bounds
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def matches(document: Mapping[str, Any], words: str) -> bool:
    """Tell whether a record holds every word, whatever the case, in title, description, keywords or fields.

    >>> found = {"id": "hydrant", "properties": {"title": "消火栓 Hydrants", "description": "", "keywords": []}}
    >>> matches(found, "HYDR 火"), matches(found, "lift"), matches(found, " ")
    (True, False, True)
    """
    about = document["properties"]
    names = [f"{field['name']} {field['title']}" for field in about.get("fields", ())]
    text = " ".join((document["id"], about["title"], about["description"], *about["keywords"], *names)).casefold()
    return all(word in text for word in words.casefold().split())
