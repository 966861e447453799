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
from PIL import ExifTags, Image, ImageFile

from .budget import MAX_BYTES, MAX_PIXELS, WHOLE, Budget, DearError, choose_factor, too_large
from .colours import to_rgb
from .damage import rescue, strip
from .errors import ImageError

#: A change of what `decode` returns for the same bytes must raise this number: caches are keyed by it.
DECODER_VERSION = 5

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
#: Other images than JPEGs that have more pixels are shrunk on the way to RGB.
_LARGE = 16 * 10**6
_MOST_FACTOR = 8  # as JPEG's decoder
_MOST_RESCUED = 2**20  # bytes of a damaged file that is searched in Python
_MOST_FRAMES = 200  # that are looked at for one that isn't blank

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

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_THEIR_SIDE = [_TURNS[orientation] for orientation in (5, 6, 7, 8)]
#: Errors that no other way of reading a file mends.
_FINAL = (Image.DecompressionBombError, DearError, ImageError, MemoryError)


@dataclass(frozen=True)
class Decoded:
    """`image`: upright, of mode RGB; `size`: width and height of the file's own, upright; `warnings`: what an answer
    should say of the file."""

    image: Image.Image
    size: tuple[int, int]
    warnings: tuple[ImageWarning, ...] = ()


def decode(data: bytes | bytearray | memoryview, *, at_least: int | None = None) -> Image.Image:
    """The image of `decode_with_warnings`, for those who have nobody to tell."""
    return decode_with_warnings(data, at_least=at_least).image


def decode_with_warnings(
    data: bytes | bytearray | memoryview, *, at_least: int | None = None, budget: Budget = WHOLE
) -> Decoded:
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

    `at_least`: the pixels that either side must keep. A JPEG whose both sides are at least twice as long is then
    decoded at a half, quarter or eighth of its size: the libjpeg scaling averages exact blocks, and a 12-megapixel
    photograph costs a quarter of the time. Other images of more than 16 megapixels are shrunk alike on the way to RGB,
    for the memory's sake.

    `budget`: what the file may cost. Beyond `WHOLE` it is refused, whoever asks.

    Returns a `PIL.Image.Image` of mode RGB (uint8, height × width × 3 by `numpy.asarray`), and warnings.
    Raises `ImageError`: `empty_body`, `not_a_picture`, `broken_picture`, `picture_too_large`; `DearError` where the
    file may cost more than a budget for plain files.
    """
    if not data:
        raise ImageError("The body is empty.", "Send the bytes of a picture.", code="empty_body")
    if len(data) > MAX_BYTES:
        raise too_large(f"The picture has {len(data) / 2**20:.1f} MiB, more than {MAX_BYTES // 2**20} MiB.")
    try:
        return _show(_load(bytes(data), at_least, budget))
    except (DearError, ImageError):
        raise
    except Image.DecompressionBombError:
        raise too_large(f"The picture has more than {MAX_PIXELS // 10**6} million pixels.") from None
    except MemoryError:
        raise too_large("Decoding the picture takes too much memory.") from None
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


@dataclass(frozen=True)
class _Loaded:
    """`image`: as it is stored, or shrunk by JPEG's decoder; `size`: width and height of the file's; `factor`: by how
    much the image is still to be shrunk."""

    image: ImageFile.ImageFile | Image.Image
    size: tuple[int, int]
    factor: int
    warnings: tuple[ImageWarning, ...] = ()


def _load(data: bytes, at_least: int | None, budget: Budget) -> _Loaded:
    """Raises `DearError`, `ImageError` and whatever Pillow raises."""
    sizes: list[tuple[int, int]] = []

    def choose(image: Image.Image) -> int:
        is_large = image.width * image.height > _LARGE and not getattr(image, "is_animated", False)
        return choose_factor(image.size, at_least, _MOST_FACTOR) if is_large else 1

    def open_small(content: bytes) -> ImageFile.ImageFile:
        budget.check_head(content)
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        sizes.append(image.size)
        if at_least is not None:
            image.draft("RGB", (at_least, at_least))  # only JPEGs know how; others stay whole
        factor = choose(image)
        budget.check_pixels(image, content, sizes[-1], (-(-image.width // factor), -(-image.height // factor)))
        return image

    def load(content: bytes) -> ImageFile.ImageFile:
        image = open_small(content)
        image.load()
        return image

    def finish(image: Image.Image, *warned: ImageWarning) -> _Loaded:
        # A TIFF is turned upright when it is loaded.
        return _Loaded(image, image.size if image.format == "TIFF" else sizes[-1], choose(image), warned)

    def load_damaged() -> _Loaded | None:
        bare = strip(data)
        try:
            return finish(load(bare))
        except _FINAL:
            raise
        except Exception:
            # What is left is decoded several times, and searched in Python.
            if budget.plain and (len(bare) > _MOST_RESCUED or (sizes and sizes[-1][0] * sizes[-1][1] > _LARGE // 4)):
                raise DearError from None
            rescued = rescue(bare, open_small)
            return finish(rescued, "truncated") if rescued is not None else None

    try:
        return finish(load(data))
    except _FINAL:
        raise
    except Exception as error:
        try:
            loaded = load_damaged()
        except _FINAL:
            raise
        except Exception:
            loaded = None
        if loaded is None:
            raise error from None
        return loaded


def _show(loaded: _Loaded) -> Decoded:
    """Upright and in RGB; of an animation the first frame that isn't blank."""
    image = loaded.image
    if image.format not in _ANIMATED or not getattr(image, "is_animated", False):
        rgb = to_rgb(image, loaded.factor)
        turn = _find_turn(image)
        size = loaded.size[::-1] if turn in _ON_THEIR_SIDE else loaded.size
        return Decoded(rgb.transpose(turn) if turn is not None else rgb, size, loaded.warnings)
    shown = _show_frame(image)
    if _is_blank(shown):
        # No more pixels are looked at than the largest picture has.
        for number in range(1, min(_MOST_FRAMES, MAX_PIXELS // (image.width * image.height))):
            try:
                image.seek(number)
                frame = _show_frame(image)
            except Exception:  # a later frame that is broken, or not there, takes nothing from the first
                break
            if not _is_blank(frame):
                shown = frame
                break
    return Decoded(shown, shown.size, loaded.warnings)


def _show_frame(image: Image.Image) -> Image.Image:
    frame = image.copy()
    turn = _find_turn(image)
    return to_rgb(frame.transpose(turn) if turn is not None else frame)


def _find_turn(image: Image.Image) -> Image.Transpose | None:
    """By its EXIF; one that can't be read says nothing."""
    with suppress(SyntaxError):
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return None


def _is_blank(image: Image.Image) -> bool:
    return float(np.asarray(image.convert("L")).std()) < _BLANK
