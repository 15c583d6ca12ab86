"""The process that reads one model: a request on standard input, JSON lines on standard output.

Run as ``python -m bim_import.worker`` by ``bim_import.reader``; it may crash, hang or run out of memory.
"""

import json
import os
import resource
import select
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy.ma  # noqa: F401  (the first np.unique of a reading would load it; here it is while the worker waits)

from bim_import.connections import connections_of
from bim_import.devices import devices_of
from bim_import.draughtsman import Draughtsman
from bim_import.envelope import envelopes
from bim_import.frame import Frame
from bim_import.georef import Solution, meant_bearing_deg, solve
from bim_import.kernel import Caution
from bim_import.model import Georeference, ImportedModel, ModelReceipt, Notice, Placement
from bim_import.opening import Opened, open_model
from bim_import.places import counts, draw_places
from bim_import.remembered import Remembered, recall
from bim_import.statements import map_conversions, site_positions, true_north
from bim_import.tree import is_global_id, read_tree
from bim_import.units import Units, read_units
from bim_import.workers import IDLE_S
from gis.errors import BadInput, LifangError

Progress = Callable[[str, float], None]

_PACE_S = 0.1


def main() -> int:
    """Serve one request; a fault with a name is said on the pipe, any other ends the process."""
    speak = _speaker()
    if not select.select([sys.stdin], [], [], IDLE_S)[0] or not (asked := sys.stdin.read()):
        return 0  # started ahead, and nobody had a model to read
    request = json.loads(asked)
    _limit(request)
    try:
        at = Placement(**request["at"]) if request["at"] else None
        known = [Remembered.from_json(one) for one in request["remembered"]]
        skipped, suspects = frozenset(request["skipped"]), frozenset(request["suspects"])
        caution = Caution(skipped, suspects, lambda products: speak({"trying": products}))
        model = read(
            Path(request["path"]),
            at,
            lambda stage, share: speak({"progress": [stage, round(share, 3)]}),
            known,
            caution=caution,
            on_places=lambda placed: speak({"places": placed.as_json()}),
        )
    except LifangError as error:
        speak({"error": _said(error)})
        return error.exit_status
    for envelope in model.envelope:
        speak({"envelope": envelope.as_json()})
    speak({"over": True})
    return 0


def read(
    path: Path,
    at: Placement | None,
    progress: Progress,
    remembered: Sequence[Remembered] = (),
    *,
    caution: Caution | None = None,
    on_places: Callable[[ImportedModel], None] | None = None,
) -> ImportedModel:
    """Return the places and the envelope of a file; see :func:`bim_import.reader.read_ifc`."""
    started = time.monotonic()
    progress("open", 0.0)
    opened = open_model(path)
    units, tree = read_units(opened.model), read_tree(opened.model)
    if not tree.buildings:
        raise BadInput(
            "ifc.no_building", f"{path.name} holds no IfcBuilding.", "Export the architectural model.", file=path.name
        )
    progress("georeference", 0.0)
    names = _global_ids(opened.model)
    found = solve(map_conversions(opened.model, units.length_m), site_positions(opened.model, units.length_m), at)
    if found.frame is None:
        found = _recalled(found, *recall(remembered, path.stem, names))
    frame, georeference, doubts = _position(found, units, true_north(opened.model), path.name)
    desk = Draughtsman(opened.model, tree, units, frame, path.stem, caution)
    desk.shape(_paced(progress))
    progress("places", 0.0)
    places = draw_places(desk)
    connections = connections_of(desk, places)
    devices, unmatched = devices_of(desk, places)
    notices = (*opened.notices, *doubts, *desk.notices.listed())
    receipt = ModelReceipt(
        file=path.name,
        sha256=opened.sha256,
        size_bytes=opened.size_bytes,
        schema=opened.schema,
        authoring_tool=_authoring_tool(opened),
        length_unit=units.length_name,
        length_unit_m=units.length_m,
        georeference=georeference,
        warnings=notices,
        counts={**counts(opened.model, places), "connection": len(connections), "device": len(devices)},
        unmatched=unmatched,
        left_out=desk.properties.screen.left_out(),
        global_ids=names,
        seconds=time.monotonic() - started,
    )
    model = ImportedModel(places=places, receipt=receipt, connections=connections, devices=devices)
    if on_places is not None:
        on_places(model)
    return replace(model, envelope=list(envelopes(desk, places)))


