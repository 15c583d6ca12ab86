"""What several commands share: opening the store and telling a person how far the work is."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pydantic import ValidationError

from api.settings import Settings
from gis.errors import BadInput, NotFound, Unavailable
from layers.catalogue import load_catalogue
from twin.declaration import Catalogue
from twin.embedded import EmbeddedStore
from twin.store import Store


def settings(**given: object) -> Settings:
    """Return the settings: what the command line gave, else the environment, else the defaults.

    Raises:
        BadInput: ``settings.bad_value``, naming the setting.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            "settings.bad_value", f"{name}: {first['msg']}.", "See docs/configuration.md.", field=name
        ) from error


def add_store(parser: ArgumentParser) -> None:
    """Declare ``--store``."""
    parser.add_argument(
        "--store",
        metavar="FILE",
        help="the twin: a GeoPackage or postgresql://… (default: $LIFANG_STORE or .lifang/twin.gpkg)",
    )


@contextmanager
def opened(chosen: Settings, *, must_exist: bool = False) -> Iterator[tuple[Store, Catalogue]]:
    """Open the store of the settings and close it afterwards.

    Args:
        chosen: Names the store and further layers.
        must_exist: A question or a decision makes no sense on a store that is not there: a typing mistake in
            ``--store`` shall be told, not answered with nothing. A database is never made by opening it.

    Raises:
        NotFound: ``store.missing``.
        Unavailable: ``store.no_driver`` for PostgreSQL without its driver; what the store itself raises.
    """
    if must_exist and isinstance(chosen.store, Path) and not chosen.store.exists():
        raise NotFound(
            "store.missing", f"There is no store {chosen.store}.", "Check --store, or import something first."
        )
    catalogue = load_catalogue(chosen.layers)
    with closing(_store(chosen.store, catalogue)) as store:
        yield store, catalogue


def _store(where: Path | str, catalogue: Catalogue) -> Store:
    if isinstance(where, Path):
        return EmbeddedStore(where, catalogue)
    try:
        from twin.postgis import PostgisStore
    except ImportError as error:
        raise Unavailable(
            "store.no_driver",
            f"PostgreSQL cannot be used: {error}.",
            "Install the driver into the service's environment: .venv/bin/pip install 'psycopg[binary,pool]'.",
        ) from error
    return PostgisStore(where, catalogue)


class Progress:
    """Shows on standard error how far the work is; the step in hand only on a terminal, where it can be rewritten."""

    def __init__(self) -> None:
        self._tty = sys.stderr.isatty()
        self._started = time.monotonic()

    def __call__(self, step: str, share: float) -> None:
        """Tell that ``share`` (0 to 1) of a step is done."""
        if self._tty:
            sys.stderr.write(f"\r\033[K  {step} {share:4.0%}")
            sys.stderr.flush()

    def warn(self, lines: Iterable[str]) -> None:
        """Write what a person should know about the work just told."""
        for line in lines:
            sys.stderr.write(f"  ! {line}\n")

    def say(self, line: str) -> None:
        """Write one finished line with the seconds since the start."""
        clear = "\r\033[K" if self._tty else ""
        sys.stderr.write(f"{clear}[{time.monotonic() - self._started:5.1f} s] {line}\n")
        sys.stderr.flush()
