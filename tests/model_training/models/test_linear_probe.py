from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from model_training.models import linear_probe
from model_training.models.linear_probe import SHRINKAGES, STRENGTHS, fit_probe


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("balanced", [False, True])
def test_it_is_scikit_learns_best_of_the_strengths(
    classes: int, balanced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear_probe, "_MOST_FEATURES", 0)  # of regressions alone
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
    assert probe.method == "logistic_regression"
    expected = references[int(np.argmin(losses))].predict_proba(validation[0])
    answered = torch.from_numpy(probe.logits(validation[0])).softmax(1)
    np.testing.assert_allclose(answered, expected, atol=0.01)
    layer = nn.Linear(30, classes)
    probe.put_into(layer)
    np.testing.assert_allclose(layer(torch.from_numpy(validation[0]).float()).detach().softmax(1), answered, atol=1e-3)


@pytest.mark.parametrize("classes", [2, 4])
def test_of_few_images_it_is_scikit_learns_discriminant(classes: int) -> None:
    """With more features than images, and classes of Gaussians that overlap."""
    generator = np.random.default_rng(0)
    targets = np.arange(148) % classes
    features = generator.normal(size=(classes, 60))[targets] * 0.3 + generator.normal(size=(148, 60)) + 3
    train, validation = (features[:48], targets[:48]), (features[48:], targets[48:])
    probe = fit_probe(train, validation, np.ones(classes))
    assert probe.method == "discriminant"
    scaler = StandardScaler().fit(train[0])
    losses, answers = [], []
    for shrinkage in SHRINKAGES:
        reference = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(
            scaler.transform(train[0]), train[1]
        )
        logs = reference.predict_log_proba(scaler.transform(validation[0]))
        found = minimize_scalar(
            lambda heat, logs=logs: log_loss(validation[1], softmax(logs / np.exp(heat), axis=1)),
            bounds=(-3, 5), method="bounded",
        )  # fmt: skip
        losses.append(found.fun)
        answers.append(softmax(logs / np.exp(found.x), axis=1))
    answered = softmax(probe.logits(validation[0]), axis=1)
    np.testing.assert_allclose(answered, answers[int(np.argmin(losses))], atol=0.01)
