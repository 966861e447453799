"""Trained detector → bundle: weights, OpenVINO form, figures of that form, examples and the card."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..detection.annotations import Scene
from ..detection.interval import map_interval
from ..detection.metrics import Detection, measure_detection
from ..detection.pages import load_page
from ..detection.recipe import DetectionRecipe
from ..runtime.architecture import Network
from ..runtime.card import (
    DataProvenance,
    DetectionMetrics,
    DetectorCard,
    DetectorPart,
    Label,
    Metric,
    Text,
    name_class,
)
from ..runtime.detector import Detector, suppress
from ..runtime.drawing import measure_flatness
from ..runtime.errors import DatasetError
from ..runtime.export import save_openvino
from ..runtime.image import decode
from ..runtime.network import count_parameters, save_state
from ..training.loop import Trained
from .bundle import copy_records, finish, record_making, staged
from .examples import write_example

FORM = "detector.xml"
#: Scores and overlaps of the served detector: a box less sure than this is more often wrong than right on drawings.
_SCORE, _IOU = 0.3, 0.5
#: The same where it is measured: nearly all boxes, as COCO wants it.
_MEASURED_SCORE, _MEASURED_IOU = 0.001, 0.6
#: Share of the labelled pages but the test's that are at least as flat as what is taken for a drawing.
_DRAWINGS_KEPT = 0.98
_EXAMPLES = 3


def make_detector_bundle(
    recipe: DetectionRecipe,
    trained: Trained[Any, Any],
    classes: tuple[str, ...],
    sides: Mapping[str, Sequence[Scene]],
    bundles: Path,
) -> Path:
    """Write `bundles/<name>/` and return it. `sides`: split → scenes, as `divide` returns them; the figures are the
    served form's on the test scenes. Raises `DatasetError` where nothing on the test
    scenes is labelled."""
    side = recipe.network.input
    test = [scene for scene in sides["test"] if len(scene.boxes)]
    if not test:
        raise DatasetError(
            f"None of the {len(sides['test'])} test scenes has a labelled object.",
            "Label more, or choose another data.split.seed.",
        )
    with staged(bundles / recipe.name) as stage:
        save_state(trained.network, stage / "weights.safetensors")
        export_detector(trained.network, side, stage / FORM)
        copy_records(trained.folder, stage)
        flatness = _choose_flatness([scene for split in sides if split != "test" for scene in sides[split]])
        part = DetectorPart(file=FORM, side=side, score=_SCORE, iou=_IOU, min_flatness=flatness)
        metrics, class_metrics = _measure(Detector(part, stage), sides["test"], classes)
        (stage / "examples").mkdir()
        card = DetectorCard(
            name=recipe.name,
            version=recipe.version,
            title=recipe.title,
            summary=recipe.summary,
            limits=recipe.limits,
            labels=tuple(Label(key=key, title=name_class(key)) for key in classes),
            network=Network(backbone=_name_network(recipe.network.size), parameters=count_parameters(trained.network)),
            detector=part,
            metrics=metrics,
            class_metrics=class_metrics,
            data=_describe_data(classes, sides),
            provenance=record_making(recipe, round(sum(each.seconds for each in trained.epochs), 1), trained.device),
            examples=tuple(
                write_example(stage / "examples", number, scene.path, _largest(scene, classes))
                for number, scene in enumerate(test[:_EXAMPLES], 1)
            ),
            files={},
        )
        finish(card, stage)
    return bundles / recipe.name


def _name_network(size: str) -> str:
    return "stroke_groups" if size == "strokes" else f"yolov9_{size}"


def export_detector(network: nn.Module, side: int, path: Path) -> None:
    """Write the detector as OpenVINO (`path` and its .bin), for one page at a time, scaling included."""
    example = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    save_openvino(network, example, example.shape, path)


def _choose_flatness(scenes: Sequence[Scene]) -> float:
    flat = [measure_flatness(decode(scene.path.read_bytes())) for scene in scenes]
    return round(float(np.quantile(flat, 1 - _DRAWINGS_KEPT)), 3)


def _measure(
    detector: Detector, scenes: Sequence[Scene], classes: tuple[str, ...]
) -> tuple[tuple[Metric, ...], tuple[DetectionMetrics, ...]]:
    pages = [load_page(scene, detector.settings.side) for scene in scenes]
    found = [suppress(detector.forward(pixels), _MEASURED_SCORE, _MEASURED_IOU) for pixels, _, _ in pages]
    truth = [(boxes, kinds) for _, boxes, kinds in pages]
    measured = measure_detection(found, truth, classes)

    def tell(name: str, value: float, thresholds: Sequence[float]) -> Metric:
        low, high = map_interval(found, truth, len(classes), thresholds)
        bounds = {"value": round(value, 4), "low": round(low, 4), "high": round(high, 4)}
        return Metric(name=name, **bounds, images=len(scenes), split="test", interval="bootstrap")

    metrics = (
        tell("map50", measured.map50, [0.5]),
        tell("map50_95", measured.map50_95, np.linspace(0.5, 0.95, 10).tolist()),
    )
    return metrics, _tell_classes(measured)


def _tell_classes(measured: Detection) -> tuple[DetectionMetrics, ...]:
    """Of the classes that the test scenes have."""
    return tuple(
        DetectionMetrics(
            key=row.key,
            precision=round(row.precision, 4),
            recall=round(row.recall, 4),
            f1=round(2 * row.precision * row.recall / max(row.precision + row.recall, 1e-12), 4),
            support=row.objects,
            map50=round(row.map50, 4),
            map50_95=round(row.map50_95, 4),
        )
        for row in measured.classes
        if row.objects
    )


def _describe_data(classes: tuple[str, ...], sides: Mapping[str, Sequence[Scene]]) -> DataProvenance:
    """Copies of one drawing are known by their group; those of the same bytes are exact."""
    digest = hashlib.sha256()
    scenes = [(split, scene) for split, each in sides.items() for scene in each]
    files: set[tuple[str, str]] = set()
    for split, scene in scenes:
        content = hashlib.sha256(scene.path.read_bytes()).hexdigest()
        files.add((scene.group, content))
        digest.update(f"{split} {scene.path.name} {content}".encode() + scene.boxes.tobytes() + scene.classes.tobytes())
    groups = {scene.group for _, scene in scenes}
    return DataProvenance(
        name=Text(en="Labelled scenes", ko="사물의 위치를 표시한 그림"),
        procedural=False,
        counts={
            split: {key: sum(int((scene.classes == row).sum()) for scene in each) for row, key in enumerate(classes)}
            for split, each in sides.items()
        },
        exact_duplicates=len(scenes) - len(files),
        near_duplicates=len(files) - len(groups),
        fingerprint=digest.hexdigest(),
    )


def _largest(scene: Scene, classes: tuple[str, ...]) -> str:
    """The class of the largest object."""
    sizes = (scene.boxes[:, 2] - scene.boxes[:, 0]) * (scene.boxes[:, 3] - scene.boxes[:, 1])
    return classes[int(scene.classes[sizes.argmax()])]
