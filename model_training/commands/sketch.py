"""The sketch product's commands: `sketch`, `gallery`, `ablate`, and what `train` does for a detector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..progress import console, follow
from ..runtime.errors import DatasetError

#: Scores and overlaps of the served detector: a box less sure than this is more often wrong than right on drawings.
_SCORE, _IOU = 0.3, 0.5
#: Share of the training pages that are at least as flat as what is taken for a drawing.
_DRAWINGS_KEPT = 0.98


def sketch(
    detector: Annotated[Path, typer.Option(help="what training sketch_detector left")] = Path(
        "build/bundles/sketch_detector"
    ),
    classifier: Annotated[Path, typer.Option(help="what training sketch_classifier left")] = Path(
        "build/bundles/sketch_classifier"
    ),
    out: Annotated[Path, typer.Option(help="where the bundle `sketch` goes")] = Path("build/bundles"),
) -> None:
    """Put a detector and a classifier into one bundle, from which `make archive RECIPE=sketch` makes sketch.mar."""
    from ..sketch.bundle import make_sketch_bundle

    console.print(f"Bundle: {make_sketch_bundle(detector, classifier, out)}")


def gallery(
    data: Annotated[Path, typer.Option(help="folder of pictures, with an optional manifest.csv")],
    bundle: Annotated[Path, typer.Option(help="whose embeddings are compared")] = Path("build/bundles/sketch"),
    out: Annotated[Path, typer.Option(help="folder of the index")] = Path("build/gallery"),
) -> None:
    """Index the images of a folder as references for sketches; again, only what is new or changed."""
    from ..runtime.load import load_bundle
    from ..runtime.sketch import Sketch
    from ..sketch.gallery import index_gallery

    model = load_bundle(bundle)
    if not isinstance(model, Sketch):
        raise DatasetError(f"{bundle}: this bundle makes no embeddings of sketches.", "Give build/bundles/sketch.")
    with follow("Indexing pictures") as step:
        done = index_gallery(model, data, out, step.update)
    console.print(f"{done.images} pictures, {done.embedded} of them new or changed, {done.skipped} unreadable: {out}")


def ablate(
    recipe: Annotated[str, typer.Argument(help="a recipe of a classifier")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value")] = None,
    data: Annotated[Path | None, typer.Option(help="folder of drawings")] = None,
    seeds: Annotated[int, typer.Option(help="splits and starts", min=1)] = 3,
    build: Path = Path("build"),
) -> None:
    """Compare adaptations and losses over several seeds: a table, a plot and JSON in BUILD/ablation."""
    from ..experiments.ablation import run_ablation

    if data is None:
        raise DatasetError("There are no drawings to train on.", "Give --data FOLDER.")
    run_ablation(recipe, overrides or [], data, seeds, build)


def train_detection(recipe: str, overrides: Sequence[str], data: Path | None, build: Path) -> None:
    """Train a detector on labelled scenes, measure it on the test drawings, leave its bundle."""
    import numpy as np

    from ..detection.annotations import divide, merge_classes, read_scenes
    from ..detection.composer import crop_scene
    from ..detection.detector import detect
    from ..detection.drawings import read_drawings
    from ..detection.metrics import measure_detection
    from ..detection.recipe import load_detection_recipe
    from ..detection.train import load_page, train_detector
    from ..runtime.card import DetectorPart
    from ..runtime.drawing import measure_flatness
    from ..runtime.image import decode
    from ..sketch.bundle import make_detector_bundle

    chosen = load_detection_recipe(recipe, overrides)
    if data is None:
        raise DatasetError("There are no labelled scenes to train on.", "Give DATA=folder, as docs/data.md describes.")
    scenes = read_scenes(data)
    if chosen.data.single_class:
        scenes = merge_classes(scenes)
    sides = divide(scenes, chosen.data.split.validation, chosen.data.split.test, chosen.data.split.seed)
    train = sides["train"] + sides["validation"]  # nothing is chosen by validation
    drawings = [drawing for scene in train for drawing in crop_scene(scene)]
    drawings += read_drawings(chosen.data, scenes.classes)
    console.print(
        f"Classes: {', '.join(scenes.classes)}. {len(train)} scenes to train, {len(sides['test'])} to test; "
        f"{len(drawings)} single drawings to compose from."
    )
    trained = train_detector(chosen, len(scenes.classes), train, drawings, build / "runs")
    pages = [load_page(scene, chosen.network.input) for scene in sides["test"]]
    found = detect(trained.network, np.stack([pixels for pixels, _, _ in pages]), 0.001, 0.6)
    figures = measure_detection(found, [(boxes, kinds) for _, boxes, kinds in pages], scenes.classes)
    flat = [measure_flatness(decode(scene.path.read_bytes())) for scene in train]
    part = DetectorPart(
        file="detector.xml",
        side=chosen.network.input,
        score=_SCORE,
        iou=_IOU,
        min_flatness=round(float(np.quantile(flat, 1 - _DRAWINGS_KEPT)), 3),
        metrics={"map50": round(figures.map50, 4), "map50_95": round(figures.map50_95, 4), "scenes": len(pages)},
    )
    bundle = make_detector_bundle(chosen, trained.network, scenes.classes, part, figures, build / "bundles")
    console.print(f"mAP50 {figures.map50:.3f}, mAP50-95 {figures.map50_95:.3f} on {len(pages)} test scenes.")
    for row in sorted(figures.classes, key=lambda each: each.map50):
        console.print(f"  {row.key}: precision {row.precision:.2f}, recall {row.recall:.2f}, mAP50 {row.map50:.3f}")
    console.print(f"Run: {trained.folder}")
    console.print(f"Bundle: {bundle}")
