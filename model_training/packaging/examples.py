"""The example images of a bundle and their precomputed answers."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from ..datasets.prepare import Prepared
from ..runtime.card import Example
from ..runtime.image import decode
from ..runtime.load import load_bundle

EXAMPLES_A_CLASS = 3
EXAMPLE_SIDE = 512


def write_example_images(folder: Path, prepared: Prepared) -> tuple[Example, ...]:
    """The first test images of each class: not chosen by how well the network does on them."""
    folder.mkdir()
    examples: list[Example] = []
    test = prepared.rows["test"]
    for number, key in enumerate(prepared.dataset.labels):
        for row in test[prepared.targets[test] == number][:EXAMPLES_A_CLASS]:
            examples.append(write_example(folder, len(examples) + 1, prepared.dataset.entries[row].path, key))
    return tuple(examples)


def write_example(folder: Path, number: int, source: Path, label: str) -> Example:
    name = f"example-{number:02d}"
    image = decode(source.read_bytes(), at_least=2 * EXAMPLE_SIDE)
    image.thumbnail((EXAMPLE_SIDE, EXAMPLE_SIDE), Image.Resampling.LANCZOS)
    image.save(folder / f"{name}.jpg", quality=88)
    return Example(name=name, image=f"{name}.jpg", label=label)


def answer_examples(bundle: Path) -> None:
    """Write each example's explained answer beside it; the card has to be there. Raises what answering raises."""
    model = load_bundle(bundle)
    for example in model.card.examples:
        (answer,) = model.answer([(bundle / "examples" / example.image).read_bytes()], [True])
        if isinstance(answer, Exception):
            raise answer
        (bundle / "examples" / f"{example.name}.json").write_text(json.dumps(answer, ensure_ascii=False), "utf-8")
