"""How well the verdict `unknown` tells images of another kind, by the score and the bound that are served."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model_training.runtime.card import OutOfDistribution

from .metrics import Score, auc, grouped_share


@dataclass(frozen=True)
class Refusal:
    """`auroc`: each method's, how well it tells test images from unlike ones; `refused`, `caught`: shares above the
    served threshold of test images and of unlike ones."""

    method: str
    auroc: dict[str, Score]
    rejected: Score
    caught: Score


def measure_ood(
    served: OutOfDistribution, test: dict[str, np.ndarray], unlike: dict[str, np.ndarray], group: np.ndarray
) -> Refusal:
    """`test`, `unlike`: method → scores, float (N,), higher is stranger; `group`: int (N,), the test images'.

    Neither had a part in the choice of the method or of the threshold. Raises `ValueError` where one is empty.
    """
    method = served.method
    if not len(test[method]) or not len(unlike[method]):
        raise ValueError("no pictures")
    caught = unlike[method] > served.threshold
    return Refusal(
        method=method,
        auroc={name: _tell(test[name], unlike[name]) for name in sorted(test)},
        rejected=grouped_share(test[method] > served.threshold, group),
        caught=grouped_share(caught, np.arange(len(caught))),
    )


def _tell(known: np.ndarray, unlike: np.ndarray) -> Score:
    scores = np.concatenate([known, unlike])
    return auc(scores, np.arange(len(scores)) >= len(known))
