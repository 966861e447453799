"""Made-up predictions: arrays with known properties, without a network."""

from __future__ import annotations

import numpy as np

from analysis.predictions import Predictions


def make_predictions(
    per_class: dict[str, int],
    *,
    sharpness: float = 2.0,
    seed: int = 0,
    split: str = "test",
    side: int = 16,
) -> Predictions:
    """`per_class`: label → pictures. The true class's logit is `sharpness` above the others', plus unit noise."""
    generator = np.random.default_rng(seed)
    labels = tuple(per_class)
    targets = np.repeat(np.arange(len(labels)), list(per_class.values()))
    logits = generator.normal(size=(len(targets), len(labels))).astype(np.float32)
    logits[np.arange(len(targets)), targets] += sharpness
    centres = generator.normal(size=(len(labels), 8)) * 3
    return Predictions(
        labels=labels,
        places=tuple(f"{labels[target]}/{row:05d}.png" for row, target in enumerate(targets)),
        split=np.full(len(targets), split, dtype="U10"),
        targets=targets.astype(np.int64),
        logits=logits,
        features=(centres[targets] + generator.normal(size=(len(targets), 8))).astype(np.float32),
        temperature=1.0,
        group=np.arange(len(targets)),
        grouped_by="picture",
        columns={},
        pixels=generator.integers(0, 256, (len(targets), side, side, 3), dtype=np.uint8),
        rows=np.arange(len(targets)),
    )
