"""What an image shows before any network looks: its size, its contrast, its sharpness, how hard it was compressed.

An answer about a blank sheet, a strip or a page of text means nothing, whatever the network says; and a network that
has only seen images of 32×32 has never seen the detail of a photograph. The card says what the training images were
like.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image

from .card import Preprocessing, Reason
from .image import FORMATS
from .measures import ImageLimits
from .preprocess import content_box
from .text import looks_like_text

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
#: The sum of the IJG's luminance table, which stands for quality 50.
_TABLE_SUM = 3688


@dataclass(frozen=True)
class FileFacts:
    """Of an encoded image, without decoding it: its sides in pixels, upright; the quality of a JPEG, 1…100."""

    width: int
    height: int
    jpeg_quality: int | None

    @property
    def aspect(self) -> float:
        """The longer side in parts of the shorter one."""
        return max(self.width, self.height) / max(1, min(self.width, self.height))


def read_file_facts(data: bytes | bytearray | memoryview) -> FileFacts:
    """Of a file that `decode` can read."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        tables = getattr(image, "quantization", None) or {}
        width, height = reversed(image.size) if _lies_on_its_side(image) else image.size
        return FileFacts(width, height, _estimate_quality(tables[min(tables)]) if tables else None)


def _lies_on_its_side(image: Image.Image) -> bool:
    """By the EXIF that a file begins with; Pillow would decode the image to look for any at its end."""
    return "exif" in image.info and image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)


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


def measure_contrast(pixels: np.ndarray) -> np.ndarray:
    """The deviation of the grey levels, 0…127. `pixels`: uint8 (N, height, width, 3). Returns float32 (N,)."""
    return _to_grey(pixels).std((1, 2))


def measure_sharpness(pixels: np.ndarray) -> np.ndarray:
    """The share of an image's differences between neighbours that blurring takes away: 0…1, low where it is blurred.

    Crete et al. 2007, "The blur effect", with a mean of five pixels along each axis; of the two axes the sharper one.
    `pixels`: uint8 (N, height, width, 3). Returns float32 (N,).
    """
    grey = _to_grey(pixels)
    return np.maximum(_lose(grey), _lose(grey.swapaxes(1, 2)))


def _lose(grey: np.ndarray) -> np.ndarray:
    width = grey.shape[2]
    padded = np.pad(grey, ((0, 0), (0, 0), (2, 2)), mode="edge")
    blurred = sum(padded[:, :, start : start + width] for start in range(5)) / 5
    before, after = np.abs(np.diff(grey, axis=2)), np.abs(np.diff(blurred, axis=2))
    lost = np.maximum(before - after, 0).sum((1, 2))
    return (lost / np.maximum(before.sum((1, 2)), 1e-6)).astype(np.float32)


def _to_grey(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float32) @ _LUMA


def crop_inside(pixels: np.ndarray, file: FileFacts, preprocessing: Preprocessing) -> np.ndarray:
    """An image without a letterbox's margins, which are no contrast, edge or paper of its own.

    `pixels`: uint8 (height, width, 3), as the network sees them. Returns uint8 (rows, columns, 3).
    """
    left, top, right, bottom = content_box((file.width, file.height), preprocessing)
    return pixels[top:bottom, left:right]


def find_reasons(
    limits: ImageLimits, files: Sequence[FileFacts], pixels: np.ndarray, preprocessing: Preprocessing
) -> list[Reason | None]:
    """Why each image is none that the model can judge, before its features are asked; None where nothing speaks
    against it. `pixels`: uint8 (N, height, width, 3), of the images in `files`."""
    return [
        _find_reason(limits, file, crop_inside(each, file, preprocessing), preprocessing)
        for file, each in zip(files, pixels, strict=True)
    ]


def _find_reason(
    limits: ImageLimits, file: FileFacts, inside: np.ndarray, preprocessing: Preprocessing
) -> Reason | None:
    scale = measure_scale(file, preprocessing)
    quality = file.jpeg_quality if file.jpeg_quality is not None else 100
    checks: list[tuple[Reason, bool]] = [
        ("tiny", min(file.width, file.height) < limits.min_side),
        ("long", file.aspect > limits.max_aspect),
        ("blank", measure_contrast(inside[None])[0] < limits.min_contrast),
        ("finer", scale is not None and limits.max_scale is not None and scale > limits.max_scale),
        ("coarser", scale is not None and limits.min_scale is not None and scale < limits.min_scale),
        ("compressed", limits.min_quality is not None and quality < limits.min_quality),
        ("softer", limits.min_sharpness is not None and measure_sharpness(inside[None])[0] < limits.min_sharpness),
    ]
    found = next((reason for reason, holds in checks if holds), None)
    if found is None and limits.refuses_text and looks_like_text(inside):
        return "text"
    return found
