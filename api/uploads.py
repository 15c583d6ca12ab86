"""One uploaded file and the fields beside it, from the wire straight to the disk (RFC 7578)."""

import asyncio
import errno
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gis.errors import BadInput, LifangError, Unavailable

_NAME_BYTES = 180
_FIELD_BYTES = 4096
_FIELDS = 20


class Upload(NamedTuple):
    """What was sent."""

    path: Path
    fields: dict[str, str]


async def receive(stream: AsyncIterator[bytes], content_type: str, folder: Path, limit_bytes: int) -> Upload:
    """Write the one file of a form into a folder and return it with the form's fields.

    Raises:
        BadInput: ``import.bad_upload``, ``import.too_large``; the folder may hold a part of the file then.
        Unavailable: ``import.no_room`` when the disk is full or read-only.
    """
    kind, parameters = parse_options_header(content_type)
    if kind != b"multipart/form-data" or b"boundary" not in parameters:
        raise _bad("The request holds no form", "Send multipart/form-data: curl -F file=@model.ifc.")
    form = _Form(parameters[b"boundary"], folder, limit_bytes)
    try:
        async for chunk in stream:
            if chunk:
                await asyncio.to_thread(form.feed, chunk)
    except FormParserError as error:
        raise _bad(f"The form cannot be read: {error}", "Send it again.") from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
            raise
        raise Unavailable("import.no_room", f"The upload cannot be kept: {error.strerror}.", "Make room.") from error
    finally:
        form.close()
    return form.finished()


def safe_name(name: str) -> str:
    r"""Return the last part of a file's name: no folder, no control characters, not too long for any disk.

    >>> safe_name("../../etc/passwd"), safe_name("C:\\plans\\1幢.ifc"), safe_name("a\x00b\n.ifc")
    ('passwd', '1幢.ifc', 'ab.ifc')
    >>> safe_name(".."), safe_name(""), len(safe_name("楼" * 500 + ".ifc").encode()) <= 180
    ('upload', 'upload', True)
    """
    last = "".join(mark for mark in name.replace("\\", "/").rpartition("/")[2] if mark.isprintable()).strip(" .")
    stem, dot, suffix = last.rpartition(".")
    ending = (dot + suffix).encode()[:20].decode(errors="ignore") if stem else ""
    start = (stem or suffix).encode()[: _NAME_BYTES - len(ending.encode())].decode(errors="ignore")
    return start + ending or "upload"


class _Form:
    """Takes a form apart while it comes in; the parser calls back for each piece."""

    def __init__(self, boundary: bytes, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._room = limit_bytes
        self._limit = limit_bytes
        self._headers: list[tuple[bytearray, bytearray]] = []
        self._field = ""
        self._text = bytearray()
        self._file: IO[bytes] | None = None
        self._path: Path | None = None
        self._fields: dict[str, str] = {}
        self._complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_begin": lambda: self._headers.append((bytearray(), bytearray())),
                "on_header_field": lambda data, start, end: self._headers[-1][0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._headers[-1][1].extend(data[start:end]),
                "on_headers_finished": self._begin,
                "on_part_data": self._take,
                "on_part_end": self._finish,
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the form."""
        self._parser.write(chunk)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def finished(self) -> Upload:
        """Return what came in, once all of it has."""
        if not self._complete:
            raise _bad("The upload breaks off", "Send it again.")
        if self._path is None:
            raise _bad("The form holds no file", "Send the file as the part called file.")
        return Upload(self._path, self._fields)

    def _begin(self) -> None:
        headers = {bytes(name).lower(): bytes(value) for name, value in self._headers}
        _, told = parse_options_header(headers.get(b"content-disposition", b""))
        self._field = told.get(b"name", b"").decode(errors="replace")
        self._text.clear()
        if b"filename" not in told:
            return
        if self._path is not None:
            raise _bad("The form holds several files", "Send one file; pack the parts of a shapefile into one .zip.")
        self._path = self._folder / safe_name(told[b"filename"].decode(errors="replace"))
        self._file = self._path.open("xb")

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._file is None:
            self._text.extend(data[start:end])
            if len(self._text) > _FIELD_BYTES or len(self._fields) >= _FIELDS:
                raise _bad(f"The field {self._field:.40} is too long", "Send the file as the part called file.")
            return
        self._room -= end - start
        if self._room < 0:
            raise too_large(self._limit)
        self._file.write(data[start:end])

    def _finish(self) -> None:
        if self._file is None:
            self._fields[self._field] = self._text.decode(errors="replace")
        else:
            self._file.close()
            self._file = None

    def _end(self) -> None:
        self._complete = True


def too_large(limit_bytes: int) -> BadInput:
    """Return the refusal of a file above the limit."""
    return BadInput(
        "import.too_large",
        f"The upload is larger than {limit_bytes // 1024**2} MB.",
        "Raise LIFANG_UPLOAD_MB, or import it on the command line.",
    )


def _bad(message: str, cure: str) -> LifangError:
    return BadInput("import.bad_upload", f"{message}.", cure)
