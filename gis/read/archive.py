"""Archives: one layer is taken out of a .zip, .kmz or .gz into a scratch folder, under limits."""

import gzip
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn

from gis.errors import BadInput
from gis.read.encoding import detect_encoding

LARGEST_BYTES = 2 << 30
LARGEST_RATIO = 250
_MOST_MEMBERS = 10_000
_ALWAYS_ALLOWED_BYTES = 16 << 20
_BLOCK = 1 << 20

_DRAWN = {".shp", ".gpkg", ".geojson", ".json", ".geojsonl", ".geojsons", ".ndjson", ".jsonl", ".fgb", ".parquet"}
_DRAWN |= {".geoparquet", ".kml", ".dxf", ".gml", ".citygml", ".osm", ".pbf"}
_XML = {".xml"}  # of all sorts: code lists, metadata
_TABLES = {".csv", ".tsv", ".txt", ".xlsx"}
# How a person may name a member: with its folders, without, and without what comes after the dot.
_KEYS: tuple[Callable[[str], str], ...] = (
    str,
    lambda name: PurePosixPath(name).name,
    lambda name: PurePosixPath(name).stem,
)
_METHODS = {9: "Deflate64", 12: "BZip2", 14: "LZMA", 93: "Zstandard", 98: "PPMd"}


def is_workbook(path: Path) -> bool:
    """Tell whether a .zip is an Excel workbook, having refused one that would burst.

    Raises:
        BadInput: ``gis.bad_archive``, ``gis.archive_bomb``.
    """
    with _opened(path) as archive:
        members = archive.infolist()
        if "xl/workbook.xml" not in archive.namelist():
            return False
        _check_size(path, members)
    return True


@contextmanager
def unzipped(path: Path, layer: str | None) -> Iterator[tuple[Path, str | None]]:
    """Give the one file of an archive that holds data, and the layer still to be chosen inside it.

    With several of them ``layer`` names one, by its name with or without what comes after the dot. No member's name is
    ever used as a path. Names that say nothing of their alphabet, as Windows writes them in China, are read as such.

    Raises:
        BadInput: ``gis.bad_archive``, ``gis.archive_path``, ``gis.archive_bomb``, ``gis.archive_method``,
            ``gis.which_layer``.
    """
    with _opened(path) as archive, tempfile.TemporaryDirectory(prefix="lifang-") as folder:
        members = {_name(member): member for member in archive.infolist() if not member.is_dir()}
        _check_names(path, members.items())
        chosen, inner = _choice(path, list(members), layer)
        wanted = _with_siblings(chosen, list(members))
        _check_size(path, [members[name] for name in wanted])
        for name in wanted:
            _extract(path, archive, members[name], Path(folder) / PurePosixPath(name).name)
        yield Path(folder) / PurePosixPath(chosen).name, inner


@contextmanager
def gunzipped(path: Path) -> Iterator[Path]:
    """Give the file inside a .gz.

    Raises:
        BadInput: ``gis.bad_archive``, ``gis.archive_bomb``.
    """
    with tempfile.TemporaryDirectory(prefix="lifang-") as folder:
        unpacked = Path(folder) / (path.stem if path.suffix.lower() == ".gz" else path.name)
        most = min(LARGEST_BYTES, max(_ALWAYS_ALLOWED_BYTES, LARGEST_RATIO * path.stat().st_size))
        try:
            with gzip.open(path) as source:
                _copy(path, source, unpacked, most)
        except (OSError, EOFError, zlib.error) as error:
            raise _broken(path, error) from error
        yield unpacked


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UnicodeDecodeError) as error:
        raise _broken(path, error) from error
    with archive:
        if len(archive.filelist) > _MOST_MEMBERS:
            _refuse_bomb(path, f"{len(archive.filelist):,} files")
        yield archive


