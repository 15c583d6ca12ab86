"""Collections of OGC API Features (OGC 17-069r4, Part 1), page by page along their ``next`` links."""

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import shapely
from shapely.geometry import shape

from gis.errors import BadInput, Unavailable
from gis.read.axes import named_frame
from gis.read.causes import CRS84
from gis.read.row import OnWarning, Row, Unplaced
from gis.read.values import plain, uniform

PAGE = 1_000
LARGEST_BYTES = 1 << 30
LONGEST_S = 900.0
_REQUEST_S = 30
_BLOCK = 1 << 18
_TYPES = "application/geo+json, application/json;q=0.9"


def read_collection(url: str, name: str, layer: str | None, on_warning: OnWarning) -> Unplaced:
    """Read a whole collection.

    Args:
        url: Of a collection, of its items, or of the service (then ``layer`` names the collection). A user and password
            in it are sent to that server only.
        name: The address without secrets, for messages.
        layer: Id of the collection, when the address is the service's and it has several.
        on_warning: Gets each fault of one feature.

    Raises:
        Unavailable: ``gis.source_unreachable``, ``gis.source_refused``, ``gis.source_slow``.
        BadInput: ``gis.source_address``, ``gis.which_layer``, ``gis.unreadable``, ``gis.source_large``.
    """
    server = _Server(url, name)
    items = _items(server, layer)
    rows: list[Row] = []
    header, matched = None, None
    for page, stated in _pages(server, items):
        header = stated or header
        matched = page.get("numberMatched", matched)
        rows += [_row(len(rows) + at, found, name, on_warning) for at, found in enumerate(_features(page, name), 1)]
    if isinstance(matched, int) and len(rows) < matched:
        on_warning(
            BadInput(
                "gis.incomplete",
                f"{name} says it has {matched:,} features but gave {len(rows):,}.",
                "Ask its operator; the rest is read.",
                file=name,
            )
        )
    frame, north_first = named_frame(header.strip("<> ")) if header else (CRS84, False)
    return Unplaced(uniform(rows), frame, north_first)


