"""``lifang serve``: API and cockpit on one port."""

import gc
import socket
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.commands.common import Progress, add_store, opened, settings
from api.commands.retention import policy_of
from api.settings import Settings, keys_of, photos_of, spool_of
from gis.errors import BadInput, Unavailable
from layers.device.types import load_device_types

if TYPE_CHECKING:
    from uvicorn import Server

    from api.gateway.gate import GatewayOptions
    from api.live import LiveOptions
    from api.sources.mqtt import MqttOptions
    from twin.declaration import Catalogue
    from twin.store import Store


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("serve", help="serve the API and the cockpit")
    add_store(parser)
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (PostgreSQL only; default 1)")
    parser.add_argument("--create", action="store_true", help="begin an empty twin when the store named is not there")
    add_address(parser)
    parser.set_defaults(run=run)


def _live(chosen: Settings) -> "LiveOptions":
    from api.live import LiveOptions
    from layers.observation.decode import Clocks

    clocks = Clocks(timedelta(seconds=chosen.clock_ahead_s), timedelta(days=chosen.late_days))
    policy = None if chosen.retention is None else policy_of(chosen.retention)
    return LiveOptions(
        keys=keys_of(chosen),
        signed=chosen.signed,
        clocks=clocks,
        streams=chosen.streams,
        photos=photos_of(chosen),
        bands={} if policy is None else policy.bands,
    )


def _gateway(chosen: Settings) -> "GatewayOptions":
    from api.gateway.gate import GatewayOptions
    from api.gateway.limits import networks

    return GatewayOptions(
        access=chosen.access,
        keys=keys_of(chosen),
        deny=networks(chosen.deny),
        anonymous_per_s=chosen.anonymous_per_s,
        log_requests=chosen.log_requests,
        community=chosen.community,
    )


def _mqtt(chosen: Settings) -> "MqttOptions | None":
    from api.sources.mqtt import broker_at

    if chosen.mqtt is None:
        return None
    return broker_at(
        chosen.mqtt,
        password=None if chosen.mqtt_password is None else chosen.mqtt_password.get_secret_value(),
        ca=chosen.mqtt_ca,
        client=chosen.mqtt_client,
        share=chosen.mqtt_share,
        version=chosen.mqtt_version,
        topics=chosen.mqtt_topics,
    )


def add_address(parser: Any) -> None:
    """Declare ``--host`` and ``--port``."""
    parser.add_argument("--host", help="address to listen on (default: $LIFANG_HOST or 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default: $LIFANG_PORT, $PORT or 8000)")


def run(arguments: Namespace) -> int:
    """Serve until told to stop."""
    chosen = settings(store=arguments.store, host=arguments.host, port=arguments.port)
    named = chosen.store != Settings.model_fields["store"].default
    if arguments.workers > 1:
        return _run_workers(arguments.workers, chosen)
    listener = listen(chosen)
    with listener, opened(chosen, must_exist=named and not arguments.create) as (store, catalogue):
        server_for(store, catalogue, chosen, Progress()).run(sockets=[listener])
    return 0


def _run_workers(number: int, chosen: Settings) -> int:
    """Serve with several processes behind one socket.

    Raises:
        BadInput: ``server.one_process`` for the embedded store.
    """
    from functools import partial

    from api.workers import run_workers

    if isinstance(chosen.store, Path):
        raise BadInput(
            "server.one_process",
            f"{chosen.store} is a file, which one process writes.",
            "Put the twin into PostgreSQL, or leave --workers out.",
            store=str(chosen.store),
        )
    with listen(chosen) as listener:
        run_workers(number, partial(serve_one, chosen), listener)
    return 0


def serve_one(chosen: Settings, listener: socket.socket) -> None:
    """Serve as one of several processes."""
    with opened(chosen) as (store, catalogue):
        server_for(store, catalogue, chosen, Progress()).run(sockets=[listener])


def listen(chosen: Settings) -> socket.socket:
    """Return the listening socket, taken before any long work so that a port in use is told at once.

    Raises:
        Unavailable: ``server.port_in_use`` or ``server.no_address``.
    """
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle's algorithm off, which costs 40 ms a request otherwise.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((chosen.host, chosen.port))
    except PermissionError:
        listener.close()
        raise Unavailable(
            "server.port_forbidden",
            f"Port {chosen.port} needs administrator rights.",
            "Choose one above 1023 with PORT=8000.",
        ) from None
    except OSError as error:
        listener.close()
        if "in use" in str(error):
            raise Unavailable(
                "server.port_in_use",
                f"Port {chosen.port} on {chosen.host} is in use.",
                f"Stop the other program or choose another port with PORT={chosen.port + 1}.",
                port=chosen.port,
            ) from None
        raise Unavailable(
            "server.no_address",
            f"{chosen.host} cannot be listened on: {error}.",
            "Choose an address of this machine.",
            host=chosen.host,
        ) from error
    return listener


def _settle_memory() -> None:
    """Let the collector of reference cycles look at what requests make, not at what lives as long as the process.

    Modules, routes and schemas are some 250,000 objects; going through them again and again cost a third of the
    processor time of taking readings in.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def server_for(store: "Store", catalogue: "Catalogue", chosen: Settings, progress: Progress) -> "Server":
    """Return a server that is ready to run; it prints its address once it answers."""
    import uvicorn

    from api.app import create_app
    from api.jobs import Jobs
    from api.lease import Lease
    from api.logs import log_to_stderr
    from api.ogc.catalogue import Publisher
    from api.patience import PatientProtocol
    from api.webhooks.options import WebhookOptions

    address = chosen.origin or f"http://{chosen.host}:{chosen.port}"
    jobs = Jobs(
        store,
        catalogue,
        spool_of(chosen),
        lambda: datetime.now(UTC),
        community=chosen.community,
        limit_bytes=chosen.upload_mb * 1024**2,
    )
    hooks = WebhookOptions(inside=chosen.webhooks_inside)
    app = create_app(
        store,
        catalogue,
        load_device_types(),
        public_origin=address,
        jobs=jobs,
        live=_live(chosen),
        publisher=Publisher(chosen.contact, chosen.licence),
        webhooks=hooks,
        gateway=_gateway(chosen),
        lease=Lease(None if isinstance(chosen.store, Path) else chosen.store),
        mqtt=_mqtt(chosen),
        keeping=None if chosen.retention is None else policy_of(chosen.retention),
    )

    class _Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            _settle_memory()
            progress.say(f"里坊 Lifang is ready: {address}/cockpit   API: {address}/docs   (Ctrl-C stops it)")

    log_to_stderr(requests=chosen.log_requests)
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
        lifespan="on",
    )
    return _Server(config)
