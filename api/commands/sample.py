"""``lifang sample``: write the files of the synthetic community."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from api.commands.common import Progress


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("sample", help="write the files of a synthetic community")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=2026, help="another seed gives another community (default: 2026)")
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> int:
    """Write the files and list them."""
    from sample_data import generate

    progress = Progress()
    for file in generate(arguments.folder, seed=arguments.seed, progress=progress):
        print(f"{file.importer}\t{file.layer or ''}\t{file.path}")
    return 0
