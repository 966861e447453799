"""Scores against scikit-learn and scipy, intervals against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics as reference

from analysis.metrics import (
    accuracy,
    auc,
    average_precision,
    bootstrap,
    classification_report,
    confusion,
    design_effect,
    grouped_share,
    macro_auc,
    macro_f1,
    newcombe_interval,
    wilson,
)


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    targets = generator.integers(0, 4, 300)
    return targets, np.where(generator.random(300) < 0.7, targets, generator.integers(0, 4, 300))


def alone(values: np.ndarray) -> np.ndarray:
    """Every picture a group of its own."""
    return np.arange(len(values))


def test_confusion_is_scikit_learns(answers: tuple[np.ndarray, np.ndarray]) -> None:
    targets, predicted = answers
    assert (confusion(targets, predicted, 4) == reference.confusion_matrix(targets, predicted)).all()


def test_class_scores_are_scikit_learns(answers: tuple[np.ndarray, np.ndarray]) -> None:
    targets, predicted = answers
    precision, recall, f1, support = reference.precision_recall_fscore_support(targets, predicted)
    ours = classification_report(targets, predicted, alone(targets), 4)
    assert [each.precision.value for each in ours] == pytest.approx(precision)
    assert [each.recall.value for each in ours] == pytest.approx(recall)
    assert [each.f1 for each in ours] == pytest.approx(f1)
    assert [each.support for each in ours] == list(support)
    assert macro_f1(targets, predicted, alone(targets), 4).value == pytest.approx(f1.mean())


def test_an_absent_class_has_no_recall_and_leaves_the_mean_alone() -> None:
    targets, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    report = classification_report(targets, predicted, alone(targets), 3)
    assert np.isnan(report[2].recall.value)
    assert np.isnan(report[2].precision.value)
    assert np.isnan(report[2].f1)
    assert macro_f1(targets, predicted, alone(targets), 3).value == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_wilson_is_scipys() -> None:
    for right, total in [(0, 3), (3, 3), (37, 40), (199, 200)]:
        expected = binomtest(right, total).proportion_ci(0.95, method="wilson")
        ours = wilson(right, total)
        assert (ours.low, ours.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_copies_of_images_do_not_narrow_an_interval() -> None:
    right = np.array([True] * 30 + [False] * 10)
    single = grouped_share(right, alone(right))
    copied = grouped_share(np.repeat(right, 5), np.repeat(alone(right), 5))
    assert copied.value == single.value
    assert copied.high - copied.low == pytest.approx(single.high - single.low, rel=0.02)


def test_a_faultless_group_counts_as_one_image() -> None:
    assert design_effect(np.ones(40), np.repeat(np.arange(8), 5)) == 5
    assert grouped_share(np.ones(40, bool), np.repeat(np.arange(8), 5)).low == pytest.approx(wilson(8, 8).low)


def test_the_grouped_interval_covers() -> None:
    generator = np.random.default_rng(0)
    group = np.repeat(np.arange(40), 5)
    covered = []
    for _ in range(500):
        artist = np.repeat(generator.beta(4, 1, 40), 5)  # the mean is 0.8
        score = grouped_share(generator.random(200) < artist, group)
        covered.append(score.low <= 0.8 <= score.high)
    assert 0.92 <= np.mean(covered) <= 0.98


def test_auc_is_scikit_learns_with_ties() -> None:
    generator = np.random.default_rng(1)
    positive = generator.random(200) < 0.3
    scores = np.round(positive + generator.normal(size=200), 1)
    assert auc(scores, positive).value == pytest.approx(reference.roc_auc_score(positive, scores))
    assert np.isnan(auc(scores, np.ones(200, bool)).value)


def test_newcombes_interval_covers_and_holds_at_one() -> None:
    from scipy.stats import norm

    generator = np.random.default_rng(2)
    truth = norm.cdf(1.5 / np.sqrt(2))
    covered = []
    for _ in range(500):
        scores = np.concatenate([generator.normal(1.5, 1, 25), generator.normal(0, 1, 35)])
        score = auc(scores, np.arange(60) < 25)
        covered.append(score.low <= truth <= score.high)
    assert 0.92 <= np.mean(covered) <= 0.99
    low, high = newcombe_interval(1.0, 25, 35)
    assert 0.85 < low < 0.99
    assert high == 1.0
    assert newcombe_interval(0.0, 25, 35) == pytest.approx((0.0, 1 - low))


def test_average_precision_is_scikit_learns_with_ties() -> None:
    generator = np.random.default_rng(4)
    positive = generator.random(150) < 0.4
    scores = np.round(positive + generator.normal(size=150), 1)
    score = average_precision(scores, positive, alone(scores))
    assert score.value == pytest.approx(reference.average_precision_score(positive, scores))
    assert score.low < score.value < score.high


def test_macro_auc_is_scikit_learns_with_ties() -> None:
    generator = np.random.default_rng(9)
    targets = generator.integers(0, 3, 200)
    probabilities = np.round(np.eye(3)[targets] + generator.random((200, 3)) * 2, 1)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    score = macro_auc(probabilities, targets, alone(targets), draws=200)
    assert score.value == pytest.approx(reference.roc_auc_score(targets, probabilities, multi_class="ovr"))
    assert score.low < score.value < score.high
    assert np.isnan(macro_auc(probabilities, np.zeros(200, int), alone(targets)).value)


def test_a_faultless_ranking_is_not_certain() -> None:
    positive = np.arange(50) < 20
    score = average_precision(-np.arange(50.0), positive, alone(positive))
    assert (score.value, score.low, score.high) == (1.0, pytest.approx(wilson(20, 20).low), 1.0)
    probabilities = np.eye(3)[np.arange(60) % 3]
    score = macro_auc(probabilities, np.arange(60) % 3, np.arange(60) // 6, draws=100)
    assert (score.value, score.low) == (1.0, pytest.approx(wilson(10, 10).low))


def test_the_bootstrap_covers_a_mean() -> None:
    generator = np.random.default_rng(5)
    covered = []
    for seed in range(200):
        values = generator.normal(3, 1, 60)
        score = bootstrap(lambda w, values=values: w @ values / w.sum(axis=1), alone(values), draws=400, seed=seed)
        covered.append(score.low <= 3 <= score.high)
    assert 0.89 <= np.mean(covered) <= 0.98


def test_what_no_draw_can_measure_has_no_interval_and_warns_of_nothing(recwarn: pytest.WarningsRecorder) -> None:
    score = bootstrap(lambda w: np.full(len(w), np.nan), np.arange(5), draws=50)
    assert np.isnan([score.value, score.low, score.high]).all()
    assert not recwarn.list


def test_the_bootstrap_draws_groups() -> None:
    values = np.repeat(np.random.default_rng(6).normal(size=20), 10)
    mean = lambda w: w @ values / w.sum(axis=1)  # noqa: E731
    by_image = bootstrap(mean, alone(values))
    by_group = bootstrap(mean, np.repeat(np.arange(20), 10))
    assert by_group.high - by_group.low > 2 * (by_image.high - by_image.low)


def test_scores_without_images_are_nan() -> None:
    empty = np.zeros(0, np.int64)
    assert np.isnan(accuracy(empty, empty, empty).value)
    assert np.isnan(macro_f1(empty, empty, empty, 3).value)
    assert np.isnan(average_precision(np.ones(3), np.zeros(3, bool), np.arange(3)).value)


def test_two_hundred_classes() -> None:
    generator = np.random.default_rng(8)
    targets = generator.integers(0, 200, 2000)
    predicted = np.where(generator.random(2000) < 0.9, targets, generator.integers(0, 200, 2000))
    score = macro_f1(targets, predicted, alone(targets), 200)
    assert score.value == pytest.approx(reference.f1_score(targets, predicted, average="macro"))
    assert score.low <= score.value <= score.high
