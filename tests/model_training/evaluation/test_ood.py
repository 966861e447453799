from __future__ import annotations

import numpy as np
import pytest

from model_training.evaluation.ood import MOST_REFERENCES, bound_of, choose_references, fit_ood, spoil


def test_the_bound_is_the_conformal_rank() -> None:
    scores = np.random.default_rng(0).permutation(np.arange(1.0, 100.0))  # 1 … 99: ⌈0.95 · 100⌉ = 95
    assert bound_of(scores) == 95
    assert bound_of(np.array([3.0, 1.0, 2.0])) == 3


def test_a_further_known_image_is_refused_in_5_of_100_cases_at_most() -> None:
    draws = np.random.default_rng(1).normal(size=(4000, 60))
    rejected = np.mean([draw[-1] > bound_of(draw[:-1]) for draw in draws])
    # rank ⌈0.95 · 60⌉ = 57 of 59: 3 of 60 ways to be above it
    assert rejected == pytest.approx(3 / 60, abs=0.012)


def test_few_references_are_all_taken_and_many_are_sampled() -> None:
    assert choose_references(np.array([4, 7])).tolist() == [4, 7]
    chosen = choose_references(np.arange(5000))
    assert len(chosen) == len(np.unique(chosen)) == MOST_REFERENCES
    assert (np.diff(chosen) > 0).all()


def test_spoiled_images_are_in_pieces_in_outline_negative_and_noise() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (2, 19, 16, 3), dtype=np.uint8)
    pixels[1] = 200
    scrambled, outlines, negatives, noise = np.split(spoil(pixels), 4)
    assert np.sort(scrambled[0], axis=None).tolist() == np.sort(pixels[0], axis=None).tolist()
    assert (scrambled[0] != pixels[0]).any()
    assert (scrambled[0, 16:] == pixels[0, 16:]).all()
    assert (outlines[1] == 255).all()
    assert (negatives == 255 - pixels).all()
    assert noise.std() > 60


@pytest.mark.parametrize("better", ["energy", "knn"])
def test_the_score_that_tells_better_is_chosen(better: str) -> None:
    generator = np.random.default_rng(3)
    pixels = np.zeros((40, 8, 8, 3), np.uint8)
    towards = np.array([1.0, 0, 0, 0])
    known = towards + generator.normal(scale=0.1, size=(40, 4))
    confident = np.column_stack([generator.normal(8, 1, 40), np.zeros(40)])

    def run(strange: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        count = len(strange)
        logits = np.zeros((count, 2)) if better == "energy" else np.tile(confident, (count // 40, 1))
        features = np.tile(known, (count // 40, 1)) if better == "energy" else generator.normal(size=(count, 4))
        return logits, features

    found = fit_ood(confident, known, pixels, known, 1.0, run)
    assert found.method == better
    assert found.auroc_spoiled[better] > 0.95 > found.auroc_spoiled[{"energy": "knn"}.get(better, "energy")]
    assert found.rejected <= 0.05
    assert found.fitted_on == 40
