"""A recipe trained and tested over several splits, each result kept: what every comparison is made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from sklearn.metrics import confusion_matrix

from ..datasets.prepare import Prepared, prepare
from ..recipe import Recipe, override
from ..runtime.files import write_text
from ..runtime.network import ClassificationNetwork
from ..training.classification import run_folder, train

_BATCH = 64


@dataclass(frozen=True)
class Score:
    """Answers of one training. Confusions are int (classes, classes), rows are true classes.

    `dropped`: classes left out because too few; `borrowed`: classes validated on images of groups in training.
    """

    labels: tuple[str, ...]
    validation: np.ndarray
    test: np.ndarray
    dropped: tuple[str, ...] = ()
    borrowed: tuple[str, ...] = ()

    @property
    def accuracy(self) -> float:
        """Of the test images, 0…1."""
        return float(np.trace(self.test) / self.test.sum())

    @property
    def f1(self) -> np.ndarray:
        """Of each class on the test images, float (classes,)."""
        return 2 * self.test.diagonal() / np.maximum(self.test.sum(0) + self.test.sum(1), 1)

    @property
    def macro_f1(self) -> float:
        return float(self.f1.mean())

    @property
    def recall(self) -> np.ndarray:
        return self.test.diagonal() / np.maximum(self.test.sum(1), 1)


def score(recipe: Recipe, place: Path, build: Path, fabric: Fabric) -> Score:
    """Train on the recipe's split and answer its validation and test images.

    A result that is under BUILD/comparisons is read instead; an interrupted training goes on. Of a finished one only
    the result stays: checkpoints of many would fill the disk. Raises `DatasetError` and what training raises.
    """
    prepared = prepare(recipe, place, build / "cache", quiet=True)
    folder = run_folder(recipe, prepared, build / "comparisons")
    kept = folder / "answers.json"
    if not kept.exists():
        network = train(recipe, prepared, build / "comparisons", fabric, build / "cache").network
        confusions = {
            name: _confusion(network, prepared, prepared.rows[name]).tolist() for name in ("validation", "test")
        }
        write_text(kept, json.dumps(confusions))
        for checkpoint in folder.glob("*.ckpt"):
            checkpoint.unlink()
    confusion = json.loads(kept.read_text("utf-8"))
    return Score(
        labels=prepared.dataset.labels,
        validation=np.array(confusion["validation"]),
        test=np.array(confusion["test"]),
        dropped=prepared.dataset.dropped,
        borrowed=prepared.provenance.validation_within_groups,
    )


def repeat(recipe: Recipe, repeats: int, **settings: object) -> list[Recipe]:
    """The recipe on `repeats` splits that differ by their seed."""
    first = recipe.data.split.seed
    return [override(recipe, {"data.split.seed": first + number, **settings}) for number in range(repeats)]


@torch.inference_mode()
def _confusion(network: ClassificationNetwork, prepared: Prepared, rows: np.ndarray) -> np.ndarray:
    network.eval()
    predicted = [
        network(torch.from_numpy(prepared.pixels[rows[start : start + _BATCH]])).argmax(1).numpy()
        for start in range(0, len(rows), _BATCH)
    ]
    labels = np.arange(len(prepared.dataset.labels))
    return confusion_matrix(prepared.targets[rows], np.concatenate(predicted), labels=labels)
