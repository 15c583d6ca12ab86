"""The application factory: every collaborator is an argument."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from fastapi_offline import FastAPIOffline

from api import VERSION, problems
from api.analysis.ways import Ways
from api.hub import Hub
from api.incidents import incidents_part
from api.jobs import Jobs
from api.live import LiveOptions, live_part
from api.ogc import catalogue_routes, edit_routes, tile_routes
from api.ogc import routes as ogc
from api.ogc.catalogue import Publisher
from api.ogc.extents import Extents
from api.ogc.tiles import Tiles
from api.outbox import Outbox
from api.routes import (
    addresses,
    alarms,
    analysis,
    commands,
    devices,
    envelope,
    events,
    export,
    health,
    imports,
    incidents,
    linkage,
    mapping,
    moving,
    observation_files,
    observations,
    one_key,
    places,
    query,
    scene,
    scores,
    sources,
    stream,
    subscriptions,
    ways,
)
from api.sources.mqtt import MqttOptions, mqtt_part
from api.sta import create as sta_create
from api.state import Services
from api.webhooks.desk import Desk
from api.webhooks.options import WebhookOptions
from api.webhooks.worker import Webhooks
from dashboard import panel_app
from layers.device.types import DeviceType
from twin.access import Access
from twin.declaration import Catalogue
from twin.store import Store

_ABOUT = """Places, devices, alarms and people of a community, keyed by building space codes.

Geometry is CRS84 (longitude, latitude in degrees); heights are metres; times are RFC 3339 with a zone.
For QGIS, GDAL and other clients of OGC API Features: `/ogc`, described at `/ogc/api?f=html`."""


def create_app(
    store: Store,
    catalogue: Catalogue,
    types: Mapping[str, DeviceType],
    *,
    public_origin: str,
    jobs: Jobs | None = None,
    live: LiveOptions | None = None,
    publisher: Publisher | None = None,
    mqtt: MqttOptions | None = None,
    webhooks: WebhookOptions | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FastAPI:
    """Return the API with the cockpit mounted.

    Args:
        store: The twin; the caller closes it.
        catalogue: The declared layers.
        types: The device catalogue.
        public_origin: Address (scheme, host, port) that browsers reach the cockpit by.
        live: What the installation decides about its devices.
        publisher: Who answers for the data; shown in the catalogue.
        webhooks: What it decides about its webhooks.
        publisher: Who answers for the data; shown in the catalogue.
        mqtt: The broker whose messages are taken; ``None``: no broker.
        jobs: Takes uploads; the application starts and stops it. ``None`` takes none.
        clock: Returns now in UTC.
    """
    live_parts = live_part(store, types, clock, live or LiveOptions())
    store = live_parts.store
    hub = Hub(store, live_parts.registry.devices)
    hooks = Webhooks(Desk(store, live_parts.secrets, clock), hub, webhooks or WebhookOptions())
    broker = mqtt_part(store, live_parts, mqtt, clock)
    shown = catalogue.shown()
    access = Access(store, shown)
    extents = Extents(access, store)
    on_foot = Ways(access, store)
    incident_parts = incidents_part(store, on_foot, clock, live or LiveOptions())
    uploads = jobs or Jobs(store, catalogue, None, clock)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        running = [asyncio.create_task(part.run()) for part in (hub, live_parts, incident_parts, hooks)]
        await asyncio.to_thread(uploads.start)
        if broker is not None:
            outbox = Outbox(store, live_parts.commands, broker)
            running += [asyncio.create_task(part.run()) for part in (broker, outbox)]
        yield
        await asyncio.to_thread(uploads.stop)
        for task in running:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    app: FastAPI = FastAPIOffline(
        title="Lifang 里坊", version=VERSION, description=_ABOUT, docs_url="/docs", redoc_url=None, lifespan=lifespan
    )
    app.state.services = Services(
        store=store,
        access=access,
        catalogue=shown,
        types=types,
        ingest=live_parts.ingest,
        live=live_parts,
        mqtt=broker,
        hub=hub,
        hooks=hooks,
        jobs=uploads,
        extents=extents,
        tiles=Tiles(access, store, extents, shown),
        publisher=publisher or Publisher(),
        ways=on_foot,
        incidents=incident_parts,
        clock=clock,
        public_origin=public_origin,
    )
    problems.install(app)
    for module in (
        health,
        places,
        envelope,
        addresses,
        query,
        ways,
        analysis,
        alarms,
        devices,
        incidents,
        one_key,
        moving,
        events,
        observations,
        observation_files,
        sources,
        sta_create,
        stream,
        subscriptions,
        scene,
        imports,
        ogc,
        tile_routes,
        edit_routes,
        catalogue_routes,
        export,
        scores,
        mapping,
        commands,
        linkage,
    ):
        app.include_router(module.router)

    @app.get("/", include_in_schema=False)
    async def home() -> RedirectResponse:
        return RedirectResponse("cockpit")

    panel_app.mount(app, public_origin=public_origin)
    return app
