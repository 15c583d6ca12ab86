"""``lifang replay``: a recording, or a part of the twin's own log, once more and as fast as wanted."""

import time
import uuid
from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from api.commands.common import Progress, add_store, opened, settings
from api.live import Live, LiveOptions, live_part
from api.sources.files import AT_ONCE, FileOptions, read_file
from gis.errors import BadInput, LifangError
from layers.device.types import load_device_types
from layers.observation.decode import Clocks
from layers.sources.payload import Item
from layers.sources.replay import Pace, in_time, speed_of, together
from layers.sources.table import moment_of, zone_of
from twin.store import Store

_STEP = timedelta(seconds=0.2)


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("replay", help="repeat a recording, or a part of the log, at any speed")
    parser.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="as for observe; without, the twin's own log"
    )
    add_store(parser)
    parser.add_argument("--speed", default="1", metavar="N", help="how many times as fast (default 1)")
    parser.add_argument("--keep-times", action="store_true", help="at the times it had; known readings change nothing")
    parser.add_argument("--from", dest="start", metavar="TIME", help="of the log: from this moment on (RFC 3339)")
    parser.add_argument("--to", dest="end", metavar="TIME", help="of the log: before this moment")
    parser.add_argument("--zone", help="time zone of a file's times that name none")
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> int:
    """Repeat it; each batch is durable before the next is due."""
    progress, speed, types = Progress(), speed_of(arguments.speed), load_device_types()
    with opened(settings(store=arguments.store), must_exist=True) as (store, _catalogue):
        clocks = Clocks(behind=timedelta(days=36_500))
        live = live_part(store, types, lambda: datetime.now(UTC), LiveOptions(clocks=clocks))
        if arguments.file is not None:
            options = FileOptions(zone=zone_of(arguments.zone) if arguments.zone else None)
            found = [one for _, one in read_file(arguments.file, live, types, options)]
        else:
            found = list(_logged(store, arguments))
        faults = [one for one in found if isinstance(one, LifangError)]
        progress.warn(str(fault) for fault in faults[:20])
        recording = in_time(one for one in found if not isinstance(one, LifangError))
        if not recording:
            raise BadInput("replay.empty", "The recording holds no observation.", "Check the file or the moments.")
        run_name = None if arguments.keep_times else uuid.uuid4().hex[:12]
        pace = Pace(recording[0][0], datetime.now(UTC), speed, run_name)
        accepted = sum(_repeat(live, batch, due) for due, batch in together(recording, pace, _STEP))
    progress.say(f"{accepted} readings repeated, {len(faults)} could not be read")
    return 0


def _repeat(live: Live, batch: list[Item], due: datetime) -> int:
    time.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
    parts = [batch[start : start + AT_ONCE] for start in range(0, len(batch), AT_ONCE)]
    return sum(live.ingest.observe(part).result().accepted for part in parts)


def _logged(store: Store, arguments: Namespace) -> Iterator[Item]:
    """Yield the observations of the log between two moments.

    Raises:
        BadInput: ``replay.moments``.
    """
    if arguments.start is None or arguments.end is None:
        raise BadInput("replay.moments", "It is not said what to repeat.", "Name a FILE, or --from and --to.")
    start, end = (datetime.fromisoformat(moment_of(text, None)) for text in (arguments.start, arguments.end))
    after = 0
    while events := store.events(after, AT_ONCE, ("observation",), start=start, end=end):
        after = events[-1].seq
        for event in events:
            yield {
                "device": event.subject,
                "property": event.body["property"],
                "result": event.body["result"],
                "resultTime": event.body.get("resultTime"),
                "phenomenonTime": event.occurred_at.isoformat(),
                "source": event.source,
                "source_seq": event.source_seq,
            }
