from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from typer.testing import CliRunner

from hwapung.cli import app
from model_training.datasets.prepare import Prepared
from model_training.recipe import Distillation, Recipe, override
from model_training.runtime.card import read_card
from model_training.runtime.errors import RecipeError
from model_training.runtime.network import load_network
from model_training.search.trial import Trials
from model_training.training.classification import run_folder
from model_training.training.distillation import Teacher, ask_teachers, distil, identify_teachers
from model_training.training.inputs import draw_flips


def settings(temperature: float = 2.0, weight: float = 0.75) -> Distillation:
    return Distillation(teachers=("somewhere",), temperature=temperature, weight=weight)


def with_teachers(recipe: Recipe, *bundles: Path, **further: object) -> Recipe:
    distillation = {"teachers": tuple(str(each) for each in bundles), **further}
    return override(recipe, {"training.distillation": distillation})


def test_the_loss_by_hand() -> None:
    """T = 2 softens the student's ln 9 to ln 3: p = (3/4, 1/4). Against q = (1/2, 1/2) the divergence is
    1/2 ln (2/3) + 1/2 ln 2 = 0.143841 nats; with w = 3/4 and a hard loss of 1: 1/4 + 3/4 · 4 · 0.143841 = 0.681523."""
    logits, taught = torch.tensor([[np.log(9), 0.0]]), torch.tensor([[0.5, 0.5]])
    assert float(distil(torch.tensor(1.0), logits, taught, settings())) == pytest.approx(0.681523, abs=1e-5)
    twice = float(distil(torch.tensor(1.0), logits.repeat(2, 1), taught.repeat(2, 1), settings()))
    assert twice == pytest.approx(0.681523, abs=1e-5)  # a mean over images


def test_the_weight_goes_from_labels_to_teachers() -> None:
    logits, taught = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.2, 0.8]])
    assert float(distil(torch.tensor(0.7), logits, taught, settings(weight=0))) == pytest.approx(0.7)
    same = logits.div(2).softmax(1)
    assert float(distil(torch.tensor(0.7), logits, same, settings(weight=1))) == pytest.approx(0, abs=1e-6)


def test_at_high_temperatures_the_gradient_is_that_of_matched_logits() -> None:
    """Hinton et al. 2015, eq. 4: with logits of mean zero, T² · gradient tends to (z − v) / classes."""
    student, teacher = torch.tensor([[1.0, -1.0, 0.0]], requires_grad=True), torch.tensor([[2.0, 0.0, -2.0]])
    loss = distil(torch.tensor(0.0), student, (teacher / 1000).softmax(1), settings(1000.0, 1.0))
    (gradient,) = torch.autograd.grad(loss, student)
    torch.testing.assert_close(gradient, (student.detach() - teacher) / 3, atol=2e-3, rtol=0)


def test_a_mirrored_image_has_the_answer_of_its_mirror_image() -> None:
    taught = np.zeros((2, 50, 2), np.float32)
    taught[1, :, 1] = np.arange(50)
    taught[0, :, 1] = -np.arange(50)
    rows = np.random.default_rng(0).permutation(50)[:20]
    said = Teacher(taught, 0.5).answer(rows, 3, torch.device("cpu"))[:, 1].numpy()
    flipped = draw_flips(rows, 0.5, 3)
    assert 0 < flipped.sum() < 20
    np.testing.assert_array_equal(said, np.where(flipped, rows, -rows))


