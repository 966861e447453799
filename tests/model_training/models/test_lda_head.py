from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from model_training.models.features import extract_features
from model_training.models.lda_head import SHRINKAGE, fit_discriminant
from model_training.recipe import override
from model_training.training.start import build_network


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_it_answers_as_scikit_learn_does_on_standardised_features(classes):
    features, targets = make_classification(
        240,
        40,
        n_informative=12,
        n_classes=classes,
        weights=[0.4, *[0.6 / (classes - 1)] * (classes - 2)],
        random_state=1,
    )
    features = features * np.geomspace(1e-3, 1e3, 40) + np.linspace(-5, 5, 40)
    weight, bias = fit_discriminant(features[:160], targets[:160])
    priors = np.full(classes, 1 / classes)
    reference = make_pipeline(
        StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE, priors=priors)
    ).fit(features[:160], targets[:160])
    logits = torch.from_numpy(features[160:] @ weight.T + bias)
    np.testing.assert_allclose(logits.softmax(1), reference.predict_proba(features[160:]), atol=1e-4)


def test_a_feature_that_never_changes_does_no_harm():
    features = np.random.default_rng(0).normal(size=(30, 4))
    features[:, 2] = 7.0
    weight, bias = fit_discriminant(features, np.arange(30) % 3)
    assert np.isfinite(weight).all()
    assert np.isfinite(bias).all()


def test_the_head_starts_as_the_discriminant_of_images_and_their_mirror_images(tiny_recipe, tiny_prepared):
    recipe = override(tiny_recipe, {"training.head_init": "lda"})
    network = build_network(recipe, tiny_prepared).eval()
    train = tiny_prepared.rows["train"]
    features = [extract_features(network, tiny_prepared, train, mirrored=flag) for flag in (False, True)]
    weight, bias = fit_discriminant(np.concatenate(features), np.tile(tiny_prepared.targets[train], 2))
    logits = network(torch.from_numpy(tiny_prepared.pixels[train])).detach().double().numpy()
    expected = features[0] @ weight.T + bias
    ratio = np.ptp(expected, axis=1) / np.ptp(logits, axis=1)
    assert ratio.std() < 1e-3 * ratio.mean()  # one temperature divides them all
    assert (logits.argmax(1) == expected.argmax(1)).all()
    assert (logits.argmax(1) == tiny_prepared.targets[train]).mean() > 0.9
