from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.covariance import LedoitWolf

from model_training.evaluation import ood
from model_training.evaluation.ood import bound_of, fit_distance, measure_apart, share_interval
from model_training.evaluation.strangers import draw_strangers, spoil
from model_training.runtime.errors import BundleError


@pytest.mark.parametrize("images", [40, 200])
def test_the_fit_is_ledoit_wolfs(images: int) -> None:
    generator = np.random.default_rng(0)
    features = generator.normal(size=(images, 60)) @ generator.normal(size=(60, 60)) + 3
    asked = generator.normal(size=(7, 60)) * 4
    fitted = fit_distance(features)
    assert fitted is not None
    assert fitted(asked) == pytest.approx(LedoitWolf().fit(features).mahalanobis(asked), rel=1e-3)


def test_directions_that_are_left_out_share_their_mean_variance(monkeypatch: pytest.MonkeyPatch) -> None:
    features = np.random.default_rng(1).normal(size=(300, 20)) * np.linspace(5, 1, 20)
    whole = fit_distance(features)
    monkeypatch.setattr(ood, "_DIRECTIONS", 4)
    part = fit_distance(features)
    assert whole is not None
    assert part is not None
    assert part.gaussians[0].basis.shape == (20, 4)
    assert part.gaussians[0].rest == pytest.approx(whole.gaussians[0].variances[4:].mean(), rel=1e-6)


def test_a_class_with_enough_images_has_its_own_gaussian_and_the_nearest_counts() -> None:
    generator = np.random.default_rng(4)
    classes = np.repeat([0, 1, 2], [80, 60, 12])
    features = generator.normal(size=(152, 6)) + np.array([[0.0], [30.0], [60.0]])[classes]
    asked = np.array([[0.0], [15.0], [30.0], [60.0]]) + np.zeros(6)
    fitted = fit_distance(features, classes)
    assert fitted is not None
    assert len(fitted.gaussians) == 3
    # The small class is told from all images together; of the two others each has what it would have alone.
    parts = [fit_distance(features), fit_distance(features[:80]), fit_distance(features[80:140])]
    assert fitted(asked) == pytest.approx(np.min([part(asked) for part in parts if part], axis=0))
    two = fit_distance(features[:140], classes[:140])
    one = fit_distance(features[:140])
    assert two is not None
    assert one is not None
    assert two(asked)[1] > 100 > 10 > one(asked)[1]  # what lies between two classes is in neither


def test_a_class_that_is_all_alike_is_told_with_the_others() -> None:
    features = np.random.default_rng(5).normal(size=(120, 4))
    features[60:] = 0.5
    fitted = fit_distance(features, np.repeat([0, 1], 60))
    whole = fit_distance(features)
    assert fitted is not None
    assert whole is not None
    assert len(fitted.gaussians) == 1
    assert fitted(features) == pytest.approx(whole(features))


def test_features_that_are_no_numbers_are_refused_and_equal_ones_give_no_distance() -> None:
    with pytest.raises(BundleError, match=r"no finite numbers.*learning_rate"):
        fit_distance(np.array([[1.0, np.nan], [0.0, 1.0]]))
    assert fit_distance(np.full((30, 4), 0.3)) is None


def test_each_image_is_judged_without_its_group() -> None:
    """A pair far from all others is near itself: only a fit without both tells how strange it is."""
    features = np.random.default_rng(2).normal(size=(60, 5))
    features[58:] += 60
    alone = np.arange(60)
    together = alone.copy()
    together[59] = 58
    apart = measure_apart(features, together)
    assert apart[58:].min() > 20 * np.median(apart[:58])
    fitted = fit_distance(features)
    assert fitted is not None
    assert apart[58:].min() > 10 * fitted(features)[58:].max()


def test_the_bound_is_the_conformal_rank() -> None:
    scores = np.random.default_rng(0).permutation(np.arange(1.0, 100.0))  # 1 … 99: ⌈0.95 · 100⌉ = 95
    assert bound_of(scores) == 95
    assert bound_of(scores[:18]) is None
    assert bound_of(np.append(np.zeros(18), 7.0)) == 7
    assert bound_of(np.full(30, np.inf)) is None


def test_a_further_known_image_is_refused_in_5_of_100_cases_at_most() -> None:
    draws = np.random.default_rng(1).normal(size=(4000, 60))
    rejected = np.mean([draw[-1] > (bound_of(draw[:-1]) or 0) for draw in draws])
    # rank ⌈0.95 · 60⌉ = 57 of 59: 3 of 60 ways to be above it
    assert rejected == pytest.approx(3 / 60, abs=0.012)


def test_so_are_further_images_by_the_whole_way() -> None:
    """Out-of-fold distances, their bound, and the fit to all: no more than 5 in 100 on average."""
    generator = np.random.default_rng(3)
    shares = []
    for _ in range(40):
        features = generator.standard_t(5, size=(400, 30))
        threshold = bound_of(measure_apart(features[:150], np.arange(150)))
        fitted = fit_distance(features[:150])
        assert fitted is not None
        assert threshold is not None
        shares.append((fitted(features[150:]) > threshold).mean())
    assert 0.02 < np.mean(shares) < 0.055


@pytest.mark.parametrize(("above", "images"), [(0, 75), (3, 75), (75, 75)])
def test_the_interval_is_clopper_and_pearsons(above: int, images: int) -> None:
    expected = binomtest(above, images).proportion_ci(0.95, method="exact")
    assert share_interval(above, images) == pytest.approx((expected.low, expected.high))


def test_spoiled_images_are_in_pieces_in_outline_and_negative() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (2, 19, 16, 3), dtype=np.uint8)
    pixels[1] = 200
    spoiled = spoil(pixels)
    scrambled, outlines, negatives = (spoiled[kind] for kind in ("in pieces", "in outline", "negative"))
    assert np.sort(scrambled[0], axis=None).tolist() == np.sort(pixels[0], axis=None).tolist()
    assert (scrambled[0] != pixels[0]).any()
    assert (scrambled[0, 16:] == pixels[0, 16:]).all()
    assert (outlines[1] == 255).all()
    assert (negatives == 255 - pixels).all()


def test_strangers_are_always_the_same_and_what_they_are_called() -> None:
    drawn = draw_strangers(40, 64, 3)
    draw_strangers.cache_clear()
    again = draw_strangers(40, 64, 3)
    assert all((drawn[kind] == again[kind]).all() and drawn[kind].shape == (3, 40, 64, 3) for kind in drawn)
    assert drawn["blank"].std((1, 2)).max() < 3
    assert drawn["noise"].std() > 60
    assert (np.median(drawn["lines"], (1, 2, 3)) == 255).all()
    steps = np.abs(np.diff(drawn["gradient"].astype(int), axis=2))
    assert steps.max() < 12
