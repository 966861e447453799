"""Detector + classifier → the sketch bundle, which `sketch.mar` is made of."""

from __future__ import annotations

import hashlib
import shutil
from itertools import zip_longest
from pathlib import Path

from PIL import Image, ImageOps

from ..packaging.bundle import finish, staged
from ..runtime.card import DetectorCard, Example, ModelCard, SketchCard, read_card
from .recipe import SketchRecipe

_EXAMPLES = 3


def compose_sketch(recipe: SketchRecipe, bundles: Path) -> Path:
    """Put the detector's bundle before the classifier's, both in `bundles`: `bundles/<name>/`, which is returned.

    Labels, preprocessing, calibration and figures are the classifier's, which judges the crops; the detector's figures
    come after them. The examples become pages of several of the classifier's example drawings. Raises `CardError` for
    a bundle that is missing or of another task, and `BundleError`.
    """
    detector, classifier = bundles / recipe.detector, bundles / recipe.classifier
    found = read_card(detector / "card.json", DetectorCard)
    card = read_card(classifier / "card.json")
    with staged(bundles / recipe.name) as stage:
        for name in card.files:
            if not name.startswith("examples/"):
                (stage / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(classifier / name, stage / name)
        for suffix in (".xml", ".bin"):
            form = Path(found.detector.file).with_suffix(suffix)
            shutil.copyfile(detector / form, stage / form)
        told = {
            "name": recipe.name,
            "version": recipe.version or card.version,
            "task": recipe.task,
            "detector": found.detector,
            "embedding": hash_embedding(stage),
            # A gallery's embeddings are compared with the answers': all are of one form.
            "forms": (),
            "form_costs": {},
            "metrics": (*card.metrics, *found.metrics),
            "examples": _write_pages(stage / "examples", classifier / "examples", card),
            "files": {},
        }
        finish(SketchCard.model_validate(dict(card) | told), stage)
    return bundles / recipe.name


def hash_embedding(bundle: Path) -> str:
    """SHA-256 of the classifier's weights: embeddings of one model and another can't be compared."""
    return hashlib.sha256((bundle / "weights.safetensors").read_bytes()).hexdigest()


def _write_pages(folder: Path, singles: Path, card: ModelCard) -> tuple[Example, ...]:
    """Pages with two of the classifier's example drawings side by side; a page is labelled by the left one."""
    folder.mkdir()
    pages: list[Example] = []
    images = card.examples[:: max(1, len(card.examples) // (2 * _EXAMPLES))]
    for left, right in zip_longest(images[::2], images[1::2], fillvalue=images[0]):
        name = f"example-{len(pages) + 1:02d}"
        page = Image.new("RGB", (640, 400), "white")
        for column, example in enumerate((left, right)):
            with Image.open(singles / example.image) as drawing:
                page.paste(ImageOps.contain(drawing.convert("RGB"), (280, 360)), (20 + 320 * column, 20))
        page.save(folder / f"{name}.jpg", quality=92)
        pages.append(Example(name=name, image=f"{name}.jpg", label=left.label))
    return tuple(pages[:_EXAMPLES])
