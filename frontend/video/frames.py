"""A decoded frame → the image that the model is asked about, and a small one for the page."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

#: A preview's shorter side in pixels is at least this, where the frame has as many.
PREVIEW_SIDE = 192
#: FFmpeg's scale of a JPEG's coarseness, from 1: as large as at quality 80 elsewhere, and a little closer.
PREVIEW_OPTIONS = {"qmin": "4", "qmax": "4"}
#: Of a PNG that a page is sent: FFmpeg's own choice takes four times as long for a tenth less.
PACKED = {"compression_level": "1", "pred": "sub"}
#: Of one that only the model reads: packing takes nine times as long as writing, and unpacking five times as long as
#: reading.
STORED = {"compression_level": "0", "pred": "none"}
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

    def count_images(self, characters: int) -> int:
        """How many images of this size so many characters hold as base64, even where none can be compressed."""
        return max(1, characters // (4 * self.width * self.height))


class Drawer:
    """Draws the frames of one film, in one thread: what the scaling of a frame takes to prepare serves the next."""

    def __init__(self, network: NetworkSize, *, packed: bool) -> None:
        """`packed`: whether the images are sent to a page, and so should be small as files."""
        self._network = network
        self._options = PACKED if packed else STORED
        self._to_image, self._to_preview, self._to_jpeg = (VideoReformatter() for _ in range(3))

    def draw_image(self, frame: av.VideoFrame) -> bytes:
        """A frame as an upright PNG, as small as the network allows: the model answers and explains these very bytes.

        PNG loses nothing. Where the model stretches images to its input, the frame is scaled to exactly that; for a
        letterbox to what lies between its margins; else both sides stay twice as long as the input's, and the model
        does the rest. FFmpeg's bilinear filter widens for shrinking as the model's own does, so the two ways differ by
        rounding.
        """
        image = _to_rgb(frame, *_image_size(upright_size(frame), self._network), self._to_image)
        return _encode(av.VideoFrame.from_ndarray(image, "rgb24"), "png", self._options)

    def draw_preview(self, frame: av.VideoFrame) -> bytes:
        """A frame as a small upright JPEG of its own shape, for people to look at."""
        width, height = upright_size(frame)
        scale = min(1.0, PREVIEW_SIDE / min(width, height))
        sides = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = av.VideoFrame.from_ndarray(_to_rgb(frame, *sides, self._to_preview), "rgb24")
        return _encode(self._to_jpeg.reformat(image, format="yuvj420p", threads=1), "mjpeg", PREVIEW_OPTIONS)


def _image_size(size: tuple[int, int], network: NetworkSize) -> tuple[int, int]:
    sides = (network.width, network.height)
    if network.fit in ("stretch", "strip"):  # a frame is one panel
        return sides
    ratios = [side / length for side, length in zip(sides, size, strict=True)]
    scale = min(ratios) if network.fit == "letterbox" else min(1.0, 2 * max(ratios))
    width, height = (max(1, round(length * scale)) for length in size)
    return width, height


def upright_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Width and height of a frame as it is shown, in its own pixels."""
    return (frame.height, frame.width) if Turn.of(frame).swapped else (frame.width, frame.height)


@dataclass(frozen=True)
class Turn:
    """How a frame is brought upright: rows and columns are `swapped`, then rows and columns are each turned about."""

    swapped: bool = False
    rows_reversed: bool = False
    columns_reversed: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Turn:
        """By the file's display matrix, to the nearest right angle: a front camera's mirrors, which no angle says.

        Of its nine numbers the upper left four take a pixel's (x, y) to (a x + c y, b x + d y).
        """
        try:
            notes: Any = frame.side_data
            matrix = notes.get(Type.DISPLAYMATRIX)
        except ValueError:  # PyAV does not know some other note of this frame; of the matrix it still gives the angle
            return cls.by(frame.rotation)
        if matrix is None:
            return cls()
        a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
        return cls(True, b < 0, c < 0) if abs(c) > abs(a) else cls(False, d < 0, a < 0)

    @classmethod
    def by(cls, degrees: int) -> Turn:
        """Anticlockwise, to the nearest right angle."""
        turns = round(degrees / 90) % 4
        return cls(turns % 2 == 1, turns in (1, 2), turns in (2, 3))

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """`image`: (height, width, channels)."""
        upright = image.swapaxes(0, 1) if self.swapped else image
        return upright[:: -1 if self.rows_reversed else 1, :: -1 if self.columns_reversed else 1]


def _to_rgb(frame: av.VideoFrame, width: int, height: int, scaler: VideoReformatter) -> NDArray[np.uint8]:
    """Scale, turn upright, and lay what is transparent on white, as the model's own decoder does: uint8 (H, W, 3)."""
    turn = Turn.of(frame)
    if turn.swapped:
        width, height = height, width
    transparent = any(component.is_alpha for component in frame.format.components) or frame.format.name == "pal8"
    space: int | None = None
    if frame.colorspace == UNSPECIFIED:
        space = Colorspace.ITU709 if min(frame.width, frame.height) >= HIGH_DEFINITION else Colorspace.ITU601
    scaled: Any = scaler.reformat(
        frame,
        width=width,
        height=height,
        format="rgba" if transparent else "rgb24",
        src_colorspace=space,
        interpolation=Interpolation.BILINEAR,
        threads=1,  # a millisecond's work: to wake others takes longer, and they are busy
    ).to_ndarray()
    image = turn(scaled)
    if transparent:
        alpha = image[..., 3:].astype(np.uint16)
        image = (image[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return np.ascontiguousarray(image, np.uint8)


def _encode(frame: av.VideoFrame, codec: str, options: dict[str, str]) -> bytes:
    """A file of one image, by one of FFmpeg's encoders."""
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
    context.time_base, context.thread_count = Fraction(1), 1
    context.options = options
    return b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None)))
