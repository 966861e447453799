"""Detector + classifier → the sketch bundle, which `sketch.mar` is made of; and the detector's own bundle before it."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path

import torch
from PIL import Image, ImageOps
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import save_file

from ..detection.detector import DetectorNetwork
from ..detection.metrics import Detection
from ..detection.recipe import DetectionRecipe
from ..packaging.bundle import hash_files, put_in_place
from ..packaging.model_card import write_model_card
from ..runtime.card import DetectorPart, Example, ModelCard, read_card, write_card
from ..runtime.errors import BundleError
from ..runtime.execution import save_openvino
from ..runtime.sketch import Sketch

DETECTOR_CARD = "detector.json"
_EXAMPLES = 3
_REMEDY = "Train the detector again: make train RECIPE=sketch_detector."


class DetectorCard(BaseModel):
    """What a detector's bundle says of itself: `part` goes into the sketch model's card as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    part: DetectorPart
    classes: tuple[str, ...]
    recipe: dict[str, object]
    figures: dict[str, object]


def export_detector(network: DetectorNetwork, side: int, path: Path) -> None:
    """Write the detector as OpenVINO (`path` and its .bin), for one page at a time, scaling included."""
    example = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    save_openvino(network, example, example.shape, path)


def make_detector_bundle(
    recipe: DetectionRecipe,
    network: DetectorNetwork,
    classes: tuple[str, ...],
    part: DetectorPart,
    figures: Detection | None,
    bundles: Path,
) -> Path:
    """Write `bundles/<name>/`: `detector.xml`, `detector.bin`, `detector.safetensors`, `detector.json`."""
    bundles.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=f".{recipe.name}-", dir=bundles))
    try:
        export_detector(network, part.side, stage / part.file)
        save_file(
            {name: value.contiguous() for name, value in network.state_dict().items()}, stage / "detector.safetensors"
        )
        card = DetectorCard(
            part=part,
            classes=classes,
            recipe=recipe.model_dump(mode="json"),
            figures=asdict(figures) if figures else {},
        )
        (stage / DETECTOR_CARD).write_text(card.model_dump_json(indent=2) + "\n", "utf-8")
        stage.chmod(0o755)
        return put_in_place(stage, bundles / recipe.name)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def make_sketch_bundle(detector: Path, classifier: Path, bundles: Path, version: str | None = None) -> Path:
    """Put the detector's bundle before the classifier's: `bundles/sketch/`.

    Labels, preprocessing, calibration and figures are the classifier's, which judges the crops. The examples become
    pages of several of its example drawings. Raises `CardError`, `BundleError`.
    """
    found = _read_detector(detector)
    card = read_card(classifier / "card.json")
    stage = Path(tempfile.mkdtemp(prefix=".sketch-", dir=bundles))
    try:
        for name in card.files:
            if not name.startswith("examples/"):
                (stage / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(classifier / name, stage / name)
        for suffix in (".xml", ".bin"):
            shutil.copyfile(
                (detector / found.part.file).with_suffix(suffix), (stage / found.part.file).with_suffix(suffix)
            )
        examples = _write_pages(stage / "examples", classifier / "examples", card)
        card = card.model_copy(
            update={
                "name": "sketch",
                "version": version or card.version,
                "task": "sketch",
                "detector": found.part,
                "embedding": hash_embedding(stage),
                "examples": examples,
                "files": {},
            }
        )
        write_card(card, stage / "card.json")
        _answer(stage, card)
        write_model_card(card, stage)
        write_card(card.model_copy(update={"files": hash_files(stage)}), stage / "card.json")
        stage.chmod(0o755)
        return put_in_place(stage, bundles / "sketch")
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def hash_embedding(bundle: Path) -> str:
    """SHA-256 of the classifier's weights: embeddings of one model and another can't be compared."""
    return hashlib.sha256((bundle / "weights.safetensors").read_bytes()).hexdigest()


def _read_detector(bundle: Path) -> DetectorCard:
    path = bundle / DETECTOR_CARD
    try:
        return DetectorCard.model_validate_json(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{path}: there is no detector.", _REMEDY) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{path}: {place}: {first['msg']}.", _REMEDY) from None


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


def _answer(bundle: Path, card: ModelCard) -> None:
    sketch = Sketch(card, bundle, "cpu")
    for example in card.examples:
        (answer,) = sketch.answer([(bundle / "examples" / example.image).read_bytes()])
        if isinstance(answer, Exception):
            raise answer
        (bundle / "examples" / f"{example.name}.json").write_text(json.dumps(answer, ensure_ascii=False), "utf-8")
