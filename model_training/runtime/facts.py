"""What an image shows before any network looks: its size, its contrast, its sharpness, how hard it was compressed.

An answer about a blank sheet, a strip or a page of text means nothing, whatever the network says; and a network that
has only seen images of 32×32 has never seen the detail of a photograph. The card says what the training images were
like.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from PIL import ExifTags, Image

from .card import Preprocessing, Reason
from .drawing import PixelBox
from .image import open_image
from .measures import ImageLimits
from .preprocess import content_box
from .text import LEVELS, count_levels, looks_like_text

#: The sum of the IJG's luminance table, which stands for quality 50.
_TABLE_SUM = 3688
#: Of grey levels: a sheet with the noise of a scanner has 1 or 2.
LOWEST_CONTRAST = 4.0


@dataclass(frozen=True)
class FileFacts:
    """Of an encoded image, without decoding it: its sides in pixels, upright; the quality of a JPEG, 1…100."""

    width: int
    height: int
    jpeg_quality: int | None

    def crop(self, place: PixelBox, size: tuple[int, int]) -> FileFacts:
        """Of a part of the image; `place` is in pixels of the image decoded to `size`."""
        across, down = self.width / size[0], self.height / size[1]
        left, top, right, bottom = place
        return replace(self, width=round((right - left) * across), height=round((bottom - top) * down))

    @property
    def aspect(self) -> float:
        """The longer side in parts of the shorter one."""
        return max(self.width, self.height) / max(1, min(self.width, self.height))


def read_file_facts(data: bytes | bytearray | memoryview) -> FileFacts:
    """Of a file that `decode` can read."""
    with open_image(data) as image:
        tables = getattr(image, "quantization", None) or {}
        width, height = reversed(image.size) if _lies_on_its_side(image) else image.size
        return FileFacts(width, height, _estimate_quality(tables[min(tables)]) if tables else None)


def _lies_on_its_side(image: Image.Image) -> bool:
    """By the EXIF that a file begins with; Pillow would decode the image to look for any at its end."""
    with suppress(SyntaxError):  # EXIF that is none says nothing
        return "exif" in image.info and image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
    return False


def _estimate_quality(table: list[int]) -> int:
    """The quality at which libjpeg writes a luminance table of this size: 5000 / q or 200 − 2q percent of its own."""
    percent = 100 * sum(table) / _TABLE_SUM
    return int(np.clip(round(100 - percent / 2 if percent <= 100 else 5000 / percent), 1, 100))


def measure_scale(facts: FileFacts, preprocessing: Preprocessing) -> float | None:
    """How many of the input's pixels an image really has, along a side: 0…1; 1 where it has as many or more.

    A photograph shrunk to 96 pixels shows detail that an image of 32×32 enlarged to 96 never has. None where the image
    is cut out before it is fitted.
    """
    if preprocessing.fit == "ink":
        return None
    if preprocessing.fit == "letterbox":
        scale = max(facts.width, facts.height) / min(preprocessing.width, preprocessing.height)
    else:
        scale = float(np.sqrt(facts.width * facts.height / (preprocessing.width * preprocessing.height)))
    return min(1.0, scale)


def measure_contrast(grey: Image.Image) -> float:
    """The deviation of the grey levels, 0…127."""
    counts = count_levels(grey)
    share = counts / counts.sum()
    mean = float((share * LEVELS).sum())
    return float(np.sqrt((share * np.square(LEVELS - mean)).sum()))


def measure_sharpness(image: Image.Image) -> float:
    """The share of an RGB image's differences between neighbours that blurring takes away: 0…1, low where blurred.

    Crete et al. 2007, "The blur effect", with a mean of five pixels along each axis; of the two axes the sharper one.
    Every second row, or column, is measured: its neighbours say nearly the same.
    """
    # Fractions of a level too: in a blurred image rounding would be most of what differs.
    luma = np.asarray(image.convert("F"))
    return max(_lose(luma[::2]), _lose(np.ascontiguousarray(luma[:, ::2].T)))


def _lose(rows: np.ndarray) -> float:
    before = np.abs(rows[:, 3:-2] - rows[:, 2:-3])
    # Two means of five in a row share four of their pixels, so that they differ by a fifth of what the others do.
    after = np.abs(rows[:, 5:] - rows[:, :-5]) * np.float32(0.2)
    return float(np.maximum(before - after, 0).sum()) / max(1e-9, float(before.sum()))


def crop_inside(pixels: np.ndarray, file: FileFacts, preprocessing: Preprocessing) -> Image.Image:
    """An image without a letterbox's margins, which are no contrast, edge or paper of its own.

    `pixels`: uint8 (height, width, 3), as the network sees them. Returns RGB.
    """
    left, top, right, bottom = content_box((file.width, file.height), preprocessing)
    return Image.fromarray(pixels[top:bottom, left:right])


def find_reason(
    limits: ImageLimits, file: FileFacts, pixels: np.ndarray, preprocessing: Preprocessing
) -> Reason | None:
    """Why an image is none that the model can judge, before its features are asked; None where nothing speaks against
    it. `pixels`: uint8 (height, width, 3), as the network sees them."""
    inside = crop_inside(pixels, file, preprocessing)
    grey = inside.convert("L")
    scale = measure_scale(file, preprocessing)
    quality = file.jpeg_quality if file.jpeg_quality is not None else 100
    checks: list[tuple[Reason, bool]] = [
        ("tiny", min(file.width, file.height) < limits.min_side),
        ("long", file.aspect > limits.max_aspect),
        ("blank", measure_contrast(grey) < limits.min_contrast),
        ("finer", scale is not None and limits.max_scale is not None and scale > limits.max_scale),
        ("coarser", scale is not None and limits.min_scale is not None and scale < limits.min_scale),
        ("compressed", limits.min_quality is not None and quality < limits.min_quality),
        ("softer", limits.min_sharpness is not None and measure_sharpness(inside) < limits.min_sharpness),
    ]
    found = next((reason for reason, holds in checks if holds), None)
    if found is None and limits.refuses_text and looks_like_text(grey):
        return "text"
    return found
