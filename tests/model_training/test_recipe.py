from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from model_training.detection.recipe import DetectionRecipe, load_detection_recipe
from model_training.recipe import RECIPES, Recipe, choose_recipe, find_task, load_recipe, override
from model_training.runtime.card import Text
from model_training.runtime.errors import RecipeError
from model_training.sketch.recipe import load_sketch_recipe


def test_landscape_is_what_its_authors_trained() -> None:
    recipe = load_recipe("landscape_paper")
    assert (recipe.preprocessing.height, recipe.preprocessing.width, recipe.preprocessing.fit) == (224, 224, "stretch")
    assert recipe.preprocessing.mean == (0.485, 0.456, 0.406)
    assert recipe.preprocessing.std == (0.229, 0.224, 0.225)
    assert recipe.network.backbone == "resnet18.tv_in1k"
    assert recipe.network.pretrained is True
    training = recipe.training
    assert (training.optimizer, training.learning_rate, training.epochs) == ("adam", 0.001, 10)
    assert (training.schedule, training.loss) == ("constant", "cross_entropy")
    assert (training.layer_decay, training.warmup_epochs, training.average, training.patience) == (1, 0, "none", None)
    assert (training.head_init, training.probe) == ("random", False)
    assert (recipe.data.split.validation, recipe.data.split.test) == (0.2, 0.2)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_is_valid(path: Path) -> None:
    match find_task(path.stem):
        case "detection":
            recipe: Recipe | DetectionRecipe = load_detection_recipe(path.stem)
        case "sketch":
            # The demonstration leaves the bundle whose page is /models/sketch.
            assert load_sketch_recipe(path.stem).name == path.stem.removesuffix("_demo")
            return
        case _:
            recipe = load_recipe(path.stem)
    assert recipe.name == path.stem  # so none overwrites the bundle of another
    assert recipe.title.en != recipe.title.ko


def test_a_recipe_that_extends_another_keeps_the_rest() -> None:
    base, demo = load_recipe("landscape"), load_recipe("landscape_demo")
    assert demo.network.pretrained is False
    assert demo.network.backbone == base.network.backbone
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
        recipe = load_recipe("landscape", old)
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


CLIP = "network.backbone=clip:folder"
NO_HEAD = "network.head.stages=null"
ADAPTER = "network.adapter.rank=4"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([CLIP, "training.head_init=lda"], "training.head_init=lda starts a head, and CLIP has none."),
        ([CLIP, "network.head.stages=3"], "network.head: CLIP answers by its prompts and has no head."),
        ([CLIP, "network.head.hidden=8"], "network.head: CLIP answers"),
        ([CLIP, "network.head.standardise=true"], "network.head: CLIP answers"),
        ([CLIP, NO_HEAD, "network.pretrained=w.pth"], "network.pretrained=w.pth: CLIP's weights come with its name"),
        ([CLIP, NO_HEAD, "network.pretrained=package"], "network.pretrained=package: CLIP's weights"),
        ([CLIP, NO_HEAD, "network.unfreeze=3"], "network.unfreeze=3: CLIP is trained whole or by adapters."),
        ([ADAPTER, "network.adapter.encoders=[vision, text]"], "resnet18.tv_in1k has no text encoder."),
        ([ADAPTER, "network.unfreeze=3"], "network.unfreeze=3 does nothing beside network.adapter"),
        (["augmentation.mixup=0.2", "training.loss=focal"], "which only cross-entropy takes."),
        (["augmentation.cutmix=1", "training.class_balancing=focal_loss"], "which only cross-entropy takes."),
        (
            ["augmentation.mixup=0.2", "training.distillation.teachers=[a]"],
            "pictures that the teachers were not asked about.",
        ),
        (["training.head_init=lda", "network.head.hidden=8"], "head_init=lda needs a head of one linear layer."),
        (["training.head_init=lda", "network.head.standardise=true"], "head_init=lda needs a head of one linear"),
        (["network.pretrained=package"], "has the weights of tf_efficientnet_lite0, not of resnet18.tv_in1k."),
        (
            ["training.loss=focal", "training.class_balancing=class_weights"],
            "training.loss=focal leaves no place for the loss of training.class_balancing=class_weights.",
        ),
        (["training.loss=quantile_margin", "training.label_smoothing=0.1"], "quantile_margin goes without it."),
        (["network.prompts=[a sketch]"], "network.prompts: a prompt holds {} once"),
        (["network.prompts=['{} and {0}']"], "network.prompts: a prompt holds {} once"),
    ],
)
def test_settings_that_cannot_work_together_are_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)) as raised:
        load_recipe("landscape", overrides)
    assert "\n" not in str(raised.value)
    assert raised.value.remedy


