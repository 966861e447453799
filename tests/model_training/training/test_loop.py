from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from model_training.datasets.prepare import Prepared
from model_training.recipe import Recipe, Training, load_recipe
from model_training.runtime.errors import CheckpointError, RecipeError
from model_training.training import loop as train_module
from model_training.training.inputs import flip_some
from model_training.training.loop import (
    Epoch,
    Trained,
    choose_best,
    run_folder,
    set_learning_rate,
    shuffle,
    start_fabric,
    train,
)
from tests.conftest import ROOT, TINY


class InterruptedRunError(Exception): ...


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    return trained.network.state_dict()


def test_an_interrupted_run_ends_in_the_same_weights(
    tiny_recipe: Recipe, tiny_prepared: Prepared, tiny_trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off in the middle of the second epoch, resumed, bit for bit the run that was never cut off."""
    calls = iter(range(1000))

    def fail_in_second_epoch(*arguments: object) -> None:
        if next(calls) == 3:  # 18 training images in batches of up to 8: three steps an epoch
            raise InterruptedRunError
        set_learning_rate(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(train_module, "set_learning_rate", fail_in_second_epoch)
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
    monkeypatch.setattr(train_module, "shuffle", None)
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
    assert choose_best(history).epoch == 3


def test_batches_hold_every_image_once_and_none_is_tiny() -> None:
    rows = np.arange(1000, 1033)
    batches = shuffle(rows, Training(batch_size=16), epoch=0)
    assert sorted(np.concatenate(batches)) == rows.tolist()
    assert sorted(len(batch) for batch in batches) == [11, 11, 11]
    assert not np.array_equal(np.concatenate(batches), np.concatenate(shuffle(rows, Training(batch_size=16), epoch=1)))


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


def test_cosine_falls_from_the_rate_to_zero() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    settings = Training(learning_rate=0.2, schedule="cosine")
    rates = []
    for progress in (0.0, 0.5, 1.0):
        set_learning_rate(optimizer, settings, progress)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.2, 0.1, 0.0])


@pytest.mark.parametrize("device", ["tpu", "cpu:0", "cpu:x", "cuda:-1"])
def test_an_unknown_device_is_named(device: str) -> None:
    with pytest.raises(RecipeError, match=r"no device"):
        start_fabric(device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_where_there_is_none() -> None:
    with pytest.raises(RecipeError, match="no CUDA device"):
        start_fabric("cuda")


@pytest.mark.slow
def test_two_processes_train_one_network(procedural_folder: Path, tiny_trained: Trained, tmp_path: Path) -> None:
    """DDP by one flag. Batch norm sees half a batch in each process, so losses are close, not equal."""
    command = [sys.executable, "-m", "hwapung", "train", "landscape_demo", *TINY]
    command += ["--data", str(procedural_folder), "--device", "cpu:2", "--build", str(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    (metrics,) = tmp_path.glob("runs/landscape/*/metrics.json")
    epochs = json.loads(metrics.read_text())["epochs"]
    assert len(epochs) == 2
    assert epochs[0]["train_loss"] == pytest.approx(tiny_trained.epochs[0].train_loss, rel=0.5)
    assert (tmp_path / "bundles" / "landscape" / "card.json").is_file()
