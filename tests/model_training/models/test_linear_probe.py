from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from model_training.models.linear_probe import STRENGTHS, fit_probe


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("balanced", [False, True])
def test_it_is_scikit_learns_best_of_the_strengths(classes: int, balanced: bool) -> None:
    features, targets = make_classification(
        300,
        30,
        n_informative=8,
        n_classes=classes,
        weights=[0.7, *[0.3 / (classes - 1)] * (classes - 1)],
        random_state=1,
    )
    features = features * np.geomspace(1e-2, 1e2, 30) + np.linspace(-5, 5, 30)
    train, validation = (features[:200], targets[:200]), (features[200:], targets[200:])
    weights = 1 / np.bincount(train[1]) if balanced else np.ones(classes)
    weights = weights * 200 / weights[train[1]].sum()
    probe = fit_probe(train, validation, weights)
    references = [
        make_pipeline(
            StandardScaler(), LogisticRegression(C=each, class_weight=dict(enumerate(weights)), max_iter=2000, tol=1e-7)
        ).fit(*train)
        for each in STRENGTHS
    ]
    losses = [
        log_loss(validation[1], each.predict_proba(validation[0]), sample_weight=weights[validation[1]])
        for each in references
    ]
    assert probe.strength == STRENGTHS[int(np.argmin(losses))]
    expected = references[int(np.argmin(losses))].predict_proba(validation[0])
    answered = torch.from_numpy(probe.logits(validation[0])).softmax(1)
    np.testing.assert_allclose(answered, expected, atol=0.01)
    layer = nn.Linear(30, classes)
    probe.put_into(layer)
    np.testing.assert_allclose(layer(torch.from_numpy(validation[0]).float()).detach().softmax(1), answered, atol=1e-3)