@pytest.mark.parametrize(
    "overrides",
    [
        [CLIP, NO_HEAD, "network.unfreeze=0"],
        [CLIP, NO_HEAD, ADAPTER, "network.adapter.encoders=[vision, text]"],
        ["training.head_init=lda", "network.head.stages=2"],
        ["training.loss=focal", "training.class_balancing=up_sampling"],
        ["training.loss=focal", "training.label_smoothing=0.1"],
        ["network.pretrained=package", "network.backbone=tf_efficientnet_lite0.in1k"],
    ],
)
def test_settings_beside_the_refused_ones_are_taken(overrides: list[str]) -> None:
    load_recipe("landscape", overrides)


def test_sketch_clip_inherits_nothing_that_clip_refuses() -> None:
    recipe, base = load_recipe("sketch_clip"), load_recipe("sketch_classifier")
    assert (recipe.training.head_init, recipe.network.head.stages) == ("random", None)
    assert (base.training.head_init, base.network.head.stages) == ("probe", 2)
    assert recipe.labels == base.labels


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        (["china", "japan"], "landscape"),
        (["Korea", "china"], "landscape"),
        (["AI", "Real"], "ai_vs_real"),
        (list(load_recipe("webtoon").labels), "webtoon"),
        (["daily", "comic", "fantasy", "action", "drama"], "webtoon"),
        (["action", "sports"], "pictures"),  # might be films
        (["china", "japan", "france"], "pictures"),
        (["cat", "dog"], "pictures"),
        ([], "pictures"),
    ],
)
def test_a_folder_is_recognised_by_its_classes(labels: list[str], name: str) -> None:
    assert choose_recipe(labels) == name


def test_a_text_in_one_language_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "extends: landscape\nname: mine\ntitle: {ko: 누구 그림}\nlabels: {china: Middle Kingdom}\n", "utf-8"
    )
    recipe = load_recipe(str(path))
    assert recipe.title == Text(en="누구 그림", ko="누구 그림")  # not half of landscape's
    assert recipe.labels["china"] == Text(en="Middle Kingdom", ko="Middle Kingdom")
    assert recipe.labels["japan"].ko == "일본"
    assert load_recipe("pictures", ["title=Whose cup?", "labels.a.ko=컵"]).labels["a"].en == "컵"
    named = override(load_recipe("pictures"), {"title": "Whose cup?", "labels": {"v1.0": "First"}})
    assert (named.title.ko, named.labels["v1.0"].en) == ("Whose cup?", "First")


@pytest.mark.parametrize(
    ("key", "title"),
    [
        ("naive_art_primitivism", "Naive art primitivism"),
        ("ukiyo-e", "Ukiyo e"),
        ("수묵_산수", "수묵 산수"),
        ("AI", "AI"),
        ("달항아리", "달항아리"),
        ("__", "__"),
    ],
)
def test_a_class_without_a_title_is_named_readably(key: str, title: str) -> None:
    assert load_recipe("pictures").name_class(key) == Text(en=title, ko=title)
    assert load_recipe("landscape").name_class("japan").ko == "일본"
