"""How well the verdict `unknown` tells pictures of another kind, by the score and the bound that are served."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model_training.runtime.card import Unknown

from .metrics import Score, auc, grouped_share


@dataclass(frozen=True)
class Refusal:
    """`auroc`: each method's, how well it tells test pictures from unlike ones; `refused`, `caught`: shares above the
    served threshold of test pictures and of unlike ones."""

    method: str
    auroc: dict[str, Score]
    refused: Score
    caught: Score


def measure_unknown(
    served: Unknown, test: dict[str, np.ndarray], unlike: dict[str, np.ndarray], group: np.ndarray
) -> Refusal:
    """`test`, `unlike`: method → scores, float (N,), higher is stranger; `group`: int (N,), the test pictures'.

    Neither had a part in the choice of the method or of the threshold. Raises `ValueError` where one is empty.
    """
    method = served.method
    if not len(test[method]) or not len(unlike[method]):
        raise ValueError("no pictures")
    caught = unlike[method] > served.threshold
    return Refusal(
        method=method,
        auroc={name: _tell(test[name], unlike[name]) for name in sorted(test)},
        refused=grouped_share(test[method] > served.threshold, group),
        caught=grouped_share(caught, np.arange(len(caught))),
    )


def _tell(known: np.ndarray, unlike: np.ndarray) -> Score:
    scores = np.concatenate([known, unlike])
    return auc(scores, np.arange(len(scores)) >= len(known))
