"""Files of readings over HTTP: CSV, Excel and JSON Lines."""

import asyncio
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request

from api.answers import tells
from api.answers.live import ObservationFileReceipt
from api.bounded import BoundedRoute
from api.description import raw_body
from api.sources.files import FileOptions, FileReport, read_file, take
from api.state import Here, Services
from gis.errors import BadInput
from layers.sources.table import zone_of

router = APIRouter(tags=["live"], route_class=BoundedRoute)

_SUFFIXES = {
    "text/csv": ".csv",
    "application/x-ndjson": ".ndjson",
    "application/jsonl": ".ndjson",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}


@router.post(
    "/v1/observations/file",
    status_code=201,
    openapi_extra=raw_body(*_SUFFIXES, kind="binary"),
    responses=tells(ObservationFileReceipt, status=201),
)
async def observe_file(
    here: Here,
    request: Request,
    content_type: Annotated[str, Header(include_in_schema=False)],
    zone: Annotated[str | None, Query(description="Of times without one: +08:00 or Asia/Shanghai.")] = None,
    source: Annotated[str | None, Query(max_length=100, description="Who sends it; unsaid, the file itself.")] = None,
    encoding: Annotated[str | None, Query(description="Of a CSV file; unsaid, found out.")] = None,
    sheet: Annotated[str | None, Query(description="Of a workbook with several.")] = None,
) -> dict[str, Any]:
    """Take a file of readings as the body. Rows that cannot be taken are answered with their line.

    A CSV file or workbook has columns for device, property, value and time, in Chinese or English, and may have unit,
    source and source_seq; a line of JSON is an observation. The same file again changes nothing.
    """
    suffix = _SUFFIXES.get(content_type.partition(";")[0].strip().casefold())
    if suffix is None:
        raise BadInput(
            "reading.format", f"{content_type:.80} is no file of readings.", f"Send one of {', '.join(_SUFFIXES)}."
        )
    options = FileOptions(zone=zone_of(zone) if zone else None, source=source, encoding=encoding, sheet=sheet)
    body = await request.body()
    await asyncio.to_thread(here.live.secrets.sender, None, None, body)
    return asdict(await asyncio.to_thread(_take, here, body, suffix, options))


def _take(here: Services, body: bytes, suffix: str, options: FileOptions) -> FileReport:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"readings{suffix}"
        path.write_bytes(body)
        return take(read_file(path, here.live, here.types, options), here.live)
