"""Two adaptations × two losses × two seeds on a tiny network; every cell is recomputed from the kept answers."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import accuracy_score, f1_score

from model_training.experiments import ablation
from model_training.experiments.ablation import compare_ablation
from model_training.experiments.runner import Result, Runner
from model_training.experiments.table import Comparison
from model_training.models.factory import make_network
from model_training.recipe import Recipe, override
from model_training.runtime.errors import RecipeError

SEEDS, LOSSES = 2, ("cross_entropy", "focal")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two adaptations that a ResNet has layers for, and one that it has not."""
    monkeypatch.setattr(ablation, "DEPTHS", {"full": "all"})
    monkeypatch.setattr(ablation, "PLACES", {"LoRA MLP": "mlp", "LoRA q/k/v/output": "qkvo"})
    monkeypatch.setattr(ablation, "LOSSES", LOSSES)


@pytest.fixture
def quick(recipe: Recipe) -> Recipe:
    """Steps so large that a second of training leaves something to tell apart; mixed and smoothed targets, which only
    cross-entropy takes."""
    steps = {"training.learning_rate": 0.03, "training.epochs": 2, "training.batch_size": 4}
    return override(recipe, {**steps, "training.label_smoothing": 0.1, "augmentation.mixup": 0.2})


def results_of(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> list[Result]:
    kept: list[Result] = []
    run = Runner.run
    monkeypatch.setattr(Runner, "run", lambda self, runs: kept.extend(run(self, runs)) or kept)
    return kept


@pytest.mark.usefixtures("small")
def test_the_table_holds_what_the_networks_answered(
    runner: Runner, quick: Recipe, trained: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = results_of(runner, monkeypatch)
    table = compare_ablation(quick, runner, SEEDS)
    assert trained == [
        f"{adaptation}, {loss}, seed {seed}"
        for seed in range(SEEDS)
        for adaptation in ("full", "LoRA MLP")
        for loss in LOSSES
    ]
    assert table.columns[-4:] == ("recall cyan", "recall blue", "recall red", "recall, these together")
    assert [row[:2] for row in table.rows] == [(a, loss) for a in ("full", "LoRA MLP") for loss in LOSSES]
    for row in table.rows:
        own = [each for each in kept if each.run.name.startswith(f"{row[0]}, {row[1]}, seed ")]
        base = [each for each in kept if each.run.name.startswith(f"{row[0]}, cross_entropy, seed ")]
        seeds = [(each.run.recipe.data.split.seed, each.run.recipe.training.seed) for each in own]
        assert seeds == [(seed, seed) for seed in range(SEEDS)]
        assert row[2] == students_interval([accuracy_score(*answers(each)) for each in own])
        assert row[3] == students_interval([f1_score(*answers(each), average="macro") for each in own])
        assert row[6:9] == tuple(recall_cell(own, base, label) for label in ("cyan", "blue", "red"))
        assert row[9] == recall_cell(own, base, None)
    everything = sum(each.numel() for each in make_network(quick, 3).parameters())
    adapters, head = 8 * (48 + 48) + 8 * (48 + 192), (48 + 192 + 96) * 3 + 3  # on three stages
    assert [row[4] for row in table.rows] == [f"{count:,}" for count in (everything, adapters + head) for _ in LOSSES]
    assert table.notes[1].startswith("LoRA q/k/v/output is left out: network.adapter: this network has no layers")
    with table.write(tmp_path / "ablation")[0].open(newline="") as file:
        assert len(list(csv.reader(file))) == 1 + 4
    assert (tmp_path / "ablation.png").stat().st_size > 5000


@pytest.mark.usefixtures("small")
def test_a_second_call_trains_nothing_and_a_third_seed_only_itself(
    runner: Runner, quick: Recipe, trained: list[str]
) -> None:
    def compare(seeds: int) -> Comparison:
        return compare_ablation(quick, Runner(runner.data, runner.build, runner.fabric), seeds)

    first = compare(SEEDS)
    trained.clear()
    again = compare(SEEDS)
    assert trained == []
    assert (again.rows, again.notes, again.results) == (first.rows, first.notes, first.results)
    compare(SEEDS + 1)
    assert {name.rpartition(" ")[2] for name in trained} == {str(SEEDS)}
    assert len(trained) == 4


def test_a_network_that_no_adaptation_fits_is_refused(
    runner: Runner, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ablation, "DEPTHS", {})
    monkeypatch.setattr(ablation, "PLACES", {"LoRA value/output": "vo"})
    with pytest.raises(RecipeError, match="no layers for place=vo"):
        compare_ablation(recipe, runner, 1)


def answers(result: Result) -> tuple[np.ndarray, np.ndarray]:
    return result.targets(), result.logits["test"].argmax(1)


def students_interval(values: list[float]) -> str:
    mean, half = np.mean(values), t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{mean:.3f} ({mean - half:.3f} … {mean + half:.3f})"


def recall_cell(own: list[Result], base: list[Result], label: str | None) -> str:
    """Of one class, or of all of them together, which is the accuracy."""

    def recall(results: list[Result]) -> float:
        true, predicted = (np.concatenate(each) for each in zip(*map(answers, results), strict=True))
        asked = slice(None) if label is None else true == results[0].labels.index(label)
        return float((predicted[asked] == true[asked]).mean())

    return f"{recall(own):.2f}" + ("" if own == base else f" ({recall(own) - recall(base):+.2f})")
