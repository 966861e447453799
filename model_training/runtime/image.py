"""Bytes → RGB image. The only decoder: training, evaluation and serving all come through here.

Follows the predictor of Meta's segment-anything in stating shape, dtype and range of what it returns.
"""

from __future__ import annotations

import io
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageFile, ImageOps

from .damage import Open, rescue, strip
from .errors import ImageError

#: A change of what `decode` returns for the same bytes must raise this number: caches are keyed by it.
DECODER_VERSION = 3

try:  # an extra that nothing of ours ships: its wheels bundle LGPL libraries
    import pi_heif
except ImportError:
    HEIF = False
else:
    HEIF = True
    pi_heif.register_heif_opener()

#: A JPEG of several images (MPO) comes in as a JPEG.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", *(("HEIF",) if HEIF else ()))
#: Names that files of these formats have.
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"})
MAX_BYTES = 25 * 2**20
MAX_PIXELS = 64 * 10**6  # a 64-megapixel photograph; as RGB this is 192 MB

#: What is said of an image besides its pixels. `truncated`: its file ends early, and a twentieth may be missing.
ImageWarning = Literal["truncated"]
#: Formats of which several images are the frames of one, not pages.
_ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")
#: The deviation of the grey levels below which a frame is blank: nothing is faded in yet.
_BLANK = 4.0

# Pillow refuses at twice its limit, before it allocates anything: also the tiles of a TIFF and the frames of a GIF.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
ImageFile.LOAD_TRUNCATED_IMAGES = False
# Its hints on metadata are not for the visitor. Once for the process: `catch_warnings` is not safe among threads.
warnings.filterwarnings("ignore", module=r"PIL\.")

_SRGB = ImageCms.createProfile("sRGB")
_LEVELS = np.linspace(0, 255, 9).round().astype(np.uint8)
_PROBE = np.stack(np.meshgrid(_LEVELS, _LEVELS, _LEVELS), axis=-1).reshape(27, 27, 3)


@dataclass(frozen=True)
class Decoded:
    """`image`: upright, of mode RGB; `warnings`: what an answer should say of the file."""

    image: Image.Image
    warnings: tuple[ImageWarning, ...] = ()


def decode(data: bytes | bytearray | memoryview, *, at_least: int | None = None) -> Image.Image:
    """The image of `decode_with_warnings`, for those who have nobody to tell."""
    return decode_with_warnings(data, at_least=at_least).image


def decode_with_warnings(data: bytes | bytearray | memoryview, *, at_least: int | None = None) -> Decoded:
    """Decode an image to upright RGB, as a web browser shows it on white paper.

    `data`: a whole JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file. Orientation is taken from EXIF, transparency is laid
    on white, 12- and 16-bit grey is scaled to 8 bits, CMYK and palettes are converted. Of several frames the first is
    taken that isn't blank, of several pages the first. Samples without an agreed white (floats, 32-bit integers) have
    their own range stretched to 0…255.

    An embedded ICC profile (Display P3 of telephones, Adobe RGB of museums, the press's CMYK) is honoured: colours are
    brought to sRGB, so that the network sees what people see and what most files in a training folder are already in.
    A profile that is broken or made for another colour space is ignored, and so is one of 16-bit samples.

    Blanks before a file and a PNG's damaged or enormous text, profile or EXIF are passed over. A file that ends early
    is read, with the warning `truncated`, where no more than a twentieth of its pixels is missing; a missing row
    repeats its neighbour. This does not hold for AVIF.

    `at_least`: the side in pixels that the caller will shrink the image to. A JPEG whose both sides are at least four
    times as long is then decoded at a half, quarter or eighth of its size, never below twice `at_least`: the libjpeg
    scaling averages exact blocks, and a 12-megapixel photograph costs a quarter of the time.

    Returns a `PIL.Image.Image` of mode RGB (uint8, height × width × 3 by `numpy.asarray`), and warnings.
    Raises `ImageError`: `empty_body`, `not_a_picture`, `broken_picture`, `picture_too_large`.
    """
    if not data:
        raise ImageError("The body is empty.", "Send the bytes of a picture.", code="empty_body")
    if len(data) > MAX_BYTES:
        raise ImageError(
            f"The picture has {len(data) / 2**20:.1f} MiB, more than {MAX_BYTES // 2**20} MiB.",
            "Save it smaller and send it again.",
            code="picture_too_large",
            status=413,
        )
    try:
        image, warned = _load(bytes(data), at_least)
        return Decoded(_show(image), warned)
    except Image.DecompressionBombError:
        raise ImageError(
            f"The picture has more than {MAX_PIXELS // 10**6} million pixels.",
            "Shrink it and send it again.",
            code="picture_too_large",
            status=413,
        ) from None
    except Image.UnidentifiedImageError:
        raise ImageError(
            "This is not a picture that can be read.",
            "Send a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF.",
            code="not_a_picture",
        ) from None
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error, EOFError, … for broken files
        reason = " ".join(str(error).split())[:120]
        raise ImageError(
            f"The picture is damaged ({reason}).", "Save or upload it again.", code="broken_picture"
        ) from None


