"""What `hwapung train` does for a detector: from labelled scenes to its bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..progress import console, follow
from ..runtime.errors import DatasetError

if TYPE_CHECKING:
    from ..detection.annotations import Scenes
    from ..training.tracking import Tracker

#: What the command says of each split.
_SIDES = {"train": "to train", "validation": "to choose the epoch by", "test": "to test"}


def train_detection(
    recipe: str,
    overrides: Sequence[str],
    data: Path | None,
    device: str,
    build: Path,
    trackers: Sequence[Tracker] = (),
) -> tuple[Path, Path] | None:
    """Train a detector on labelled scenes, keep the epoch that finds best on the validation scenes, measure that on
    the test scenes, and leave its bundle. Returns the run's folder and the bundle; None in all processes but the first.
    """
    from ..detection.annotations import divide, merge_classes
    from ..detection.composer import crop_scene
    from ..detection.drawings import read_drawings
    from ..detection.formats import read_scenes
    from ..detection.grouping import StrokeGroups
    from ..detection.recipe import load_detection_recipe
    from ..detection.task import DetectionTask, Epoch
    from ..packaging.detector import make_detector_bundle
    from ..runtime.card import DetectorCard, read_card
    from ..training.loop import Trained, fit, start_fabric

    chosen = load_detection_recipe(recipe, overrides)
    if data is None:
        raise DatasetError(
            "There are no labelled scenes to train on.", "Give --data FOLDER, as docs/data.md describes."
        )
    fabric = start_fabric(device, trackers=trackers)
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
            f"Classes: {', '.join(scenes.classes)}. Scenes: {counts}; {len(drawings)} single drawings to compose from.",
            markup=False,
        )
        for finding in scenes.findings:
            console.print(f"  {finding}", markup=False)
        for tracker in trackers:
            tracker.begin(chosen.name, chosen.model_dump(mode="json"))
    folder = build / "runs" / chosen.name
    if chosen.network.size == "strokes":
        if fabric.is_global_zero:
            _show_pages(scenes, folder)
        nothing = Epoch(0, 0.0, 0.0, 0.0, 0.0, 0.0)
        network = StrokeGroups(chosen.network.input).eval()
        trained: Trained[Any, Epoch] = Trained(network, [], nothing, folder, "cpu", 0)
    else:
        task = DetectionTask(chosen, scenes.classes, sides, drawings, fabric.device)
        about = {"classes": scenes.classes, "scenes": {name: len(each) for name, each in sides.items()}}
        folder /= task.identify()
        if fabric.is_global_zero:
            _show_pages(scenes, folder)
        trained = fit(task, fabric, folder, chosen.title.en, about)
    if not fabric.is_global_zero:
        return None
    with follow("Packing"):
        bundle = make_detector_bundle(chosen, trained, scenes.classes, sides, build / "bundles")
    end_tracking(trackers, bundle, trained.best.epoch)
    card = read_card(bundle / "card.json", DetectorCard)
    map50, map50_95 = card.metrics
    for row in sorted(card.class_metrics, key=lambda each: each.map50):
        console.print(f"  {row.key}: precision {row.precision:.2f}, recall {row.recall:.2f}, mAP50 {row.map50:.3f}")
    if trained.epochs:
        console.print(
            f"Best epoch {trained.best.epoch} of {len(trained.epochs)}: "
            f"validation mAP50 {trained.best.validation_map50:.3f}."
        )
    console.print(
        f"Test mAP50 {map50.value:.3f} (95% interval {map50.low:.3f}–{map50.high:.3f}), mAP50-95 "
        f"{map50_95.value:.3f}, on {map50.images} scenes. 1 would mean: every object is found by a box that overlaps "
        f"it by half or more, and nothing else is."
    )
    return trained.folder, bundle


def end_tracking(trackers: Sequence[Tracker], bundle: Path, epoch: int) -> None:
    """Leave the card's figures with each, at the epoch that was kept."""
    from ..runtime.card import Card, read_card

    for tracker in trackers:
        tracker.end(read_card(bundle / "card.json", Card), bundle, epoch)


def _show_pages(scenes: Scenes, folder: Path) -> None:
    """Before the training: whoever sees wrong boxes can stop it."""
    from ..detection.proof import draw_pages

    place = folder / "labels"
    drawn = draw_pages(scenes.scenes, scenes.classes, place)
    console.print(f"{place} has the first {len(drawn)} pages with their boxes drawn on: look at them.", markup=False)
