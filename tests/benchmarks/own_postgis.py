"""A private PostgreSQL for what is measured, with the empty database ``twin`` that has PostGIS; gone afterwards."""

import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS.parent), str(TESTS)]


class Server(NamedTuple):
    """Where it listens, and the address of its database."""

    folder: Path
    port: int
    address: str


@contextmanager
def own_postgis() -> Iterator[Server | None]:
    """Run one, without fsync; ``None``, and a line that says so, where its programs or psycopg are not installed."""
    try:
        import psycopg
        from _pytest.outcomes import Skipped
        from conftest import _cluster, _programs

        programs = _programs()
    except (ImportError, Skipped) as missing:
        print(f"PostGIS: left out ({missing})")
        yield None
        return
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="lifang-bench-pg-") as text, _cluster(programs, Path(text), port):
        address = f"postgresql://administrator@/{{}}?host={text}&port={port}"
        for database, statement in (("postgres", "CREATE DATABASE twin"), ("twin", "CREATE EXTENSION postgis")):
            with psycopg.connect(address.format(database), autocommit=True) as connection:
                connection.execute(statement)
        yield Server(Path(text), port, address.format("twin"))


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
