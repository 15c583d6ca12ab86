"""``lifang import gis --show-mapping``, ``--save-profile`` and ``lifang import template``."""

import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from api.commands.common import opened, settings
from api.import_options import TableOptions
from api.importing import Importer
from api.profiles import resolved, save_profile
from gis.errors import BadInput, LifangError
from gis.read import read_features
from layers.catalogue import load_catalogue
from layers.columns import guess_columns
from layers.mapping import preview, preview_lines
from layers.profiles import given_guess, profile_of
from layers.templates import template
from twin.declaration import Layer


def add_options(parser: Any) -> None:
    """Declare the options of ``lifang import gis`` that concern columns."""
    parser.add_argument(
        "--show-mapping", action="store_true", help="tell which column is which field, and import nothing"
    )
    parser.add_argument("--profile", metavar="NAME", help="read the columns as a saved mapping profile says")
    parser.add_argument("--save-profile", metavar="NAME", help="save how the columns are read, under this name")


def add_template(kinds: Any) -> None:
    """Declare ``lifang import template``."""
    parser = kinds.add_parser("template", help="an Excel workbook to fill in for a layer")
    parser.add_argument("layer")
    parser.add_argument("file", type=Path, metavar="OUT.xlsx")
    parser.set_defaults(run=_template)


def plan(arguments: Namespace, options: Mapping[str, Any]) -> int:
    """Show how the columns of each file are read, and save that as a profile, as the arguments ask."""
    if arguments.save_profile and len(arguments.files) > 1:
        raise BadInput("profile.one_file", "A profile is saved from one file.", "Name one file with --save-profile.")
    status = 0
    for path in arguments.files:
        try:
            _plan(arguments, path, TableOptions(layer=arguments.layer, **options))
        except LifangError as error:
            sys.stderr.write(f"lifang: {path}: {error}\n")
            status = status or error.exit_status
    return status


def _plan(arguments: Namespace, path: Path, wanted: TableOptions) -> None:
    chosen = settings(store=arguments.store, community=arguments.community)
    with opened(chosen) as (store, catalogue):
        layer: Layer = catalogue[wanted.layer]
        options = resolved(store, wanted)
        rows = [row.properties for row in _rows(path, options)]
        headers = list(rows[0]) if rows else []
        if options.mapping is not None:
            guess = given_guess(layer, options.mapping, headers)
        else:
            guess = guess_columns(layer, headers, options.id_column, rows)
        if arguments.show_mapping:
            print("\n".join(preview_lines(preview(guess, rows))))
        if arguments.save_profile:
            how = {"crs": options.crs, "encoding": options.encoding, "table": options.table}
            community = Importer(store, catalogue, chosen.community).community
            save_profile(store, layer, arguments.save_profile, profile_of(guess, **how), community)
            sys.stderr.write(f"  profile {arguments.save_profile} saved\n")


def _rows(path: Path, options: TableOptions) -> Any:
    def warn(fault: LifangError) -> None:
        sys.stderr.write(f"  ! {fault}\n")

    return read_features(path, crs=options.crs, encoding=options.encoding, layer=options.table, on_warning=warn)


def _template(arguments: Namespace) -> int:
    content = template(load_catalogue(settings().layers)[arguments.layer])
    arguments.file.write_bytes(content)
    print(arguments.file)
    return 0
