from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image, ImageFilter
from torch import nn

from model_training.datasets.prepare import Prepared, prepare
from model_training.datasets.procedural import write_dataset
from model_training.evaluation.ood import FEWEST
from model_training.models.weights import read_weights
from model_training.packaging.bundle import describe_product, make_bundle, pack
from model_training.packaging.gate import COMPANION_INT8_MODEL, COMPANION_MODEL, fit_gate, fit_limits
from model_training.packaging.promises import Known, promise_sets
from model_training.packaging.sight import Sight, choose_companion, choose_sight
from model_training.recipe import PACKAGE, PACKAGE_BACKBONE, Network, Recipe, load_recipe
from model_training.runtime.architecture import Preprocessing
from model_training.runtime.card import read_card
from model_training.runtime.classifier import Classifier, softmax
from model_training.runtime.errors import BundleError
from model_training.runtime.execution import OpenVINOExecution
from model_training.runtime.export import save_openvino
from model_training.runtime.network import ClassificationNetwork
from model_training.runtime.observer import Companion
from model_training.runtime.ood import GATE, Mahalanobis
from model_training.training.classification import train
from model_training.training.loop import Trained, start_fabric
from tests.conftest import TINY

pytestmark = pytest.mark.slow

_LARGEST = 15 * 2**20


