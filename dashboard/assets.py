"""Files for the browser, read and compressed once, then served from memory."""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"

_TEXT = {  # the system's own table differs from machine to machine, and a module of the wrong type does not run
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, ready to be sent.

    Attributes:
        gzipped: The compressed content; ``None`` for what does not compress (images, fonts).
        sha256: Of the content, hexadecimal.
    """

    media_type: str
    content: bytes
    gzipped: bytes | None
    sha256: str

    def respond(self, request: Request, cache_control: str) -> Response:
        """Return the answer to a request: 304 when the browser has it, compressed when it can read that."""
        headers = {"ETag": f'"{self.sha256[:32]}"', "Cache-Control": cache_control, "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match", "").removeprefix("W/") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        if self.gzipped and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.gzipped, media_type=self.media_type, headers=headers | {"Content-Encoding": "gzip"})
        return Response(self.content, media_type=self.media_type, headers=headers)


def make_asset(name: str, content: bytes) -> Asset:
    """Return the file as an asset; its name's ending decides type and compression.

    >>> make_asset("empty.js", b"").media_type
    'text/javascript'
    """
    text_type = _TEXT.get(Path(name).suffix)
    media_type = text_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
    packed = gzip.compress(content, 9, mtime=0) if text_type else None
    return Asset(media_type, content, packed, hashlib.sha256(content).hexdigest())


class AssetFolder:
    """A set of files whose common address changes when any of them changes, so browsers may keep them for ever.

    Attributes:
        version: Hash of all names and contents.
    """

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._assets = {name: make_asset(name, content) for name, content in sorted(contents.items())}
        names = "".join(f"{name}\0{asset.sha256}\n" for name, asset in self._assets.items())
        self.version = hashlib.sha256(names.encode()).hexdigest()[:16]

    def respond(self, request: Request) -> Response:
        """Return the file that the path names, or 404; an address of another version is not ours."""
        asset = self._assets.get(request.path_params["path"])
        if asset is None or request.path_params["version"] != self.version:
            return Response(status_code=404)
        return asset.respond(request, IMMUTABLE)


def folder_contents(root: Path) -> dict[str, bytes]:
    """Return every file below a folder, by its path relative to it."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


class LibraryFiles:
    """The files that Bokeh and Panel serve below ``/static``, compressed; their own mount sends them as they lie.

    Args:
        roots: Path prefix (``""`` or ``extensions/NAME/``) → folder.
    """

    def __init__(self, roots: Mapping[str, Path]) -> None:
        self._roots = sorted(((prefix, root.resolve()) for prefix, root in roots.items()), reverse=True)
        self._read = lru_cache(maxsize=256)(_read_asset)

    def respond(self, request: Request) -> Response:
        """Return the file; kept for ever when the page asked for it by version."""
        path = self._find(request.path_params["path"])
        if path is None:
            return Response(status_code=404)
        return self._read(path).respond(request, IMMUTABLE if "v" in request.query_params else REVALIDATE)

    def _find(self, wanted: str) -> Path | None:
        prefix, root = next((prefix, root) for prefix, root in self._roots if wanted.startswith(prefix))
        path = (root / wanted.removeprefix(prefix)).resolve()
        return path if path.is_relative_to(root) and path.is_file() else None


def _read_asset(path: Path) -> Asset:
    return make_asset(path.name, path.read_bytes())
