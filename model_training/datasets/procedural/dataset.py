"""Draw one image of a manner, or write a whole data set of them."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
from PIL import Image

from ...runtime.files import replacing, write_text
from . import china, japan, korea

Painter = Callable[[np.random.Generator, int, float], Image.Image]
PAINTERS: dict[str, Painter] = {"china": china.draw, "japan": japan.draw, "korea": korea.draw}
KINDS = tuple(PAINTERS)
#: Widths over heights, of scrolls and album leaves.
ASPECTS = (0.45, 0.5, 0.66, 0.7, 0.85, 1.0, 1.2, 1.45, 1.5, 2.0)

README = """These pictures are drawn by a program. None is a painting or a print, or a photograph of one.
They stand in where there are no pictures, so that everything can be tried without any.
What a model learns from them says nothing about real works of art.
"""


def draw(kind: str, seed: int, size: int = 384) -> Image.Image:
    """A landscape in the manner `kind` ("china", "japan" or "korea"): RGB, long side `size` pixels.

    The same seed gives the same image.
    Raises ValueError for an unknown kind, a negative seed or a size below 64.
    """
    painter = find_painter(kind)
    if seed < 0 or size < 64:
        raise ValueError(f"seed must be 0 or more and size 64 or more, not {seed} and {size}")
    # Whatever the manner, the shape is the same: a file's facts do not give its class away.
    shape = np.random.default_rng(seed)
    aspect = float(shape.choice(ASPECTS) * shape.uniform(0.94, 1.06))
    return painter(np.random.default_rng([seed, KINDS.index(kind)]), size, aspect)


def find_painter(kind: str) -> Painter:
    """The painter of a kind; raises ValueError where there is none."""
    if kind not in PAINTERS:
        raise ValueError(f"no painter for {kind!r}: choose one of {', '.join(KINDS)}")
    return PAINTERS[kind]


def write_dataset(
    folder: Path,
    kinds: Sequence[str] = ("china", "japan"),
    count: int = 120,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
    workers: int | None = None,
) -> None:
    """Write `folder/<kind>/<kind>-0001.jpg` …, `count` for each kind, `folder/README.txt` and `folder/procedural.json`.

    Images that exist are kept, so that an interrupted run goes on where it stopped. `progress` is called with
    (done, total) after each image. `workers` processes draw (default: one for each core).
    """
    if not kinds or count < 1 or seed < 0:
        raise ValueError(f"nothing to draw for kinds {list(kinds)}, count {count}, seed {seed}: seed must be 0 or more")
    for kind in kinds:
        find_painter(kind)
    for kind in kinds:
        (folder / kind).mkdir(parents=True, exist_ok=True)
    write_text(folder / "README.txt", README)
    marker = {"procedural": True, "kinds": list(kinds), "count": count, "seed": seed}
    write_text(folder / "procedural.json", json.dumps(marker, indent=2) + "\n")
    wanted = [
        (folder / kind / f"{kind}-{n:04d}.jpg", kind, seed * 1_000_003 + n)
        for kind in kinds
        for n in range(1, count + 1)
    ]
    missing = [job for job in wanted if not job[0].exists()]
    done = len(wanted) - len(missing)
    progress(done, len(wanted))
    processes = min(workers or os.cpu_count() or 1, len(missing) // 8 + 1)
    if processes == 1:
        for job in missing:
            write_image(*job)
            progress(done := done + 1, len(wanted))
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        for future in as_completed([pool.submit(write_image, *job) for job in missing]):
            future.result()
            progress(done := done + 1, len(wanted))


def write_image(path: Path, kind: str, seed: int) -> None:
    """Draw one image and put it at `path` whole or not at all."""
    with replacing(path) as partial:
        draw(kind, seed).save(partial, "JPEG", quality=90)
