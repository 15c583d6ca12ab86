"""``lifang app``: applications that may call the service: register, list, rotate, revoke."""

from argparse import Namespace
from datetime import UTC, datetime, timedelta
from typing import Any

from api.commands.common import add_store, opened, settings
from api.gateway.applications import OVERLAP, Application, Applications
from api.gateway.families import SCOPES
from api.settings import keys_of
from twin.store import Store


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("app", help="applications: register, list, rotate, revoke")
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    register = actions.add_parser("register", help="let an application in; its secret is shown once")
    register.add_argument("name")
    register.add_argument("--owner", required=True, help="who runs it")
    register.add_argument("--contact", help="whom to ask")
    register.add_argument("--scope", action="append", required=True, choices=sorted(SCOPES), dest="scopes")
    register.add_argument("--allow", action="append", metavar="CIDR", help="addresses it may call from")
    register.add_argument("--deny", action="append", metavar="CIDR", help="addresses it may not call from")
    register.add_argument("--per-second", type=int, metavar="N", help="calls a second")
    register.add_argument("--per-day", type=int, metavar="N", help="calls a day (UTC)")
    listing = actions.add_parser("list", help="list the applications")
    approve = actions.add_parser("approve", help="let in an application that has applied; its secret is shown once")
    rotate = actions.add_parser("rotate", help="give an application a new secret, shown once")
    rotate.add_argument("--overlap", type=float, default=OVERLAP.total_seconds() / 3600, metavar="HOURS")
    revoke = actions.add_parser("revoke", help="close everything to an application, for good")
    for action, work in (
        (register, _register),
        (listing, _list),
        (approve, _approve),
        (rotate, _rotate),
        (revoke, _revoke),
    ):
        add_store(action)
        action.set_defaults(run=run, work=work)
    for action in (approve, rotate, revoke):
        action.add_argument("number", metavar="APP")


def run(arguments: Namespace) -> int:
    """Do one action on the store."""
    chosen = settings(store=arguments.store)
    with opened(chosen, must_exist=True) as (store, _catalogue):
        applications = _applications(store, chosen)
        applications.refresh()
        arguments.work(applications, arguments)
    return 0


def _applications(store: Store, chosen: Any) -> Applications:
    return Applications(store, keys_of(chosen), lambda: datetime.now(UTC), chosen.community)


def _register(applications: Applications, arguments: Namespace) -> None:
    names = ("name", "owner", "contact", "scopes", "allow", "deny", "per_second", "per_day")
    said = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    found = applications.apply(said).result()
    _show_secret(*applications.renew(found.id).result())


def _list(applications: Applications, _arguments: Namespace) -> None:
    for one in applications.listed():
        print(f"{one.id}\t{one.state}\t{one.name}\t{one.owner}\t{' '.join(sorted(one.scopes))}")


def _approve(applications: Applications, arguments: Namespace) -> None:
    _show_secret(*applications.renew(arguments.number).result())


def _rotate(applications: Applications, arguments: Namespace) -> None:
    _show_secret(*applications.renew(arguments.number, timedelta(hours=arguments.overlap)).result())


def _revoke(applications: Applications, arguments: Namespace) -> None:
    found = applications.revoke(arguments.number).result()
    print(f"{found.id}\t{found.state}")


def _show_secret(found: Application, secret: str) -> None:
    print(f"{found.id}\t{secret}")
