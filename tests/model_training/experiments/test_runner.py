"""What a result is kept by: the recipe, the images and the seeds, and nothing else."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import accuracy_score, f1_score

from model_training.experiments import runner as runner_module
from model_training.experiments.runner import Runner, repeat
from model_training.recipe import Recipe, override
from model_training.training.loop import start_fabric
from tests.model_training.experiments.conftest import draw_colours


def test_figures_are_scikit_learns(runner: Runner, recipe: Recipe) -> None:
    (result,) = runner.run([runner.plan("all", recipe)])
    logits = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
    result = replace(result, logits=result.logits | {"test": logits})
    true, predicted = result.targets(), logits.argmax(1)
    assert np.bincount(true).tolist() == [4, 8, 4]  # one artist of four, one of two
    assert result.accuracy == pytest.approx(accuracy_score(true, predicted))
    assert result.f1 == pytest.approx(f1_score(true, predicted, average=None))
    assert result.macro_f1 == pytest.approx(f1_score(true, predicted, average="macro"))
    assert result.as_dict()["f1"] == dict(zip(("blue", "cyan", "red"), result.f1, strict=True))


def test_a_run_is_trained_once_and_its_checkpoints_go(runner: Runner, recipe: Recipe, trained: list[str]) -> None:
    runs = [runner.plan(f"start {seed}", override(recipe, {"training.seed": seed})) for seed in (5, 6)]
    first = runner.run(runs)
    again = Runner(runner.data, runner.build, runner.fabric).run(runs)
    assert trained == ["start 5", "start 6"]
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.logits["test"], other.logits["test"])
        assert (one.trainable, one.seconds) == (other.trainable, other.seconds)
    assert not np.array_equal(first[0].logits["test"], first[1].logits["test"])
    assert not list(runner.build.rglob("*.ckpt"))


def test_other_bytes_under_the_same_path_are_trained_anew(recipe: Recipe, tmp_path: Path, trained: list[str]) -> None:
    def run() -> np.ndarray:
        fresh = Runner(folder, tmp_path / "build", start_fabric("cpu"))
        return fresh.run([fresh.plan("all", recipe)])[0].logits["test"]

    folder = draw_colours(tmp_path)
    before = run()
    Image.new("RGB", (32, 32), (200, 220, 0)).save(folder / "red-0.png")
    after = run()
    assert trained == ["all", "all"]
    assert not np.array_equal(before, after)
    run()
    assert trained == ["all", "all"]


@pytest.mark.parametrize(
    "change",
    [{"training.learning_rate": 0.02}, {"training.seed": 3}, {"data.labels": ("red", "cyan", "blue")}],
    ids=["setting", "seed", "order of the classes"],
)
def test_another_recipe_is_trained_anew(
    runner: Runner, recipe: Recipe, trained: list[str], change: dict[str, object]
) -> None:
    (one,) = runner.run([runner.plan("before", override(recipe, {"training.batch_size": 8}))])
    (other,) = runner.run([runner.plan("after", override(recipe, {"training.batch_size": 8, **change}))])
    assert trained[-1] == "after"
    assert not np.array_equal(one.logits["test"], other.logits["test"])


def test_an_interrupted_run_goes_on_to_the_same_answers(
    colours: Path, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C after the first of two epochs."""
    longer = override(recipe, {"training.epochs": 2})

    def run(build: str) -> np.ndarray:
        fresh = Runner(colours, tmp_path / build, start_fabric("cpu"))
        return fresh.run([fresh.plan("all", longer)])[0].logits["test"]

    expected = run("whole")
    written: list[Path] = []

    def save(content: object, path: Path) -> None:
        written.append(path)
        if sum("last.ckpt" in each.name for each in written) == 2:
            raise KeyboardInterrupt
        save_for_good(content, path)

    save_for_good = torch.save
    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", save)
        with pytest.raises(KeyboardInterrupt):
            run("cut off")
    assert len(list((tmp_path / "cut off").rglob("last.ckpt"))) == 1
    assert not list((tmp_path / "cut off").rglob("answers.npz*"))
    assert np.array_equal(run("cut off"), expected)
    (metrics,) = (tmp_path / "cut off").rglob("metrics.json")
    assert len(json.loads(metrics.read_text())["epochs"]) == 2


def test_it_says_how_far_it_is(
    runner: Runner, recipe: Recipe, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each training takes 130 s; what was there already takes no time and so says nothing about what is left."""
    runs = [runner.plan(f"start {seed}", override(recipe, {"training.seed": seed})) for seed in (7, 8, 9)]
    runner.run(runs[:1])
    capsys.readouterr()
    clock = itertools.count(0.0, 130.0)
    monkeypatch.setattr(runner_module, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    runner.run(runs)
    said = [line for line in capsys.readouterr().err.splitlines() if "macro-F1" in line and "start" in line]
    assert [line.partition(":")[0] for line in said] == ["1/3 start 7", "2/3 start 8", "3/3 start 9"]
    assert [line.partition("; ")[2] for line in said] == ["", "2 min left", ""]


def test_repeats_differ_by_the_split(recipe: Recipe) -> None:
    first, second = repeat(override(recipe, {"data.split.seed": 4}), 2, {"training.class_balancing": "up_sampling"})
    assert (first.data.split.seed, second.data.split.seed) == (4, 5)
    assert override(second, {"data.split.seed": 4}) == first
    assert first.training.class_balancing == "up_sampling"
