"""A synthetic community, generated deterministically, and the devices that make it live.

Nobody lives here: names, numbers and plates are such that no person, card, telephone or car can bear them.
"""

from collections.abc import Callable
from pathlib import Path

from gis.errors import Unavailable
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

    Raises:
        Unavailable: ``sample.not_written`` when the directory cannot be made or a file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = generate(Path(folder))
    ...     [file.layer for file in files][4:8], read_manifest(Path(folder)).community
    (['building', 'community', 'grid', 'building'], '330106099001')
    """
    # The geometry, IFC and table libraries load only when a community is written.
    from sample_data.build import build

    try:
        return build(directory, seed, progress)
    except OSError as error:
        raise Unavailable(
            "sample.not_written",
            f"{directory} cannot be written: {error.strerror or error}.",
            "Choose a folder of your own with free space; lifang run takes it from LIFANG_SAMPLE.",
            file=str(directory),
        ) from error
