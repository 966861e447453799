"""Films as cameras and programs make them: turned, mirrored, transparent, of changing size, cut by an edit list."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

import av
import numpy as np
import pytest
from PIL import Image

from frontend.video.frames import Drawer, NetworkSize, Turn, upright_size
from frontend.video.reader import Limits, TimedFrame, read_frames, survey
from tests.frontend.video.films import make_film

LIMITS = Limits(seconds=60, pixels=10**7)
STRETCH = NetworkSize(32, 24, "stretch")
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "yellow": (220, 220, 30)}
STORED = ("red", "green", "blue", "yellow")  # upper left, upper right, lower left, lower right


def corners(time: float) -> np.ndarray:
    image = np.zeros((48, 64, 3), np.uint8)
    for number, name in enumerate(STORED):
        top, left = 24 * (number // 2), 32 * (number % 2)
        image[top : top + 24, left : left + 32] = COLOURS[name]
    return image


def read(film: bytes) -> list[TimedFrame]:
    survey(io.BytesIO(film), LIMITS)
    return list(read_frames(io.BytesIO(film), LIMITS, "DEFAULT"))


def name_corners(image: bytes) -> tuple[str, ...]:
    pixels = np.asarray(Image.open(io.BytesIO(image)).convert("RGB")).astype(int)
    height, width = pixels.shape[:2]
    places = [(row, column) for row in (height // 5, -height // 5) for column in (width // 5, -width // 5)]
    return tuple(min(COLOURS, key=lambda name: np.abs(pixels[place] - COLOURS[name]).sum()) for place in places)


def with_matrix(film: bytes, a: float, b: float, c: float, d: float) -> bytes:
    """An MP4 with another display matrix in its track's head."""
    at = film.index(b"tkhd") + 4 + 40
    matrix = [a, b, 0, c, d, 0, 0, 0]
    return film[:at] + struct.pack(">8i", *(round(65536 * each) for each in matrix)) + film[at + 32 :]


#: a, b, c, d of the matrix (x, y) → (a x + c y, b x + d y), as QuickTime has it, and the corners as they are shown.
MATRICES = {
    "as it is": ((1, 0, 0, 1), STORED),
    "mirrored left to right, as a front camera": ((-1, 0, 0, 1), ("green", "red", "yellow", "blue")),
    "mirrored top to bottom": ((1, 0, 0, -1), ("blue", "yellow", "red", "green")),
    "turned by 180": ((-1, 0, 0, -1), ("yellow", "blue", "green", "red")),
    "turned by 90 clockwise": ((0, 1, -1, 0), ("blue", "red", "yellow", "green")),
    "turned by 90 anticlockwise": ((0, -1, 1, 0), ("green", "yellow", "red", "blue")),
    "mirrored at the diagonal": ((0, 1, 1, 0), ("red", "blue", "green", "yellow")),
    "mirrored at the other diagonal": ((0, -1, -1, 0), ("yellow", "green", "blue", "red")),
    "turned by 3 degrees": ((0.9986, 0.0523, -0.0523, 0.9986), STORED),
    "twice as large": ((2, 0, 0, 2), STORED),
}


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize(("kind", "codec", "pixels"), [("mp4", "libx264", "yuv420p"), ("mov", "mjpeg", "yuvj420p")])
def test_a_display_matrix_is_followed(name: str, kind: str, codec: str, pixels: str) -> None:
    matrix, shown = MATRICES[name]
    frame = read(with_matrix(make_film(kind, codec, pixels=pixels, paint=corners, seconds=0.2), *matrix))[0].frame
    assert upright_size(frame) == ((48, 64) if matrix[0] == 0 else (64, 48))
    assert name_corners(Drawer(STRETCH, packed=True).draw_preview(frame)) == shown
    assert name_corners(Drawer(STRETCH, packed=False).draw_image(frame)) == shown
    assert Image.open(io.BytesIO(Drawer(STRETCH, packed=True).draw_preview(frame))).size == upright_size(frame)


@pytest.mark.parametrize(
    ("degrees", "shown"),
    [
        (90, ("green", "yellow", "red", "blue")),
        (180, ("yellow", "blue", "green", "red")),
        (-90, ("blue", "red", "yellow", "green")),
    ],
)
def test_matroskas_angle_is_followed_too(degrees: int, shown: tuple[str, ...]) -> None:
    film = make_film("matroska", paint=corners, seconds=0.2, rotation=degrees)
    assert name_corners(Drawer(STRETCH, packed=True).draw_preview(read(film)[0].frame)) == shown


def test_a_mirrored_film_with_transparency_is_mirrored_and_laid_on_white() -> None:
    film = make_film("mov", "png", pixels="rgba", paint=half_transparent, drawn_as="rgba", seconds=0.2)
    frame = read(with_matrix(film, -1, 0, 0, 1))[0].frame
    image = Image.open(io.BytesIO(Drawer(STRETCH, packed=False).draw_image(frame)))
    assert image.getpixel((26, 5)) == (255, 255, 255)
    assert image.getpixel((6, 5)) == (200, 20, 20)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, -90, 360])
