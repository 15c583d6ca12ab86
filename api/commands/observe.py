"""``lifang observe``: readings out of a file into the twin."""

from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.commands.common import Progress, add_store, opened, settings
from api.live import LiveOptions, live_part
from api.sources.files import FileOptions, read_file, take
from gis.errors import NotFound
from layers.device.types import load_device_types
from layers.observation.decode import Clocks
from layers.sources.table import zone_of


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("observe", help="take readings from CSV, Excel or JSON Lines")
    parser.add_argument("file", type=Path, metavar="FILE")
    add_store(parser)
    parser.add_argument("--zone", help="time zone of times that name none: +08:00 or Asia/Shanghai")
    parser.add_argument("--source", help="who sends them (default: the file itself, by its content)")
    parser.add_argument("--encoding", help="of a CSV file (default: found out)")
    parser.add_argument("--sheet", help="of a workbook with several")
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> int:
    """Take the file's rows; tell of each that could not be taken, with its line."""
    chosen = settings(store=arguments.store)
    if not arguments.file.is_file():
        raise NotFound("reading.no_file", f"There is no file {arguments.file.name}.", "Check the path.")
    options = FileOptions(
        zone=zone_of(arguments.zone) if arguments.zone else None,
        source=arguments.source,
        encoding=arguments.encoding,
        sheet=arguments.sheet,
    )
    progress, types = Progress(), load_device_types()
    with opened(chosen, must_exist=True) as (store, _catalogue):
        # A file may hold years: how late a reading is tells nothing of a clock here.
        clocks = Clocks(behind=datetime.now(UTC) - datetime(1990, 1, 1, tzinfo=UTC))
        live = live_part(store, types, lambda: datetime.now(UTC), LiveOptions(clocks=clocks))
        lines = read_file(arguments.file, live, types, options)
        report = take(lines, live, lambda line: progress(f"line {line}", 1.0))
    progress.warn(f"line {one['line']}: {one['message']} {one['cure']}" for one in report.rejected)
    progress.say(
        f"{report.accepted} readings taken, {report.duplicates} known already, {report.rejected_count} rejected"
    )
    return 2 if report.rejected_count and not report.accepted and not report.duplicates else 0
