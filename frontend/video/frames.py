"""A decoded frame → the image that the model is asked about, and a small one for the page."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace, Interpolation
from numpy.typing import NDArray

#: A preview's shorter side in pixels is at least this, where the frame has as many.
PREVIEW_SIDE = 192
#: FFmpeg's scale of a JPEG's coarseness, from 1: as large as at quality 80 elsewhere, and a little closer.
PREVIEW_QUANTISER = 4
#: AVCOL_SPC_UNSPECIFIED: colours that say nothing of themselves. Players take BT.709 for them in high definition, which
#: begins at this height, and BT.601 below.
UNSPECIFIED = 2
HIGH_DEFINITION = 720


@dataclass(frozen=True)
class NetworkSize:
    """What a model's card says of its input: sides in pixels, and how an image is fitted to them."""

    width: int
    height: int
    fit: str

    @classmethod
    def of(cls, card: dict[str, Any]) -> NetworkSize:
        preprocessing = card["preprocessing"]
        return cls(preprocessing["width"], preprocessing["height"], preprocessing.get("fit", "stretch"))


def draw_image(frame: av.VideoFrame, network: NetworkSize) -> bytes:
    """A frame as an upright BMP, as small as the network allows.

    BMP loses nothing and costs nothing to write and read. Where the model stretches images to its input, the frame is
    scaled to exactly that; else both sides stay twice as long as the input's, and the model does the rest. FFmpeg's
    bilinear filter widens for shrinking as the model's own does, so the two ways differ by rounding.
    """
    if network.fit == "stretch":
        size = (network.width, network.height)
    else:
        width, height = upright_size(frame)
        scale = min(1.0, max(2 * network.width / width, 2 * network.height / height))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return _encode(_to_rgb(frame, *size), "bmp", "bgr24")


def draw_preview(frame: av.VideoFrame, network: NetworkSize) -> bytes:
    """A frame as a small upright JPEG of its own shape, large enough to ask the model about it again."""
    width, height = upright_size(frame)
    scale = min(1.0, max(PREVIEW_SIDE, min(network.width, network.height)) / min(width, height))
    image = _to_rgb(frame, max(1, round(width * scale)), max(1, round(height * scale)))
    return _encode(image, "mjpeg", "yuvj420p", PREVIEW_QUANTISER)


def upright_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Width and height of a frame as it is shown, in its own pixels."""
    return (frame.height, frame.width) if frame.rotation % 180 else (frame.width, frame.height)


def _to_rgb(frame: av.VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
    """Scale, turn upright, and lay what is transparent on white, as the model's own decoder does: uint8 (H, W, 3)."""
    turns = round(frame.rotation / 90) % 4
    if turns % 2:
        width, height = height, width
    transparent = any(component.is_alpha for component in frame.format.components)
    space: int | None = None
    if frame.colorspace == UNSPECIFIED:
        space = Colorspace.ITU709 if min(frame.width, frame.height) >= HIGH_DEFINITION else Colorspace.ITU601
    scaled = frame.reformat(
        width=width,
        height=height,
        format="rgba" if transparent else "rgb24",
        src_colorspace=space,
        interpolation=Interpolation.BILINEAR,
    ).to_ndarray()
    image = np.rot90(scaled, turns)
    if transparent:
        alpha = image[..., 3:].astype(np.uint16)
        image = (image[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return np.ascontiguousarray(image, np.uint8)


def _encode(image: NDArray[np.uint8], codec: str, pixel_format: str, quantiser: int | None = None) -> bytes:
    """RGB as a file of one image, by one of FFmpeg's encoders."""
    frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=pixel_format)
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, pixel_format
    context.time_base, context.thread_count = Fraction(1), 1
    if quantiser:
        context.qmin = context.qmax = quantiser
    return b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None)))
