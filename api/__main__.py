"""The command ``lifang``."""

import argparse
import signal
import sys
from collections.abc import Sequence

from api import VERSION
from api.commands import app, code, export, health, import_, observe, replay, retention, review, run, sample, serve
from gis.errors import LifangError

_COMMANDS = (run, serve, import_, observe, replay, export, review, health, retention, app, sample, code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; an expected fault becomes one line on standard error and an exit status of its kind."""
    parser = argparse.ArgumentParser(prog="lifang", description="Lifang 里坊: a community digital twin.")
    parser.add_argument("--version", action="version", version=f"lifang {VERSION}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_to(commands)
    chosen = parser.parse_args(arguments)
    # A polite kill ends the same way as Ctrl-C: what is queued is written, the store is closed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(chosen.run(chosen))
    except LifangError as error:
        sys.stderr.write(f"lifang: {error}\n")
        return error.exit_status
    except KeyboardInterrupt:
        sys.stderr.write("lifang: stopped.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
