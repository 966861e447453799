"""How well the verdict `unknown` tells images of another kind by their features, with the bound that is served."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model_training.runtime.card import OutOfDistribution

from .metrics import Score, auc, grouped_share


@dataclass(frozen=True)
class Refusal:
    """`auroc`: how well the distance tells test images from unlike ones; `rejected`, `caught`: shares above the served
    threshold of test images and of unlike ones."""

    auroc: Score
    rejected: Score
    caught: Score


def measure_ood(served: OutOfDistribution, test: np.ndarray, unlike: np.ndarray, group: np.ndarray) -> Refusal:
    """`test`, `unlike`: distances, float (N,), higher is stranger; `group`: int (N,), the test images'.

    Neither had a part in the choice of the threshold. Raises `ValueError` where one is empty, or nothing is served.
    """
    if served.threshold is None or not len(test) or not len(unlike):
        raise ValueError("no pictures or no bound")
    finite = np.nan_to_num(np.concatenate([test, unlike]), posinf=np.finfo(float).max)
    caught = unlike > served.threshold
    return Refusal(
        auroc=auc(finite, np.arange(len(finite)) >= len(test)),
        rejected=grouped_share(test > served.threshold, group),
        caught=grouped_share(caught, np.arange(len(caught))),
    )
