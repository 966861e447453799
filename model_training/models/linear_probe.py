"""A linear classifier on the features of a pretrained network: what fine-tuning starts from and has to beat.

On few images it is hard to beat, and fine-tuning that starts from it distorts the features less than from a head drawn
at random (LP-FT; Kumar et al. 2022, "Fine-tuning can distort pretrained features").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn

from ..evaluation.calibration import fit_temperature
from .lda_head import fit_discriminant

#: Inverse strengths of the L2 penalty on the weights of standardised features. A network's features are more than the
#: images as a rule, so all of them are strong.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
#: Of a discriminant's covariance. With a dozen images a class it is better than any logistic regression.
SHRINKAGES = (0.3, 0.5, 0.7, 0.9)
#: With more features than that a discriminant takes minutes.
_MOST_FEATURES = 2600


@dataclass(frozen=True)
class LinearProbe:
    """`weight`, float64 (classes, F), and `bias`, (classes,), of raw features; `method`: what it was fitted by."""

    weight: np.ndarray
    bias: np.ndarray
    method: Literal["logistic_regression", "discriminant"]

    def logits(self, features: np.ndarray) -> np.ndarray:
        """`features`: float (N, F). Returns (N, classes)."""
        return features @ self.weight.T + self.bias

    def put_into(self, layer: nn.Linear) -> None:
        """Make a network's last layer answer as this does."""
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(self.weight))
            layer.bias.copy_(torch.from_numpy(self.bias))


def fit_probe(
    train: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray], class_weights: np.ndarray
) -> LinearProbe:
    """Of multinomial logistic regression and the shrunk linear discriminant, on standardised features, whichever fits
    the validation better; the standardisation is folded into its weights.

    `train`, `validation`: features, float (N, F), and targets, int (N,), each class at least once in `train`.
    `class_weights`, float (classes,), multiply each image's loss, also where the validation's mean log loss chooses the
    penalty; all 1 for equal ones. A discriminant's logits are first divided by the temperature that fits the
    validation: of what it has seen it is too sure.
    """
    features, targets = train
    scaler = StandardScaler().fit(features)
    scaled = scaler.transform(features)
    model = LogisticRegression(
        class_weight=dict(enumerate(class_weights.tolist())), max_iter=1000, tol=1e-4, warm_start=True
    )
    probes = []
    for strength in STRENGTHS:
        model.set_params(C=strength).fit(scaled, targets)
        probes.append(_unscale(model.coef_, model.intercept_, scaler))
    if features.shape[1] <= _MOST_FEATURES:
        priors = np.bincount(targets, minlength=len(class_weights)) * class_weights
        probes += [_fit_discriminant(train, validation, each, priors / priors.sum()) for each in SHRINKAGES]
    seen, expected = validation
    weights = class_weights[expected]
    return min(probes, key=lambda probe: _log_loss(probe.logits(seen), expected, weights))


def _fit_discriminant(
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    shrinkage: float,
    priors: np.ndarray,
) -> LinearProbe:
    weight, bias = fit_discriminant(*train, shrinkage, priors)
    seen, expected = validation
    temperature = fit_temperature(seen @ weight.T + bias, expected).temperature
    return LinearProbe(weight / temperature, bias / temperature, "discriminant")


def _unscale(weight: np.ndarray, bias: np.ndarray, scaler: StandardScaler) -> LinearProbe:
    if len(weight) == 1:  # scikit-learn keeps the second of two classes against the first only
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    weight = weight / scaler.scale_
    return LinearProbe(weight, bias - weight @ scaler.mean_, "logistic_regression")


def _log_loss(logits: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
    """Weighted mean in nats."""
    logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return float(-np.average(logs[np.arange(len(targets)), targets], weights=weights))
