"""``lifang run``: everything at once: the sample community, the service, and devices that report to it."""

import hashlib
import threading
from argparse import Namespace
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from api.commands.common import Progress, opened, settings
from api.commands.serve import add_address, listen, server_for
from api.importing import Importer
from api.settings import Settings, keys_of
from layers.device.types import load_device_types
from twin.declaration import Catalogue
from twin.event import NewEvent
from twin.query import Query
from twin.store import Store

_STEP_S = 1.0
_DEVICES = "模拟设备"

if TYPE_CHECKING:
    from api.gateway.signing import Signing


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("run", help="a live sample community: generate, import, serve, simulate")
    add_address(parser)
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> int:
    """Serve the sample community with living devices until told to stop."""
    chosen = settings(host=arguments.host, port=arguments.port)
    progress = Progress()
    stop = threading.Event()
    with listen(chosen) as listener, opened(chosen) as (store, catalogue):
        fill(store, catalogue, chosen, progress)
        server = server_for(store, catalogue, chosen, progress)
        devices = threading.Thread(target=_simulate, args=(store, chosen, stop), name="devices")
        devices.start()
        try:
            server.run(sockets=[listener])
        finally:
            stop.set()
            devices.join()
    return 0


def fill(store: Store, catalogue: Catalogue, chosen: Settings, progress: Progress) -> None:
    """Generate the sample community if there is none, and import it through the importers if that was not done."""
    from sample_data import generate, read_manifest

    manifest = chosen.sample / "manifest.json"
    if not manifest.exists():
        generate(chosen.sample, progress=progress)
        progress.say("sample community generated")
    mark = hashlib.sha256(manifest.read_bytes()).hexdigest()
    if store.event("lifang:sample", mark) is not None:
        return
    files = read_manifest(chosen.sample)
    importer = Importer(store, catalogue, chosen.community or files.community)
    for number, file in enumerate(files.files, start=1):
        if file.importer == "ifc":
            report = importer.ifc(file.path, progress=progress)
        else:
            report = importer.gis(
                file.path, file.layer, table=file.options.get("table"), encoding=file.options.get("encoding")
            )
        progress.say(f"{number}/{len(files.files)} {file.path.name}: {report.summary()}")
        progress.warn(report.warnings)
    now = datetime.now(UTC)
    done = NewEvent(
        kind="change",
        community=importer.community,
        subject="sample",
        source="lifang:sample",
        source_seq=mark,
        occurred_at=now,
        body={"layers": [], "batch": "sample"},
    )
    store.write(lambda transaction: transaction.append(done)).result()


def _simulate(store: Store, chosen: Settings, stop: threading.Event) -> None:
    """Post what the devices see through the public ingest endpoint, as a gateway would."""
    import httpx

    from sample_data.simulator import Simulator

    found = store.find(Query(layers=("device",))).features
    raised = store.find(Query(layers=("alarm",), filters=(("active", "1"),))).features
    simulator = Simulator(
        [(device.id, device.attributes["device_type"]) for device in found],
        load_device_types(),
        seed=2026,
        active=[
            (alarm.attributes["device"], alarm.attributes["type"])
            for alarm in raised
            if alarm.attributes.get("cause", "reported") == "reported"
        ],
    )
    ended = {
        (device.id, alarm.name)
        for device in found
        for alarm in load_device_types()[device.attributes["device_type"]].alarms.values()
        if not alarm.auto_clear
    }
    host = "127.0.0.1" if chosen.host in ("0.0.0.0", "::") else chosen.host  # noqa: S104  where we listen, not what we open
    address, auth = f"http://{host}:{chosen.port}", _application(store, chosen)
    with httpx.Client(base_url=address, auth=auth, timeout=30, trust_env=False) as client:
        waiting: list[dict[str, Any]] = []
        while not stop.wait(_STEP_S):
            waiting = waiting or simulator.step(datetime.now(UTC))
            try:
                client.post("/v1/observations", json={"observations": waiting}).raise_for_status()
                for alarm in _over(waiting, ended):
                    client.post(f"/v1/alarms/{alarm}/handle", json={"by": "值守员（模拟）", "result": "现场已恢复"})
            except httpx.HTTPError:
                continue  # the same batch again next second; sending twice changes nothing
            waiting = []


def _application(store: Store, chosen: Settings) -> "Signing | None":
    """Return what signs the devices' messages where only applications may send: one by this name, registered once."""
    from api.gateway.applications import Applications
    from api.gateway.signing import Signing

    if chosen.access == "open":
        return None
    applications = Applications(store, keys_of(chosen), lambda: datetime.now(UTC), chosen.community)
    applications.refresh()
    known = [one.id for one in applications.listed() if one.name == _DEVICES and one.state != "revoked"]
    said = {"name": _DEVICES, "owner": "lifang run", "scopes": ["write:observations", "write:alarms"]}
    number = known[0] if known else applications.apply(said).result().id
    return Signing(number, applications.renew(number).result()[1])


def _over(observations: Iterable[Mapping[str, Any]], ended: Collection[tuple[str, str]]) -> list[str]:
    """Return the alarms that are over although no device says so: somebody on duty deals with them."""
    over = ((seen["device"], seen["property"]) for seen in observations if seen["result"] is False)
    return [f"{device}:{name}" for device, name in over if (device, name) in ended]
