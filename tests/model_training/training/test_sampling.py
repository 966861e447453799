from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from model_training.recipe import Training
from model_training.training.sampling import draw_rows

TARGETS = np.array([0] * 64 + [1] * 16 + [2] * 4)
ROWS = np.arange(100, 184)


def draw(seed: int = 0, **settings: object) -> np.ndarray:
    return draw_rows(ROWS, TARGETS, Training.model_validate(settings), seed)


def counted(rows: np.ndarray) -> list[int]:
    return np.bincount(TARGETS[rows - 100], minlength=3).tolist()


@pytest.mark.parametrize("balance", ["none", "class_weights", "focal_loss", "logit_adjustment"])
def test_the_loss_methods_show_every_image_once(balance: str) -> None:
    assert draw(class_balancing=balance).tolist() == ROWS.tolist()


@pytest.mark.parametrize(
    ("balance", "strength", "expected"),
    [
        ("down_sampling", 1, [4, 4, 4]),
        ("down_sampling", 0.5, [16, 8, 4]),
        ("up_sampling", 1, [64, 64, 64]),
        ("up_sampling", 0.5, [64, 32, 16]),
        ("up_sampling", 0, [64, 16, 4]),
    ],
)
def test_classes_come_to_the_size_that_the_strength_asks_for(
    balance: str, strength: float, expected: list[int]
) -> None:
    assert counted(draw(class_balancing=balance, class_balancing_strength=strength)) == expected


def test_down_sampling_repeats_nothing_and_takes_others_in_every_epoch() -> None:
    one, other = draw(1, class_balancing="down_sampling"), draw(2, class_balancing="down_sampling")
    assert len(set(one)) == len(one)
    assert set(one) != set(other)
    assert draw(1, class_balancing="down_sampling").tolist() == one.tolist()


def test_up_sampling_shows_every_image_equally_often_but_for_one() -> None:
    often = Counter(draw(class_balancing="up_sampling", class_balancing_strength=0.9).tolist())
    for label in range(3):
        times = [often[row] for row in ROWS[label == TARGETS]]
        assert max(times) - min(times) <= 1
        assert min(times) >= 1


def test_the_sampler_draws_classes_alike_and_as_many_as_there_are() -> None:
    drawn = [draw(seed, class_balancing="balanced_sampler") for seed in range(200)]
    assert {len(each) for each in drawn} == {84}
    shares = np.array(counted(np.concatenate(drawn))) / (84 * 200)
    assert shares == pytest.approx([1 / 3] * 3, abs=0.02)  # three standard errors are 0.011
    gentle = np.concatenate(
        [draw(seed, class_balancing="balanced_sampler", class_balancing_strength=0.5) for seed in range(200)]
    )
    assert np.array(counted(gentle)) / len(gentle) == pytest.approx([8 / 14, 4 / 14, 2 / 14], abs=0.02)
