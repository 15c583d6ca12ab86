"""A synthetic community, generated deterministically, and the devices that make it live.

Nobody lives here: names, numbers and plates are such that no person, card, telephone or car can bear them.
"""

from collections.abc import Callable
from pathlib import Path

from sample_data.manifest import Manifest, SampleFile, read_manifest

__all__ = ["Manifest", "SampleFile", "generate", "read_manifest"]


def generate(
    directory: Path, *, seed: int = 2026, progress: Callable[[str, float], None] | None = None
) -> list[SampleFile]:
    """Write the synthetic community into a directory and return its files in the order in which to import them.

    Beside the files to import it writes ``gis/dem.tif`` (the ground), ``answers.json`` (what is true of the
    community) and ``manifest.json`` (this list). The same seed gives the same files.

    Args:
        directory: Made when it is not there; files of an earlier run are overwritten.
        seed: Another seed gives other people, vehicles and device positions on the same ground.
        progress: Called with the step in hand and the share of the whole that is done.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = generate(Path(folder))
    ...     [file.layer for file in files][4:8], read_manifest(Path(folder)).community
    (['building', 'community', 'grid', 'building'], '330106099001')
    """
    # The geometry, IFC and table libraries load only when a community is written.
    from sample_data.build import build

    return build(directory, seed, progress)
