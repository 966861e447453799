"""The gate of a bundle: whose features it sees, where those of the training lie, and what limits images keep."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import timm
import torch

from ..datasets.folders import SplitName
from ..datasets.panels import read_served_facts
from ..datasets.prepare import Prepared
from ..evaluation.ood import AIMED, bound_of, fit_distance, measure_apart, share_interval
from ..evaluation.predict import batches
from ..evaluation.strangers import draw_strangers, spoil
from ..models.weights import read_weights
from ..recipe import PACKAGE, PACKAGE_BACKBONE, Network, Recipe
from ..runtime.card import OutOfDistribution, Preprocessing
from ..runtime.execution import Execution, OpenVINOExecution
from ..runtime.export import save_openvino
from ..runtime.facts import (
    LOWEST_CONTRAST,
    FileFacts,
    crop_inside,
    find_reason,
    measure_contrast,
    measure_scale,
    measure_sharpness,
)
from ..runtime.measures import ImageLimits, Precision
from ..runtime.observer import Companion
from ..runtime.ood import COMPANION_AT_ONCE, GATE, Mahalanobis, find_unknown
from ..runtime.text import looks_like_text
from .quantise import quantise
from .sight import Sight

COMPANION_MODEL = "companion.xml"
COMPANION_INT8_MODEL = "companion-int8.xml"
#: Of very many training images that many, drawn by seed, stand for all.
MOST_IMAGES = 2000
_MOST_SPOILED = 16
_SMALLEST_PICTURE = 32
_LONGEST_PICTURE = 8.0
#: How much more or less of the input's pixels than any training image a picture may fill, along a side.
_SCALE_MARGIN = 1.5
_QUALITY_MARGIN = 10


@dataclass(frozen=True)
class Gate:
    """`passes`: split → which of its images the gate lets through, bool; validation's are judged without themselves."""

    ood: OutOfDistribution
    passes: dict[SplitName, np.ndarray]


