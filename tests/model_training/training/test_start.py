"""What the networks of a search share before their first step changes none of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch

from model_training.datasets.prepare import Prepared
from model_training.models import batch_norm
from model_training.recipe import Recipe, override
from model_training.training import start
from model_training.training.start import Common, build_network


def count(monkeypatch: pytest.MonkeyPatch, counted: Counter[str], module: Any, name: str) -> None:
    original: Callable[..., Any] = getattr(module, name)

    def call(*arguments: Any, **more: Any) -> Any:
        counted[name] += 1
        return original(*arguments, **more)

    monkeypatch.setattr(module, name, call)


def test_depths_heads_and_adapters_share_statistics_and_probe(
    given: Recipe, tiny_prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    points: list[dict[str, Any]] = [
        {"network.unfreeze": 2},
        {"network.unfreeze": "all"},
        {"network.head.hidden": 8},
        {"network.head.standardise": True},
        {"network.adapter": {"rank": 2}},
    ]
    recipes = [override(given, {"training.head_init": "probe", **point}) for point in points]
    alone = [build_network(recipe, tiny_prepared).state_dict() for recipe in recipes]
    counted: Counter[str] = Counter()
    count(monkeypatch, counted, batch_norm, "watch")
    count(monkeypatch, counted, start, "fit_probe")
    common = Common()
    for recipe, expected in zip(recipes, alone, strict=True):
        found = build_network(recipe, tiny_prepared, common=common).state_dict()
        assert found.keys() == expected.keys()
        for name, value in found.items():
            torch.testing.assert_close(value, expected[name], rtol=0, atol=0, msg=name)
    assert counted == {"watch": 1, "fit_probe": 1}


@pytest.mark.parametrize(
    ("values", "watched", "fitted"),
    [
        ({"preprocessing.mean": [0.1, 0.2, 0.3]}, 2, 2),
        ({"augmentation.horizontal_flip": 0.25, "network.unfreeze": 1}, 1, 2),
        ({"training.class_balancing_strength": 0.3}, 1, 2),
        ({"training.learning_rate": 0.1}, 1, 1),
    ],
)
def test_what_changes_features_or_probe_is_computed_anew(
    values: dict[str, Any],
    watched: int,
    fitted: int,
    given: Recipe,
    tiny_prepared: Prepared,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: Counter[str] = Counter()
    count(monkeypatch, counted, batch_norm, "watch")
    count(monkeypatch, counted, start, "fit_probe")
    common = Common()
    recipe = override(given, {"training.head_init": "probe"})
    build_network(recipe, tiny_prepared, common=common)
    changed = override(recipe, values)
    found = build_network(changed, tiny_prepared, common=common).state_dict()
    assert (counted["watch"], counted["fit_probe"]) == (watched, fitted)
    expected = build_network(changed, tiny_prepared).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in found.items())
