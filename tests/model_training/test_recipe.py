from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from model_training.detection.recipe import load_detection_recipe
from model_training.recipe import RECIPES, find_task, load_recipe
from model_training.runtime.errors import RecipeError
from model_training.sketch.recipe import load_sketch_recipe


def test_landscape_is_what_its_authors_trained() -> None:
    recipe = load_recipe("landscape")
    assert (recipe.preprocessing.height, recipe.preprocessing.width, recipe.preprocessing.fit) == (224, 224, "stretch")
    assert recipe.preprocessing.mean == (0.485, 0.456, 0.406)
    assert recipe.preprocessing.std == (0.229, 0.224, 0.225)
    assert recipe.network.backbone == "resnet18.tv_in1k"
    assert recipe.network.pretrained is True
    training = recipe.training
    assert (training.optimizer, training.learning_rate, training.epochs) == ("adam", 0.001, 10)
    assert (training.schedule, training.loss) == ("constant", "cross_entropy")
    assert (recipe.data.split.validation, recipe.data.split.test) == (0.2, 0.2)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_is_valid(path: Path) -> None:
    match find_task(path.stem):
        case "detection":
            assert load_detection_recipe(path.stem).title.ko
        case "sketch":
            assert load_sketch_recipe(path.stem).detector
        case _:
            assert load_recipe(path.stem).labels


def test_a_recipe_that_extends_another_keeps_the_rest() -> None:
    base, demo = load_recipe("landscape"), load_recipe("landscape_demo")
    assert demo.network.pretrained is False
    assert demo.network.backbone == base.network.backbone
    assert demo.name == base.name
    assert demo.summary != base.summary


def test_overrides_are_read_as_yaml() -> None:
    recipe = load_recipe(
        "landscape",
        ["training.learning_rate=1e-4", "network.pretrained=false", "data.split.seed=3", "labels.korea.en=K"],
    )
    assert recipe.training.learning_rate == 1e-4
    assert recipe.network.pretrained is False
    assert recipe.data.split.seed == 3
    assert recipe.labels["korea"].en == "K"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=3", "unknown key 'training.epoch'. Did you mean 'training.epochs'?"),
        ("trainig.epochs=3", "unknown key 'trainig'. Did you mean 'training"),
        ("network.backbon=x", "Did you mean 'network.backbone'?"),
        ("training.epochs=0", "training.epochs: Input should be greater than or equal to 1 (found 0)."),
        ("training.optimizer=lion", "training.optimizer"),
        ("epochs", "'epochs' is not an override."),
        ("name.x=3", "'name' holds a value, not keys."),
    ],
)
def test_a_wrong_key_or_value_is_named_with_the_nearest(override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)) as raised:
        load_recipe("landscape", [override])
    assert "\n" not in str(raised.value)


def test_an_unknown_recipe_names_the_known() -> None:
    with pytest.raises(RecipeError, match=r"no recipe 'landskape'.*landscape"):
        load_recipe("landskape")


@pytest.mark.parametrize("text", ["{", "- a list", "plain"])
def test_a_file_that_is_no_recipe(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError) as raised:
        load_recipe(str(path))
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_recipe_of_ones_own_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"extends": "landscape", "name": "mine", "training": {"epochs": 2}}))
    recipe = load_recipe(str(path))
    assert (recipe.name, recipe.training.epochs, recipe.training.batch_size) == ("mine", 2, 32)


def test_ai_vs_real_comes_in_three_sizes() -> None:
    plain, vit, small = (load_recipe(name) for name in ("ai_vs_real", "ai_vs_real_vit", "ai_vs_real_small"))
    assert (plain.network.backbone, plain.training.epochs) == ("resnet50.tv_in1k", 25)
    assert vit.network.backbone.startswith("vit_base_patch16")
    assert small.preprocessing.jpeg_quality == plain.preprocessing.jpeg_quality == 90
    assert {each.verdicts.max_error_rate for each in (plain, vit, small)} == {0.02}
    assert plain.verdicts.words["unsure"].instead_of_class


def test_old_keys_are_understood_with_a_warning() -> None:
    old = ["training.balance=focal_loss", "training.balance_strength=1.5", "training.keep=macro_f1", "form=torch"]
    old += ["augmentation.turn=5", "verdicts.error=0.1", "training.start=discriminant"]
    with pytest.warns(UserWarning, match=r"the overrides: training.balance is called training.class_balancing now"):
        recipe = load_recipe("webtoon", old)
    training = recipe.training
    assert (training.class_balancing, training.class_balancing_strength, training.monitor) == (
        "focal_loss", 1.5, "macro_f1",
    )  # fmt: skip
    assert (training.head_init, recipe.precision, recipe.augmentation.rotation) == ("lda", "torch", 5)
    assert recipe.verdicts.max_error_rate == 0.1


def test_old_keys_in_a_search_space_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    path.write_text("extends: landscape\nsearch: {space: {training.balance: [none, focal_loss]}}\n", "utf-8")
    with pytest.warns(UserWarning, match="training.class_balancing"):
        assert load_recipe(str(path)).search.space == {"training.class_balancing": ("none", "focal_loss")}
