"""``lifang retention``: removes what is older than the policy says; shows it only, unless told to."""

from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.commands.common import add_store, opened, settings
from gis.errors import NotFound
from layers.retention import Retention, expire, parse_retention, shipped

_STANDARD = Path("standard")


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("retention", help="remove what is older than the policy says (shows it, by default)")
    add_store(parser)
    parser.add_argument(
        "--policy", type=Path, default=_STANDARD, metavar="FILE", help="terms in YAML (default: those of the product)"
    )
    parser.add_argument("--apply", action="store_true", help="remove it; without, only tell what would go")
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> int:
    """Tell by kind what went, or would go."""
    policy = policy_of(arguments.policy)
    with opened(settings(store=arguments.store), must_exist=True) as (store, _catalogue):
        removed = expire(store, policy, datetime.now(UTC), rehearse=not arguments.apply)
    verb = "removed" if arguments.apply else "would be removed"
    for kind, number in sorted(removed.items()):
        print(f"{kind}\t{number} {verb}")
    return 0


def policy_of(path: Path) -> Retention:
    """Return the policy in a file; ``standard`` names that of the product.

    Raises:
        NotFound: ``retention.no_file``.
        BadInput: ``retention.bad_policy``, ``retention.too_short``.

    >>> policy_of(Path("standard")) == shipped()
    True
    >>> policy_of(Path("nowhere.yaml"))
    Traceback (most recent call last):
        ...
    gis.errors.NotFound: retention.no_file: There is no file nowhere.yaml. Check the path of the policy.
    """
    if path == _STANDARD:
        return shipped()
    try:
        return parse_retention(path.read_text("utf-8"), path.name)
    except FileNotFoundError:
        raise NotFound("retention.no_file", f"There is no file {path.name}.", "Check the path of the policy.") from None
