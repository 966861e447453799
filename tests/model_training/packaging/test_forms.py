"""Further forms in a bundle, what they cost, and a worker that chooses among them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hwapung
from hwapung import ImageError
from model_training.datasets.prepare import Prepared
from model_training.packaging.bundle import describe_product, pack
from model_training.packaging.gate import Gate
from model_training.packaging.groundwork import Answered, Groundwork
from model_training.packaging.model_card import describe_model
from model_training.recipe import Recipe
from model_training.recipe.sections import Serving
from model_training.runtime import forms as forms_module
from model_training.runtime.card import ModelCard, OpenVINOModel, OutOfDistribution, read_card
from model_training.runtime.classifier import Classifier
from model_training.runtime.errors import FormError
from model_training.runtime.execution import OpenVINOExecution, can_run
from model_training.runtime.forms import serve_form
from model_training.runtime.load import load_bundle
from model_training.runtime.measures import FormCost
from model_training.runtime.ood import Mahalanobis
from model_training.training.loop import Trained

pytestmark = pytest.mark.slow


def make(recipe: Recipe, prepared: Prepared, trained: Trained, folder: Path, agreement: float) -> Path:
    recipe = recipe.model_copy(update={"serving": Serving(forms=("bf16", "int8"), agreement=agreement)})
    # As if it were a pretrained one's: of untouched maps training pictures count for the gate's bound, too.
    return pack(recipe, prepared, replace(describe_product(recipe, trained), untouched="all"), folder)


@pytest.fixture(scope="module")
def bundle(
    tiny_recipe: Recipe, tiny_prepared: Prepared, tiny_trained: Trained, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return make(tiny_recipe, tiny_prepared, tiny_trained, tmp_path_factory.mktemp("forms"), 100)


@pytest.fixture(autouse=True)
def _own_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms_module.tempfile, "gettempdir", lambda: str(tmp_path))


def card_of(bundle: Path) -> ModelCard:
    return read_card(bundle / "card.json")


def rate(monkeypatch: pytest.MonkeyPatch, **rates: float) -> list[int]:
    """The rates that a worker is to measure. Returns a list that grows by one whenever it does."""
    asked: list[int] = []

    def measure(bundle: Path, models: list[object]) -> dict[str, float]:
        asked.append(len(models))
        return rates

    monkeypatch.setattr(forms_module, "measure_rates", measure)
    monkeypatch.setattr(forms_module, "can_run", lambda precision: True)
    return asked


def test_every_form_that_this_processor_has_is_in_the_bundle_and_says_what_it_costs(
    bundle: Path, tiny_prepared: Prepared
) -> None:
    card = card_of(bundle)
    made = {"int8", "bf16"} if can_run("bf16") else {"int8"}
    assert {form.precision for form in card.forms} == set(card.form_costs) == made
    rows = np.concatenate([tiny_prepared.rows["train"], tiny_prepared.rows["validation"]])
    pixels = np.ascontiguousarray(tiny_prepared.pixels[rows])
    own = OpenVINOExecution(bundle / "network.xml")(pixels)
    for form in card.forms:
        other = OpenVINOExecution(bundle / form.openvino_model.file, form.precision)(pixels)
        cost = card.form_costs[form.precision]
        assert (cost.images, cost.validation_images) == (24, 6)
        assert cost.changed == (own.argmax(1) != other.argmax(1)).sum()
        assert 0 < cost.largest_probability_difference < 0.5
        assert cost.low < cost.accuracy_lead < cost.high
        assert cost.holds
    assert (bundle / "network-int8.bin").stat().st_size < 0.5 * (bundle / "network.bin").stat().st_size


def test_a_form_has_a_gate_of_its_own(bundle: Path, tiny_prepared: Prepared) -> None:
    """It is fitted on what the gate sees of that form, whose distances are therefore like those of its training."""
    card = card_of(bundle)
    (form,) = (each for each in card.forms if each.precision == "int8")
    assert form.ood is not None
    assert form.ood.file == "gate-int8.npz"
    assert form.ood.threshold != card.ood.threshold  # type: ignore[union-attr]
    pixels = np.ascontiguousarray(tiny_prepared.pixels[tiny_prepared.rows["train"]])
    seen = OpenVINOExecution(bundle / "network-int8.xml", "int8").observe(pixels)[2]
    assert np.abs(Mahalanobis.load(bundle / "gate-int8.npz").gaussians[0].mean - seen.mean(0)).max() < 0.05


def test_a_form_that_may_lose_too_much_leaves_its_cost_alone(bundle: Path, tmp_path: Path) -> None:
    card = card_of(bundle)

    def answered(model: OpenVINOModel | None, ood: OutOfDistribution | None) -> Answered:
        assert ood is not None
        return Answered(model, {}, Gate(ood, {}))

    own = answered(card.openvino_model, card.ood)
    others = tuple(answered(form.openvino_model, form.ood) for form in card.forms)
    for name in [*card.files, "network-int8.xml"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    dear = card.form_costs["int8"].model_copy(update={"loss_bound": 0.031, "holds": False})
    told = Groundwork(own, others).describe(
        tmp_path, lambda each: {"openvino_model": each.openvino_model}, lambda *_: dear
    )
    assert told["forms"] == ()
    assert told["form_costs"] == dict.fromkeys(card.form_costs, dear)
    left = {path.name for path in tmp_path.iterdir()}
    assert {"network.xml", "network.bin", "gate.npz"} <= left
    assert not [name for name in left if "int8" in name or "bf16" in name]
    without = card.model_copy(update=told)
    assert "3.10 at most (upper bound of 95%). That is more than the recipe allows, so this form was left out" in (
        describe_model(without)
    )
    with pytest.raises(FormError, match=r"no int8 form, which would lose up to 3.1% of the accuracy"):
        serve_form(without, bundle, "int8")


def test_8_bits_that_may_lose_too_much_are_made_again_within_the_bound(bundle: Path, tmp_path: Path) -> None:
    card = card_of(bundle)
    (form,) = (each for each in card.forms if each.precision == "int8")
    assert card.openvino_model is not None
    assert card.ood is not None
    assert form.ood is not None
    train, validation = np.arange(6.0).reshape(3, 2), np.arange(4.0).reshape(2, 2)
    exact = {"train": train, "validation": validation}
    moved = {"train": train + 1, "validation": validation + 1}
    own = Answered(card.openvino_model, exact, Gate(card.ood, {}))
    plain = Answered(form.openvino_model, moved, Gate(form.ood, {}))
    again = replace(plain, gate=Gate(form.ood.model_copy(update={"rejected": 7}), {}))
    asked: list[float] = []

    def requantise(loss: Callable[[np.ndarray], float]) -> Answered:
        asked.append(loss(np.concatenate([train + 3, validation + 3])))
        return again

    def weigh(one: Answered, _: object, other: Answered, __: object) -> FormCost:
        lost = float(np.concatenate([other.logits[name] - one.logits[name] for name in ("train", "validation")]).mean())
        return card.form_costs["int8"].model_copy(update={"loss_bound": lost, "holds": other is again})

    told = Groundwork(own, (plain,), requantise).describe(
        tmp_path, lambda each: dict(form) | {"openvino_model": each.openvino_model, "ood": each.gate.ood}, weigh
    )
    assert asked == [3.0]
    assert told["form_costs"]["int8"].holds
    assert [each.ood.rejected for each in told["forms"]] == [7]


def test_a_companion_stays_as_long_as_a_form_stands_beside_it(bundle: Path, tmp_path: Path) -> None:
    """Two forms share its files; one of them costs too much, or both."""
    card = card_of(bundle)
    (form,) = (each for each in card.forms if each.precision == "int8")
    assert card.openvino_model is not None
    assert form.ood is not None
    beside = {"companion": 2, "companion_file": "companion-int8.xml", "file": "gate-int8.npz"}
    gate = Gate(form.ood.model_copy(update=beside), {})
    own = Answered(card.openvino_model, {}, Gate(form.ood.model_copy(update={"companion": 2, "file": "gate.npz"}), {}))
    bf16 = card.openvino_model.model_copy(update={"precision": "bf16"})
    others = (Answered(bf16, {}, gate), Answered(form.openvino_model, {}, gate))
    shared = {"companion-int8.xml", "companion-int8.bin", "gate-int8.npz"}
    kept = {"network.xml", "network.bin", "companion.xml", "companion.bin", "gate.npz"}
    cost = card.form_costs["int8"].model_copy(update={"holds": True})
    dear = cost.model_copy(update={"holds": False})
    for costs, left in (((cost, dear), kept | shared), ((dear, dear), kept)):
        for name in {*kept, *shared, "network-int8.xml", "network-int8.bin"}:
            (tmp_path / name).touch()
        weighed = iter(costs)
        told = Groundwork(own, others).describe(
            tmp_path,
            lambda each: dict(form) | {"openvino_model": each.openvino_model, "ood": each.gate.ood},
            lambda *_: next(weighed),  # noqa: B023
        )
        assert len(told["forms"]) == costs.count(cost)
        assert {path.name for path in tmp_path.iterdir()} == left


def test_the_served_card_is_that_forms(bundle: Path) -> None:
    card = card_of(bundle)
    (form,) = (each for each in card.forms if each.precision == "int8")
    model = load_bundle(bundle, "cpu", "int8")
    served = model.card
    assert isinstance(served, ModelCard)
    assert served.version == "1.0+int8"
    assert (served.calibration, served.thresholds, served.conformal) == (
        form.calibration,
        form.thresholds,
        form.conformal,
    )
    assert (served.ood, served.metrics, served.openvino_model) == (form.ood, form.metrics, form.openvino_model)
    assert served.served is not None
    assert (served.served.precision, served.served.why) == ("int8", "set")
    example = bundle / "examples" / card.examples[0].image
    answers = [each.answer([example.read_bytes()])[0] for each in (model, Classifier.load(bundle))]
    assert [each["version"] for each in answers] == ["1.0+int8", "1.0"]  # type: ignore[index]
    confidences = [each["confidence"] for each in answers]  # type: ignore[index]
    assert confidences[0] != confidences[1]
    # What is in the file never changes, nor does the answer of whoever asks for no form.
    assert card_of(bundle).served is None
    assert Classifier.load(bundle).card.version == "1.0"


def test_the_fastest_serves_where_it_is_clearly_faster(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rate(monkeypatch, float32=100, bf16=105, int8=109)
    assert serve_form(card_of(bundle), bundle, "fastest").version == "1.0"


def test_workers_of_one_bundle_choose_alike(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = card_of(bundle)
    asked = rate(monkeypatch, float32=100, int8=300, bf16=200)
    first = serve_form(card, bundle, "fastest")
    rate(monkeypatch, float32=100, int8=90, bf16=90)  # as another would measure a moment later
    second = serve_form(card, bundle, "fastest")
    assert (first.version, second.version) == ("1.0+int8", "1.0+int8")
    assert len(asked) == 1
    assert second.served is not None
    assert second.served.rates["int8"] == 300
    assert second.served.why == "fastest"
    # A note that is none, or of a form that this bundle has not, is as good as none.
    (note,) = (
        path for path in next(Path(forms_module.tempfile.gettempdir()).iterdir()).iterdir() if path.name != "lock"
    )
    for content in ("", json.dumps({"precision": "int4", "why": "fastest"})):
        note.write_text(content)
        assert serve_form(card, bundle, "fastest").version == "1.0"


def test_a_form_is_refused_in_one_line(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = card_of(bundle)
    with pytest.raises(FormError, match="no int8 form"):
        serve_form(card.model_copy(update={"forms": (), "form_costs": {}}), bundle, "int8")
    with pytest.raises(FormError, match="answers by torch"):
        serve_form(card.model_copy(update={"openvino_model": None}), bundle, "int8")
    if can_run("bf16"):
        monkeypatch.setattr(forms_module, "can_run", lambda precision: precision != "bf16")
        with pytest.raises(FormError, match="This processor has no instructions for bf16"):
            serve_form(card, bundle, "bf16")


def test_python_asks_for_a_form_by_name(bundle: Path, tiny_prepared: Prepared) -> None:
    image = Image.fromarray(tiny_prepared.pixels[0])
    (own,), (rounded,) = (hwapung.load(bundle, device="cpu", form=form).predict([image]) for form in (None, "int8"))
    assert not isinstance(own, ImageError)
    assert not isinstance(rounded, ImageError)
    assert (own["version"], rounded["version"]) == ("1.0", "1.0+int8")
    assert own["confidence"] != rounded["confidence"]
    assert own["confidence"] == pytest.approx(rounded["confidence"], abs=0.2)


def test_rates_are_measured_of_each_form(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = card_of(bundle)
    monkeypatch.setattr(forms_module, "_SECONDS", 0.01)
    served = serve_form(card, bundle, "fastest").served
    assert served is not None
    assert set(served.rates) == {"float32", *(form.precision for form in card.forms)}
    assert min(served.rates.values()) > 0
    best = max(served.rates, key=lambda each: served.rates[each])
    assert served.precision in (best, "float32")
    assert served.processor


def test_a_bundle_made_before_forms_is_read_and_answers_in_its_own(tiny_bundle: Path, tmp_path: Path) -> None:
    old = shutil.copytree(tiny_bundle, tmp_path / "old")
    content = json.loads((old / "card.json").read_text("utf-8"))
    for key in ("forms", "form_costs", "served"):
        del content[key]
    del content["ood"]["file"]
    (old / "card.json").write_text(json.dumps(content), "utf-8")
    card = card_of(old)
    assert serve_form(card, old, "fastest").version == "1.0"
    model = load_bundle(old, "cpu", "fastest")
    assert model.card.version == "1.0"
