"""The tiny bundle with a gate that has a bound, which so few pictures give none."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from model_training.packaging.gate import COMPANION_MODEL, export_companion
from model_training.runtime.card import read_card, write_card
from model_training.runtime.classifier import Classifier
from model_training.runtime.ood import GATE, Gaussian, Mahalanobis
from model_training.runtime.preprocess import read


def make_gated_bundle(bundle: Path, target: Path, *, companion: bool = False) -> Path:
    """`bundle` copied to `target`, which calls about half of its examples strangers; a `companion` sees them, or the
    network itself."""
    shutil.copytree(bundle, target)
    card = read_card(target / "card.json")
    assert card.ood is not None
    model = Classifier.load(target)
    pixels = np.stack(
        [read((target / "examples" / each.image).read_bytes(), card.preprocessing) for each in card.examples]
    )
    if companion:
        execution = export_companion(1, card.preprocessing, target / COMPANION_MODEL)
        (seen,) = execution.run(pixels)
    else:
        seen = model.execute.observe(pixels)[2]
    rng = np.random.default_rng(3)
    width = seen.shape[1]
    gaussians = []
    for shift in (0.0, 0.01):
        basis = np.linalg.qr(rng.normal(size=(width, 4)))[0].astype(np.float32)
        gaussians.append(Gaussian((seen.mean(0) + shift).astype(np.float32), basis, np.full(4, 2e-3), np.array(1e-3)))
    distance = Mahalanobis(tuple(gaussians))
    distance.save(target / GATE)
    found = np.sort(distance(seen))
    threshold = float(found[len(found) // 2 - 1 : len(found) // 2 + 1].mean())
    own = {"threshold": threshold, "file": GATE, "companion": 1 if companion else None}
    write_card(card.model_copy(update={"ood": card.ood.model_copy(update=own)}), target / "card.json")
    return target
