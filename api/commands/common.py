"""What several commands share: opening the store and telling a person how far the work is."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
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
def opened(chosen: Settings, *, must_exist: bool = False, keep_empty: bool = True) -> Iterator[tuple[Store, Catalogue]]:
    """Open the store of the settings and close it afterwards.

    Args:
        chosen: Names the store and further layers.
        must_exist: A question or a decision makes no sense on a store that is not there: a typing mistake in
            ``--store`` shall be told, not answered with nothing. A database is never made by opening it.
        keep_empty: Whether a file that was made by opening it stays although nothing was put into it.

    Raises:
        NotFound: ``store.missing``.
        Unavailable: ``store.no_driver`` for PostgreSQL without its driver; what the store itself raises.
    """
    if must_exist and _is_missing(chosen.store):
        raise NotFound(
            "store.missing",
            f"There is no store {chosen.store}.",
            "Check --store, import something first, or serve an empty twin with lifang serve --create.",
        )
    catalogue = load_catalogue(chosen.layers)
    made = _missing_paths(chosen.store)
    unused = False
    with closing(_store(chosen.store, catalogue)) as store:
        try:
            yield store, catalogue
        finally:
            unused = bool(made) and not keep_empty and not store.counts() and store.last_seq() == 0
    if unused:
        _remove(made)


def _is_missing(where: Path | str) -> bool:
    return isinstance(where, Path) and not where.exists()


def _missing_paths(where: Path | str) -> list[Path]:
    """Return what opening a store will make: its file, and the folders above it."""
    if not isinstance(where, Path):
        return []
    path = where.absolute()
    return [one for one in (path, *path.parents) if not one.exists()]


def _remove(made: list[Path]) -> None:
    """Remove a store nobody put anything into, and the folders made for it unless somebody uses them."""
    store, *folders = made
    for ending in ("", "-wal", "-shm"):
        store.with_name(store.name + ending).unlink(missing_ok=True)
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


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
