from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, f1_score, log_loss
from torch import nn

from model_training.datasets.prepare import Prepared, prepare
from model_training.experiments.runner import Runner
from model_training.recipe import Recipe, load_recipe, override
from model_training.runtime.errors import RecipeError
from model_training.search.space import check_space
from model_training.training.classification import run_folder
from model_training.training.inputs import PixelInputs
from model_training.training.loop import start_fabric
from model_training.training.multi_label import (
    LabelEpoch,
    binary_cross_entropy,
    evaluate_labels,
    positive_weights,
    train_labels,
)
from tests.tiny_labels import write_labels

SETTINGS = [
    "network.backbone=test_resnet", "network.pretrained=false", "network.unfreeze=all", "preprocessing.height=32",
    "preprocessing.width=32", "training.epochs=3", "training.batch_size=8",
]  # fmt: skip


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe("webtoon_genres", SETTINGS)


@pytest.fixture(scope="module")
def prepared(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    place = tmp_path_factory.mktemp("labels")
    return prepare(recipe, write_labels(place / "data", 8), place / "cache", quiet=True)


class Fixed(nn.Module):
    """Logits by a fixed projection of the pixels."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        flat = pixels.flatten(1).float() / 255
        return flat @ torch.randn(flat.shape[1], 3, generator=torch.Generator().manual_seed(0)) / 10


def test_the_loss_is_that_of_each_label_by_itself() -> None:
    generator = torch.Generator().manual_seed(1)
    logits, targets = torch.randn(20, 3, generator=generator), (torch.rand(20, 3, generator=generator) < 0.3).float()
    by_label = [log_loss(targets[:, each], logits[:, each].sigmoid().double(), labels=[0, 1]) for each in range(3)]
    assert float(binary_cross_entropy(logits, targets)) == pytest.approx(np.mean(by_label), rel=1e-5)
    smoothed = binary_cross_entropy(logits, targets, smoothing=0.2)
    flipped = binary_cross_entropy(logits, 1 - targets)
    assert float(smoothed) == pytest.approx(0.9 * np.mean(by_label) + 0.1 * float(flipped), rel=1e-5)
    weights = positive_weights(targets.numpy(), 1.0)
    per_image = nn.functional.binary_cross_entropy_with_logits(torch.zeros(20, 3), targets, reduction="none")
    weighed = per_image * torch.where(targets > 0, weights, 1)
    assert float(binary_cross_entropy(torch.zeros(20, 3), targets, weights=weights)) == pytest.approx(
        float(weighed.mean()), rel=1e-5
    )


def test_positives_and_negatives_weigh_the_same_at_full_strength() -> None:
    targets = np.zeros((100, 3), np.float32)
    targets[:10, 0], targets[:50, 1] = 1, 1
    assert positive_weights(targets, 1.0).tolist() == [9, 1, 99]
    assert positive_weights(targets, 0.5).tolist() == pytest.approx([3, 1, 99**0.5])
    assert positive_weights(targets, 0.0).tolist() == [1, 1, 1]


def test_the_figures_of_an_epoch_are_scikit_learns(recipe: Recipe, prepared: Prepared) -> None:
    rows = prepared.rows["train"]
    fabric = start_fabric("cpu")
    network = Fixed()
    found = evaluate_labels(network, PixelInputs(prepared, recipe.augmentation), prepared, rows, fabric)
    logits = network(torch.from_numpy(prepared.pixels[rows])).numpy()
    targets, chosen = prepared.targets[rows], logits >= 0
    assert found.average_precision == pytest.approx(average_precision_score(targets, logits, average="macro"))
    assert found.macro_f1 == pytest.approx(f1_score(targets, chosen, average="macro", zero_division=0))
    assert found.accuracy == pytest.approx((chosen == (targets > 0)).all(1).mean())
    assert found.confusion.shape == (3, 2, 2)


def test_a_finished_run_is_read_again_and_not_trained_anew(recipe: Recipe, prepared: Prepared, tmp_path: Path) -> None:
    fabric = start_fabric("cpu")
    whole = train_labels(recipe, prepared, tmp_path / "whole", fabric)
    assert [type(each) for each in whole.epochs] == [LabelEpoch] * 3
    assert whole.best.validation_average_precision == max(each.validation_average_precision for each in whole.epochs)  # type: ignore[attr-defined]
    again = train_labels(recipe, prepared, tmp_path / "whole", fabric)
    assert again.epochs == whole.epochs  # to the second


def test_searches_and_comparisons_are_of_one_class(recipe: Recipe, prepared: Prepared, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="one class"):
        check_space(recipe)
    with pytest.raises(RecipeError, match="one class"):
        Runner(tmp_path, tmp_path, start_fabric("cpu")).prepare(recipe)


def test_a_run_of_several_labels_is_not_one_of_a_single_class(recipe: Recipe, prepared: Prepared) -> None:
    values = {"data.multi_label": False, "training.monitor": "macro_f1"}
    single = override(recipe, values)
    several = override(single, {"data.multi_label": True})
    assert run_folder(single, prepared, Path()) != run_folder(several, prepared, Path())
