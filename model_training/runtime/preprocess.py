"""RGB image → the network's input. The only evaluation transform.

An image is fitted to the network's size in uint8; scaling and normalisation happen inside the network's own graph
(`normalise`), so that they are exported, vectorised and run in half precision with the rest.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .architecture import Preprocessing
from .budget import WHOLE, Budget
from .drawing import MARGIN, PixelBox, crop_square, ink_box
from .image import ImageWarning, decode, decode_with_warnings
from .resize import resize
from .strip import cut_strip

#: A change of what `fit` returns for the same image must raise this number: caches are keyed by it.
FIT_VERSION = 2
#: Pixels along each side of a decoded image for one of the network's; with fewer more decisions change
#: (`make bench-decoding`).
_MARGIN = 1.5
#: The same where the network sees a part that `fit` or `cut_strip` cuts out.
_MARGIN_OF_PARTS = 2


def fit(image: Image.Image, preprocessing: Preprocessing) -> np.ndarray:
    """Bring an RGB image to the network's size. Returns uint8 of shape (height, width, 3).

    Resizing is by a bilinear or bicubic filter widened for shrinking (antialiased), so that a thin line fades instead
    of vanishing. `stretch` resizes both sides regardless of the aspect ratio; `letterbox` resizes until the longer side
    fills the frame, and lays the image in its middle on black; `ink` cuts out the square around a drawing's strokes,
    with a margin, and resizes that; `strip` stretches a panel, which `read_parts` has cut out.
    """
    if preprocessing.fit == "ink":
        image = crop_square(image, ink_box(image) or (0, 0, *image.size), MARGIN)
    frame = (preprocessing.width, preprocessing.height)
    left, top, right, bottom = content_box(image.size, preprocessing)
    size = (right - left, bottom - top)
    if image.size != size:
        image = resize(image, size, preprocessing.interpolation)
    if size != frame:
        page = Image.new("RGB", frame)
        page.paste(image, (left, top))
        image = page
    if preprocessing.jpeg_quality is not None:
        image = encode_jpeg(image, preprocessing.jpeg_quality)
    return np.asarray(image)


def choose_decoded_side(preprocessing: Preprocessing) -> int:
    """The pixels that either side of a decoded image must keep: the network then sees nearly the same of it."""
    margin = _MARGIN_OF_PARTS if preprocessing.fit in ("ink", "strip") else _MARGIN
    return math.ceil(margin * max(preprocessing.height, preprocessing.width))


def content_box(size: tuple[int, int], preprocessing: Preprocessing) -> PixelBox:
    """Where in the network's input the image, or what is cut out of it, lies: all but a letterbox's black margins.

    `size`: the image's width and height.
    """
    frame = (preprocessing.width, preprocessing.height)
    if preprocessing.fit != "letterbox":
        return 0, 0, *frame
    scale = min(frame[0] / size[0], frame[1] / size[1])
    width, height = (max(1, min(side, round(length * scale))) for length, side in zip(size, frame, strict=True))
    left, top = (frame[0] - width) // 2, (frame[1] - height) // 2
    return left, top, left + width, top + height


def encode_jpeg(image: Image.Image, quality: int) -> Image.Image:
    """An RGB image as it comes back from JPEG of a quality, 1…100.

    The last encoder is then the same for all, and what an earlier one left is less of a mark of where the image came
    from (Grommelt et al. 2024, "Fake or JPEG?").
    """
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


@dataclass(frozen=True)
class Part:
    """An image, or a panel of a strip: `pixels`, uint8 (height, width, 3), as the network sees them; `content`, where
    in these the image lies; `place`, where in the upright image the part does, in its pixels."""

    pixels: np.ndarray
    content: PixelBox
    place: PixelBox


@dataclass(frozen=True)
class ReadImage:
    """What the network sees of a file: one part, or the panels of a strip in order; `size`: width and height of the
    decoded image, which may be smaller than the file's; `warnings`: as `decode_with_warnings` gives them."""

    parts: tuple[Part, ...]
    size: tuple[int, int]
    warnings: tuple[ImageWarning, ...]


def read(data: bytes | bytearray | memoryview, preprocessing: Preprocessing) -> np.ndarray:
    """`decode` and `fit`: what training and serving both do to a file, or to a panel's. Returns uint8 (height, width,
    3)."""
    return fit(decode(data, at_least=choose_decoded_side(preprocessing)), preprocessing)


def read_parts(
    data: bytes | bytearray | memoryview, preprocessing: Preprocessing, *, budget: Budget = WHOLE
) -> ReadImage:
    """`read` of an image's parts, and where each lies. Raises as `decode_with_warnings` does."""
    decoded = decode_with_warnings(data, at_least=choose_decoded_side(preprocessing), budget=budget)
    image = decoded.image
    places = cut_strip(image) if preprocessing.fit == "strip" else [(0, 0, *image.size)]
    parts = [
        Part(fit(part, preprocessing), content_box(part.size, preprocessing), place)
        for place in places
        for part in [image if len(places) == 1 else image.crop(place)]
    ]
    return ReadImage(tuple(parts), image.size, decoded.warnings)
