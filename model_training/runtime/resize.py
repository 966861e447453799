"""Resizing of RGB images: Pillow's filters, computed by the Rust library fast_image_resize in less time."""

from __future__ import annotations

from typing import Literal

from cykooz_resizer import FilterType, ResizeAlg, ResizeOptions, Resizer
from PIL import Image

Interpolation = Literal["bilinear", "bicubic"]

# Catmull and Rom's is the cubic filter that Pillow has, too (a = -0.5).
_OPTIONS = {
    "bilinear": ResizeOptions(resize_alg=ResizeAlg.convolution(FilterType.bilinear)),
    "bicubic": ResizeOptions(resize_alg=ResizeAlg.convolution(FilterType.catmull_rom)),
}


def resize(image: Image.Image, size: tuple[int, int], interpolation: Interpolation) -> Image.Image:
    """Resize an RGB image to a width and height in pixels. Filters are widened for shrinking (antialiased).

    Pixels are the same on every processor. A bilinear one differs from Pillow's by one level at most; a cubic filter
    overshoots at hard edges, which is cut off after the first of the two directions, and that is not Pillow's first.
    """
    resized = Image.new("RGB", size)
    Resizer().resize_pil(image, resized, _OPTIONS[interpolation])  # one for each call: threads wait for a shared one
    return resized
