"""A loaded image of any mode → sRGB on white paper, strip by strip where it is large, so that no second picture of its
size is held beside it."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from PIL import ExifTags, Image, ImageCms

_SRGB = ImageCms.createProfile("sRGB")
_LEVELS = np.linspace(0, 255, 9).round().astype(np.uint8)
_PROBE = np.stack(np.meshgrid(_LEVELS, _LEVELS, _LEVELS), axis=-1).reshape(27, 27, 3)
#: Pixels of an image that is brought to RGB as a whole, and of a strip of larger ones.
_WHOLE = 4 * 2**20
_AT_ONCE = 2**20


def to_rgb(image: Image.Image, factor: int = 1) -> Image.Image:
    """Of mode RGB, each side divided by `factor` and rounded up: a pixel is the mean of as many as there were.

    Transparency is laid on white, grey of 12 and 16 bits scaled to 8, floats and long integers stretched to 0…255; an
    embedded profile is honoured. An image that is what is asked for comes back itself.
    """
    if image.mode == "RGB" and factor == 1 and not image.has_transparency_data and not image.info.get("icc_profile"):
        return image
    span = _find_span(image) if image.mode in ("I", "F") else (0.0, 0.0)
    if image.width * image.height <= _WHOLE and factor == 1:
        return _convert(image, image, span)
    page = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    for top, strip in _cut(image, factor):
        rgb = _convert(strip, image, span)
        page.paste(rgb.reduce(factor) if factor > 1 else rgb, (0, top // factor))
    return page


def _cut(image: Image.Image, factor: int) -> Iterator[tuple[int, Image.Image]]:
    """Where each strip begins, a multiple of `factor`, and the strip."""
    rows = max(1, _AT_ONCE // image.width // factor) * factor
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _convert(strip: Image.Image, whole: Image.Image, span: tuple[float, float]) -> Image.Image:
    if strip.mode.startswith("I;16"):
        return Image.fromarray(_scale_samples(np.asarray(strip), whole)).convert("RGB")
    if strip.mode in ("I", "F"):
        return Image.fromarray(_stretch(np.asarray(strip), *span)).convert("RGB")
    if strip.has_transparency_data:
        strip = _to_srgb(strip.convert("RGBA"))
        paper = Image.new("RGBA", strip.size, (255, 255, 255, 255))
        return Image.alpha_composite(paper, strip).convert("RGB")
    if strip.mode == "P":
        strip = strip.convert("RGB")
    return _to_srgb(strip).convert("RGB")


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


def _scale_samples(samples: np.ndarray, image: Image.Image) -> np.ndarray:
    """Grey of 16 bits, or of 12 in a TIFF, to uint8, rounded; a TIFF may also count from white."""
    tags = getattr(image, "tag_v2", {})
    (bits,) = tags.get(ExifTags.Base.BitsPerSample, (16,))
    white = 2**bits - 1
    grey = samples.astype(np.float32)
    if tags.get(ExifTags.Base.PhotometricInterpretation) == 0:
        np.subtract(white, grey, out=grey)
    grey *= 255 / white
    grey += 0.5
    return grey.astype(np.uint8)


def _find_span(image: Image.Image) -> tuple[float, float]:
    """The lowest and the highest finite number; both 0 where there is none."""
    lows, highs = [], []
    for _, strip in _cut(image, 1):
        values = np.asarray(strip)
        finite = values[np.isfinite(values)]
        if finite.size:
            lows.append(float(finite.min()))
            highs.append(float(finite.max()))
    return (min(lows), max(highs)) if lows else (0.0, 0.0)


def _stretch(grey: np.ndarray, low: float, high: float) -> np.ndarray:
    """`low` → 0, `high` → 255. What is not a finite number becomes the nearest of the two, black where it is NaN."""
    if low == high:
        return np.zeros(grey.shape, np.uint8)
    clean = np.nan_to_num(grey, nan=low, posinf=high, neginf=low)
    return (np.interp(clean, (low, high), (0, 255)) + 0.5).astype(np.uint8)