def test_an_angle_turns_anticlockwise(degrees: int) -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    np.testing.assert_array_equal(Turn.by(degrees)(image), np.rot90(image, degrees // 90))


# --- alpha -----------------------------------------------------------------------------------------------------------
def half_transparent(time: float) -> np.ndarray:
    """What lies under the transparent left half is dark, and must not be seen; the middle lets half of it through."""
    image = np.full((48, 64, 4), (20, 20, 20, 0), np.uint8)
    image[:, 32:] = (200, 20, 20, 255)
    image[24:, :32] = (0, 0, 200, 128)
    return image


ALPHA = [
    ("webm", "libvpx", "yuva420p"),
    ("webm", "libvpx-vp9", "yuva420p"),
    ("mov", "prores_ks", "yuva444p10le"),
    ("mov", "qtrle", "argb"),
    ("mov", "png", "rgba"),
    ("mov", "png", "rgba64be"),
    ("mov", "cfhd", "gbrap12le"),
    ("mov", "jpeg2000", "rgba"),
    ("mov", "tiff", "rgba"),
    ("mov", "rawvideo", "argb"),
    ("avi", "rawvideo", "bgra"),
    ("matroska", "libvpx", "yuva420p"),
    ("matroska", "libvpx-vp9", "yuva420p"),
    ("mov", "targa", "bgra"),
    ("mov", "sgi", "rgba"),
    ("mov", "dpx", "rgba"),
    ("mov", "exr", "gbrapf32le"),
    ("mov", "prores_aw", "yuva444p10le"),
    ("avi", "utvideo", "gbrap"),
    ("avi", "magicyuv", "gbrap"),
    ("avi", "magicyuv", "yuva444p"),
    ("avi", "huffyuv", "bgra"),
    ("avi", "ffvhuff", "yuva420p"),
    ("avi", "ffvhuff", "yuva444p16le"),
    ("matroska", "ffv1", "bgra"),
    ("matroska", "ffv1", "yuva420p"),
    ("matroska", "ffv1", "yuva444p16le"),
    ("matroska", "ffv1", "gbrap12le"),
]


@pytest.mark.parametrize(("kind", "codec", "pixels"), ALPHA)
def test_what_is_transparent_is_white_in_every_codec(kind: str, codec: str, pixels: str) -> None:
    options = {"auto-alt-ref": "0"} if codec.startswith("libvpx") else None
    film = make_film(kind, codec, pixels=pixels, paint=half_transparent, drawn_as="rgba", seconds=0.3, options=options)
    frames = read(film)
    assert [round(each.time, 1) for each in frames] == [0, 0.1, 0.2]
    for each in frames:
        image = np.asarray(Image.open(io.BytesIO(Drawer(STRETCH, packed=False).draw_image(each.frame)))).astype(int)
        assert np.abs(image[5, 6] - (255, 255, 255)).max() <= 4
        assert np.abs(image[5, 26] - (200, 20, 20)).max() <= 10
        assert np.abs(image[18, 6] - (127, 127, 227)).max() <= 10


def test_a_gif_with_a_transparent_colour_is_laid_on_white() -> None:
    frames = [Image.new("P", (64, 48)) for _ in range(3)]
    for number, frame in enumerate(frames):
        frame.putpalette([20, 20, 20, 200, 20, 20, 0, 0, 200])
        frame.paste(1, (32, 0, 64, 48))
        frame.paste(2, (40 + number, 0, 44 + number, 48))
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], transparency=0, duration=100)
    image = np.asarray(
        Image.open(io.BytesIO(Drawer(STRETCH, packed=False).draw_image(read(buffer.getvalue())[0].frame)))
    ).astype(int)
    assert np.abs(image[12, 6] - (255, 255, 255)).max() <= 2
    assert np.abs(image[12, 29] - (200, 20, 20)).max() <= 8


def test_a_frame_is_one_panel_of_a_model_of_strips() -> None:
    frame = read(make_film(paint=corners, seconds=0.2, size=(64, 48)))[0].frame
    assert Image.open(io.BytesIO(Drawer(NetworkSize(32, 24, "strip"), packed=False).draw_image(frame))).size == (32, 24)


# --- sizes that change -----------------------------------------------------------------------------------------------
def plain(colour: str, size: tuple[int, int]) -> np.ndarray:
    return np.full((size[1], size[0], 3), COLOURS[colour], np.uint8)


