"""``lifang import``: IFC models and GIS files into the twin."""

import sys
from argparse import Namespace
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import Any

from api.commands import mapping
from api.commands.common import Progress, add_store, opened, settings
from api.import_log import imports, undo_import
from api.import_options import options_of
from api.importing import Importer, Report
from api.naming import import_identifiers
from api.readings import Readings
from api.settings import spool_of
from gis.errors import LifangError
from gis.read import source_of
from twin.difference import Change


def add_to(commands: Any) -> None:
    """Declare the commands."""
    parser = commands.add_parser("import", help="import IFC models or GIS files")
    kinds = parser.add_subparsers(required=True, metavar="ifc|gis|template|identifiers|list|undo")
    ifc = kinds.add_parser("ifc", help="building models: IFC2X3, IFC4, IFC4X3, also zipped")
    ifc.add_argument("files", nargs="+", type=Path, metavar="FILE")
    ifc.add_argument(
        "--at", metavar="LON,LAT[,BEARING]", help="position of the model's origin, and of its +Y axis from north"
    )
    ifc.add_argument(
        "--pair",
        action="append",
        metavar="X,Y=LON,LAT",
        help="a point of the model, metres, and where it is; twice or more. Write --pair=-3,4=… before a minus",
    )
    ifc.add_argument("--crs", help="coordinate system of the pairs' positions, easting first: EPSG:4549")
    ifc.add_argument("--fit", metavar="CODE", help="lay the model onto the footprint of this building of the twin")
    ifc.add_argument("--bearing", type=float, metavar="DEG", help="with --fit: bearing of +Y, where two ways fit")
    ifc.add_argument(
        "--as", dest="same_as", metavar="CODE|new", help="which building it is, where the twin was in doubt"
    )
    _common(ifc)
    ifc.set_defaults(run=_ifc)
    gis = kinds.add_parser("gis", help="GIS files, drawings, city models, tables; PostGIS and OGC API Features")
    gis.add_argument(
        "files",
        nargs="+",
        type=source_of,
        metavar="SOURCE",
        help="a file, postgresql://USER@HOST/DATABASE or https://HOST/…/collections/ID",
    )
    gis.add_argument("--layer", required=True, help="layer of the twin it becomes, such as building")
    gis.add_argument("--table", help="layer, sheet, table or file inside, when there are several")
    gis.add_argument("--crs", help="coordinate system, when the file does not say: EPSG:4549")
    gis.add_argument("--encoding", help="text encoding, when the file does not say: GBK")
    gis.add_argument("--id", metavar="COLUMN", help="column that holds the id, when its name is not understood")
    gis.add_argument("--dem", type=Path, help="elevation model (GeoTIFF) that buildings stand on")
    mapping.add_options(gis)
    _common(gis)
    mapping.add_template(kinds)
    gis.set_defaults(run=_gis)

    names = kinds.add_parser("identifiers", help="official codes of places: columns place, scheme, value")
    names.add_argument("file", type=Path)
    names.add_argument("--encoding", help="text encoding, when the file does not say: GBK")
    add_store(names)
    names.set_defaults(run=_identifiers)
    listing = kinds.add_parser("list", help="what was imported, newest first")
    add_store(listing)
    listing.set_defaults(run=_list)
    undo = kinds.add_parser("undo", help="take an import back as a whole")
    undo.add_argument("batch", help="as lifang import list shows it")
    add_store(undo)
    undo.set_defaults(run=_undo)


def _identifiers(arguments: Namespace) -> int:
    with opened(settings(store=arguments.store), keep_empty=False) as (store, _catalogue):
        named = import_identifiers(store, arguments.file, arguments.encoding)
    Progress().warn(named.problems)
    print(f"{named.taken} names")
    return 0 if named.taken or not named.problems else 2


def _list(arguments: Namespace) -> int:
    with opened(settings(store=arguments.store), must_exist=True) as (store, _catalogue):
        for one in imports(store):
            report = Report(one["source"], one["counts"])
            undone = f"\tundone by {one['undone_by']}" if one["undone_by"] else ""
            print(f"{one['batch']}\t{one['at'][:19]}\t{one['source']}\t{report.summary()}{undone}")
    return 0


def _undo(arguments: Namespace) -> int:
    with opened(settings(store=arguments.store), must_exist=True) as (store, _catalogue):
        count = undo_import(store, arguments.batch, getuser(), datetime.now(UTC))
    print(f"{count} versions taken back")
    return 0


def _common(parser: Any) -> None:
    add_store(parser)
    parser.add_argument(
        "--community", help="community the data belong to (default: $LIFANG_COMMUNITY or the store's only one)"
    )

    parser.add_argument("--dry-run", action="store_true", help="tell what would change, per place, and change nothing")


def _ifc(arguments: Namespace) -> int:
    asked = {name: getattr(arguments, name) for name in ("at", "pair", "crs", "fit", "bearing", "same_as")}
    options = options_of(asked)
    return _each(arguments, lambda importer, path, progress: importer.run(path, options, progress))


def _gis(arguments: Namespace) -> int:
    options = {
        "table": arguments.table,
        "crs": arguments.crs,
        "encoding": arguments.encoding,
        "dem": arguments.dem,
        "id_column": arguments.id,
        "profile": arguments.profile,
    }
    if arguments.show_mapping or arguments.save_profile:
        status = mapping.plan(arguments, options)
        if status or arguments.show_mapping:
            return status
    return _each(
        arguments, lambda importer, path, progress: importer.gis(path, arguments.layer, progress=progress, **options)
    )


def _each(arguments: Namespace, take: Any) -> int:
    """Import every file; one that fails does not stop the others. Return the first failure's status."""
    chosen = settings(store=arguments.store, community=arguments.community)
    progress, status = Progress(), 0
    with opened(chosen, keep_empty=False) as (store, catalogue):
        readings = Readings(spool_of(chosen) / "readings")
        importer = Importer(store, catalogue, chosen.community, dry_run=arguments.dry_run, readings=readings)
        for path in arguments.files:
            try:
                report = take(importer, path, progress)
            except LifangError as error:
                sys.stderr.write(f"lifang: {path}: {error}\n")
                status = status or error.exit_status
                continue
            progress.say(
                f"{path.name}: {report.summary()}{' (dry run: nothing was stored)' if arguments.dry_run else ''}"
            )
            for change in report.changes if arguments.dry_run else ():
                print(_told(change))
            progress.warn(report.warnings)
    return status


def _told(change: Change) -> str:
    """Return one line: what becomes of a place, and of which of its properties.

    >>> _told(Change("building", "B", "1幢", "changed", {"storey": (1, 2), "outline_m": (None, 0.42)}))
    '~ building B 1幢  storey: 1 → 2; outline moved 0.42 m'
    >>> _told(Change("space", "B-0", None, "ended", {}))
    '- space B-0'
    """
    sign = {"added": "+", "ended": "-"}.get(change.outcome, "~")
    properties = "; ".join(
        f"outline moved {after} m" if name == "outline_m" else f"{name}: {before} → {after}"
        for name, (before, after) in change.properties.items()
    )
    line = f"{sign} {change.layer} {change.id} {change.name or ''}".rstrip()
    return f"{line}  {properties}" if properties else line
