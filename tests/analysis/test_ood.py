from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from analysis.ood import measure_unknown
from model_training.runtime.card import Unknown

SERVED = Unknown(
    method="neighbours", threshold=2.0, refused=0.05, told_from_spoiled={"energy": 0.6, "neighbours": 0.9}, fitted_on=50
)


def test_what_is_served_is_what_is_measured() -> None:
    generator = np.random.default_rng(2)
    noise = lambda count: generator.normal(size=count)  # noqa: E731
    test = {"energy": noise(300), "neighbours": noise(300)}
    unlike = {"energy": noise(400), "neighbours": noise(400) + 4}
    found = measure_unknown(SERVED, test, unlike, np.arange(300))
    assert found.method == "neighbours"
    assert found.refused.value == pytest.approx((test["neighbours"] > 2).mean())
    assert found.caught.value == pytest.approx((unlike["neighbours"] > 2).mean())
    for method in ("energy", "neighbours"):
        scores = np.concatenate([test[method], unlike[method]])
        assert found.auroc[method].value == pytest.approx(roc_auc_score(np.arange(700) >= 300, scores))
    assert found.auroc["neighbours"].low < found.auroc["neighbours"].value < found.auroc["neighbours"].high


def test_no_picture_is_too_few() -> None:
    none, some = {"neighbours": np.zeros(0)}, {"neighbours": np.zeros(3)}
    with pytest.raises(ValueError, match="no pictures"):
        measure_unknown(SERVED, some, none, np.arange(3))
