"""``lifang export``: the twin or a part of it as a file."""

import sys
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.commands.common import Progress, add_store, opened, settings
from api.exporting import FORMATS, export, form_of
from api.parameters import box, moment
from gis.errors import Unavailable
from twin.access import Access
from twin.query import Query
from twin.spacecode import SpaceCode


def add_to(commands: Any) -> None:
    """Declare the command."""
    known = " ".join(form.suffix for form in FORMATS.values())
    parser = commands.add_parser("export", help="write the twin or a part of it into a file")
    parser.add_argument("file", type=Path, metavar="FILE", help=f"its ending chooses the format: {known}")
    parser.add_argument(
        "--layer", action="append", required=True, dest="layers", metavar="NAME", help="what to write; repeatable"
    )
    parser.add_argument("--within", metavar="CODE", help="only this place and what is in it")
    parser.add_argument("--bbox", metavar="W,S,E,N", help="only what touches this box, degrees")
    parser.add_argument("--at", metavar="TIME", help="as it was then: 2026-11-21T08:00:00+08:00")
    add_store(parser)
    parser.set_defaults(run=_export)


def _export(arguments: Namespace) -> int:
    form = form_of(arguments.file.name)
    query = Query(
        layers=tuple(dict.fromkeys(arguments.layers)),
        within=None if arguments.within is None else SpaceCode.parse(arguments.within).key,
        bbox=None if arguments.bbox is None else box(arguments.bbox, "--bbox"),
        at=moment(arguments.at, "--at"),
    )
    progress = Progress()
    with opened(settings(store=arguments.store), must_exist=True) as (store, catalogue):
        made = export(Access(store, catalogue), catalogue, form, query, datetime.now(UTC))
        _save(made.pieces, arguments.file)
    progress.say(f"{arguments.file}: {made.count} features")
    if made.bodiless:
        named = ", ".join(made.bodiless[:5]) + (", …" if len(made.bodiless) > 5 else "")
        sys.stderr.write(f"  ! {len(made.bodiless)} without known footprint and heights have no body: {named}\n")
    return 0


def _save(pieces: Any, path: Path) -> None:
    """Write beside the file and rename: a half-written export never bears its name."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.writelines(pieces)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Unavailable(
            "export.not_written",
            f"{path} cannot be written: {error.strerror}.",
            "Choose another folder, or make room.",
            file=str(path),
        ) from error
