"""The sketch product's commands: `sketch`, `gallery`, `ablate`, and what `train` does for a detector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..progress import console, follow
from ..runtime.errors import DatasetError


def sketch(
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, for example classifier=sketch_clip")] = None,
    build: Annotated[Path, typer.Option(help="where the two bundles are, and theirs goes")] = Path("build"),
) -> None:
    """Put a trained detector and classifier into one bundle; then `make archive RECIPE=sketch` makes sketch.mar."""
    from ..sketch.bundle import compose_sketch
    from ..sketch.recipe import load_sketch_recipe

    bundle = compose_sketch(load_sketch_recipe("sketch", overrides or []), build / "bundles")
    console.print(f"Bundle: {bundle}", markup=False)


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
        raise DatasetError("There are no drawings to train on.", "Give DATA=folder.")
    run_ablation(recipe, overrides or [], data, seeds, build)


def train_detection(recipe: str, overrides: Sequence[str], data: Path | None, build: Path) -> None:
    """Train a detector on labelled scenes, measure it on the test drawings, leave its bundle."""
    from ..detection.annotations import divide, merge_classes, read_scenes
    from ..detection.composer import crop_scene
    from ..detection.drawings import read_drawings
    from ..detection.recipe import load_detection_recipe
    from ..detection.train import train_detector
    from ..packaging.detector import make_detector_bundle
    from ..runtime.card import DetectorCard, read_card

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
    divided = {"train": train, "test": sides["test"]}
    bundle = make_detector_bundle(chosen, trained, scenes.classes, divided, build / "bundles")
    card = read_card(bundle / "card.json", DetectorCard)
    for each in card.metrics:
        told = f"{each.name} {each.value:.3f} ({each.low:.3f}–{each.high:.3f}) on {each.images} test scenes."
        console.print(told, markup=False)
    for row in sorted(card.class_metrics, key=lambda each: each.map50):
        console.print(f"  {row.key}: precision {row.precision:.2f}, recall {row.recall:.2f}, mAP50 {row.map50:.3f}")
    console.print(f"Run: {trained.folder}")
    console.print(f"Bundle: {bundle}")