def _name(member: zipfile.ZipInfo) -> str:
    if member.flag_bits & 0x800:
        return member.filename
    try:
        written = member.orig_filename.encode("cp437")
    except UnicodeEncodeError:
        return member.filename
    encoding = detect_encoding(written)
    return written.decode(encoding) if encoding else member.filename


def _check_names(path: Path, members: Iterable[tuple[str, zipfile.ZipInfo]]) -> None:
    for name, member in members:
        steps = name.replace("\\", "/").split("/")
        crooked = not steps[0] or ":" in name[:2] or ".." in steps or "\0" in name
        if crooked or stat.S_ISLNK(member.external_attr >> 16):
            raise BadInput(
                "gis.archive_path",
                f"{path.name} holds {name!r}, which points outside the archive.",
                "Pack the files themselves, without paths.",
                file=path.name,
            )


def _choice(path: Path, names: Sequence[str], layer: str | None) -> tuple[str, str | None]:
    visible = [name for name in names if not PurePosixPath(name).name.startswith((".", "_")) and "__MACOSX" not in name]
    ranked = ([name for name in visible if _suffix(name) in suffixes] for suffixes in ({".shp"}, _DRAWN, _TABLES, _XML))
    found = next((names for names in ranked if names), [])
    if len(found) == 1:
        own = layer in {key(found[0]) for key in _KEYS}
        return found[0], None if own else layer
    for key in _KEYS:
        named = [name for name in found if key(name) == layer]
        if len(named) == 1:
            return named[0], None
    if not found:
        raise BadInput(
            "gis.format",
            f"{path.name} holds nothing that is read here{': ' + ', '.join(visible[:5]) if visible else ''}.",
            "Pack a shapefile with its parts, a GeoPackage or another of the files that are read.",
            file=path.name,
        )
    raise BadInput(
        "gis.which_layer",
        f"{path.name} has the layers {', '.join(sorted(found)[:20])}.",
        "Name one of them with --table.",
        file=path.name,
        parameter="layer",
    )


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _with_siblings(chosen: str, names: Sequence[str]) -> list[str]:
    """Return the file and, of a shapefile, the parts that stand beside it."""
    if _suffix(chosen) != ".shp":
        return [chosen]
    stem = chosen[:-4].lower()
    return [name for name in names if PurePosixPath(name).with_suffix("").as_posix().lower() == stem]


def _check_size(path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    full, packed = sum(member.file_size for member in members), sum(member.compress_size for member in members)
    if full > LARGEST_BYTES or full > max(_ALWAYS_ALLOWED_BYTES, LARGEST_RATIO * packed):
        _refuse_bomb(path, f"{full:,} bytes")


def _refuse_bomb(path: Path, size: str) -> NoReturn:
    raise BadInput(
        "gis.archive_bomb", f"{path.name} would unpack to {size}.", "Send the files themselves.", file=path.name
    )


def _extract(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    if member.flag_bits & 0x1:
        raise BadInput("gis.archive_method", f"{path.name} asks for a password.", "Pack it without.", file=path.name)
    try:
        with archive.open(member) as source:
            _copy(path, source, target, member.file_size)
    except NotImplementedError as error:
        method = _METHODS.get(member.compress_type, f"method {member.compress_type}")
        raise BadInput(
            "gis.archive_method",
            f"{path.name} is packed with {method}, which is not read here.",
            "Unpack it, and pack it again with Deflate or send the files themselves.",
            file=path.name,
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise _broken(path, error) from error


def _copy(path: Path, source: IO[bytes] | gzip.GzipFile, target: Path, most: int) -> None:
    size = 0
    with target.open("wb") as sink:
        while block := source.read(_BLOCK):
            size += len(block)
            if size > most:
                _refuse_bomb(path, f"more than {most:,} bytes")
            sink.write(block)


def _broken(path: Path, error: Exception) -> BadInput:
    return BadInput(
        "gis.bad_archive", f"{path.name} is no readable archive ({error}).", "Pack or send it again.", file=path.name
    )