def open_image(data: bytes | bytearray | memoryview) -> Image.Image:
    """What Pillow knows of a file that `decode` reads, without its pixels. Raises whatever Pillow raises."""
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except Exception:
        return Image.open(io.BytesIO(strip(bytes(data))), formats=FORMATS)


def _load(data: bytes, at_least: int | None) -> tuple[Image.Image, tuple[ImageWarning, ...]]:
    """The image as it is stored. Raises whatever Pillow raises."""

    def open_small(content: bytes) -> ImageFile.ImageFile:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        if at_least is not None:
            image.draft("RGB", (2 * at_least, 2 * at_least))  # only JPEGs know how; others stay whole
        return image

    try:
        image = open_small(data)
        image.load()
        return image, ()
    except Image.DecompressionBombError:
        raise
    except Exception as error:
        return _load_damaged(data, open_small, error)


def _load_damaged(data: bytes, open_small: Open, error: Exception) -> tuple[Image.Image, tuple[ImageWarning, ...]]:
    """Raises `error`, what Pillow said of the whole file, where nothing helps."""
    bare = strip(data)
    with suppress(Exception):
        image = open_small(bare)
        image.load()
        return image, ()
    with suppress(Exception):
        if (rescued := rescue(bare, open_small)) is not None:
            return rescued, ("truncated",)
    raise error


def _show(image: Image.Image) -> Image.Image:
    """A loaded image upright and in RGB; of an animation the first frame that isn't blank."""
    if image.format not in _ANIMATED or not getattr(image, "is_animated", False):
        return _to_rgb(_turn_upright(image))
    first = _to_rgb(_turn_upright(image.copy()))
    if not _is_blank(first):
        return first
    # No more pixels are looked at than the largest picture has.
    for number in range(1, min(getattr(image, "n_frames", 1), MAX_PIXELS // (image.width * image.height))):
        try:
            image.seek(number)
            frame = _to_rgb(_turn_upright(image.copy()))
        except Exception:  # a later frame that is broken takes nothing from the first
            break
        if not _is_blank(frame):
            return frame
    return first


def _turn_upright(image: Image.Image) -> Image.Image:
    """By its EXIF, in place, and back; one that can't be read says nothing."""
    with suppress(SyntaxError):
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _is_blank(image: Image.Image) -> bool:
    return float(np.asarray(image.convert("L")).std()) < _BLANK


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray(_scale_samples(image)).convert("RGB")
    if image.mode in ("I", "F"):
        return Image.fromarray(_stretch(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        image = _to_srgb(image.convert("RGBA"))
        paper = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(paper, image).convert("RGB")
    if image.mode == "P":
        image = image.convert("RGB")
    return _to_srgb(image).convert("RGB")


def _to_srgb(image: Image.Image) -> Image.Image:
    """The image in sRGB where it carries a usable profile that says otherwise, else as it is."""
    embedded = image.info.get("icc_profile")
    if not embedded:
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
        if image.mode == mode and _is_srgb(profile):
            return image
        return ImageCms.profileToProfile(image, profile, _SRGB, outputMode=mode) or image
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return image


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """Whether a grid of colours comes back as it was, but for the rounding of a profile's tables.

    Most profiles are some maker's sRGB: asking 729 colours takes a tenth of the time of converting a million.
    """
    # Unoptimised: preparing tables for a transform takes longer than so few colours do.
    ask = ImageCms.buildTransform(profile, _SRGB, "RGB", "RGB", flags=ImageCms.Flags.NOOPTIMIZE)
    seen = np.asarray(ask.apply(Image.fromarray(_PROBE)))
    return bool(np.abs(seen.astype(np.int16) - _PROBE).max() <= 2)


def _scale_samples(image: Image.Image) -> np.ndarray:
    """Grey of 16 bits, or of 12 in a TIFF, to uint8, rounded; a TIFF may also count from white."""
    tags = getattr(image, "tag_v2", {})
    (bits,) = tags.get(ExifTags.Base.BitsPerSample, (16,))
    white = 2**bits - 1
    grey = np.asarray(image).astype(np.float32)
    if tags.get(ExifTags.Base.PhotometricInterpretation) == 0:
        np.subtract(white, grey, out=grey)
    grey *= 255 / white
    grey += 0.5
    return grey.astype(np.uint8)


def _stretch(grey: np.ndarray) -> np.ndarray:
    """Lowest → 0, highest → 255. What is not a finite number becomes the nearest of the two, black where it is NaN."""
    finite = grey[np.isfinite(grey)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if low == high:
        return np.zeros(grey.shape, np.uint8)
    clean = np.nan_to_num(grey, nan=low, posinf=high, neginf=low)
    return (np.interp(clean, (low, high), (0, 255)) + 0.5).astype(np.uint8)
