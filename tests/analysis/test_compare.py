from __future__ import annotations

import numpy as np
import pytest

from analysis.compare import compare


def test_mcnemar_is_statsmodels() -> None:
    contingency = pytest.importorskip("statsmodels.stats.contingency_tables")
    generator = np.random.default_rng(0)
    first, second = generator.random(120) < 0.9, generator.random(120) < 0.8
    table = [[(first & second).sum(), (first & ~second).sum()], [(~first & second).sum(), (~first & ~second).sum()]]
    expected = contingency.mcnemar(table, exact=True)
    assert compare(first, second, np.arange(120)).p_value == pytest.approx(expected.pvalue)


def test_forty_images_tell_nothing_from_a_small_lead() -> None:
    first = np.array([True] * 38 + [False] * 2)
    second = np.array([True] * 36 + [False] * 4)
    found = compare(first, second, np.arange(40))
    assert found.verdict == "can't tell"
    assert found.words.en == "Can't tell with 40 pictures."
    assert "40장" in found.words.ko


def test_a_large_lead_is_better_and_the_other_way_round_worse() -> None:
    generator = np.random.default_rng(1)
    first, second = generator.random(400) < 0.95, generator.random(400) < 0.8
    assert compare(first, second, np.arange(400)).verdict == "better"
    assert compare(second, first, np.arange(400)).verdict == "worse"


def test_a_lead_on_one_artist_only_is_no_lead() -> None:
    first, second = np.ones(100, bool), np.ones(100, bool)
    second[:20] = False
    one_artist = np.concatenate([np.zeros(20, int), np.arange(1, 81)])
    assert compare(first, second, np.arange(100)).verdict == "better"
    assert compare(first, second, one_artist).verdict == "can't tell"


def test_two_equal_models_are_wrongly_told_apart_at_most_one_time_in_twenty() -> None:
    generator = np.random.default_rng(2)
    told = [
        compare(generator.random(60) < 0.8, generator.random(60) < 0.8, np.arange(60)).verdict != "can't tell"
        for _ in range(200)
    ]
    assert np.mean(told) <= 0.08
