"""The application factory: every collaborator is an argument."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from fastapi import Depends, FastAPI
from fastapi.responses import RedirectResponse
from fastapi_offline import FastAPIOffline

from api import VERSION, problems
from api.analysis.ways import Ways
from api.description import describe, operation_name
from api.gateway.gate import GatewayOptions
from api.gateway.middleware import Gateway
from api.gateway.part import gateway_part
from api.hub import Hub
from api.incidents import incidents_part
from api.jobs import Jobs
from api.keeping import Keeping
from api.known import OnlyKnown
from api.lease import Lease, while_leading
from api.live import LiveOptions, live_part
from api.ogc import catalogue_routes, edit_routes, item_routes, tile_routes
from api.ogc import routes as ogc
from api.ogc.catalogue import Publisher
from api.ogc.extents import Extents
from api.ogc.tiles import Tiles
from api.outbox import Outbox
from api.routes import (
    addresses,
    alarms,
    analysis,
    applications,
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
    operations,
    places,
    query,
    scene,
    scores,
    series,
    sources,
    stream,
    subscriptions,
    ways,
)
from api.shared_jobs import SharedJobs
from api.shortcut import Shortcut
from api.sources.mqtt import MqttOptions, mqtt_part
from api.sta import create as sta_create
from api.sta import read as sta_read
from api.state import Services
from api.webhooks.desk import Desk
from api.webhooks.options import WebhookOptions
from api.webhooks.worker import Webhooks
from dashboard import panel_app
from layers.device.types import DeviceType
from layers.retention import Retention
from twin.access import Access
from twin.declaration import Catalogue
from twin.store import Store

_ABOUT = """Places, devices, alarms and people of a community, keyed by building space codes.

Geometry is CRS84 (longitude, latitude in degrees); heights are metres; times are RFC 3339 with a zone.
For QGIS, GDAL and other clients of OGC API Features: `/ogc`, described at `/ogc/api?f=html`."""

_THREADS = 40
"""So many questions wait for the store at once; asyncio itself would have six threads on two cores."""


def create_app(  # noqa: PLR0913 - the factory takes every collaborator
    store: Store,
    catalogue: Catalogue,
    types: Mapping[str, DeviceType],
    *,
    public_origin: str,
    jobs: Jobs | None = None,
    live: LiveOptions | None = None,
    publisher: Publisher | None = None,
    mqtt: MqttOptions | None = None,
    gateway: GatewayOptions | None = None,
    lease: Lease | None = None,
    webhooks: WebhookOptions | None = None,
    keeping: Retention | None = None,
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
        keeping: How long what is kept; ``None``: for good, unless somebody calls ``lifang retention``.
        mqtt: The broker whose messages are taken; ``None``: no broker.
        jobs: Takes uploads; the application starts and stops it. ``None`` takes none.
        gateway: What the installation decides about its callers.
        lease: Tells which of the processes that share the store lets time pass; ``None``: this one.
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
    uploads = SharedJobs(jobs or Jobs(store, catalogue, None, clock))
    entrance = gateway_part(store, clock, gateway or GatewayOptions())
    leading = lease or Lease(None)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "asking"))
        await entrance.refresh()
        running = [asyncio.create_task(part.run()) for part in (hub, entrance, uploads)]
        running += [
            asyncio.create_task(while_leading(leading, part.run)) for part in (live_parts, incident_parts, hooks)
        ]
        if keeping is not None:
            running.append(asyncio.create_task(while_leading(leading, Keeping(store, keeping, clock).run)))
        if broker is not None:
            outbox = Outbox(store, live_parts.commands, broker)
            listening = broker.run() if broker.shared else while_leading(leading, broker.run)
            running += [asyncio.create_task(part) for part in (listening, while_leading(leading, outbox.run))]
        yield
        await asyncio.to_thread(uploads.stop)
        for task in running:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await entrance.flush()
        leading.release()

    app: FastAPI = FastAPIOffline(
        title="Lifang 里坊",
        version=VERSION,
        description=_ABOUT,
        docs_url="/docs",
        redoc_url=None,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # /metrics and the log tell of requests
        generate_unique_id_function=operation_name,
        dependencies=[Depends(OnlyKnown())],
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
        gateway=entrance,
        lease=leading,
        clock=clock,
        public_origin=public_origin,
    )
    problems.install(app)
    describe(app)
    # They are tried in turn: what is asked most often stands first.
    for module in (
        tile_routes,
        ogc,
        observations,
        query,
        places,
        health,
        operations,
        applications,
        envelope,
        addresses,
        ways,
        analysis,
        alarms,
        devices,
        incidents,
        one_key,
        moving,
        events,
        observation_files,
        sources,
        series,
        sta_create,
        sta_read,
        stream,
        subscriptions,
        scene,
        imports,
        edit_routes,
        catalogue_routes,
        export,
        scores,
        mapping,
        commands,
        linkage,
    ):
        app.include_router(module.router)
    app.router.routes[:0] = (*item_routes.ROUTES, *tile_routes.TILES)  # routes are tried in turn

    @app.get("/", include_in_schema=False)
    async def home() -> RedirectResponse:
        return RedirectResponse("cockpit")

    panel_app.mount(app, public_origin=public_origin, secret_key=entrance.applications.cockpit_key())
    app.add_middleware(
        Shortcut, routes=item_routes.ROUTES, zipping=tile_routes.TILES, worth_zipping=panel_app.WORTH_ZIPPING
    )
    app.add_middleware(Gateway, gate=entrance.gate, traffic=entrance.traffic)
    return app
