from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import roc_auc_score

from analysis.unknown import Neighbours, energy, measure_unknown


def test_energy_is_minus_the_log_of_the_sum() -> None:
    assert energy(np.log([[1.0, 2.0, 5.0]]), 1.0) == pytest.approx([-np.log(8)])
    logits = np.random.default_rng(0).normal(size=(4, 3))
    # p(class) = exp((logit + energy) / T) for T = 2
    assert np.exp((logits + energy(logits, 2.0)[:, None]) / 2) == pytest.approx(softmax(logits / 2, axis=1))


def test_the_fifth_neighbour_by_hand() -> None:
    generator = np.random.default_rng(1)
    train, asked = generator.normal(size=(30, 6)), generator.normal(size=(4, 6))
    unit = lambda rows: rows / np.linalg.norm(rows, axis=1, keepdims=True)  # noqa: E731
    distances = np.sort(np.linalg.norm(unit(asked)[:, None] - unit(train)[None], axis=2), axis=1)
    assert Neighbours(train)(asked) == pytest.approx(distances[:, 4])


def test_features_of_zero_and_few_references_do_no_harm() -> None:
    assert np.isfinite(Neighbours(np.eye(3)[:2])(np.zeros((2, 3)))).all()


def test_the_better_score_is_chosen_and_measured_on_what_had_no_part() -> None:
    generator = np.random.default_rng(2)
    noise = lambda count: generator.normal(size=count)  # noqa: E731
    validation = {"energy": noise(200), "neighbours": noise(200)}
    test = {"energy": noise(300), "neighbours": noise(300)}
    unlike = {"energy": noise(400), "neighbours": noise(400) + 4}
    found = measure_unknown(validation, test, unlike)
    assert found.method == "neighbours"
    assert found.auroc["neighbours"].value > 0.98
    assert found.auroc["neighbours"].pictures == 300 + 200
    assert found.auroc["energy"].value == pytest.approx(0.5, abs=0.08)
    assert found.threshold == pytest.approx(np.quantile(validation["neighbours"], 0.95))
    assert found.refused == pytest.approx(0.05, abs=0.04)
    assert found.caught > 0.95
    judging = np.random.default_rng(0).permutation(400)[200:]
    scores = np.concatenate([test["neighbours"], unlike["neighbours"][judging]])
    assert found.auroc["neighbours"].value == pytest.approx(roc_auc_score(np.arange(500) >= 300, scores))


def test_one_unlike_picture_is_too_few() -> None:
    one = {"energy": np.zeros(1)}
    with pytest.raises(ValueError, match="fewer than two"):
        measure_unknown(one, one, one)
