"""What the tests of searches share: a small space, and trials whose figure is known beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from model_training.recipe import Recipe, Search
from model_training.search.trial import Outcome

SPACE: dict[str, Any] = {
    "network.unfreeze": [0, 3],
    "network.head.hidden": [4, 8],
    "training.learning_rate": [0.01, 0.001],
}


def with_space(recipe: Recipe, **search: Any) -> Recipe:
    return recipe.model_copy(update={"search": Search.model_validate({"space": SPACE, **search})})


def trials_of(journal: Path) -> list[FrozenTrial]:
    study = optuna.load_study(study_name="landscape", storage=JournalStorage(JournalFileBackend(str(journal))))
    return study.get_trials(deepcopy=False)


def outcome(value: float) -> Outcome:
    return Outcome(value, (value, value - 0.1, value + 0.1), (value, value - 0.2, value + 0.2), 1.0, 1, 0.1, 10, True)
