"""Bytes → RGB picture. The only decoder: training, evaluation and serving all come through here.

Follows the predictor of Meta's segment-anything in stating shape, dtype and range of what it returns.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image, ImageFile, ImageOps

from .errors import PictureError

#: A change of what `decode` returns for the same bytes must raise this number: caches are keyed by it.
DECODER_VERSION = 1

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO", "AVIF")
MAX_BYTES = 25 * 2**20
MAX_PIXELS = 64 * 10**6  # a 64-megapixel photograph; as RGB this is 192 MB

# Our own limit answers with our own error before Pillow allocates anything.
Image.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = False


def decode(data: bytes | bytearray | memoryview, *, at_least: int | None = None) -> Image.Image:
    """Decode a picture to upright RGB.

    `data`: a whole JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file. Orientation is taken from EXIF, transparency is laid on
    white, 16-bit grey is scaled to 8 bits, CMYK and palettes are converted, of several frames the first is taken.

    `at_least`: the side in pixels that the caller will shrink the picture to. A JPEG whose both sides are at least four
    times as long is then decoded at a half, quarter or eighth of its size, never below twice `at_least`: the libjpeg
    scaling averages exact blocks, and a 12-megapixel photograph costs a quarter of the time.

    Returns a `PIL.Image.Image` of mode RGB (uint8, height × width × 3 by `numpy.asarray`).
    Raises `PictureError`: `empty_body`, `not_a_picture`, `broken_picture`, `picture_too_large`.
    """
    if not data:
        raise PictureError("The body is empty.", "Send the bytes of a picture.", code="empty_body")
    if len(data) > MAX_BYTES:
        raise PictureError(
            f"The picture has {len(data) / 2**20:.0f} MiB, more than {MAX_BYTES // 2**20} MiB.",
            "Save it smaller and send it again.",
            code="picture_too_large",
            status=413,
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's hints on metadata are not for the visitor
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise PictureError(
                    f"The picture has {width}×{height} pixels, more than {MAX_PIXELS // 10**6} million.",
                    "Shrink it and send it again.",
                    code="picture_too_large",
                    status=413,
                )
            if at_least is not None and picture.format == "JPEG" and min(width, height) >= 4 * at_least:
                picture.draft("RGB", (2 * at_least, 2 * at_least))
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            return _to_rgb(upright)
    except PictureError:
        raise
    except Image.UnidentifiedImageError:
        raise PictureError(
            "This is not a picture that can be read.",
            "Send a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF.",
            code="not_a_picture",
        ) from None
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error, EOFError, … for broken files
        reason = " ".join(str(error).split())[:120]
        raise PictureError(
            f"The picture is damaged ({reason}).", "Save or upload it again.", code="broken_picture"
        ) from None


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    if picture.mode.startswith("I") or picture.mode == "F":
        return Image.fromarray(_scale_to_bytes(np.asarray(picture))).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        return Image.alpha_composite(paper, picture).convert("RGB")
    return picture.convert("RGB")


def _scale_to_bytes(grey: np.ndarray) -> np.ndarray:
    """Integers are 16-bit samples: 65,535 is white. Floats have no agreed range: their own is stretched to 0…255."""
    if np.issubdtype(grey.dtype, np.integer):
        return (np.clip(grey, 0, 65535) / 257.0 + 0.5).astype(np.uint8)
    low, high = float(np.nanmin(grey)), float(np.nanmax(grey))
    scaled = (np.nan_to_num(grey, nan=low) - low) / (high - low) if high > low else np.zeros_like(grey)
    return (scaled * 255 + 0.5).astype(np.uint8)
