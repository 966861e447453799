from __future__ import annotations

import numpy as np

from model_training.evaluation.conformal import (
    conformal_sets,
    fit_class_conditional,
    fit_conformal,
    measure_class_bounds,
)
from model_training.runtime.classifier import softmax

#: A large class that is told easily, a middling one and a small one that is often taken for the first.
SHARES, EASE = np.array([0.8, 0.15, 0.05]), np.array([4.0, 2.0, 0.5])


def draw(count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    targets = generator.choice(3, count, p=SHARES)
    logits = generator.normal(size=(count, 3)) + np.array([1.0, 0.0, 0.0])
    logits[np.arange(count), targets] += EASE[targets]
    return softmax(logits), targets


def cover(bounds: float | np.ndarray, probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    covered = conformal_sets(probabilities, bounds)[np.arange(len(targets)), targets]
    return np.array([covered[targets == number].mean() for number in range(3)])


def test_every_class_is_covered_where_one_bound_for_all_fails_the_small_one() -> None:
    generator = np.random.default_rng(0)
    conditional, marginal = [], []
    for _ in range(300):
        known, tested = draw(600, generator), draw(4000, generator)
        bounds, own = fit_class_conditional(*known)
        assert own.all()
        conditional.append(cover(bounds, *tested))
        marginal.append(cover(fit_conformal(*known), *tested))
    # In a class of n images the coverage is 1 − α to 1 − α + 1/(n + 1) on average; the smallest has about 30.
    mean = np.mean(conditional, axis=0)
    assert (mean >= 0.895).all()
    assert (mean <= [0.905, 0.92, 0.945]).all()
    assert np.mean(marginal, axis=0)[2] < 0.6


def test_a_class_with_too_few_images_has_the_bound_of_all() -> None:
    probabilities, targets = draw(500, np.random.default_rng(1))
    kept = np.concatenate([np.nonzero(targets != 2)[0], np.nonzero(targets == 2)[0][:8]])
    probabilities, targets = probabilities[kept], targets[kept]
    bounds, own = fit_class_conditional(probabilities, targets)
    assert own.tolist() == [True, True, False]
    assert bounds[2] == fit_conformal(probabilities, targets)
    assert bounds[0] == fit_conformal(probabilities[targets == 0], targets[targets == 0])
    ninth = np.append(targets, 2)
    assert fit_class_conditional(np.vstack([probabilities, [[0.8, 0.1, 0.1]]]), ninth)[1].all()


def test_the_card_says_what_the_test_images_show() -> None:
    generator = np.random.default_rng(2)
    known, (probabilities, targets) = draw(800, generator), draw(300, generator)
    first, second, third = measure_class_bounds(known, (probabilities, targets), ("a", "b", "c"))
    bounds, _ = fit_class_conditional(*known)
    shares = cover(bounds, probabilities, targets)
    assert [each.coverage for each in (first, second, third)] == [round(share, 4) for share in shares]
    assert (third.key, third.images, third.fitted_on) == ("c", (targets == 2).sum(), (known[1] == 2).sum())
    only = probabilities[targets == 0], targets[targets == 0]
    assert [each.coverage for each in measure_class_bounds(known, only, ("a", "b", "c"))][1:] == [None, None]
