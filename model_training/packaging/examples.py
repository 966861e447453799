"""The example images of a bundle and their precomputed answers."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from ..datasets.prepare import Prepared
from ..runtime.card import Example
from ..runtime.classifier import Classifier
from ..runtime.image import decode

EXAMPLES_A_CLASS = 3
EXAMPLE_SIDE = 512


def write_example_images(folder: Path, prepared: Prepared) -> tuple[Example, ...]:
    """The first test images of each class: not chosen by how well the network does on them."""
    folder.mkdir()
    examples: list[Example] = []
    test = prepared.rows["test"]
    for number, key in enumerate(prepared.dataset.labels):
        for row in test[prepared.targets[test] == number][:EXAMPLES_A_CLASS]:
            name = f"example-{len(examples) + 1:02d}"
            image = decode(prepared.dataset.entries[row].path.read_bytes(), at_least=EXAMPLE_SIDE)
            image.thumbnail((EXAMPLE_SIDE, EXAMPLE_SIDE), Image.Resampling.LANCZOS)
            image.save(folder / f"{name}.jpg", quality=88)
            examples.append(Example(name=name, image=f"{name}.jpg", label=key))
    return tuple(examples)


def answer_examples(bundle: Path, examples: tuple[Example, ...]) -> None:
    """Write each one's explained answer beside it; the bundle's card has to be there. Raises what answering raises."""
    classifier = Classifier.load(bundle)
    images = [(bundle / "examples" / each.image).read_bytes() for each in examples]
    for example, image in zip(examples, images, strict=True):
        (answer,) = classifier.answer([image], [True])
        if isinstance(answer, Exception):
            raise answer
        (bundle / "examples" / f"{example.name}.json").write_text(json.dumps(answer, ensure_ascii=False), "utf-8")
