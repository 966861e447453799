"""What `hwapung train` does for a detector: from labelled scenes to its bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..progress import console, follow
from ..runtime.errors import DatasetError

#: Scores and overlaps of the served detector: a box less sure than this is more often wrong than right on drawings.
_SCORE, _IOU = 0.3, 0.5
#: Share of the labelled pages but the test's that are at least as flat as what is taken for a drawing.
_DRAWINGS_KEPT = 0.98


def train_detection(
    recipe: str, overrides: Sequence[str], data: Path | None, device: str, build: Path
) -> tuple[Path, Path] | None:
    """Train a detector on labelled scenes, keep the epoch that finds best on the validation scenes, measure that on
    the test scenes, and leave its bundle. Returns the run's folder and the bundle; None in all processes but the first.
    """
    import numpy as np

    from ..detection.annotations import divide, merge_classes, read_scenes
    from ..detection.composer import crop_scene
    from ..detection.detector import detect
    from ..detection.drawings import read_drawings
    from ..detection.metrics import map50_interval, measure_detection
    from ..detection.pages import load_page
    from ..detection.recipe import load_detection_recipe
    from ..detection.task import DetectionTask
    from ..runtime.card import DetectorPart
    from ..runtime.drawing import measure_flatness
    from ..runtime.image import decode
    from ..sketch.bundle import make_detector_bundle
    from ..training.loop import fit, start_fabric

    chosen = load_detection_recipe(recipe, overrides)
    if data is None:
        raise DatasetError("There are no labelled scenes to train on.", "Give DATA=folder, as docs/data.md describes.")
    fabric = start_fabric(device)
    fabric.launch()
    scenes = read_scenes(data)
    if chosen.data.single_class:
        scenes = merge_classes(scenes)
    sides = divide(scenes, chosen.data.split.validation, chosen.data.split.test, chosen.data.split.seed)
    drawings = [drawing for scene in sides["train"] for drawing in crop_scene(scene)]
    drawings += read_drawings(chosen.data, scenes.classes)
    if fabric.is_global_zero:
        counts = ", ".join(f"{len(sides[name])} {words}" for name, words in _SIDES.items())
        console.print(
            f"Classes: {', '.join(scenes.classes)}. Scenes: {counts}; {len(drawings)} single drawings to compose from."
        )
    task = DetectionTask(chosen, scenes.classes, sides, drawings, fabric.device)
    about = {"classes": scenes.classes, "scenes": {name: len(each) for name, each in sides.items()}}
    trained = fit(task, fabric, build / "runs" / chosen.name / task.identify(), chosen.title.en, about)
    if not fabric.is_global_zero:
        return None
    with follow("Measuring the test scenes"):
        pages = [load_page(scene, chosen.network.input) for scene in sides["test"]]
        found = detect(trained.network, np.stack([pixels for pixels, _, _ in pages]), 0.001, 0.6)
        truth = [(boxes, kinds) for _, boxes, kinds in pages]
        figures = measure_detection(found, truth, scenes.classes)
        low, high = map50_interval(found, truth, scenes.classes)
    flat = [measure_flatness(decode(scene.path.read_bytes())) for scene in (*sides["train"], *sides["validation"])]
    part = DetectorPart(
        file="detector.xml",
        side=chosen.network.input,
        score=_SCORE,
        iou=_IOU,
        min_flatness=round(float(np.quantile(flat, 1 - _DRAWINGS_KEPT)), 3),
        metrics={"map50": round(figures.map50, 4), "map50_95": round(figures.map50_95, 4), "scenes": len(pages)},
    )
    bundle = make_detector_bundle(chosen, trained.network, scenes.classes, part, figures, build / "bundles")
    for row in sorted(figures.classes, key=lambda each: each.map50):
        console.print(f"  {row.key}: precision {row.precision:.2f}, recall {row.recall:.2f}, mAP50 {row.map50:.3f}")
    console.print(
        f"Best epoch {trained.best.epoch} of {task.epochs}: validation mAP50 {trained.best.validation_map50:.3f}."
    )
    console.print(
        f"Test mAP50 {figures.map50:.3f} (95% interval {low:.3f}–{high:.3f}), mAP50-95 {figures.map50_95:.3f}, on "
        f"{len(pages)} scenes. 1 would mean: every object is found by a box that overlaps it by half or more, and "
        f"nothing else is."
    )
    return trained.folder, bundle


#: What the command says of each split.
_SIDES = {"train": "to train", "validation": "to choose the epoch by", "test": "to test"}