def join(kind: str, codec: str, parts: Sequence[tuple[str, tuple[int, int]]]) -> bytes:
    """One stream of which each part comes from an encoder of its own: half a second of a colour, in a size."""
    buffer = io.BytesIO()
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    with av.open(buffer, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height = parts[0][1]
        stream.pix_fmt = pixels
        container.start_encoding()
        for number, (colour, size) in enumerate(parts):
            part = make_film(kind, codec, pixels=pixels, paint=lambda _: plain(colour, size), size=size, seconds=0.5)  # noqa: B023
            with av.open(io.BytesIO(part)) as source:
                beginning = source.start_time or 0
                for packet in source.demux(video=0):
                    if packet.dts is None:
                        continue
                    shift = round((0.5 * number - beginning / av.time_base) / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    container.mux(packet)
    return buffer.getvalue()


SIZES = {
    "smaller": [("red", (64, 48)), ("blue", (32, 24))],
    "larger": [("red", (64, 48)), ("blue", (128, 96))],
    "upright, then lying": [("red", (48, 64)), ("blue", (64, 48))],
    "and back": [("red", (64, 48)), ("blue", (96, 64)), ("green", (64, 48))],
}


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize(
    ("kind", "codec"),
    [
        ("webm", "libvpx"),
        ("webm", "libvpx-vp9"),
        ("mpegts", "mpeg2video"),
        ("mpegts", "libx264"),
        ("matroska", "mjpeg"),
    ],
)
def test_a_size_that_changes_midway_is_followed(name: str, kind: str, codec: str) -> None:
    parts = SIZES[name]
    frames = read(join(kind, codec, parts))
    # FFmpeg's MPEG-2 loses the frame that it holds back when the size changes.
    assert 5 * len(parts) - len(frames) == (len(parts) - 1 if codec == "mpeg2video" else 0)
    for each in frames:
        colour, size = parts[int(each.time / 0.5 + 0.01)]
        assert upright_size(each.frame) == size
        image = np.asarray(Image.open(io.BytesIO(Drawer(STRETCH, packed=False).draw_image(each.frame)))).astype(int)
        assert image.shape == (24, 32, 3)
        assert np.abs(image - COLOURS[colour]).max() <= 12, each.time


# --- edit lists ------------------------------------------------------------------------------------------------------
def grow(time: float) -> np.ndarray:
    return np.full((48, 64, 3), round(40 + 80 * time), np.uint8)


def with_edits(film: bytes, *edits: tuple[float, float]) -> bytes:
    """An MP4 with another edit list: of each edit where in the media it begins, −1 for nothing, and how long it is."""
    (media,) = struct.unpack_from(">I", film, film.index(b"mdhd") + 16)
    (movie,) = struct.unpack_from(">I", film, film.index(b"mvhd") + 16)
    rows = [(round(long * movie), -1 if begin < 0 else round(begin * media), 1, 0) for begin, long in edits]
    content = struct.pack(">II", 0, len(rows)) + b"".join(struct.pack(">Iihh", *row) for row in rows)
    at = film.index(b"elst") - 4
    (size,) = struct.unpack_from(">I", film, at)
    changed = bytearray(film[:at] + struct.pack(">I", len(content) + 8) + b"elst" + content + film[at + size :])
    for name in (b"moov", b"trak", b"edts"):  # the index lies behind the pictures, so that these do not move
        outer = film.index(name) - 4
        (length,) = struct.unpack_from(">I", film, outer)
        struct.pack_into(">I", changed, outer, length + len(changed) - len(film))
    return bytes(changed)


#: Edits of two seconds at ten frames a second, and the frames that are shown.
EDITS = {
    "all": ([(0, 2)], [*range(20)]),
    "begins late": ([(0.5, 1.5)], [*range(5, 20)]),
    "begins later": ([(1.2, 0.8)], [*range(12, 20)]),
    "ends early": ([(0, 1.2)], [*range(12)]),
    "the middle": ([(0.4, 1)], [*range(4, 14)]),
    "without the middle": ([(0, 0.5), (1.5, 0.5)], [*range(5), *range(15, 20)]),
    "nothing first": ([(-1, 0.7), (0.5, 1)], [*range(5, 15)]),
}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("group", [50, 5])
def test_what_an_edit_list_leaves_out_is_not_seen(name: str, group: int) -> None:
    edits, shown = EDITS[name]
    options = {"bf": "0", "g": str(group), "sc_threshold": "0"}
    film = with_edits(make_film(paint=grow, seconds=2, options=options), *edits)
    found = survey(io.BytesIO(film), LIMITS)
    frames = read(film)
    left = len(shown)
    assert (found.seconds, found.frame_gap) == (pytest.approx(left / 10, abs=1e-3), pytest.approx(0.1, abs=1e-3))
    assert [round(each.time, 2) for each in frames] == [round(number / 10, 2) for number in range(left)]
    shades = [int(each.frame.to_ndarray(format="gray")[24, 32]) for each in frames]
    expected = [40 + 8 * number for number in shown]
    full = [round((shade - 16) * 255 / 219) for shade in shades] if max(shades) < 236 else shades
    difference = min(np.abs(np.array(values) - expected).max() for values in (shades, full))
    assert difference <= 6


def test_a_film_that_begins_late_begins_at_nought() -> None:
    frames = read(make_film(times=[1 + number / 10 for number in range(10)], paint=grow))
    assert [round(each.time, 2) for each in frames] == [round(number / 10, 2) for number in range(10)]


def test_frames_out_of_order_come_in_order() -> None:
    film = make_film(paint=grow, seconds=2, options={"bf": "3"})
    shades = [int(each.frame.to_ndarray(format="gray")[24, 32]) for each in read(film)]
    assert shades == sorted(shades)
    assert len(shades) == 20
