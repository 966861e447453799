from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from analysis.ood import measure_ood
from model_training.runtime.card import OutOfDistribution

SERVED = OutOfDistribution(
    method="knn", threshold=2.0, rejected=0.05, auroc_spoiled={"energy": 0.6, "knn": 0.9}, fitted_on=50
)


def test_what_is_served_is_what_is_measured() -> None:
    generator = np.random.default_rng(2)
    noise = lambda count: generator.normal(size=count)  # noqa: E731
    test = {"energy": noise(300), "knn": noise(300)}
    unlike = {"energy": noise(400), "knn": noise(400) + 4}
    found = measure_ood(SERVED, test, unlike, np.arange(300))
    assert found.method == "knn"
    assert found.rejected.value == pytest.approx((test["knn"] > 2).mean())
    assert found.caught.value == pytest.approx((unlike["knn"] > 2).mean())
    for method in ("energy", "knn"):
        scores = np.concatenate([test[method], unlike[method]])
        assert found.auroc[method].value == pytest.approx(roc_auc_score(np.arange(700) >= 300, scores))
    assert found.auroc["knn"].low < found.auroc["knn"].value < found.auroc["knn"].high


def test_no_image_is_too_few() -> None:
    none, some = {"knn": np.zeros(0)}, {"knn": np.zeros(3)}
    with pytest.raises(ValueError, match="no pictures"):
        measure_ood(SERVED, some, none, np.arange(3))