class _Server:
    """Asks one server, within one allowance of bytes and seconds."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        try:
            parts = urlsplit(url)
            host = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
        except ValueError:
            raise BadInput(
                "gis.source_address", f"The address {name} cannot be read.", "Write it as https://HOST/collections/ID."
            ) from None
        self._origin = (parts.scheme.lower(), host.lower())
        self.url = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), parts.query, ""))
        pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        self._secret = f"Basic {base64.b64encode(pair.encode()).decode()}" if parts.username else None
        self._bytes = LARGEST_BYTES
        self._until = time.monotonic() + LONGEST_S

    def get(self, url: str) -> tuple[dict[str, Any], str | None]:
        """Return a JSON object and the frame its header names."""
        parts = urlsplit(url)
        if parts.scheme.lower() not in {"http", "https"}:
            raise self._unreadable(f"it points to {parts.scheme}:")
        request = urllib.request.Request(url, headers={"Accept": _TYPES, "User-Agent": "lifang"})  # noqa: S310
        if self._secret and (parts.scheme.lower(), parts.netloc.lower()) == self._origin:
            request.add_unredirected_header("Authorization", self._secret)
        try:
            with urllib.request.urlopen(request, timeout=_REQUEST_S) as answer:  # noqa: S310
                content, frame = self._content(answer), answer.headers.get("Content-Crs")
        except urllib.error.HTTPError as error:
            raise self._refused(error.code) from None
        except (OSError, ValueError, urllib.error.URLError, EOFError) as error:
            raise self._silent(error) from None
        except Exception as error:  # http.client has its own tree
            if type(error).__module__ != "http.client":
                raise
            raise self._silent(error) from None
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self._unreadable("its answer is not JSON") from error
        if not isinstance(document, dict):
            raise self._unreadable("its answer is no JSON object")
        return document, frame

    def _content(self, answer: Any) -> bytes:
        blocks = []
        while block := answer.read1(_BLOCK):
            blocks.append(block)
            self._bytes -= len(block)
            if self._bytes < 0:
                raise BadInput(
                    "gis.source_large",
                    f"{self.name} sends more than {LARGEST_BYTES >> 20} MB.",
                    "Ask for a part of it: add ?bbox=west,south,east,north.",
                    file=self.name,
                )
            if time.monotonic() > self._until:
                raise Unavailable(
                    "gis.source_slow",
                    f"{self.name} was not done after {LONGEST_S / 60:.0f} minutes.",
                    "Ask for a part of it: add ?bbox=west,south,east,north.",
                )
        return b"".join(blocks)

    def _refused(self, status: int) -> Unavailable:
        cure = "Put user and password or key into the address." if status in {401, 403} else "Check the address."
        return Unavailable("gis.source_refused", f"{self.name} answered with status {status}.", cure, status=status)

    def _silent(self, error: Exception) -> Unavailable:
        reason = getattr(error, "reason", None)
        return Unavailable(
            "gis.source_unreachable",
            f"{self.name} does not answer ({type(reason or error).__name__}).",
            "See that it runs and that the address is right.",
        )

    def _unreadable(self, fault: str) -> BadInput:
        return BadInput(
            "gis.unreadable",
            f"{self.name} is no OGC API Features: {fault}.",
            "Give the address of a collection: https://HOST/…/collections/ID.",
            file=self.name,
        )


def _items(server: _Server, layer: str | None) -> str:
    parts = urlsplit(server.url)
    path = parts.path
    if path.endswith("/items"):
        return server.url
    if "/collections/" not in path:
        base = path.removesuffix("/collections")
        listed, _ = server.get(urlunsplit(parts._replace(path=f"{base}/collections")))
        path = f"{base}/collections/{_collection(server, listed, layer)}"
    return urlunsplit(parts._replace(path=f"{path}/items"))


def _collection(server: _Server, listed: dict[str, Any], layer: str | None) -> str:
    found = listed.get("collections")
    ids = [str(one["id"]) for one in found if isinstance(one, dict) and "id" in one] if isinstance(found, list) else []
    if layer in ids or (layer is None and len(ids) == 1):
        return layer or ids[0]
    raise BadInput(
        "gis.which_layer",
        f"{server.name} has the collections {', '.join(ids[:30]) or '(none)'}.",
        "Name one of them with --table.",
        file=server.name,
        parameter="layer",
    )


def _pages(server: _Server, url: str) -> Iterator[tuple[dict[str, Any], str | None]]:
    parts = urlsplit(url)
    if "limit=" not in parts.query:
        url = urlunsplit(parts._replace(query=f"{parts.query}{'&' if parts.query else ''}limit={PAGE}"))
    asked: set[str] = set()
    following: str | None = url
    while following and following not in asked:
        asked.add(following)
        page, frame = server.get(following)
        yield page, frame
        links = page.get("links")
        onward = [link for link in links if _is_next(link)] if isinstance(links, list) else []
        # A server that goes on pointing onwards from an empty page would never end.
        following = urljoin(following, str(onward[0]["href"])) if onward and page.get("features") else None


def _is_next(link: Any) -> bool:
    return isinstance(link, dict) and link.get("rel") == "next" and bool(link.get("href"))


def _features(page: dict[str, Any], name: str) -> list[dict[str, Any]]:
    features = page.get("features")
    if not isinstance(features, list):
        raise BadInput(
            "gis.unreadable",
            f"{name} is no OGC API Features: its answer has no features.",
            "Give the address of a collection: https://HOST/…/collections/ID.",
            file=name,
        )
    return [found for found in features if isinstance(found, dict)]


def _row(number: int, feature: dict[str, Any], name: str, on_warning: OnWarning) -> Row:
    properties = feature.get("properties")
    told = {str(key): plain(value) for key, value in properties.items()} if isinstance(properties, dict) else {}
    if feature.get("id") is not None:
        told = {"id": plain(feature["id"]), **told}
    drawn = feature.get("geometry")
    try:
        geometry = shape(drawn) if drawn else None
    except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        geometry = None
        on_warning(
            BadInput(
                "gis.bad_geometry",
                f"Feature {number} of {name} has a shape that cannot be read ({error}).",
                "It is read without a shape.",
                file=name,
                row=number,
            )
        )
    return Row(number, geometry, None, told)
