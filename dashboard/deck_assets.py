"""deck.gl as it lies in Panel's own wheel: nothing to download, nothing to keep in step by hand."""

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from gis.errors import Unavailable

PINNED = "9.1.14"
"""The deck.gl the cockpit's layers are written for; its binary attributes change name between versions."""

_FOLDER = re.compile(r"deck\.gl@(?P<version>[\d.]+)")


@dataclass(frozen=True, slots=True)
class DeckScript:
    """The browser script that defines ``globalThis.deck``.

    Attributes:
        version: As the wheel's folder names it.
        content: The script, UTF-8.
        sha256: Of ``content``, hexadecimal.
    """

    version: str
    content: bytes
    sha256: str


def deck_script(wheel: Traversable | None = None) -> DeckScript:
    """Return deck.gl out of the installed Panel.

    Args:
        wheel: Root of the Panel package; the installed one when not given.

    Raises:
        Unavailable: ``dashboard.no_deck`` when Panel no longer brings it, ``dashboard.other_deck`` when it brings
            a version the cockpit was not tried with.

    >>> deck_script().version
    '9.1.14'
    """
    bundled = (wheel or files("panel")) / "dist" / "bundled" / "deckglplot"
    cure = "Install the Panel that the lock file names, or teach dashboard.deck_assets the new layout."
    names = [folder.name for folder in bundled.iterdir()] if bundled.is_dir() else []
    found = next(filter(None, map(_FOLDER.fullmatch, sorted(names))), None)
    script = bundled / found[0] / "dist.min.js" if found else bundled
    if found is None or not script.is_file():
        raise Unavailable("dashboard.no_deck", "This Panel does not contain deck.gl.", cure, folder=str(bundled))
    if found["version"] != PINNED:
        message = f"This Panel contains deck.gl {found['version']}; the cockpit is written for {PINNED}."
        raise Unavailable("dashboard.other_deck", message, cure, folder=str(bundled))
    content = script.read_bytes()
    return DeckScript(found["version"], content, hashlib.sha256(content).hexdigest())
