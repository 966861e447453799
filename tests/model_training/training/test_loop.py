from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from model_training.datasets.prepare import Prepared
from model_training.recipe import Augmentation, Recipe, load_recipe, override
from model_training.runtime.errors import CheckpointError, RecipeError
from model_training.training.classification import ClassificationTask, Epoch, evaluate, run_folder, train
from model_training.training.inputs import PixelInputs, flip_some
from model_training.training.loop import Trained, TrainState, choose_best, run_epochs, start_fabric
from model_training.training.start import build_network
from tests.conftest import ROOT, TINY


class InterruptedRunError(Exception): ...


def interrupt(monkeypatch: pytest.MonkeyPatch, task: type, epoch: int, step: int) -> None:
    """Have the training of a task's network end in the middle of an epoch."""
    plain = task.learning_rate  # type: ignore[attr-defined]

    def fail(self: object, *at: int) -> float:
        if at[:2] == (epoch, step):
            raise InterruptedRunError
        return plain(self, *at)

    monkeypatch.setattr(task, "learning_rate", fail)


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    return trained.network.state_dict()


def test_an_interrupted_run_ends_in_the_same_weights(
    tiny_recipe: Recipe, tiny_prepared: Prepared, tiny_trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off in the middle of the second epoch, resumed, bit for bit the run that was never cut off."""
    interrupt(monkeypatch, ClassificationTask, epoch=1, step=1)
    with pytest.raises(InterruptedRunError):
        train(tiny_recipe, tiny_prepared, tmp_path, start_fabric("cpu"))
    monkeypatch.undo()
    folder = run_folder(tiny_recipe, tiny_prepared, tmp_path)
    assert torch.load(folder / "last.ckpt", weights_only=True)["epoch"] == 1
    resumed = train(tiny_recipe, tiny_prepared, tmp_path, start_fabric("cpu"))
    assert weights(resumed).keys() == weights(tiny_trained).keys()
    for name, value in weights(tiny_trained).items():
        assert torch.equal(value, weights(resumed)[name]), name
    assert [each.train_loss for each in resumed.epochs] == [each.train_loss for each in tiny_trained.epochs]


def test_a_checkpoint_holds_epoch_states_and_accuracy(tiny_trained: Trained) -> None:
    content = torch.load(tiny_trained.folder / "last.ckpt", weights_only=True)
    assert content["epoch"] == len(tiny_trained.epochs) == 2
    assert content["validation_accuracy"] == tiny_trained.epochs[-1].validation_accuracy
    assert content["model"].keys() == weights(tiny_trained).keys()
    assert content["optimizer"]["state"]
    best = torch.load(tiny_trained.folder / "best.ckpt", weights_only=True)
    assert best["epoch"] == tiny_trained.best.epoch
    for name, value in best["model"].items():
        assert torch.equal(value, weights(tiny_trained)[name]), name


def make_task(recipe: Recipe, prepared: Prepared) -> ClassificationTask:
    network = build_network(recipe, prepared)
    return ClassificationTask(recipe, prepared, network, network, PixelInputs(prepared, recipe.augmentation))


def test_metrics_and_curves_are_left(tiny_trained: Trained) -> None:
    metrics = json.loads((tiny_trained.folder / "metrics.json").read_text())
    assert metrics["epochs"] == [dataclasses.asdict(each) for each in tiny_trained.epochs]
    assert metrics["labels"] == ["china", "japan"]
    with Image.open(tiny_trained.folder / "loss_accuracy.png") as image:
        assert image.format == "PNG"
        assert len(np.unique(np.asarray(image.convert("L")))) > 20  # curves, not an empty page


def test_a_finished_run_is_not_trained_again(
    tiny_recipe: Recipe, tiny_prepared: Prepared, tiny_trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ClassificationTask, "measure_loss", None)
    again = train(tiny_recipe, tiny_prepared, tiny_trained.folder.parents[1], start_fabric("cpu"))
    assert again.folder == tiny_trained.folder
    assert again.best == tiny_trained.best


def test_another_recipe_is_another_run(tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path) -> None:
    other = load_recipe("landscape_demo", [*TINY, "training.learning_rate=0.002"])
    assert run_folder(tiny_recipe, tiny_prepared, tmp_path) != run_folder(other, tiny_prepared, tmp_path)


def test_a_damaged_checkpoint_is_named(tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path) -> None:
    folder = run_folder(tiny_recipe, tiny_prepared, tmp_path)
    folder.mkdir(parents=True)
    (folder / "last.ckpt").write_bytes(b"half")
    with pytest.raises(CheckpointError, match=r"last\.ckpt: the checkpoint can't be resumed"):
        train(tiny_recipe, tiny_prepared, tmp_path, start_fabric("cpu"))


def test_best_is_the_highest_accuracy_and_of_equals_the_lowest_loss() -> None:
    figures = [(0.8, 0.5), (0.9, 0.6), (0.9, 0.4), (0.9, 0.4), (0.7, 0.1)]
    history = [Epoch(n, 0.0, 0.0, loss, accuracy, 0.0) for n, (accuracy, loss) in enumerate(figures, 1)]
    assert choose_best(history, "validation_accuracy").epoch == 3


def test_batches_hold_every_image_once_and_none_is_tiny(tiny_recipe: Recipe, tiny_prepared: Prepared) -> None:
    rows = np.arange(17)
    task = make_task(tiny_recipe, dataclasses.replace(tiny_prepared, rows={**tiny_prepared.rows, "train": rows}))
    batches = task.draw_batches(0)
    assert sorted(np.concatenate(batches)) == rows.tolist()
    assert sorted(len(batch) for batch in batches) == [5, 6, 6]  # of at most 8; not 8, 8 and 1
    assert not np.array_equal(np.concatenate(batches), np.concatenate(task.draw_batches(1)))


def test_flips_hang_on_image_and_seed_alone() -> None:
    pixels = torch.arange(40 * 2 * 3 * 3, dtype=torch.uint8).view(40, 2, 3, 3)
    rows = np.arange(40)
    whole = flip_some(pixels, rows, 0.5, seed=1)
    halves = torch.cat([flip_some(pixels[part], rows[part], 0.5, seed=1) for part in (slice(0, 13), slice(13, 40))])
    assert torch.equal(whole, halves)
    mirrored = [torch.equal(one, other.flip(1)) for one, other in zip(whole, pixels, strict=True)]
    kept = [torch.equal(one, other) for one, other in zip(whole, pixels, strict=True)]
    assert all(m != k for m, k in zip(mirrored, kept, strict=True))
    assert 10 < sum(mirrored) < 30
    assert torch.equal(flip_some(pixels, rows, 0.0, seed=1), pixels)
    assert torch.equal(flip_some(pixels, rows, 1.0, seed=1), pixels.flip(2))


def test_cosine_falls_from_the_rate_to_zero(tiny_prepared: Prepared) -> None:
    settings = ["training.learning_rate=0.2", "training.schedule=cosine", "training.epochs=2"]
    task = make_task(load_recipe("landscape_demo", [*TINY, *settings]), tiny_prepared)
    assert [task.learning_rate(*at, steps=3) for at in ((0, 0), (1, 0), (1, 3))] == pytest.approx([0.2, 0.1, 0.0])
    used = [group["lr"] for group in task.make_optimizer().param_groups]
    assert used == [0.2]


@pytest.mark.parametrize("device", ["tpu", "cpu:0", "cpu:x", "cuda:-1"])
def test_an_unknown_device_is_named(device: str) -> None:
    with pytest.raises(RecipeError, match=r"no device"):
        start_fabric(device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_where_there_is_none() -> None:
    with pytest.raises(RecipeError, match="no CUDA device"):
        start_fabric("cuda")


def test_processes_ask_the_network_equally_often(tiny_prepared: Prepared, tiny_trained: Trained) -> None:
    """Under DDP each question waits for the other processes': with one more on one side all would wait for ever."""
    rows = np.resize(tiny_prepared.rows["validation"], 129)  # shares of 65 and 64, and batches are of 64
    inputs = PixelInputs(tiny_prepared, Augmentation())
    asked: list[list[int]] = []

    def answer(pixels: torch.Tensor) -> torch.Tensor:
        asked[-1].append(len(pixels))
        return tiny_trained.network(pixels)

    confusion = np.zeros((2, 2), int)
    for rank in (0, 1):
        asked.append([])
        device = torch.device("cpu")
        alone = SimpleNamespace(global_rank=rank, world_size=2, device=device, all_reduce=lambda own, **_: own)
        confusion += evaluate(answer, inputs, tiny_prepared, rows, alone).confusion  # type: ignore[arg-type]
    assert asked == [[64, 1], [64, 0]]
    assert confusion.sum(1).tolist() == np.bincount(tiny_prepared.targets[rows]).tolist()


def test_a_batch_too_small_for_the_processes_is_refused(tiny_recipe: Recipe, tiny_prepared: Prepared) -> None:
    fabric = SimpleNamespace(global_rank=0, world_size=7, device=torch.device("cpu"))
    task = make_task(tiny_recipe, tiny_prepared)
    state = TrainState(task, fabric, task.network, task.make_optimizer(), [])  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="A batch of 6 pictures is too small for 7 processes"):
        next(run_epochs(state, lambda *_: None))


