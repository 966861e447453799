"""The most memory that one request takes, over everything that serves: the front end, TorchServe, its workers and the
processes in which pictures and films are decoded. In MiB beyond what they had, each shared page counted once."""

from __future__ import annotations

import io
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import requests
from PIL import Image

from hwapung.local import serving
from tests.benchmarks.serving_material import FOLDER, make_served_bundle
from tests.frontend.video.films import make_film
from tests.frontend.video.test_decoding import claim, table
from tests.hostile import LARGE, ODD, encode
from tests.peaks import Peak
from tests.tiny_sketch import draw_page, make_tiny_sketch_bundle
from torchserve.archive import build_archive

#: The largest picture that the front end takes, and the largest batch and film of this measurement, in bytes.
PICTURE, ZIP, FILM = 20 * 2**20, 25 * 2**20, 512 * 2**20
CLASSIFY, PAPER = "api/v1/models/landscape", "api/v1/models/sketch/recognise?paper=true"
#: The largest frame that is taken.
FRAME = (4096, 2304)

Make = Callable[[], bytes]


class Asked(NamedTuple):
    """`make` gives the body of this type, when it is its turn."""

    name: str
    path: str
    kind: str
    make: Make


def measure_all() -> int:
    """Bytes of all descendants of this process together."""
    return sum(map(_read_share, psutil.Process().children(recursive=True)))


def _read_share(process: psutil.Process) -> int:
    """What a process has for itself, and its part of what it shares; 0 of one that has ended."""
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def fill_up(data: bytes, size: int) -> bytes:
    """With what no decoder reads, to so many bytes."""
    return data + bytes(max(0, size - len(data)))


def fill_up_large(name: str) -> bytes:
    return fill_up(LARGE[name](), PICTURE)


def draw_noise(side: int) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def make_zip(pictures: int, content: bytes, kind: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for number in range(pictures):
            archive.writestr(f"{number}.png", content)
    return buffer.getvalue()


PICTURES: dict[str, Make] = {
    "png of 19 MiB of noise": partial(draw_noise, 2500),
    **{
        f"{name}, filled up": partial(fill_up_large, name)
        for name in ("png RGBA", "jpeg progressive cmyk", "webp lossy")
    },
    **LARGE,
    **ODD,
}
#: Those that take most of their formats.
DEAR = ("jpeg progressive cmyk", "png RGBA", "webp lossy", "avif transparent", "png of 19 MiB of noise")
ZIPS: dict[str, Make] = {
    "zip of 25 MiB of noise": lambda: make_zip(8, draw_noise(1000), zipfile.ZIP_STORED),
    "zip of pictures that become 20 MiB": lambda: make_zip(40, fill_up(encode("L", (64, 64), "PNG"), PICTURE), 8),
    "zip of dear pictures": lambda: make_zip(20, LARGE["png RGBA"](), zipfile.ZIP_STORED),
}


@cache
def make_picture(name: str) -> bytes:
    return PICTURES[name]()


def _film(codec: str, options: dict[str, str], pixels: str = "yuv420p", kind: str = "mp4", frames: int = 24) -> Make:
    return lambda: make_film(kind, codec, seconds=frames / 24, rate=24, size=FRAME, pixels=pixels, options=options)


_FAST = {"preset": "ultrafast"}
_HEVC = _FAST | {"x265-params": "log-level=none"}
FILMS: dict[str, Make] = {
    "h264": _film("libx264", _FAST | {"bf": "3", "refs": "3"}),
    "h264 in 10 bits, 16 references": _film("libx264", _FAST | {"bf": "3", "refs": "16"}, "yuv420p10le"),
    "h264 in 10 bits 4:4:4, 16 references": _film("libx264", _FAST | {"refs": "16"}, "yuv444p10le"),
    "hevc in 10 bits": _film("libx265", _HEVC, "yuv420p10le"),
    "hevc in 12 bits 4:4:4": _film("libx265", _HEVC, "yuv444p12le"),
    "vp9": _film("libvpx-vp9", {}, kind="webm"),
    "av1 in 10 bits": _film("libsvtav1", {"preset": "12"}, "yuv420p10le"),
    "prores": _film("prores_ks", {}, "yuva444p10le", "mov", frames=6),
    "20 million samples": lambda: fill_up(claim(table(b"stsz", 1, 20_000_000)), 20 * 2**20),
    "50 million samples in 600 bytes": lambda: claim(table(b"stsz", 1, 50_000_000)),
    "film of 512 MiB": lambda: fill_up(_film("libx264", _FAST)(), FILM),
}


def list_requests() -> Iterator[Asked]:
    for name in PICTURES:
        yield Asked(f"predict: {name}", f"{CLASSIFY}/predict", "image/png", partial(make_picture, name))
    for name in DEAR:
        yield Asked(f"explain: {name}", f"{CLASSIFY}/explain", "image/png", partial(make_picture, name))
        yield Asked(f"paper: {name}", PAPER, "image/png", partial(make_picture, name))
    for name, make in ZIPS.items():
        yield Asked(f"batch: {name}", f"{CLASSIFY}/batch", "application/zip", make)
    for name, make in FILMS.items():
        yield Asked(f"video: {name}", f"{CLASSIFY}/video?images=true&rate=30", "video/mp4", make)


def warm_up() -> Iterator[Asked]:
    """What the first request of each kind loads is none of its own."""
    small = partial(encode, "RGB", (300, 300), "PNG", "red")
    yield Asked("", f"{CLASSIFY}/predict", "image/png", small)
    yield Asked("", f"{CLASSIFY}/predict", "image/png", LARGE["png L"])  # starts the decoder of dear pictures
    yield Asked("", f"{CLASSIFY}/explain", "image/png", small)
    yield Asked("", PAPER, "image/png", partial(draw_page, 0, 5))
    yield Asked("", PAPER, "image/png", LARGE["png L"])
    yield Asked("", f"{CLASSIFY}/batch", "application/zip", lambda: make_zip(3, small(), zipfile.ZIP_STORED))
    yield Asked("", f"{CLASSIFY}/video", "video/mp4", make_film)


def ask(address: str, asked: Asked, body: bytes) -> str:
    """The code of the error with which all of it was answered, or "answered"."""
    kind = {"Content-Type": asked.kind}
    answer = requests.post(f"{address}/{asked.path}", data=body, headers=kind, timeout=300)
    return str(answer.json()["error"]["code"]) if answer.status_code >= 400 else "answered"


def measure_request_memory() -> dict[str, float]:
    """What the dearest request takes, and how it is called is printed."""
    store = FOLDER / "request_memory"
    shutil.rmtree(FOLDER / "sketch_bundle", ignore_errors=True)
    bundles = [make_served_bundle(), make_tiny_sketch_bundle(FOLDER / "sketch_bundle")]
    for old in store.glob("*.mar"):
        old.unlink()
    for bundle in bundles:
        build_archive(bundle, store)
    taken: dict[str, float] = {}
    with serving(store) as address:
        for asked in warm_up():
            ask(address, asked, asked.make())
        for asked in list_requests():
            body = asked.make()
            time.sleep(0.5)  # what the last one left is given back
            peak = Peak(measure_all, 0.005)
            with peak.watch():
                said = ask(address, asked, body)
            taken[asked.name] = peak.bytes / 2**20
            print(f"{asked.name:<60}{said:<20}{taken[asked.name]:>8.0f} MiB", flush=True)
    return {"largest_request_mib": max(taken.values())}


if __name__ == "__main__":
    measure_request_memory()
