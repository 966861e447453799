"""A head that starts as a linear discriminant of the pretrained features.

A head drawn at random sends arbitrary gradients into the backbone, and what they distort is not found again (Kumar et
al. 2022, "Fine-tuning can distort pretrained features"); with a dozen images a class that costs more than
fine-tuning gives. A shrunk discriminant is had in closed form, and is as good as what gradients reach on few images.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.preprocessing import StandardScaler
from torch import nn

from ..datasets.prepare import Prepared
from ..evaluation.calibration import fit_temperature
from ..runtime.network import ClassificationNetwork
from .features import extract_features

#: Of the covariance within classes towards that of independent features (Ledoit & Wolf's form; of standardised ones).
SHRINKAGE = 0.5


def start_head(network: ClassificationNetwork, head: nn.Linear, prepared: Prepared, mirrored: bool) -> None:
    """Set `head`, the network's last layer, to the discriminant of its training images and, with `mirrored`, of their
    mirror images. All classes count alike, however many images they have.

    Its logits are divided by the temperature that fits the validation images: of those it has seen it is too sure.
    """
    training = network.training
    network.eval()
    rows = prepared.rows["train"]
    features = [extract_features(network, prepared, rows)]
    if mirrored:
        features.append(extract_features(network, prepared, rows, mirrored=True))
    weight, bias = fit_discriminant(np.concatenate(features), np.tile(prepared.targets[rows], len(features)))
    validation = prepared.rows["validation"]
    logits = extract_features(network, prepared, validation) @ weight.T + bias
    temperature = fit_temperature(logits, prepared.targets[validation]).temperature
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight / temperature))
        head.bias.copy_(torch.from_numpy(bias / temperature))
    network.train(training)


def fit_discriminant(features: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`features`: float (N, F); `targets`: int (N,), each class at least once. Returns weights (classes, F) and biases
    (classes,) of raw features."""
    scaler = StandardScaler().fit(features)
    classes = len(np.unique(targets))
    fitted = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE, priors=np.full(classes, 1 / classes))
    fitted.fit(scaler.transform(features), targets)
    weight, bias = fitted.coef_, fitted.intercept_
    if classes == 2:  # scikit-learn keeps the second class against the first only
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    weight = weight / scaler.scale_
    return weight, bias - weight @ scaler.mean_
