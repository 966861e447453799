"""`make bench-decoding`: what a picture costs before the network, file by file and resizer by resizer.

    python -m tests.benchmarks.decoding [--data FOLDER --weights FILE]

Times are of one thread and the medians of rounds in which all take turns. The bound is what no JPEG decoder saves: its
entropy coding, measured as a decoding to an eighth of the size. With pictures and weights it also counts decisions that
the resizer and the decoder's halving change (`decoding_decisions`). Writes `build/bench/decoding.json`.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
import torch
from PIL import Image
from torchvision.transforms.v2 import functional

from model_training.datasets.procedural import draw
from model_training.runtime.architecture import Preprocessing
from model_training.runtime.image import decode
from model_training.runtime.preprocess import choose_decoded_side, fit, read
from model_training.runtime.resize import Interpolation, resize
from tests.benchmarks.decoding_decisions import FILTERS, MARGINS, count_changed
from tests.benchmarks.results import PAINTINGS, WHERE, Entry, Table, publish
from tests.benchmarks.serving_material import enlarge

SIDE = 224
SIZE = (SIDE, SIDE)
INPUT = Preprocessing(height=SIDE, width=SIDE, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
FILES = {
    "jpeg": "JPEG, 800 pixels",
    "progressive": "JPEG, 800 pixels, progressive",
    "photograph": "JPEG, 12 megapixels",
    "png": "PNG, 800 pixels",
    "webp": "WebP, 800 pixels",
}
JPEGS = ("jpeg", "progressive", "photograph")
RESIZERS = {
    "ours": "fast_image_resize",
    "pillow": "Pillow",
    "gap": "Pillow, `reducing_gap=2`",
    "torchvision": "torchvision, uint8",
    "opencv": "OpenCV, `INTER_AREA`",
}
SOURCES = {"web": "800×800", "photograph": "866×866, a quarter of a JPEG of 12 megapixels"}
TARGETS = {
    "jpeg_gain": (">=", 1.2),
    "photograph_over_bound": ("<=", 1.35),
    "decisions_changed_share": ("<=", 0.005),
}


def make_files() -> dict[str, bytes]:
    image = draw("china", 2000, 800)
    grainy = enlarge(image, 0.64, 0)

    def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    return {
        "jpeg": encode(grainy, "JPEG", quality=90),
        "progressive": encode(grainy, "JPEG", quality=90, progressive=True),
        "photograph": encode(enlarge(image, 12, 0), "JPEG", quality=90),
        "png": encode(grainy, "PNG"),
        "webp": encode(grainy, "WEBP", quality=90),
    }


def time_in_turn(calls: Mapping[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """Milliseconds of each, the median of as many rounds as fit into `seconds`, five at least."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or min(map(len, taken.values())) < 5:
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            taken[name].append((time.perf_counter() - started) * 1000)
    return {name: statistics.median(times) for name, times in taken.items()}


def read_by_pillow(data: bytes) -> np.ndarray:
    return np.asarray(decode(data, at_least=2 * SIDE).resize(SIZE, FILTERS["bilinear"]))


def read_by_simplejpeg(data: bytes, size: tuple[int, int]) -> np.ndarray:
    """`size`: what `decode` makes of it."""
    pixels = simplejpeg.decode_jpeg(data, min_width=size[0], min_height=size[1])
    return fit(Image.fromarray(pixels), INPUT)


def measure_files(seconds: float) -> dict[str, float]:
    figures: dict[str, float] = {}
    for name, data in make_files().items():
        calls: dict[str, Callable[[], Any]] = {
            "decode": partial(decode, data, at_least=choose_decoded_side(INPUT)),
            "new": partial(read, data, INPUT),
            "old": partial(read_by_pillow, data),
        }
        if name in JPEGS:
            decoded = decode(data, at_least=choose_decoded_side(INPUT))
            other = simplejpeg.decode_jpeg(data, min_width=decoded.width, min_height=decoded.height)
            assert np.array_equal(other, np.asarray(decoded)), f"{name}: simplejpeg decodes other pixels"
            calls["simplejpeg"] = partial(read_by_simplejpeg, data, decoded.size)
            calls["bound"] = partial(simplejpeg.decode_jpeg, data, min_width=1, min_height=1)
        taken = time_in_turn(calls, seconds)
        figures |= {f"{name}_{key}_ms": value for key, value in taken.items()}
        figures |= {f"{name}_bytes": len(data), f"{name}_gain": taken["old"] / taken["new"]}
        if name in JPEGS:
            figures[f"{name}_over_bound"] = taken["new"] / taken["bound"]
    return figures


def resize_by_torchvision(pixels: np.ndarray, interpolation: Interpolation) -> np.ndarray:
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)  # as its decoder lays it out: channels last
    mode = functional.InterpolationMode(interpolation)
    return functional.resize(tensor, list(SIZE), mode, antialias=True).permute(1, 2, 0).numpy()


