"""Is a picture like those that the model was trained on? Two scores, the better chosen, and how well it tells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp
from sklearn.neighbors import NearestNeighbors

from .metrics import Score, auc

NEIGHBOURS = 5
#: The verdict `unknown` costs this share of validation pictures, which are all known.
REFUSED = 0.05
_MOST_REFERENCES = 20_000


@dataclass(frozen=True)
class Unknown:
    """`method`: `energy` or `neighbours`; above `threshold` a picture is unknown; `auroc`: each method's, how well it
    tells test pictures from unlike ones that had no part in the choice; `refused`, `caught`: shares above the threshold
    of test pictures and of unlike ones."""

    method: str
    threshold: float
    auroc: dict[str, Score]
    refused: float
    caught: float


def energy(logits: np.ndarray, temperature: float) -> np.ndarray:
    """−T log Σ exp(logit / T) (Liu et al. 2020, eq. 4): float (N,), higher is stranger."""
    return -temperature * logsumexp(logits.astype(np.float64) / temperature, axis=1)


class Neighbours:
    """The distance of normalised features to the fifth nearest training picture (Sun et al. 2022)."""

    def __init__(self, features: np.ndarray) -> None:
        """`features`: float (N, F) of training pictures; of very many, 20,000 drawn by seed stand for all."""
        if len(features) > _MOST_REFERENCES:
            chosen = np.random.default_rng(0).choice(len(features), _MOST_REFERENCES, replace=False)
            features = features[np.sort(chosen)]
        self.search = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(features)), algorithm="brute")
        self.search.fit(normalise(features))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """float (N,), 0…2: higher is stranger."""
        distances, _ = self.search.kneighbors(normalise(features))
        return distances[:, -1]


def normalise(features: np.ndarray) -> np.ndarray:
    """Each row to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(lengths > 0, lengths, 1)


def measure_unknown(
    validation: dict[str, np.ndarray], test: dict[str, np.ndarray], unlike: dict[str, np.ndarray], seed: int = 0
) -> Unknown:
    """Each argument: method → scores, float (N,). Half of the unlike pictures, against validation, choose the method;
    the threshold comes from validation alone; the other half, against test, is what the figures are measured on.

    Raises `ValueError` for fewer than two unlike pictures.
    """
    methods = sorted(validation)
    count = len(unlike[methods[0]])
    if count < 2:
        raise ValueError("fewer than two unlike pictures")
    order = np.random.default_rng(seed).permutation(count)
    choosing, judging = order[: count // 2], order[count // 2 :]
    method = max(methods, key=lambda name: _tell(validation[name], unlike[name][choosing]).value)
    threshold = float(np.quantile(validation[method], 1 - REFUSED))
    return Unknown(
        method=method,
        threshold=threshold,
        auroc={name: _tell(test[name], unlike[name][judging]) for name in methods},
        refused=float((test[method] > threshold).mean()),
        caught=float((unlike[method][judging] > threshold).mean()),
    )


def _tell(known: np.ndarray, unlike: np.ndarray) -> Score:
    scores = np.concatenate([known, unlike])
    return auc(scores, np.arange(len(scores)) >= len(known))
