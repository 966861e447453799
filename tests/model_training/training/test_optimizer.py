from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from model_training.models.factory import make_network
from model_training.recipe import load_recipe
from model_training.training.classification import Epoch
from model_training.training.loop import has_stalled
from model_training.training.optimizer import find_rate, group_parameters, make_optimizer
from tests.conftest import TINY
from tests.tiny_clip import SIDE, make_tiny_clip


def rates(*overrides: str) -> dict[str, tuple[float, float]]:
    """Name of a parameter → its share of the rate, and its weight decay."""
    settings = ["training.layer_decay=0.5", "training.weight_decay=0.1", "training.optimizer=adamw", *overrides]
    recipe = load_recipe("landscape_demo", [*TINY, *settings])
    network = make_network(recipe, 2)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    groups = make_optimizer(network, recipe.training).param_groups
    found = {
        names[id(each)]: (group["lr_scale"], group["weight_decay"]) for group in groups for each in group["params"]
    }
    assert len(found) == sum(each.requires_grad for each in network.parameters())
    return found


def test_each_layer_learns_at_half_the_rate_of_the_one_above() -> None:
    found = rates()
    assert found["backbone.classifier.weight"] == (1, 0.1)
    assert found["backbone.classifier.bias"] == (1, 0)
    below = [found[f"backbone.blocks.{block}.conv_pw.weight"][0] for block in ("4.2", "4.1", "4.0", "3.1")]
    assert [one / other for one, other in pairwise(below)] == [2, 2, 2]
    assert found["backbone.conv_stem.weight"][0] < min(below) < max(below) < 1


def test_the_head_of_several_stages_stands_above_all_of_them() -> None:
    found = rates("network.head.stages=2")
    assert found["backbone.head.weight"] == (1, 0.1)
    assert all(scale <= 0.5 for name, (scale, _) in found.items() if ".body." in name)


def test_clips_depths_are_its_encoders_layers(tmp_path: Path) -> None:
    settings = [f"network.backbone=clip:{make_tiny_clip(tmp_path)}", f"preprocessing.height={SIDE}"]
    recipe = load_recipe("sketch_clip", [*settings, f"preprocessing.width={SIDE}", "network.adapter=null"])
    network = make_network(recipe, 2, ["cat", "dog"])
    groups = group_parameters(network, recipe.training.model_copy(update={"layer_decay": 0.5}))
    names = {id(parameter): name for name, parameter in network.backbone.named_parameters()}
    scale = {names[id(each)]: group["lr_scale"] for group in groups for each in group["params"]}
    assert scale["logit_scale"] == scale["vision.visual_projection.weight"] == 1
    first, last = (min(numbers) for numbers in _layers(scale))
    assert scale["vision.vision_model.embeddings.class_embedding"] == first / 2 < last


def _layers(scale: dict[str, float]) -> tuple[list[float], list[float]]:
    """The scales of the encoder's first layer and of its last."""
    found = {name.split(".layers.")[1].split(".")[0] for name in scale if ".layers." in name}
    ends = min(found, key=int), max(found, key=int)
    return tuple([each for name, each in scale.items() if f".layers.{end}." in name] for end in ends)  # type: ignore[return-value]


def test_what_is_frozen_has_no_group() -> None:
    found = rates("network.unfreeze=0")
    assert set(found) == {"backbone.classifier.weight", "backbone.classifier.bias"}


def test_the_rate_warms_up_and_falls_to_zero() -> None:
    settings = [
        "training.learning_rate=0.2",
        "training.schedule=cosine",
        "training.warmup_epochs=1",
        "training.epochs=3",
    ]
    training = load_recipe("landscape_demo", [*TINY, *settings]).training
    warm = [find_rate(training, step, 4) for step in range(4)]
    assert warm == pytest.approx([0.05, 0.1, 0.15, 0.2])
    assert [find_rate(training, step, 4) for step in (4, 8, 12)] == pytest.approx([0.2, 0.1, 0.0])


@pytest.mark.parametrize(("accuracies", "stalled"), [([], False), ([0.5, 0.6, 0.6], False), ([0.6, 0.5, 0.5], True)])
def test_patience_ends_two_epochs_after_the_best(accuracies: list[float], stalled: bool) -> None:
    history = [Epoch(number, 0, 0, -number, each, 0) for number, each in enumerate(accuracies, 1)]
    task = SimpleNamespace(patience=2, monitor="validation_accuracy")
    assert has_stalled(history, task) is stalled  # type: ignore[arg-type]
    task.patience = None
    assert not has_stalled(history, task)  # type: ignore[arg-type]