class Watched:
    """What the gate sees of images: the network's own maps, or a companion's."""

    def __init__(self, execute: Execution, companion: OpenVINOExecution | None) -> None:
        self.execute = execute
        self.companion = companion

    def __call__(self, pixels: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Float32 (len(rows), G)."""
        return np.concatenate([self._look(np.ascontiguousarray(pixels[batch])) for batch in batches(rows)])

    def _look(self, pixels: np.ndarray) -> np.ndarray:
        return self.execute.observe(pixels)[2] if self.companion is None else self.companion.run(pixels)[0]


def make_companion(factor: int) -> Companion:
    """The companion in torch, with the weights of its package."""
    backbone = timm.create_model(PACKAGE_BACKBONE, num_classes=0)
    state = read_weights(Network(backbone=PACKAGE_BACKBONE, pretrained=PACKAGE))
    backbone.load_state_dict({name: each for name, each in state.items() if name in backbone.state_dict()})
    return Companion(backbone, factor)


def export_companion(factor: int, preprocessing: Preprocessing, path: Path) -> OpenVINOExecution:
    """Write the companion's OpenVINO form as `path` (.xml) and its .bin, and load it."""
    shape = (preprocessing.height, preprocessing.width, 3)
    example = torch.zeros((2, *shape), dtype=torch.uint8)
    save_openvino(make_companion(factor), example, (-1, *shape), path, half=True)
    return OpenVINOExecution(path, at_once=COMPANION_AT_ONCE)


def fit_gate(
    stage: Path,
    recipe: Recipe,
    prepared: Prepared,
    execute: Execution,
    sight: Sight,
    file: str = GATE,
    precision: Precision = "float32",
    limits: ImageLimits | None = None,
) -> Gate:
    """Also writes the files that the gate needs into `stage`; of them, `file` holds the distance. `precision`: of the
    network; beside one that is faster than in float32 a companion is in 8 bits, else it would be a third of an answer's
    time. `limits`: of images, where they are known already.

    The bound is of training and validation images, each judged by a fit without it; of bent features, which fit the
    training images better than any others, it is of the validation images alone.
    """
    preprocessing = recipe.preprocessing
    train, validation = sample_rows(prepared.rows["train"]), prepared.rows["validation"]
    companion, companion_file = None, COMPANION_MODEL
    if sight.companion is not None:
        is_small = precision != "float32"
        companion_file = COMPANION_INT8_MODEL if is_small else COMPANION_MODEL
        companion = export_companion(sight.companion, preprocessing, stage / companion_file)
        if is_small:
            del companion  # it maps the file that is replaced now
            quantise(stage / companion_file, prepared.pixels, train, exactly=True, keep_head=False)
            companion = OpenVINOExecution(stage / companion_file, "int8", COMPANION_AT_ONCE)
    watch = Watched(execute, companion)
    features = watch(prepared.pixels, train)
    splits: tuple[SplitName, ...] = ("validation", "test")
    seen = {split: watch(prepared.pixels, prepared.rows[split]) for split in splits}
    chosen = np.full(len(validation), False) if sight.bent else np.isin(validation, sample_rows(validation))
    features = np.concatenate([features, seen["validation"][chosen]])
    known = np.concatenate([train, validation[chosen]])
    classes = None if recipe.data.multi_label else prepared.targets[known]
    fitted = fit_distance(features, classes)
    distances = {split: fitted(each) if fitted else np.full(len(each), np.inf) for split, each in seen.items()}
    if sight.bent:
        judged = distances["validation"]
    else:
        judged = measure_apart(features, prepared.copies[known], classes)
        distances["validation"][chosen] = judged[len(train) :]
    threshold = bound_of(judged) if fitted else None
    if threshold is not None and fitted is not None:
        fitted.save(stage / file)
    else:
        for path in (stage / companion_file, (stage / companion_file).with_suffix(".bin")):
            path.unlink(missing_ok=True)
    ood = OutOfDistribution(
        file=file,
        companion=sight.companion,
        companion_file=companion_file,
        stages=sight.stages,
        bent=sight.bent,
        threshold=threshold,
        aimed=AIMED,
        rejected=0,
        fitted_on=len(judged),
        images=len(validation),
        limits=limits or fit_limits(recipe, prepared, train),
    )
    passes: dict[SplitName, np.ndarray] = {
        split: _pass(ood, preprocessing, prepared, prepared.rows[split], distances[split]) for split in splits
    }
    refused = int((~passes["validation"]).sum())
    low, high = share_interval(refused, len(validation))
    caught = _try_strangers(ood, recipe.preprocessing, prepared, watch, fitted)
    found = {
        "rejected": round(refused / max(1, len(validation)), 4),
        "rejected_low": round(low, 4),
        "rejected_high": round(high, 4),
        "caught": caught,
    }
    return Gate(ood.model_copy(update=found), passes)


def sample_rows(rows: np.ndarray) -> np.ndarray:
    """All training images, or of very many some."""
    if len(rows) <= MOST_IMAGES:
        return rows
    return rows[np.sort(np.random.default_rng(0).choice(len(rows), MOST_IMAGES, replace=False))]


def _pass(
    ood: OutOfDistribution, preprocessing: Preprocessing, prepared: Prepared, rows: np.ndarray, distances: np.ndarray
) -> np.ndarray:
    """Which images of `rows` the gate lets through, bool (len(rows),)."""
    files = _read_files(prepared, rows)
    reasons = [
        find_reason(ood.limits, file, np.asarray(prepared.pixels[row]), preprocessing)
        for row, file in zip(rows, files, strict=True)
    ]
    return np.array([each is None for each in find_unknown(ood, reasons, distances)], bool)


def _read_files(prepared: Prepared, rows: np.ndarray) -> list[FileFacts]:
    with ThreadPoolExecutor() as readers:
        return list(readers.map(lambda row: read_served_facts(prepared.dataset.entries[row]), rows))


def fit_limits(recipe: Recipe, prepared: Prepared, rows: np.ndarray) -> ImageLimits:
    """Limits that training images keep but for one in a hundred, and no tighter than sense makes them.

    With `verdicts.only_like_training` also those below which an image is smaller, softer or more compressed than the
    training images in `rows`.
    """
    files = _read_files(prepared, rows)
    contrast, sharpness, text = [], [], []
    for row, file in zip(rows, files, strict=True):
        inside = crop_inside(np.asarray(prepared.pixels[row]), file, recipe.preprocessing)
        grey = inside.convert("L")
        contrast.append(measure_contrast(grey))
        sharpness.append(measure_sharpness(inside))
        text.append(looks_like_text(grey))
    scales = [each for each in (measure_scale(file, recipe.preprocessing) for file in files) if each is not None]
    largest = max(scales, default=1.0) * _SCALE_MARGIN
    strict = recipe.verdicts.only_like_training
    qualities = [file.jpeg_quality for file in files if file.jpeg_quality is not None]
    return ImageLimits(
        min_side=min(_SMALLEST_PICTURE, *(min(file.width, file.height) for file in files)),
        max_aspect=max(_LONGEST_PICTURE, *(file.aspect for file in files)),
        min_contrast=round(min(LOWEST_CONTRAST, 0.5 * float(np.quantile(contrast, 0.01))), 3),
        refuses_text=float(np.mean(text)) <= 0.01,
        max_scale=round(largest, 4) if scales and largest < 1 else None,
        min_scale=round(min(scales) / _SCALE_MARGIN, 4) if scales and strict else None,
        min_sharpness=round(0.9 * float(min(sharpness)), 4) if strict else None,
        min_quality=max(1, min(qualities, default=95) - _QUALITY_MARGIN) if strict else None,
    )


def _try_strangers(
    ood: OutOfDistribution,
    preprocessing: Preprocessing,
    prepared: Prepared,
    watch: Watched,
    fitted: Mahalanobis | None,
) -> dict[str, float]:
    """Kind of made stranger → share that the gate calls unknown."""
    rows = prepared.rows["validation"]
    chosen = rows[:: max(1, len(rows) // _MOST_SPOILED)][:_MOST_SPOILED]
    drawn = draw_strangers(preprocessing.height, preprocessing.width)
    strangers = {**drawn, **spoil(np.asarray(prepared.pixels[chosen]))}
    (size,) = _read_files(prepared, chosen[:1])
    caught = {}
    for kind, pixels in strangers.items():
        distances = fitted(watch(pixels, np.arange(len(pixels)))) if fitted else np.zeros(len(pixels))
        reasons = [find_reason(ood.limits, size, each, preprocessing) for each in pixels]
        unknown = [each is not None for each in find_unknown(ood, reasons, distances)]
        caught[kind] = round(float(np.mean(unknown)), 4)
    return caught