@pytest.mark.slow
def test_two_processes_train_as_one_does(procedural_folder: Path, tiny_prepared: Prepared, tmp_path: Path) -> None:
    """The same batches and gradients, to rounding; also of batches of three images, whose shares are two and one.

    With layer norm: batch norm normalises by the share of a batch that a process sees, so a network that has it ends in
    other weights, and no tolerance of its losses would tell a fault from that. Without momentum by squares: Adam
    divides a gradient by its own size, and makes steps out of rounding.
    """
    settings = ["network.backbone=test_convnext", "training.batch_size=4", "training.optimizer=sgd"]
    overrides = [*TINY, *settings, "training.learning_rate=0.01"]
    recipe = load_recipe("landscape_demo", overrides)
    assert {len(batch) for batch in make_task(recipe, tiny_prepared).draw_batches(0)} == {3, 4}
    alone = train(recipe, tiny_prepared, tmp_path / "alone", start_fabric("cpu"))
    command = [sys.executable, "-m", "hwapung", "train", "landscape_demo", *overrides]
    command += ["--data", str(procedural_folder), "--device", "cpu:2", "--build", str(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Test accuracy") == 1  # the first process speaks for all
    folder = run_folder(recipe, tiny_prepared, tmp_path / "runs")
    together = json.loads((folder / "metrics.json").read_text())["epochs"]
    for name in ("train_loss", "validation_loss"):
        expected = [getattr(each, name) for each in alone.epochs]
        assert [each[name] for each in together] == pytest.approx(expected, rel=1e-5), name
    ours, theirs = (torch.load(each / "last.ckpt", weights_only=True)["model"] for each in (folder, alone.folder))
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-4, atol=1e-5, msg=name)
    assert (tmp_path / "bundles" / "landscape_demo" / "card.json").is_file()


@pytest.mark.parametrize(("backbone", "same"), [("resnet18", True), ("clip:folder", False)])
def test_a_title_makes_another_run_only_where_it_is_a_prompt(
    backbone: str, same: bool, tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path
) -> None:
    one = override(tiny_recipe, {"network.backbone": backbone})
    other = override(one, {"labels": {**one.labels, "china": "Middle Kingdom"}})
    assert (run_folder(one, tiny_prepared, tmp_path) == run_folder(other, tiny_prepared, tmp_path)) is same
