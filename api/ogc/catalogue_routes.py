"""The routes of the catalogue: a record a layer, searchable, as GeoJSON and as pages."""

from fastapi import APIRouter, Request, Response

from api.ogc import documents, pages
from api.ogc.answers import PREFIX, base, crumbs, json_answer, page_answer, wants_html
from api.ogc.catalogue import Measured, matches, record
from api.ogc.documents import Document
from api.ogc.question import given
from api.state import Here, Services
from twin.declaration import Layer

router = APIRouter(prefix=PREFIX, include_in_schema=False)


@router.get("/catalogue")
def catalogue(here: Here, request: Request) -> Response:
    """Return the records that hold every word of ``q``."""
    texts = given(request, ("f", "q"))
    html = wants_html(request, texts)
    counts = here.store.counts()
    records = [_record(here, request, layer, counts.get(layer.name, 0)) for layer in here.catalogue.values()]
    found = [one for one in records if matches(one, texts.get("q", ""))]
    own = f"{base(request)}/catalogue"
    if html:
        rows = [(f"{own}/{one['id']}?f=html", one["properties"]["title"], _line(one)) for one in found]
        return page_answer("目录 Catalogue", "", crumbs(request, 2), pages.listed(rows))
    document = {
        "type": "FeatureCollection",
        "features": found,
        "links": documents.self_links(own, documents.GEOJSON, html=False),
        "timeStamp": documents.moment_text(here.clock()),
        "numberMatched": len(found),
        "numberReturned": len(found),
    }
    return json_answer(document, documents.GEOJSON)


@router.get("/catalogue/{layer}")
def catalogue_record(here: Here, request: Request, layer: str) -> Response:
    """Return the record of a layer."""
    html = wants_html(request, given(request, ("f",)))
    document = _record(here, request, here.catalogue[layer], here.store.counts().get(layer, 0))
    if not html:
        return json_answer(document, documents.GEOJSON)
    about = dict(document["properties"])
    fields = about.pop("fields")
    rows = {one["name"]: f"{one['title']} · {one['type']} · {one['grade']}" for one in fields}
    above = [*crumbs(request, 2), (f"{base(request)}/catalogue?f=html", "目录 Catalogue")]
    parts = pages.table(about), pages.table(rows), pages.links(document)
    return page_answer(about["title"], about["description"], above, *parts)


def _record(here: Services, request: Request, layer: Layer, count: int) -> Document:
    extents, name = here.extents, layer.name
    measured = Measured(extents.of(name), extents.completeness(name)) if layer.access == "open" else None
    return record(layer, measured, count, here.publisher, base(request))


def _line(one: Document) -> str:
    about = one["properties"]
    return f"{about['quality']['count']} · {about['gradeTitle']} · {about['rights']} · {about.get('updated') or '–'}"
