from __future__ import annotations

import pytest

from model_training.recipe import Recipe
from model_training.search.trial import Outcome
from tests.model_training.search.studies import outcome


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials whose figure is known beforehand."""

    def pretend(_: object, recipe: Recipe, report: object) -> Outcome:
        depth = 0 if recipe.network.unfreeze == 0 else 1
        return outcome(0.3 + 0.1 * depth + 0.01 * (recipe.network.head.hidden or 0) + recipe.training.learning_rate)

    monkeypatch.setattr("model_training.search.run.Trials.run", pretend)
    monkeypatch.setattr("model_training.search.run.POLL", 0.02)
