"""How answers stand what happens to pictures on their way: JPEG, resizing, screenshots.

Files of test images are treated and handed to the finished bundle as a visitor would hand them over, so that its gate,
its `sure` band and its fast form are judged together.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from scipy.stats import binomtest

from ..datasets.corruptions import resize_by, show_on_screen
from ..datasets.prepare import Prepared
from ..evaluation.predict import batches
from ..runtime.card import ModelCard, write_card
from ..runtime.classifier import Classifier
from ..runtime.image import decode
from ..runtime.measures import Resistance

#: Test images that are treated; more would narrow the intervals little, and cost minutes.
MOST_IMAGES = 200
#: Longer sides are shrunk to this before a treatment, as whoever passes a picture on does.
MOST_PIXELS = 2048


@dataclass(frozen=True)
class Treatment:
    """`apply`: an RGB image → the bytes of a file."""

    kind: Literal["jpeg", "resize", "screenshot"]
    strength: float
    apply: Callable[[Image.Image], bytes]


def encode(image: Image.Image, form: str, **settings: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **settings)
    return buffer.getvalue()


def save_jpeg(quality: int) -> Treatment:
    return Treatment("jpeg", quality, lambda image: encode(image, "JPEG", quality=quality))


def save_smaller(share: float) -> Treatment:
    """Without loss, so that it is the size alone that changes."""
    return Treatment("resize", share, lambda image: encode(resize_by(image, share), "PNG", compress_level=1))


def take_screenshot(share: float, quality: int) -> Treatment:
    return Treatment("screenshot", share, lambda image: encode(show_on_screen(image, share), "JPEG", quality=quality))


TREATMENTS = (
    *(save_jpeg(quality) for quality in (70, 40, 20)),
    *(save_smaller(share) for share in (0.75, 0.5, 0.25)),
    *(take_screenshot(share, quality) for share, quality in ((0.9, 85), (0.7, 65), (0.5, 45))),
)


def measure_resistance(card: ModelCard, bundle: Path, prepared: Prepared) -> tuple[Resistance, ...]:
    """Ask the bundle, whose card is written for that, about up to 200 test images, untreated and in every treatment.

    The images are drawn by seed. Raises what reading them and answering raise.
    """
    write_card(card, bundle / "card.json")
    model = Classifier.load(bundle)
    test = prepared.rows["test"]
    rows = np.sort(np.random.default_rng(0).choice(test, min(MOST_IMAGES, len(test)), replace=False))
    answers: dict[Treatment | None, list[tuple[bool, str]]] = {each: [] for each in (None, *TREATMENTS)}
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for batch in batches(rows, 32):
            files = [prepared.dataset.entries[row].path.read_bytes() for row in batch]
            images = list(pool.map(_open, files))
            for treatment, found in answers.items():
                treated = files if treatment is None else list(pool.map(treatment.apply, images))
                found += _ask(model, treated, [prepared.dataset.entries[row].label for row in batch])
    return tuple(_sum_up(treatment, found) for treatment, found in answers.items())


def _open(file: bytes) -> Image.Image:
    image = decode(file, at_least=2 * MOST_PIXELS)
    image.thumbnail((MOST_PIXELS, MOST_PIXELS), Image.Resampling.BICUBIC)
    return image


def _ask(model: Classifier, files: list[bytes], labels: list[str]) -> list[tuple[bool, str]]:
    """Of each file whether the class is right, and the verdict."""
    said: list[tuple[bool, str]] = []
    for label, answer in zip(labels, model.answer(files), strict=True):
        if isinstance(answer, Exception):
            raise answer
        said.append((answer["class"] == label, str(answer["verdict"])))
    return said


def _sum_up(treatment: Treatment | None, answers: list[tuple[bool, str]]) -> Resistance:
    right = np.array([each for each, _ in answers])
    verdicts = np.array([verdict for _, verdict in answers])
    sure = verdicts == "sure"
    interval = binomtest(int(right.sum()), len(right)).proportion_ci(0.95, method="wilson")
    return Resistance(
        treatment="none" if treatment is None else treatment.kind,
        strength=None if treatment is None else treatment.strength,
        images=len(right),
        accuracy=round(float(right.mean()), 4),
        low=round(float(interval.low), 4),
        high=round(float(interval.high), 4),
        sure=round(float(sure.mean()), 4),
        unknown=round(float((verdicts == "unknown").mean()), 4),
        sure_error_rate=round(float((~right[sure]).mean()), 4) if sure.any() else None,
    )
