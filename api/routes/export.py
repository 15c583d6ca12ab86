"""The twin or a part of it as a file to download."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as Parameter
from fastapi.responses import StreamingResponse

from api import geojson
from api.answers import tells
from api.answers.common import FeatureCollection
from api.exporting import FORMATS, export, form_named
from api.finding import place_key
from api.parameters import box, words
from api.routes.query import Layers, Within
from api.view import Seen

router = APIRouter(tags=["export"])

_MEDIA_TYPES = dict.fromkeys(form_named(name).media_type.partition(";")[0] for name in FORMATS)
_OTHERS = [one for one in _MEDIA_TYPES if one != geojson.MEDIA_TYPE]


@router.get(
    "/v1/export",
    response_class=StreamingResponse,
    responses=tells(FeatureCollection, media_type=geojson.MEDIA_TYPE, beside=_OTHERS),
)
def download(
    seen: Seen,
    layers: Layers,
    format: Annotated[str, Parameter(description="Form of the file.", json_schema_extra={"enum": list(FORMATS)})],  # noqa: A002  its name on the wire
    within: Within = None,
    bbox: Annotated[str | None, Parameter(description="west,south,east,north in degrees.")] = None,
) -> StreamingResponse:
    """Return a file. The header ``Lifang-Without-Body`` counts the places that a 3-D format holds without a body."""
    here, form = seen.here, form_named(format)
    query = seen.query(
        *dict.fromkeys(words(layers)),
        within=place_key(seen, within),
        bbox=None if bbox is None else box(bbox, "bbox"),
    )
    made = export(here.access, here.catalogue, form, query, here.clock())
    headers = {"Content-Disposition": f'attachment; filename="lifang{form.suffix}"'}
    if made.bodiless:
        headers["Lifang-Without-Body"] = str(len(made.bodiless))
    return StreamingResponse(made.pieces, media_type=form.media_type, headers=headers)
