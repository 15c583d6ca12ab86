"""The one table of what a route needs: its family, the scopes of reading and of writing, and how large a body may be.

A path that no family covers needs ``admin``: what nobody has thought of is closed, not open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

ADMIN = "admin"
PUBLIC = "public"
"""Needs no application: health, the pages, the documentation, asking for a token."""

SCOPES: Mapping[str, tuple[str, str]] = {
    "read:places": ("查询空间与地址", "places, addresses, search"),
    "write:places": ("维护空间标识", "identifiers of places"),
    "read:layers": ("查询图层", "features of all layers, tiles, scenes, OGC API, exports"),
    "write:layers": ("编辑图层", "edits of features"),
    "read:live": ("查询实时数据", "devices, readings, alarms, the stream"),
    "read:analysis": ("空间分析", "statistics, routes, hot spots"),
    "read:incidents": ("查询事件", "incidents"),
    "read:metrics": ("查询运行指标", "figures of the service"),
    "write:observations": ("上报观测", "readings of devices"),
    "write:devices": ("维护设备", "registers devices"),
    "write:alarms": ("处置异常", "acknowledges and handles alarms"),
    "write:incidents": ("处置事件", "reports and handles incidents"),
    "write:commands": ("下发指令", "commands to devices, rules that send them"),
    "write:subscriptions": ("订阅推送", "addresses that are told what happens"),
    "import": ("导入数据", "imports, mappings, reviews"),
    ADMIN: ("管理", "applications, secrets of devices"),
}
"""Scope → what it opens, in Chinese and English."""

PAGE_SCOPES = frozenset(
    {"read:places", "read:layers", "read:live", "read:analysis", "read:incidents"}
    | {"write:alarms", "write:incidents", "import"}
)
"""What the cockpit's own page may do."""

MOST_BYTES = 32_000_000
"""Largest body of a request, except of uploads, whose limit is a setting."""


@dataclass(frozen=True, slots=True)
class Family:
    """Routes that start alike.

    Attributes:
        read: Scope of GET and HEAD.
        write: Scope of every other method.
        endings: End of a path → the scope that writing there needs instead.
        uploads: Bodies have a limit of their own.
        devices: A device that signs its message needs no application.
        page: Browsers get the session of the page here.
        guarded: Needs an application also where everything else is open.
    """

    read: str
    write: str
    endings: Mapping[str, str] = field(default_factory=dict)
    uploads: bool = False
    devices: bool = False
    page: bool = False
    guarded: bool = False

    def scope(self, method: str, path: str) -> str:
        """Return the scope that a request needs."""
        if method in ("GET", "HEAD", "OPTIONS"):
            return self.read
        return next((scope for ending, scope in self.endings.items() if path.endswith(ending)), self.write)

    def asks(self, method: str, path: str) -> bool:
        """Tell whether a request only reads, so that nothing is lost when it ends early."""
        return self.scope(method, path).startswith("read:")


_OPEN = Family(PUBLIC, PUBLIC)
_PLACES = Family("read:places", "write:places")
_LAYERS = Family("read:layers", "write:layers")
_ASKED = Family("read:layers", "read:layers")
_LIVE = Family("read:live", "write:devices")
_ANALYSIS = Family("read:analysis", "read:analysis")
_INCIDENTS = Family("read:incidents", "write:incidents")
_COMMANDS = Family("read:live", "write:commands")
_IMPORTS = Family("import", "import", uploads=True)
_PAGE = Family(PUBLIC, PUBLIC, page=True)

FAMILIES: Mapping[str, Family] = {
    "/": _OPEN,
    "/livez": _OPEN,
    "/readyz": _OPEN,
    "/v1/health": _OPEN,
    "/v1/token": _OPEN,
    "/metrics": Family("read:metrics", ADMIN),
    "/v1/application-requests": _OPEN,
    "/v1/applications": Family(ADMIN, ADMIN, guarded=True),
    # Pages, scripts and documentation hold no data of the twin.
    "/cockpit": _PAGE,
    "/map": _PAGE,
    "/assets": _OPEN,
    "/static": _OPEN,
    "/components": _OPEN,
    "/static-offline-docs": _OPEN,
    "/docs": _OPEN,
    "/openapi.json": _OPEN,
    "/v1/places": _PLACES,
    "/v1/search": Family("read:places", "read:places"),
    "/v1/geocode": Family("read:places", "read:places"),
    "/v1/layers": _LAYERS,
    "/v1/query": _ASKED,
    "/v1/aggregate": _ASKED,
    "/v1/scene": _ASKED,
    "/v1/pack": _ASKED,
    "/v1/tiles": _ASKED,
    "/v1/export": _ASKED,
    "/v1/health-scores": _ASKED,
    "/ogc": _LAYERS,
    "/v1/route": _ANALYSIS,
    "/v1/isochrone": _ANALYSIS,
    "/v1/nearest": _ANALYSIS,
    "/v1/evacuation": _ANALYSIS,
    "/v1/connectivity": _ANALYSIS,
    "/v1/analysis": _ANALYSIS,
    "/v1/density": _ANALYSIS,
    "/v1/hotspots": _ANALYSIS,
    "/v1/statistics": _ANALYSIS,
    "/v1/device-types": _LIVE,
    "/v1/devices": Family("read:live", "write:devices", {"/secret": ADMIN, "/commands": "write:commands"}),
    "/v1/states": _LIVE,
    "/v1/stream": _LIVE,
    "/v1/events": _LIVE,
    "/v1/movers": _LIVE,
    "/v1/tracks": _LIVE,
    "/v1/series": _LIVE,
    "/v1/alarms": Family("read:live", "write:alarms"),
    "/v1/observations": Family("read:live", "write:observations", devices=True),
    "/sta": Family("read:live", "write:observations"),
    "/v1/sources": Family("read:live", "write:observations"),
    "/v1/signals": Family("read:live", "write:observations"),
    "/v1/commands": _COMMANDS,
    "/v1/linkage": _COMMANDS,
    "/v1/subscriptions": Family("read:live", "write:subscriptions"),
    "/v1/incidents": _INCIDENTS,
    "/v1/one-key-alarms": _INCIDENTS,
    "/v1/patrols": _INCIDENTS,
    "/v1/follow": _OPEN,  # the token in the address is the key, given to who reported
    "/v1/imports": _IMPORTS,
    "/v1/mapping-profiles": _IMPORTS,
    "/v1/reviews": _IMPORTS,
}
"""First one or two parts of the path → family."""

_NOBODYS = Family(ADMIN, ADMIN)


def family_of(path: str) -> Family:
    """Return the family of a path.

    >>> family_of("/v1/places/ABC/history").read, family_of("/ogc/collections").read, family_of("/cockpit/ws").read
    ('read:places', 'read:layers', 'public')
    >>> family_of("/v1/devices/D-1/secret").scope("POST", "/v1/devices/D-1/secret"), family_of("/v1/new").read
    ('admin', 'admin')
    """
    return FAMILIES.get(prefix_of(path), _NOBODYS)


def prefix_of(path: str) -> str:
    """Return the part of a path that names its family.

    >>> prefix_of("/v1/places/ABC"), prefix_of("/ogc/collections"), prefix_of("/"), prefix_of("/v1")
    ('/v1/places', '/ogc', '/', '/v1')
    """
    parts = path.split("/", 3)
    if parts[1] == "v1" and len(parts) > 2:
        return f"/v1/{parts[2]}"
    return f"/{parts[1]}"
