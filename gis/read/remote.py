"""Sources on other machines: tables of PostGIS, collections of OGC API Features."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from gis.errors import BadInput
from gis.read.row import OnWarning, Unplaced

_SCHEME = re.compile(r"(postgres(?:ql)?|https?)://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Remote:
    """An address of a table or collection. As text it never shows who asks or with which password or key.

    Attributes:
        url: The whole address, with its secrets.

    >>> str(Remote("postgresql://planner:hush@db.example.cn:5433/city?password=hush"))
    'postgresql://db.example.cn:5433/city'
    >>> Remote("https://gis.example.cn/ogc/collections/pand?key=hush")
    Remote(name='https://gis.example.cn/ogc/collections/pand')
    >>> Remote("postgresql://u:p@[half").name   # cannot be read
    'postgresql://…'
    """

    url: str = field(repr=False)
    name: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _shown(self.url))

    def __str__(self) -> str:
        return self.name


Source: TypeAlias = Path | Remote
"""What rows are read from."""


def _shown(url: str) -> str:
    scheme = url.partition("://")[0]
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return f"{scheme}://…"
    return f"{scheme}://{parts.hostname or ''}{port}{parts.path}"


def source_of(text: str) -> Source:
    """Return what a person means by a source: an address, or else a path.

    >>> source_of("roads.shp"), source_of("HTTPS://example.cn/collections/a")
    (PosixPath('roads.shp'), Remote(name='HTTPS://example.cn/collections/a'))
    """
    return Remote(text) if _SCHEME.match(text) else Path(text)


def read_remote(source: Remote, layer: str | None, on_warning: OnWarning) -> Unplaced:
    """Read a table or a collection.

    Raises:
        Unavailable: ``gis.no_psycopg``, ``gis.source_unreachable``, ``gis.source_refused``, ``gis.source_slow``.
        BadInput: ``gis.source_address``, ``gis.which_layer``, ``gis.unreadable``, ``gis.source_large``, ``gis.empty``.
    """
    from gis.read.ogc_features import read_collection
    from gis.read.postgis import read_table

    read = read_table if source.url.lower().startswith("postgres") else read_collection
    found = read(source.url, source.name, layer, on_warning)
    if not found.rows:
        raise BadInput("gis.empty", f"{source.name} holds no features.", "Check which layer it is.", file=source.name)
    return found
