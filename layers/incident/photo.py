"""Photos of incidents: what may come in, and what is shown of them. Pure."""

import hashlib
import io

from PIL import Image, ImageOps, UnidentifiedImageError

from gis.errors import BadInput

MOST_BYTES = 5_000_000
MOST_PIXELS = 50_000_000
_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
SHOWN_TYPE = "image/jpeg"


def accepted(content: bytes) -> tuple[str, str]:
    """Return the SHA-256 of a photo and its media type, told by its bytes and not by what the sender calls it.

    Raises:
        BadInput: ``photo.too_large``, ``photo.no_photo``.

    >>> accepted(b"MZ not a photo")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: photo.no_photo: The file is no JPEG, PNG or WebP picture. Send a photo as cameras write it.
    """
    if len(content) > MOST_BYTES:
        raise BadInput(
            "photo.too_large", f"The photo is larger than {MOST_BYTES // 1_000_000} MB.", "Send a smaller one."
        )
    with _opened(content) as picture:
        media_type = _TYPES[str(picture.format)]
        if picture.width * picture.height > MOST_PIXELS:
            raise BadInput("photo.too_large", "The photo has more than 50 megapixels.", "Send a smaller one.")
    shown(content)  # what cannot be shown later is refused now
    return hashlib.sha256(content).hexdigest(), media_type


def shown(content: bytes) -> bytes:
    """Return the picture alone, upright, as JPEG: position, time, camera and whatever else it tells stay behind."""
    with _opened(content) as picture:
        try:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
        except (OSError, ValueError, SyntaxError) as error:
            raise _no_photo() from error
    bare = Image.new("RGB", upright.size)
    bare.paste(upright)
    written = io.BytesIO()
    bare.save(written, "JPEG", quality=88)
    return written.getvalue()


def _opened(content: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content), formats=tuple(_TYPES))
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise _no_photo() from error


def _no_photo() -> BadInput:
    return BadInput("photo.no_photo", "The file is no JPEG, PNG or WebP picture.", "Send a photo as cameras write it.")
