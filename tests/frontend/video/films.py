"""Small films, made when they are wanted."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np

Paint = Callable[[float], np.ndarray]


def plain(time: float, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """Red above blue, and grey at the left that grows lighter by 40 a second."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, :, 0] = 230
    image[height // 2 :, :, 2] = 230
    image[:, : width // 4] = min(255, int(40 * time))
    return image


def make_film(
    kind: str = "mp4",
    codec: str = "libx264",
    *,
    seconds: float = 3,
    rate: int = 10,
    size: tuple[int, int] = (64, 48),
    pixels: str = "yuv420p",
    rotation: int = 0,
    times: Sequence[float] | None = None,
    paint: Paint | None = None,
    options: dict[str, str] | None = None,
    drawn_as: str = "rgb24",
) -> bytes:
    """The bytes of a film. `times`: when each frame is shown, in seconds; else `rate` a second."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        quick = {"deadline": "realtime", "cpu-used": "8"} if codec.startswith("libvpx") else {}
        stream: Any = container.add_stream(codec, rate=rate, options=quick | (options or {}))
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        container.start_encoding()
        for time in times if times is not None else [number / rate for number in range(round(seconds * rate))]:
            drawn = paint(time) if paint else plain(time, size)
            frame = av.VideoFrame.from_ndarray(drawn, drawn_as).reformat(format=pixels)
            frame.time_base = Fraction(1, 1000)
            frame.pts = round(1000 * time)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def make_song(*, cover: bool = False) -> bytes:
    """Sound; with a cover, which is a video stream to FFmpeg."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=44100)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), "fltp", "mono")
        silence.sample_rate = 44100
        shown = None
        if cover:
            shown = container.add_stream("mjpeg", rate=1)
            shown.width, shown.height, shown.pix_fmt = 64, 48, "yuvj420p"
            shown.disposition = av.stream.Disposition.attached_pic
        container.mux(sound.encode(silence))
        container.mux(sound.encode(None))
        if shown:
            container.mux(shown.encode(av.VideoFrame.from_ndarray(plain(0), "rgb24").reformat(format="yuvj420p")))
            container.mux(shown.encode(None))
    return buffer.getvalue()
