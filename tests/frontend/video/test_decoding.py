"""Files that claim more than they hold, and what decoding may take; in a process of its own."""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import forkserver
from typing import IO

import av
import psutil
import pytest
from av.video.codeccontext import VideoCodecContext

from frontend.errors import FrontEndError, RequestError
from frontend.video import decoding
from frontend.video.decoding import Decoder, Order
from frontend.video.frames import NetworkSize
from frontend.video.reader import Limits, count_threads
from frontend.video.tables import check_tables
from tests.frontend.video.films import make_film
from tests.frontend.video.test_reader import noise
from tests.waiting import wait_until

ORDER = Order(Limits(3600 * 24, 10**7), NetworkSize(32, 32, "stretch"), 2.0, "even", False, 1000, 2**30)


def box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I", 8 + len(content)) + kind + content


def table(kind: bytes, *numbers: int) -> bytes:
    return box(kind, struct.pack(f">{1 + len(numbers)}I", 0, *numbers))


def claim(*tables: bytes, tracks: int = 1) -> bytes:
    """An MP4 of 64 bytes of film with these tables of samples."""
    track = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", *tables))))
    return box(b"ftyp", b"isom\0\0\0\1isom") + box(b"mdat", bytes(64)) + box(b"moov", *([track] * tracks))


MANY = box(b"moof", box(b"traf", table(b"trun", 50_000_000)))


@pytest.mark.parametrize(
    "film",
    [
        claim(table(b"stsz", 1, 50_000_000)),
        claim(table(b"stsz", 1, 200), tracks=2),
        claim(table(b"stsz", 0, 50_000_000)),
        claim(box(b"stz2", struct.pack(">III", 0, 4, 50_000_000))),
        claim(table(b"stts", 50_000_000, 1, 1)),
        claim(table(b"stco", 50_000_000, 1)),
        claim(table(b"ctts", 50_000_000, 1, 1)),
        box(b"ftyp", bytes(8)) + MANY,
        box(b"ftyp", bytes(8)) + box(b"free") * 200_002,
        box(b"ftyp", bytes(8)) + box(b"moov") * 200_002,
        # What breaks off, or reaches beyond the box around it, takes nothing from what comes after that.
        box(b"ftyp", bytes(8)) + box(b"moov", struct.pack(">I4s", 4, b"free")) + MANY,
        box(b"ftyp", bytes(8)) + box(b"moov", struct.pack(">I4sI4s", 2**30, b"trak", 2**29, b"udta")) + MANY,
    ],
)
def test_tables_that_claim_more_than_the_file_holds(film: bytes) -> None:
    with pytest.raises(RequestError) as raised:
        check_tables(io.BytesIO(film))
    assert raised.value.code == "broken_video"


@pytest.mark.parametrize("kind", ["mp4", "mov", "webm", "avi"])
def test_a_film_holds_what_it_claims(kind: str) -> None:
    codec = {"webm": "libvpx", "avi": "mpeg4"}.get(kind, "libx264")
    film = io.BytesIO(make_film(kind, codec))
    check_tables(film)
    assert film.tell() == 0
    for length in range(0, len(film.getvalue()), max(1, len(film.getvalue()) // 50)):
        check_tables(io.BytesIO(film.getvalue()[:length]))  # what is cut off claims no more


@contextmanager
def opened(film: bytes) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as file:
        file.write(film)
        file.flush()
        yield file


def children() -> list[psutil.Process]:
    """The decoders that live: the processes forked from the one that has FFmpeg loaded."""
    server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    found = []
    for each in psutil.Process(server).children() if server else []:
        with suppress(psutil.NoSuchProcess):
            if each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
    return found


@pytest.fixture(scope="module")
def long() -> bytes:
    """A film whose frames, 2 MB, can't all lie ready before anybody takes them."""
    return make_film(seconds=60, paint=noise, size=(160, 120), options={"preset": "ultrafast"})


def test_a_film_comes_frame_by_frame_and_its_process_ends() -> None:
    with opened(make_film(seconds=3)) as file:
        decoder = Decoder(file, ORDER)
        assert decoder.survey.seconds == pytest.approx(3, abs=0.2)
        assert [int(2 * picked.time) for picked in decoder.frames()] == [0, 1, 2, 3, 4, 5]
        decoder.close()
    wait_until(lambda: not children())


def drain(decoder: Decoder) -> int:
    return sum(1 for _ in decoder.frames())


def test_decoding_gets_no_more_memory_than_it_may_have() -> None:
    """Nothing of this process: the limit is the other's, and here is none."""
    with opened(make_film(seconds=1, size=(1920, 1080), options={"preset": "ultrafast"})) as file:
        assert drain(Decoder(file, ORDER)) == 2
        with pytest.raises(RequestError) as raised:
            drain(Decoder(file, replace(ORDER, memory=2**20)))
    assert (raised.value.status, raised.value.code) == (413, "video_too_dear")


def test_frames_that_were_drawn_go() -> None:
    """Of 30, which are 93 MB, as many lie in memory as decoding needs; threads count with their stacks, 48 MiB."""
    film = make_film(seconds=1, rate=30, size=(1920, 1080), options={"preset": "ultrafast"})
    with opened(film) as file:
        assert drain(Decoder(file, replace(ORDER, rate=30, images=True, memory=2**27))) == 30


@pytest.mark.parametrize(
    ("size", "pixels", "threads"),
    [((1920, 1080), "yuv420p", 6), ((3840, 2160), "yuv420p", 4), ((4096, 2304), "yuv420p10le", 1),
     ((4096, 2304), "yuva444p12le", 1)],
)  # fmt: skip
def test_large_frames_are_decoded_by_fewer_threads(size: tuple[int, int], pixels: str, threads: int) -> None:
    context = av.CodecContext.create("h264", "r")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = *size, pixels
    assert count_threads(context) == threads


def test_decoding_that_hangs_is_ended(long: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_until(lambda: not children())
    with opened(long) as file:
        decoder = Decoder(file, replace(ORDER, rate=10))
        [process] = children()
        process.suspend()
        monkeypatch.setattr(decoding, "SILENCE_SECONDS", 0.5)
        with pytest.raises(RequestError, match="does not get on"):
            drain(decoder)
    wait_until(lambda: not children())


def test_a_decoder_that_is_killed_is_no_fault_of_its_film_and_nothing_to_others(long: bytes) -> None:
    with opened(long) as file, opened(make_film(seconds=3)) as other:
        wait_until(lambda: not children())
        decoder = Decoder(file, replace(ORDER, rate=10))
        [process] = children()
        neighbour = Decoder(other, ORDER)
        process.kill()
        with pytest.raises(FrontEndError, match="was ended") as raised:
            drain(decoder)
        assert (raised.value.status, raised.value.code) == (503, "model_busy")
        assert drain(neighbour) == 6
        neighbour.close()
