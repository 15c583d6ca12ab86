"""Our service, tipg and pygeoapi, each as one worker over the same database."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PINS = (
    "tipg==1.6.1",
    "uvicorn[standard]==0.54.0",
    "pygeoapi==0.21.0",
    "gunicorn==27.0.1",
    "psycopg2-binary==2.9.13",
    "GeoAlchemy2==0.20.0",
)
"""The peers as their own documents say they are to be served."""
PORTS = {"lifang": 8461, "lifang uncached": 8462, "tipg": 8463, "pygeoapi": 8464}
_UNCACHED = "import api.ogc.tiles as t; t.Cache.put = lambda *_: None; "
_START = "from api.__main__ import main; raise SystemExit(main())"


@dataclass(frozen=True)
class Server:
    """A server that answers; ``collection`` and ``tiles`` are templates of its addresses."""

    name: str
    port: int
    collection: str
    tiles: str | None = None


def environment(folder: Path) -> Path:
    """Return the bin folder of an environment of the peers' own, made once."""
    programs = folder / "venv" / "bin"
    stamp = folder / "pins"
    if not stamp.exists() or stamp.read_text() != "\n".join(PINS):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        subprocess.run([programs / "pip", "install", "--quiet", *PINS], check=True)
        stamp.write_text("\n".join(PINS))
    return programs


@contextmanager
def running(name: str, folder: Path, host: Path, pg_port: int) -> Iterator[Server]:
    """Start one server and stop it at the end."""
    port = PORTS[name]
    start = {"tipg": _tipg, "pygeoapi": _pygeoapi}.get(name, _lifang)
    command, extra, server = start(name, folder, host, pg_port, port)
    log = (folder / f"{name.replace(' ', '-')}.log").open("wb")
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | extra, stdout=log, stderr=log)
    try:
        _wait(process, f"http://127.0.0.1:{port}{server.collection}", log.name)
        yield server
    finally:
        process.terminate()
        process.wait()
        log.close()


def _lifang(name: str, folder: Path, host: Path, pg_port: int, port: int):
    url = f"postgresql://administrator@/twin?host={host}&port={pg_port}"
    text = (_UNCACHED if name.endswith("uncached") else "") + _START
    command = [sys.executable, "-c", text, "serve", "--store", url, "--port", str(port)]
    collection = "/ogc/collections/building"
    tiles = collection + "/tiles/WebMercatorQuad/{z}/{y}/{x}"
    return command, {}, Server(name, port, collection, tiles)


def _tipg(name: str, folder: Path, host: Path, pg_port: int, port: int):
    command = [folder / "venv/bin/uvicorn", "tipg.main:app", "--port", str(port), "--no-access-log"]
    extra = {
        "DATABASE_URL": f"postgresql://administrator:secret@127.0.0.1:{pg_port}/twin",
        "TIPG_DB_TABLES": '["public.building"]',
        "TIPG_MAX_FEATURES_PER_TILE": "20000",
        "TIPG_CATALOG_TTL": "100000",
        "TIPG_DB_SPATIAL_EXTENT": "FALSE",
        "TIPG_DB_DATETIME_EXTENT": "FALSE",
    }
    collection = "/collections/public.building"
    return command, extra, Server(name, port, collection, collection + "/tiles/WebMercatorQuad/{z}/{x}/{y}")


def _pygeoapi(name: str, folder: Path, host: Path, pg_port: int, port: int):
    address = f"http://127.0.0.1:{port}"
    text = {"en": "Buildings"}
    config = {
        "server": {
            "bind": {"host": "127.0.0.1", "port": port},
            "url": address,
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "gzip": False,
            "languages": ["en-US"],
            "limits": {"default_items": 100, "max_items": 10000},
            "map": {"url": address, "attribution": "none"},
            "pretty_print": False,
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": text, "description": text, "keywords": {"en": ["buildings"]}, "keywords_type": "theme",
                "terms_of_service": "none", "url": address,
            },
            "license": {"name": "none", "url": address},
            "provider": {"name": "none", "url": address},
            "contact": {"name": "none", "email": "nobody@example.org"},
        },
        "resources": {
            "building": {
                "type": "collection",
                "title": text,
                "description": text,
                "keywords": {"en": ["buildings"]},
                "links": [],
                "extents": {"spatial": {"bbox": [119, 29, 122, 32], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}},
                "providers": [
                    {
                        "type": "feature",
                        "name": "PostgreSQL",
                        "data": {
                            "host": "127.0.0.1", "port": pg_port, "dbname": "twin", "user": "administrator",
                            "password": "secret", "search_path": ["public"],
                        },
                        "id_field": "id",
                        "table": "building",
                        "geom_field": "geom",
                    }
                ],
            }
        },
    }  # fmt: skip
    settings, openapi = folder / "pygeoapi.json", folder / "pygeoapi-openapi.json"
    settings.write_text(json.dumps(config))
    extra = {"PYGEOAPI_CONFIG": str(settings), "PYGEOAPI_OPENAPI": str(openapi)}
    generate = [
        folder / "venv/bin/pygeoapi",
        "openapi",
        "generate",
        settings,
        "--format",
        "json",
        "--output-file",
        openapi,
    ]
    subprocess.run(generate, env=os.environ | extra, check=True, stdout=subprocess.DEVNULL)
    workers = ["--workers", "1", "--threads", "8", "--worker-class", "gthread"]
    command = [folder / "venv/bin/gunicorn", *workers, "--bind", f"127.0.0.1:{port}", "pygeoapi.flask_app:APP"]
    return command, extra, Server(name, port, "/collections/building")


def _wait(process: subprocess.Popen, url: str, log: str) -> None:
    deadline = time.monotonic() + 300
    while True:
        try:
            urllib.request.urlopen(f"{url}/items?limit=1", timeout=120).read()
            return  # noqa: TRY300
        except OSError as error:
            refused = isinstance(error, urllib.error.HTTPError)
            if refused or process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{url} does not answer ({error}); see {log}") from None
            time.sleep(0.2)
