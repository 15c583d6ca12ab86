"""``lifang code``: grid codes and space codes on the command line."""

import json
import sys
from argparse import Namespace
from typing import Any

from gis import beidou, geosot
from gis.errors import BadInput
from twin.spacecode import SpaceCode


def add_to(commands: Any) -> None:
    """Declare the commands."""
    parser = commands.add_parser("code", help="encode a position, check a space code")
    verbs = parser.add_subparsers(required=True, metavar="grid|parse")
    grid = verbs.add_parser("grid", help="BeiDou grid code (GB/T 39409) of a position")
    grid.add_argument("lon", type=float, help="longitude, degrees, CGCS2000")
    grid.add_argument("lat", type=float, help="latitude, degrees, CGCS2000")
    grid.add_argument("--level", type=int, default=7, help="1 to 10 (default: 7, a cell of about 7 m)")
    grid.add_argument("--height", type=float, metavar="M", help="ellipsoidal height, metres: prints the 3-D code")
    grid.add_argument("--geosot", action="store_true", help="GeoSOT code (GB/T 40087) instead; --level 1 to 32")
    grid.set_defaults(run=_grid)
    parse = verbs.add_parser("parse", help="check a space code and print its parts as JSON")
    parse.add_argument("code")
    parse.set_defaults(run=_parse)


def _grid(arguments: Namespace) -> int:
    if arguments.geosot:
        print(geosot.encode(arguments.lon, arguments.lat, arguments.level))
    elif arguments.height is None:
        print(beidou.encode(arguments.lon, arguments.lat, arguments.level))
    else:
        print(beidou.encode_3d(arguments.lon, arguments.lat, arguments.height, arguments.level))
    return 0


def _parse(arguments: Namespace) -> int:
    try:
        code = SpaceCode.parse(arguments.code)
    except BadInput as error:
        place = f" (position {error.facts['position']})" if "position" in error.facts else ""
        sys.stderr.write(f"lifang: {error}{place}\n")
        return 1
    print(json.dumps(code.parts(), ensure_ascii=False, indent=2))
    return 0