def test_teachers_are_asked_once_and_of_several_the_mean_is_taught(
    tiny_recipe: Recipe, tiny_prepared: Prepared, tiny_bundle: Path, tmp_path: Path
) -> None:
    recipe = with_teachers(tiny_recipe, tiny_bundle, tiny_bundle, temperature=3.0)
    teacher = ask_teachers(recipe, tiny_prepared, tmp_path, torch.device("cpu"))
    assert teacher is not None
    network = load_network(read_card(tiny_bundle / "card.json"), tiny_bundle)
    rows = tiny_prepared.rows["train"]
    pixels = torch.from_numpy(tiny_prepared.pixels[rows])
    with torch.inference_mode():
        for mirrored, seen in enumerate((pixels, pixels.flip(2))):
            expected = (network(seen) / 3).softmax(1).numpy()
            np.testing.assert_allclose(teacher.taught[mirrored, rows], expected, atol=1e-5)
    assert not teacher.taught[:, tiny_prepared.rows["test"]].any()  # never asked about
    np.save(tmp_path / "taught.npy", np.ones((2, 30, 2), np.float32))
    again = ask_teachers(recipe, tiny_prepared, tmp_path, torch.device("cpu"))
    assert again is not None
    assert (again.taught == 1).all()
    assert ask_teachers(tiny_recipe, tiny_prepared, tmp_path, torch.device("cpu")) is None


def test_a_teacher_that_can_not_teach_is_refused(
    tiny_recipe: Recipe, tiny_prepared: Prepared, tiny_bundle: Path, tmp_path: Path
) -> None:
    cpu = torch.device("cpu")
    recipe = with_teachers(tiny_recipe, tiny_bundle)
    larger = override(recipe, {"preprocessing.height": 96})
    with pytest.raises(RecipeError, match=r"preprocessing.height: 64, not 96"):
        ask_teachers(larger, tiny_prepared, tmp_path, cpu)
    other = tiny_prepared.provenance.model_copy(update={"fingerprint": "another"})
    with pytest.raises(RecipeError, match="may know the test pictures"):
        ask_teachers(recipe, replace(tiny_prepared, provenance=other), tmp_path, cpu)
    korea = replace(tiny_prepared, dataset=replace(tiny_prepared.dataset, labels=("china", "korea")))
    with pytest.raises(RecipeError, match="knows the classes china, japan"):
        ask_teachers(recipe, korea, tmp_path, cpu)
    with pytest.raises(RecipeError, match="without teachers"):
        Trials(tiny_prepared, Fabric(accelerator="cpu", devices=1), None).run(recipe, lambda *_: None)
    assert list(tmp_path.iterdir()) == []


def test_another_teacher_is_another_run(tiny_recipe: Recipe, tiny_prepared: Prepared, tiny_bundle: Path) -> None:
    alone, taught = tiny_recipe, with_teachers(tiny_recipe, tiny_bundle)
    assert identify_teachers(alone) == ""
    assert identify_teachers(taught) != identify_teachers(with_teachers(tiny_recipe, tiny_bundle, tiny_bundle))
    folders = {run_folder(recipe, tiny_prepared, Path("runs")) for recipe in (alone, taught)}
    assert len(folders) == 2


def test_distil_leaves_a_bundle_like_every_other(tiny_bundle: Path, procedural_folder: Path, tmp_path: Path) -> None:
    student = ["network.backbone=test_resnet", "network.pretrained=false", "preprocessing.height=64"]
    student += ["preprocessing.width=64", "training.batch_size=8", "training.epochs=1", "form=torch"]
    arguments = ["landscape", "--teacher", str(tiny_bundle), "--data", str(procedural_folder)]
    outcome = CliRunner().invoke(
        app, ["distil", *arguments, "--device", "cpu", "--build", str(tmp_path), *student], catch_exceptions=False
    )
    assert outcome.exit_code == 0
    card = read_card(tmp_path / "bundles" / "landscape_distilled" / "card.json")
    assert card.network.backbone == "test_resnet"
    training = card.provenance.recipe["training"]
    assert training["distillation"]["teachers"] == [str(tiny_bundle)]  # type: ignore[index]
    told = (tmp_path / "bundles" / "landscape_distilled" / "MODEL_CARD.md").read_text("utf-8")
    assert "the softened answers of landscape (distillation)" in told
    (taught,) = tmp_path.glob("runs/landscape_distilled/*/taught.npy")
    assert np.load(taught).shape == (2, 30, 2)
