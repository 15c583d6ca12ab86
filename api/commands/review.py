"""``lifang review``: doubtful footprints, and the decisions on them."""

import uuid
from argparse import Namespace
from datetime import UTC, datetime
from getpass import getuser
from typing import Any

from api.commands.common import add_store, opened, settings
from twin.batch import Batch
from twin.intake import decide
from twin.review import waiting


def add_to(commands: Any) -> None:
    """Declare the commands."""
    parser = commands.add_parser("review", help="decide which building a doubtful footprint is")
    verbs = parser.add_subparsers(required=True, metavar="list|decide")
    listing = verbs.add_parser("list", help="what waits for a decision")
    add_store(listing)
    listing.set_defaults(run=_list)
    deciding = verbs.add_parser("decide", help="say which building it is")
    deciding.add_argument("review", help="id as lifang review list shows it")
    deciding.add_argument("choice", help="code of the building it is, or: new")
    deciding.add_argument("--by", default=None, help="who decides (default: the user's name)")
    add_store(deciding)
    deciding.set_defaults(run=_decide)


def _list(arguments: Namespace) -> int:
    with opened(settings(store=arguments.store), must_exist=True) as (store, _catalogue):
        for record in waiting(store):
            candidates = ", ".join(f"{one['code']} {one['overlap']:.0%}" for one in record.attributes["candidates"])
            print(f"{record.id}\t{record.name or ''}\t{record.attributes['reason']}\t{candidates}")
    return 0


def _decide(arguments: Namespace) -> int:
    batch = Batch(id=uuid.uuid4().hex, community="", source="", at=datetime.now(UTC))
    by = arguments.by or getuser()
    with opened(settings(store=arguments.store), must_exist=True) as (store, _catalogue):
        work = store.write(lambda transaction: decide(transaction, arguments.review, arguments.choice, by, batch))
        print(work.result())
    return 0
