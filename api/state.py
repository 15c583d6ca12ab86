"""What every route needs, handed in by the factory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, cast

from fastapi import Depends, Request

from api.analysis.ways import Ways
from api.gateway.part import GatewayPart
from api.hub import Hub
from api.incidents import Incidents
from api.lease import Lease
from api.live import Live
from api.ogc.catalogue import Publisher
from api.ogc.extents import Extents
from api.ogc.tiles import Tiles
from api.shared_jobs import SharedJobs
from api.sources.mqtt import Mqtt
from api.webhooks.worker import Webhooks
from layers.device.types import DeviceType
from layers.ingest import Ingest
from twin.access import Access
from twin.declaration import Catalogue
from twin.store import Store


@dataclass(frozen=True, slots=True)
class Services:
    """The collaborators of the application."""

    store: Store
    access: Access
    catalogue: Catalogue
    types: Mapping[str, DeviceType]
    ingest: Ingest
    live: Live
    mqtt: Mqtt | None
    hub: Hub
    hooks: Webhooks
    jobs: SharedJobs
    extents: Extents
    tiles: Tiles
    publisher: Publisher
    ways: Ways
    incidents: Incidents
    gateway: GatewayPart
    lease: Lease
    clock: Callable[[], datetime]
    public_origin: str


async def services(request: Request) -> Services:
    """Return the collaborators of the running application; a coroutine, which costs no change of thread."""
    return cast("Services", request.app.state.services)


Here = Annotated[Services, Depends(services)]
