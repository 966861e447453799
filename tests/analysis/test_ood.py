from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from analysis.ood import measure_ood
from model_training.runtime.card import OutOfDistribution

SERVED = OutOfDistribution(threshold=2.0, rejected=0.05, fitted_on=50)


def test_what_is_served_is_what_is_measured() -> None:
    generator = np.random.default_rng(2)
    test, unlike = generator.normal(size=300), generator.normal(size=400) + 2
    found = measure_ood(SERVED, test, unlike, np.arange(300))
    assert found.rejected.value == pytest.approx((test > 2).mean())
    assert found.caught.value == pytest.approx((unlike > 2).mean())
    assert found.auroc.value == pytest.approx(roc_auc_score(np.arange(700) >= 300, np.concatenate([test, unlike])))
    assert found.auroc.low < found.auroc.value < found.auroc.high


def test_an_infinite_distance_is_the_strangest() -> None:
    found = measure_ood(SERVED, np.array([0.0, 1.0]), np.array([np.inf, 3.0]), np.arange(2))
    assert found.auroc.value == found.caught.value == 1


def test_no_image_and_no_bound_are_too_few() -> None:
    some = np.zeros(3)
    for served, test, unlike in (
        (SERVED, some, np.zeros(0)),
        (SERVED, np.zeros(0), some),
        (SERVED.model_copy(update={"threshold": None}), some, some),
    ):
        with pytest.raises(ValueError, match="no pictures or no bound"):
            measure_ood(served, test, unlike, np.arange(3))
