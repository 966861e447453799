"""What is read of a file, and what is refused with which words."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from frontend.errors import RequestError
from frontend.video.reader import Limits, Skip, read_frames, survey
from tests.frontend.video.films import make_film, make_song

LIMITS = Limits(seconds=1800, pixels=4096 * 2304)


def noise(time: float) -> np.ndarray:
    return np.random.default_rng(round(1000 * time)).integers(0, 255, (120, 160, 3), np.uint8)


def times_of(film: bytes, skip: Skip = "DEFAULT") -> list[float]:
    frames = read_frames(io.BytesIO(film), LIMITS, skip)
    return [round(timed.time, 3) for timed in frames]


def code_of(film: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(RequestError) as caught:
        survey(io.BytesIO(film), limits)
    return caught.value.code


@pytest.mark.parametrize(
    ("kind", "codec", "pixels"),
    [
        ("mp4", "libx264", "yuv420p"),
        ("mov", "mjpeg", "yuvj420p"),
        ("webm", "libvpx", "yuv420p"),
        ("webm", "libvpx-vp9", "yuv420p"),
        ("matroska", "ffv1", "yuv420p"),
        ("avi", "mpeg4", "yuv420p"),
        ("mpegts", "libx264", "yuv420p"),
        ("gif", "gif", "rgb8"),
    ],
)
def test_each_kind_of_file_is_surveyed_and_read(kind: str, codec: str, pixels: str) -> None:
    film = make_film(kind, codec, pixels=pixels)
    found = survey(io.BytesIO(film), LIMITS)
    assert found.seconds == pytest.approx(3, abs=0.01)
    assert found.frame_gap == pytest.approx(0.1, abs=1e-3)
    assert not found.ends_early
    assert times_of(film) == pytest.approx([number / 10 for number in range(30)], abs=1e-3)


def test_a_variable_frame_rate_keeps_its_times() -> None:
    times = [0, 0.1, 0.2, 1, 1.05, 4]
    for kind, codec in (("mp4", "libx264"), ("webm", "libvpx")):
        assert times_of(make_film(kind, codec, times=times)) == times


def test_key_frames_alone_are_a_part() -> None:
    film = make_film(options={"g": "5", "sc_threshold": "0"})
    assert survey(io.BytesIO(film), LIMITS).key_gap == pytest.approx(0.5)
    assert times_of(film, "NONKEY") == [0, 0.5, 1, 1.5, 2, 2.5]


def image(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "tan").save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_a_still_picture_is_called_one(kind: str) -> None:
    assert code_of(image(kind)) == "still_picture"


@pytest.mark.parametrize("cover", [False, True])
def test_sound_is_no_video_even_with_a_cover(cover: bool) -> None:
    assert code_of(make_song(cover=cover)) == "no_video_stream"


@pytest.mark.parametrize(
    "content",
    [
        b"hello " * 1000,
        b"\0" * 5000,
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n",
        b"ffconcat version 1.0\nfile '/etc/hostname'\n",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nm=video 5004 RTP/AVP 96\r\n",
    ],
    ids=["text", "zeros", "playlist", "list", "session"],
)
def test_what_is_no_video_is_not_opened(content: bytes) -> None:
    assert code_of(content) == "not_a_video"


def test_a_film_without_frames_is_broken() -> None:
    assert code_of(make_film("webm", "libvpx", seconds=0)) == "broken_video"
    assert code_of(make_film(seconds=0)) == "no_video_stream"  # an MP4 does not keep a stream without frames


def test_a_head_alone_is_broken() -> None:
    film = make_film(paint=noise, size=(160, 120))  # an MP4's index is at its end
    assert code_of(film[: len(film) // 2]) == "broken_video"
    assert code_of(b"\x1a\x45\xdf\xa3" + bytes(100)) == "broken_video"


def test_a_film_that_breaks_off_is_read_so_far() -> None:
    film = make_film("webm", "libvpx", seconds=10, paint=noise, size=(160, 120))
    part = film[: len(film) // 2]
    found = survey(io.BytesIO(part), LIMITS)
    assert found.ends_early
    assert 3 < found.seconds < 7
    assert len(times_of(part)) == pytest.approx(found.seconds / found.frame_gap, abs=2)


def test_a_damaged_stretch_is_passed_over() -> None:
    film = bytearray(make_film("matroska", "mjpeg", paint=noise, size=(160, 120), pixels="yuvj420p"))
    film[len(film) // 2 : len(film) // 2 + 3000] = bytes(3000)
    times = times_of(bytes(film))
    assert 15 <= len(times) <= 30
    assert times[-1] == pytest.approx(2.9, abs=0.01)


def test_a_codec_that_is_not_built_in_is_said_so() -> None:
    film = make_film("webm", "libvpx")
    assert code_of(film.replace(b"V_VP8", b"V_XP8")) == "unknown_codec"


def test_a_frame_of_8k_is_refused() -> None:
    film = make_film(seconds=0.1, size=(7680, 4320), options={"preset": "ultrafast"})
    assert code_of(film) == "frame_too_large"
    assert code_of(make_film(), Limits(seconds=60, pixels=64 * 47)) == "frame_too_large"


def test_three_hours_are_refused_with_or_without_a_declared_length() -> None:
    assert code_of(make_film(times=[0, 1, 3 * 3600])) == "video_too_long"
    assert code_of(make_film("webm", "libvpx", times=[0, 1, 3 * 3600], options={"live": "1"})) == "video_too_long"
    unending = make_film("matroska", "libvpx", times=[0, 1, 3 * 3600]).replace(b"\x44\x89\x88", b"\xec\x89\x88")
    assert code_of(unending) == "video_too_long"