class Seeing:
    """An execution that sees an image's 16 tiles, as they are or as `spoil` leaves them."""

    def __init__(self, spoil: Any = None) -> None:
        self.spoil = spoil or (lambda seen: seen)

    def observe(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        side = pixels.shape[1] // 4
        tiles = pixels.reshape(len(pixels), 4, side, 4, side, 3).mean((2, 4)).reshape(len(pixels), -1)
        seen = self.spoil((tiles / 255).astype(np.float32))
        return seen[:, :2], seen, seen


def fit(stage: Path, recipe: Recipe, prepared: Prepared, spoil: Any = None, **how: Any) -> Any:
    return fit_gate(stage, recipe, prepared, Seeing(spoil), Sight(**how))  # type: ignore[arg-type]


def test_an_untouched_networks_bound_is_of_training_and_validation(
    tmp_path: Path, tiny_recipe: Recipe, tiny_prepared: Prepared
) -> None:
    gate = fit(tmp_path, tiny_recipe, tiny_prepared)
    ood, rows = gate.ood, tiny_prepared.rows
    assert (ood.fitted_on, ood.images) == (24, 6)
    assert (ood.bent, ood.companion) == (False, None)
    assert ood.threshold is not None
    assert ood.rejected_low <= ood.rejected <= ood.rejected_high
    assert [path.name for path in tmp_path.iterdir()] == [GATE]
    # What passes is what the served file says of the test images, whose limits all of them keep.
    distances = Mahalanobis.load(tmp_path / GATE)(Seeing().observe(np.asarray(tiny_prepared.pixels[rows["test"]]))[2])
    assert gate.passes["test"].tolist() == (distances <= ood.threshold).tolist()
    assert len(gate.passes["validation"]) == 6
    assert set(ood.caught) == {
        "blank", "gradient", "noise", "lines", "text", "texture", "in pieces", "in outline", "negative"
    }  # fmt: skip
    assert ood.caught["blank"] == 1


def test_bent_features_are_judged_by_validation_alone_and_too_few_turn_the_gate_off(
    tmp_path: Path, tiny_recipe: Recipe, tiny_prepared: Prepared
) -> None:
    few = fit(tmp_path, tiny_recipe, tiny_prepared, stages=3, bent=True).ood
    assert (few.bent, few.fitted_on, few.threshold, few.rejected) == (True, 6, None, 0)
    assert list(tmp_path.iterdir()) == []
    rows = tiny_prepared.rows
    more = replace(tiny_prepared, rows={**rows, "validation": np.tile(rows["validation"], 4)[:FEWEST]})
    enough = fit(tmp_path, tiny_recipe, more, stages=3, bent=True).ood
    assert (enough.bent, enough.fitted_on) == (True, FEWEST)
    assert enough.threshold is not None
    assert enough.rejected == 0  # the bound of 19 is the largest of them


def test_images_that_are_all_alike_give_no_bound_and_all_pass(
    tmp_path: Path, tiny_recipe: Recipe, tiny_prepared: Prepared
) -> None:
    gate = fit(tmp_path, tiny_recipe, tiny_prepared, np.ones_like)
    assert (gate.ood.threshold, gate.ood.rejected) == (None, 0)
    assert gate.passes["validation"].all()
    assert gate.passes["test"].all()
    assert gate.ood.caught["blank"] == 1  # what an image is like still counts
    assert gate.ood.caught["noise"] == 0
    assert list(tmp_path.iterdir()) == []


def test_features_that_are_no_numbers_are_refused_before_anything_is_written(
    tmp_path: Path, tiny_recipe: Recipe, tiny_prepared: Prepared
) -> None:
    with pytest.raises(BundleError, match="no finite numbers"):
        fit(tmp_path, tiny_recipe, tiny_prepared, lambda seen: seen * np.nan)
    assert list(tmp_path.iterdir()) == []


def count_multiplications(network: nn.Module, pixels: torch.Tensor) -> int:
    """Those of convolutions and linear layers, by their shapes."""
    found = []

    def count(module: Any, _: object, output: torch.Tensor) -> None:
        found.append(output.numel() * module.weight[0].numel())

    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(count)
    with torch.inference_mode():
        network(pixels)
    return sum(found)


@pytest.mark.parametrize("backbone", ["resnet50", "resnet18", "mobilenetv3_small_050"])
def test_a_companion_is_as_large_as_a_tenth_of_the_network_allows(backbone: str) -> None:
    preprocessing = Preprocessing(fit="stretch", height=160, width=160, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    network = ClassificationNetwork(backbone, 3, preprocessing).eval()
    factor = choose_companion(network, preprocessing)
    budget = 0.1 * count_multiplications(network, torch.zeros((1, 160, 160, 3), dtype=torch.uint8))
    companion = timm.create_model(PACKAGE_BACKBONE, num_classes=0).eval()
    costs = [
        count_multiplications(companion, torch.zeros((1, 3, 160 // each, 160 // each)))
        for each in (1, 2)  # of a smaller image the companion's last maps are one pixel
    ]
    affordable = [number for number, cost in enumerate(costs, 1) if cost <= budget]
    assert factor == (affordable[0] if affordable else None)
    assert bool(affordable) is (backbone != "mobilenetv3_small_050")


def test_the_gate_sees_what_training_left_alone() -> None:
    preprocessing = Preprocessing(fit="stretch", height=160, width=160, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    network = ClassificationNetwork("resnet18", 3, preprocessing).eval()
    assert choose_sight(network, preprocessing, "all") == Sight()
    assert choose_sight(network, preprocessing, 3) == Sight(stages=3)
    assert choose_sight(network, preprocessing, 2) == Sight(companion=choose_companion(network, preprocessing))
    small = preprocessing.model_copy(update={"height": 32, "width": 32})
    assert choose_sight(network, small, 0) == Sight(stages=4, bent=True)  # of five stages


def test_the_companion_says_the_same_in_torch_and_openvino_and_is_small(
    tmp_path: Path, tiny_recipe: Recipe, tiny_prepared: Prepared
) -> None:
    gate = fit(tmp_path, tiny_recipe, tiny_prepared, companion=2)
    assert (gate.ood.companion, gate.ood.bent, gate.ood.fitted_on) == (2, False, 24)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < _LARGEST
    backbone = timm.create_model(PACKAGE_BACKBONE, num_classes=0)
    weights = read_weights(Network(backbone=PACKAGE_BACKBONE, pretrained=PACKAGE))
    backbone.load_state_dict({name: each for name, each in weights.items() if name in backbone.state_dict()})
    pixels = np.array(tiny_prepared.pixels[:3])
    companion = Companion(backbone, 2).eval()
    with torch.inference_mode():
        expected = companion(torch.from_numpy(pixels)).numpy()
    save_openvino(companion, torch.from_numpy(pixels), (-1, 64, 64, 3), tmp_path / "whole.xml")
    (whole,) = OpenVINOExecution(tmp_path / "whole.xml").run(pixels)
    np.testing.assert_allclose(whole, expected, atol=1e-5)
    # The served one's weights are stored in 16 bits, which the gate, fitted on what it sees, does not mind.
    (seen,) = OpenVINOExecution(tmp_path / COMPANION_MODEL).run(pixels)
    cosines = (seen * expected).sum(1) / np.linalg.norm(seen, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.9995
    assert Mahalanobis.load(tmp_path / GATE).gaussians[0].mean.shape == expected.shape[1:]


def test_beside_a_further_form_the_companion_is_in_8_bits(
    tmp_path: Path, tiny_recipe: Recipe, tiny_prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_training.packaging.quantise.EXACTLY_CALIBRATED_ON", 4)
    own = fit(tmp_path, tiny_recipe, tiny_prepared, companion=1)
    beside = fit_gate(tmp_path, tiny_recipe, tiny_prepared, Seeing(0), Sight(companion=1), "gate-bf16.npz", "bf16")  # type: ignore[arg-type]
    assert (own.ood.file, own.ood.companion_file) == (GATE, COMPANION_MODEL)
    assert (beside.ood.file, beside.ood.companion_file) == ("gate-bf16.npz", COMPANION_INT8_MODEL)
    files = [(tmp_path / name).with_suffix(".bin") for name in (COMPANION_MODEL, COMPANION_INT8_MODEL)]
    assert files[1].stat().st_size < 0.55 * files[0].stat().st_size  # of 16 bits: no layer is left in float32
    pixels = np.array(tiny_prepared.pixels[:3])
    (exact,), (fast,) = (OpenVINOExecution(each.with_suffix(".xml")).run(pixels) for each in files)
    cosines = (fast * exact).sum(1) / np.linalg.norm(fast, axis=1) / np.linalg.norm(exact, axis=1)
    assert 0.9 < cosines.min() < 0.99999
    seen = Mahalanobis.load(tmp_path / "gate-bf16.npz")
    assert (seen(fast) < seen(exact)).all()  # it knows what it was fitted to


def test_a_companion_of_a_gate_that_is_off_is_not_kept(
    tmp_path: Path, tiny_recipe: Recipe, tiny_prepared: Prepared
) -> None:
    few = replace(tiny_prepared, rows={name: rows[:6] for name, rows in tiny_prepared.rows.items()})
    gate = fit(tmp_path, tiny_recipe, few, companion=2)
    assert (gate.ood.threshold, gate.ood.fitted_on) == (None, 12)
    assert list(tmp_path.iterdir()) == []


def test_a_kept_probes_bundle_sees_itself(
    tmp_path: Path, tiny_recipe: Recipe, tiny_prepared: Prepared, tiny_trained: Trained
) -> None:
    product = replace(describe_product(tiny_recipe, tiny_trained), untouched="all")
    bundle = pack(tiny_recipe, tiny_prepared, product, tmp_path)
    card = read_card(bundle / "card.json")
    assert card.ood is not None  # type: ignore[union-attr]
    assert (card.ood.companion, card.ood.bent, card.ood.fitted_on) == (None, False, 24)  # type: ignore[union-attr]
    assert (bundle / GATE).is_file()
    assert not (bundle / COMPANION_MODEL).exists()
    assert len(OpenVINOExecution(bundle / "network.xml").widths) == 3


def test_what_is_promised_is_promised_of_what_passes(tiny_prepared: Prepared) -> None:
    rows = tiny_prepared.rows
    logits = {name: np.random.default_rng(0).normal(size=(6, 2)) for name in ("validation", "test")}
    passes = {"validation": np.array([1, 0, 1, 1, 0, 1], bool), "test": np.zeros(6, bool)}
    known = Known(logits, tiny_prepared, passes, 2.0)
    probabilities, targets = known.of("validation")
    inside = np.flatnonzero(passes["validation"])
    assert probabilities == pytest.approx(softmax(logits["validation"], 2.0)[inside])
    assert targets.tolist() == tiny_prepared.targets[rows["validation"]][inside].tolist()
    assert len(known.of("test")[1]) == 6  # none gets through: all count
    sets = promise_sets(known)
    assert (sets.fitted_on, sets.images) == (4, 6)


def shrink(folder: Path, target: Path, side: int, **settings: Any) -> Path:
    """The folder's pictures at `side` pixels, as JPEG."""
    for path in folder.glob("*/*.*"):
        place = target / path.relative_to(folder).with_suffix(".jpg")
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.open(path).convert("RGB").resize((side, side)).save(place, "JPEG", **settings)
    return target


@pytest.fixture(scope="module")
def small_pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Prepared]:
    """Pictures of 64 pixels for a network of 128, none with a stronger compression than quality 90."""
    folder = tmp_path_factory.mktemp("small")
    write_dataset(folder / "drawn", ("china", "japan"), 15, 7)
    data = shrink(folder / "drawn", folder / "small", 64, quality=90)
    strict = ["preprocessing.height=128", "preprocessing.width=128", "verdicts.only_like_training=true"]
    recipe = load_recipe("landscape_demo", [*TINY, *strict, "training.epochs=1", "name=small"])
    return recipe, prepare(recipe, data, folder / "cache")


def test_limits_are_those_that_training_pictures_keep(small_pictures: tuple[Recipe, Prepared]) -> None:
    recipe, prepared = small_pictures
    limits = fit_limits(recipe, prepared, prepared.rows["train"])
    assert (limits.min_side, limits.max_aspect, limits.min_contrast, limits.refuses_text) == (32, 8, 4, True)
    assert (limits.max_scale, limits.min_scale) == (0.75, pytest.approx(1 / 3, abs=1e-4))
    assert limits.min_quality == pytest.approx(80, abs=1)
    assert limits.min_sharpness is not None
    loose = recipe.model_copy(update={"verdicts": recipe.verdicts.model_copy(update={"only_like_training": False})})
    wide = fit_limits(loose, prepared, prepared.rows["train"])
    assert (wide.max_scale, wide.min_scale, wide.min_quality, wide.min_sharpness) == (0.75, None, None, None)


def test_a_lossless_picture_among_the_training_says_nothing_of_the_others_compression(
    small_pictures: tuple[Recipe, Prepared], tmp_path: Path
) -> None:
    recipe, prepared = small_pictures
    train, entries = prepared.rows["train"], list(prepared.dataset.entries)
    for row, (name, settings) in zip(
        train, [("lossless.png", {}), ("flat.jpg", {"quality": 50}), ("tiny.jpg", {"quality": 90})], strict=False
    ):
        side = 20 if name == "tiny.jpg" else 64
        Image.open(entries[row].path).resize((side, 2 * side)).save(tmp_path / name, **settings)
        entries[row] = replace(entries[row], path=tmp_path / name)
    mixed = replace(prepared, dataset=replace(prepared.dataset, entries=tuple(entries)))
    limits = fit_limits(recipe, mixed, train)
    assert limits.min_quality == pytest.approx(40, abs=1)
    assert limits.min_side == 20


def test_each_reason_by_a_real_bundle(small_pictures: tuple[Recipe, Prepared], tmp_path: Path) -> None:
    recipe, prepared = small_pictures
    trained = train(recipe, prepared, tmp_path / "runs", start_fabric("cpu"))
    classifier = Classifier.load(make_bundle(recipe, prepared, trained, tmp_path / "bundles"))
    assert classifier.card.ood is not None
    assert classifier.card.ood.threshold is None  # six validation pictures; bent features: only limits refuse
    known = Image.open(prepared.dataset.entries[prepared.rows["test"][0]].path)

    def ask(image: Image.Image, form: str = "PNG", **settings: Any) -> object:
        buffer = io.BytesIO()
        image.save(buffer, form, **settings)
        plain, explained = classifier.answer([buffer.getvalue()] * 2, [False, True])
        assert isinstance(plain, dict)
        assert isinstance(explained, dict)
        assert [plain.get(key) for key in ("verdict", "reason")] == [
            explained.get(key) for key in ("verdict", "reason")
        ]
        return plain.get("reason")

    assert ask(known) is None
    assert ask(known, "JPEG", quality=90) is None
    assert ask(known.resize((1024, 1024))) == "finer"
    assert ask(known.resize((40, 40))) == "coarser"
    assert ask(known, "JPEG", quality=60) == "compressed"
    assert ask(known.filter(ImageFilter.GaussianBlur(4))) == "softer"
    assert ask(known.resize((20, 20))) == "tiny"
    assert ask(known.resize((600, 40))) == "long"
    assert ask(Image.new("RGB", (64, 64), (226, 215, 190))) == "blank"
