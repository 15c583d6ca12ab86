"""GML of features other than city models, by GDAL, in a scratch folder: it writes what it learns beside the file."""

import tempfile
from pathlib import Path

from gis.read.row import OnWarning, Unplaced
from gis.read.vector import read_vector
from gis.read.xml import elements


def read_gml(path: Path, encoding: str | None, layer: str | None, on_warning: OnWarning) -> Unplaced:
    """Read one feature type of a GML file.

    Raises:
        BadInput: ``gis.unreadable`` with the line; as :func:`gis.read.vector.read_vector`.
    """
    for _ in elements(path, ("featureMember", "member")):
        pass  # GDAL reads a file that breaks off as far as it goes, and says nothing
    with tempfile.TemporaryDirectory(prefix="lifang-") as folder:
        alias = Path(folder) / path.name
        alias.symlink_to(path.resolve())
        return read_vector(alias, encoding, layer, on_warning)
