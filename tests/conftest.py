"""What every test run shares: versions in the header, no clock in property tests, and a PostgreSQL server."""

import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

NOTED = ("shapely", "pyproj", "h3", "rasterio", "ifcopenshell", "pydantic", "fastapi", "panel", "bokeh")

# Property tests judge behaviour, never speed; on the build server the same commit draws the same examples.
settings.register_profile(
    "lifang",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("CI") == "true",
)
settings.load_profile("lifang")


def pytest_report_header() -> str:
    versions = [f"sqlite {sqlite3.sqlite_version}", *(f"{name} {version(name)}" for name in NOTED)]
    return "versions: " + ", ".join(versions)


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Postgres:
    """A running server of ours: the administrator may do all, ``twin`` what an installation needs, ``guest`` look."""

    folder: Path
    port: int

    def url(self, database="twin", user="twin", **options):
        """Address over the Unix socket, where nobody is asked for a password."""
        query = "&".join(
            f"{name}={value}" for name, value in {"host": self.folder, "port": self.port, **options}.items()
        )
        return f"postgresql://{user}@/{database}?{query}"

    def execute(self, sql, database="twin", user="administrator"):
        import psycopg

        with closing(psycopg.connect(self.url(database, user), autocommit=True)) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []


def _programs():
    """Folder of PostgreSQL's own programs, which Debian keeps out of the path."""
    found = [path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))]
    in_path = shutil.which("initdb")
    if not found and not in_path:
        pytest.skip("PostgreSQL's programs are not installed (Debian: postgresql)")
    return found[-1] if found else Path(in_path).parent


@contextmanager
def _cluster(programs, folder, port):
    """A private server; root hands it to the user postgres, because PostgreSQL refuses to run as root."""
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, "postgres", "postgres")

    def run(program, *arguments):
        # No pipe: the server would keep it open.
        with (folder / "programs.log").open("ab") as log:
            command = [programs / program, "-D", folder / "data", *arguments]
            subprocess.run(command, cwd=folder, stdout=log, stderr=log, check=True, timeout=120, **user)

    (folder / "password").write_text("secret")
    # Chinese order, so that what depends on the database's order shows.
    order = ("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=zh")
    access = ("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={folder / 'password'}")
    run("initdb", "--username=administrator", *order, *access)
    options = f"-k {folder} -p {port} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
    run("pg_ctl", "-w", "-o", options, "start")
    try:
        yield
    finally:
        run("pg_ctl", "-w", "-m", "immediate", "stop")


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server for this session, with the database ``twin`` that has PostGIS."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (pip install 'lifang[postgis]')")
    programs = _programs()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="lifang-pg-"))
    try:
        with _cluster(programs, folder, port):
            server = Postgres(folder, port)
            server.execute("CREATE ROLE twin LOGIN PASSWORD 'twin'", "postgres")
            server.execute("CREATE ROLE guest LOGIN", "postgres")
            server.execute("CREATE DATABASE twin OWNER twin", "postgres")
            if not server.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'postgis'"):
                pytest.skip("PostGIS is not installed (Debian: postgresql-postgis)")
            server.execute("CREATE EXTENSION postgis")
            yield server
    finally:
        shutil.rmtree(folder)


_SCHEMAS = count()


@pytest.fixture(scope="session")
def new_database(postgres):
    """Return a function that opens an empty schema of its own, as a context; what it gives is the address."""

    @contextmanager
    def opened():
        schema = f"twin{next(_SCHEMAS)}"
        postgres.execute(f"CREATE SCHEMA {schema} AUTHORIZATION twin")
        yield postgres.url(options=f"-csearch_path%3D{schema},public")
        postgres.execute(f"DROP SCHEMA {schema} CASCADE")

    return opened


@pytest.fixture
def database(new_database):
    """Address of an empty schema of its own."""
    with new_database() as address:
        yield address
