"""Photos of incidents: kept in a folder beside the store, shown without what the camera wrote into them."""

import re
import tempfile
from pathlib import Path

from gis.errors import BadInput, NotFound, Unavailable
from layers.incident.photo import accepted, shown
from layers.incident.report import Attachment

_SUM = re.compile(r"[0-9a-f]{64}")


class Photos:
    """Keeps photos by their SHA-256; the same photo sent twice is kept once.

    Args:
        folder: Where; made with the first photo. ``None`` takes none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def keep(self, content: bytes) -> Attachment:
        """Keep a photo as it was sent, so that its sum proves it.

        Raises:
            BadInput: ``photo.too_large``, ``photo.no_photo``.
            Unavailable: ``photo.no_folder``.
        """
        if self._folder is None:
            raise Unavailable("photo.no_folder", "This service keeps no photos.", "Send a reference to the photo.")
        sha256, media_type = accepted(content)
        path = self._folder / sha256
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as part:
                part.write(content)
            Path(part.name).replace(path)
        return Attachment(f"/v1/incidents/photos/{sha256}", sha256, media_type)

    def show(self, sha256: str) -> bytes:
        """Return a photo as JPEG without position, time and camera.

        Raises:
            NotFound: ``photo.unknown``.
        """
        path = None if self._folder is None or not _SUM.fullmatch(sha256) else self._folder / sha256
        if path is None or not path.is_file():
            raise NotFound("photo.unknown", f"There is no photo {sha256:.64}.", "Take its address from an incident.")
        return shown(path.read_bytes())

    def check(self, attachment: Attachment) -> Attachment:
        """Return an attachment that a report names, if it is one of ours as it says.

        Raises:
            BadInput: ``photo.other_sum`` when a photo kept here has another sum than the report says.
        """
        ours = attachment.ref.removeprefix("/v1/incidents/photos/")
        if ours not in (attachment.ref, attachment.sha256):
            raise BadInput(
                "photo.other_sum", "The photo has another sum than the report says.", "Take both from the upload."
            )
        return attachment