def _recalled(found: Solution, at: Placement | None, doubts: tuple[Notice, ...]) -> Solution:
    """Return the solution with a placement from memory, where there is one; the reasons go with it either way."""
    notices = (*found.notices, *doubts)
    return replace(found if at is None else solve([], [], at), notices=notices)


def _position(
    found: Solution, units: Units, north: Sequence[float] | None, file: str
) -> tuple[Frame, Georeference, tuple[Notice, ...]]:
    """Return where the model stands; a model whose position is unknown is refused, never put at the origin."""
    if found.frame is None or found.georeference is None:
        reasons = [notice.message for notice in found.notices]
        raise BadInput(
            "ifc.no_position",
            " ".join([f"{file} does not say where it stands.", *reasons]),
            "Give its position: --at lon,lat[,bearing], two --pair X,Y=LON,LAT, or --fit CODE of its building.",
            file=file,
            reasons=reasons or None,
        )
    georeference = replace(found.georeference, true_north_deg=meant_bearing_deg(north))
    return found.frame, georeference, (*found.notices, *_remarks(georeference, units))


def _global_ids(model: Any) -> tuple[str, ...]:
    things = [thing for kind in ("IfcBuilding", "IfcSite", "IfcProject") for thing in model.by_type(kind)]
    return tuple(thing.GlobalId for thing in things if is_global_id(thing.GlobalId))


def _remarks(georeference: Georeference, units: Units) -> list[Notice]:
    remarks = []
    if georeference.height_offset_m is None:
        message = "The model states no height; heights are above its own zero."
        remarks.append(Notice(code="ifc.no_height", message=message, cure="State the height of its zero."))
    if units.length_name.endswith("(assumed)"):
        message = "The model declares no length unit; metres were assumed."
        remarks.append(Notice(code="ifc.no_unit", message=message, cure="Compare the size of a room."))
    return remarks


def _authoring_tool(opened: Opened) -> str | None:
    for application in opened.model.by_type("IfcApplication")[:1]:
        name, version = application.ApplicationFullName or "", application.Version or ""
        return f"{name} {version if version not in name else ''}".strip() or None
    return opened.model.header.file_name.originating_system or None


def _paced(progress: Progress) -> Progress:
    """Return a progress that speaks ten times a second at most."""
    last = 0.0

    def tell(stage: str, share: float) -> None:
        nonlocal last
        if share >= 1 or time.monotonic() - last >= _PACE_S:
            last = time.monotonic()
            progress(stage, share)

    return tell


def _speaker() -> Callable[[Mapping[str, Any]], None]:
    """Keep standard output for us: libraries that print would break the lines."""
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def speak(message: Mapping[str, Any]) -> None:
        pipe.write(json.dumps(message, ensure_ascii=False) + "\n")
        pipe.flush()

    return speak


def _limit(request: Mapping[str, Any]) -> None:
    """Limit address space, and processor time too: it ends this process should the one that asked be gone."""
    size = request["memory_limit_mb"] * 1024**2
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    seconds = int(request["time_limit_s"]) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))


def _said(error: LifangError) -> dict[str, Any]:
    facts = {name: value for name, value in error.facts.items() if isinstance(value, str | int | float | list)}
    return {
        "kind": type(error).__name__,
        "code": error.code,
        "message": error.message,
        "cure": error.cure,
        "facts": facts,
    }


if __name__ == "__main__":
    sys.exit(main())