def measure_resizers(seconds: float) -> dict[str, float]:
    """Milliseconds, and levels by which pixels differ from Pillow's: the largest and the mean."""
    figures: dict[str, float] = {}
    web = enlarge(draw("china", 2000, 800), 0.64, 0)
    for name, image in {"web": web, "photograph": enlarge(web, 0.75, 1)}.items():
        array = np.array(image)
        for filter_name, interpolation in FILTERS.items():
            asked: Interpolation = "bilinear" if filter_name == "bilinear" else "bicubic"
            calls: dict[str, Callable[[], Any]] = {
                "ours": partial(resize, image, SIZE, asked),
                "pillow": partial(image.resize, SIZE, interpolation),
                "gap": partial(image.resize, SIZE, interpolation, reducing_gap=2),
                "torchvision": partial(resize_by_torchvision, array, asked),
                "opencv": partial(cv2.resize, array, SIZE, interpolation=cv2.INTER_AREA),
            }
            taken = time_in_turn(calls, seconds)
            pillows = np.asarray(calls["pillow"]()).astype(int)
            for each, call in calls.items():
                apart = np.abs(np.asarray(call()).astype(int) - pillows)
                key = f"{name}_{filter_name}_{each}"
                figures |= {f"{key}_ms": taken[each], f"{key}_most": apart.max(), f"{key}_mean": apart.mean()}
    return figures


def make_entry(figures: Mapping[str, float]) -> Entry:
    def cell(key: str, form: str = ".1f") -> str:
        return f"{{{key}:{form}}}" if key in figures else "–"

    files = tuple(
        (words, *(cell(f"{name}_{key}_ms") for key in ("old", "new", "decode", "simplejpeg", "bound")),
         cell(f"{name}_gain", ".2f"), cell(f"{name}_over_bound", ".2f"))
        for name, words in FILES.items()
    )  # fmt: skip
    resizers = tuple(
        (words, *(f"{cell(f'{source}_{name}_{key}_ms', '.2f')} ({cell(f'{source}_{name}_{key}_most', '.0f')}, "
                  f"{cell(f'{source}_{name}_{key}_mean', '.2f')})" for source in SOURCES for name in FILTERS))
        for key, words in RESIZERS.items()
    )  # fmt: skip
    notes: tuple[str, ...] = (
        "simplejpeg decodes to the same pixels; the bound is its decoding to an eighth of the size, which is nearly "
        "all entropy decoding.",
        "A JPEG is halved as long as a network's pixel has 1.5 decoded ones along each side; Pillow alone kept two.",
        "OpenCV's filter is another, a mean over areas, in all columns; `reducing_gap` first shrinks by whole steps.",
    )
    if "decisions" in figures:
        notes += (
            "Of {decisions:.0f} decisions on paintings at 112 pixels a side, {decisions_changed:.0f} are "
            "another than with Pillow's resizing; accuracy {accuracy_old:.4f} before, {accuracy_new:.4f} now.",
        )
    tables = [
        Table(
            ("file", "Pillow alone", "now", "of it decoding", "simplejpeg", "bound", "faster by", "over the bound"),
            files,
            "From a file's bytes to 224×224 pixels, ms a picture on one thread",
        ),
        Table(
            ("resizer", *(f"{words}, {name}" for words in ("800²", "866²") for name in FILTERS)),
            resizers,
            "Resizing alone to 224×224, ms (levels off Pillow's pixels: largest, mean)",
        ),
    ]
    if "margin_answers" in figures:
        keys = ("changed:.1%", "whole:.3f", "halved:.3f")
        tables.append(
            Table(
                ("decoded pixels for one of the network's", "decisions changed", "accuracy, decoded whole", "halved"),
                tuple((f"{margin:g}", *(f"{{margin_{100 * margin:.0f}_{key}}}" for key in keys)) for margin in MARGINS),
                "What halving changes, of {margin_answers:.0f} answers about paintings of 224 pixels",
            )
        )
    return Entry(
        section="Serving",
        title="Decoding and resizing",
        command="make bench-decoding",
        data=f"pictures that a program draws, with a sensor's grain; {PAINTINGS}",
        tables=tuple(tables),
        notes=notes,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="the folder of all pictures" + WHERE)
    parser.add_argument("--weights", type=Path, help="of MobileNetV2, safetensors")
    parser.add_argument("--seconds", type=float, default=4, help="for each file and each resizing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    figures = measure_files(arguments.seconds) | measure_resizers(arguments.seconds)
    if arguments.data and arguments.weights:
        figures |= count_changed(arguments.data, arguments.weights)
    print({key: round(value, 2) for key, value in figures.items()}, flush=True)
    setup = "one thread; medians of rounds in which all take turns"
    publish("decoding", make_entry(figures), figures, TARGETS, setup)


if __name__ == "__main__":
    main()
