from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageDraw
from scipy.spatial.distance import mahalanobis
from threadpoolctl import threadpool_info, threadpool_limits

from model_training.evaluation.ood import fit_distance
from model_training.evaluation.strangers import draw_strangers
from model_training.packaging.gate import COMPANION_MODEL
from model_training.runtime.architecture import Preprocessing
from model_training.runtime.card import read_card
from model_training.runtime.classifier import Classifier
from model_training.runtime.errors import BundleError
from model_training.runtime.facts import find_reason, measure_contrast, read_file_facts
from model_training.runtime.measures import ImageLimits
from model_training.runtime.ood import GATE, Gaussian, Mahalanobis, Observer, load_observer
from model_training.runtime.preprocess import read


def encode(image: Image.Image, form: str = "PNG", **settings: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **settings)
    return buffer.getvalue()


def draw_noise(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_the_distance_is_scipys() -> None:
    generator = np.random.default_rng(0)
    basis, _ = np.linalg.qr(generator.normal(size=(6, 6)))
    variances, rest = np.array([4.0, 2.0]), 0.5
    covariance = basis @ np.diag([*variances, *[rest] * 4]) @ basis.T
    mean, asked = generator.normal(size=6), generator.normal(size=(5, 6))
    found = Mahalanobis((Gaussian(mean, basis[:, :2], variances, rest),))(asked)
    inverse = np.linalg.inv(covariance)
    assert found == pytest.approx([mahalanobis(each, mean, inverse) ** 2 for each in asked])


def test_a_stored_distance_is_what_was_fitted(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    features = generator.normal(size=(90, 40)) * np.linspace(0.01, 1, 40)
    fitted = fit_distance(features)
    assert fitted is not None
    fitted.save(tmp_path / GATE)
    asked = generator.normal(size=(20, 40))
    np.testing.assert_array_equal(Mahalanobis.load(tmp_path / GATE)(asked), fitted(asked))


def test_a_wide_networks_distance_stays_below_the_files_limit(tmp_path: Path) -> None:
    features = np.random.default_rng(2).normal(size=(300, 12_800)).astype(np.float32)  # as many as of ResNet-50
    fitted = fit_distance(features)
    assert fitted is not None
    fitted.save(tmp_path / GATE)
    assert 5e6 < (tmp_path / GATE).stat().st_size < 11e6


def test_a_feature_that_is_no_number_is_infinitely_strange() -> None:
    distance = Mahalanobis((Gaussian(np.zeros(2), np.eye(2)[:, :1], np.ones(1), 1.0),))
    assert distance(np.array([[np.nan, 0.0], [1.0, 2.0]])).tolist() == [np.inf, 5.0]


def test_the_answer_is_unknown_above_the_threshold_and_keeps_its_class(tiny_bundle: Path) -> None:
    classifier = Classifier.load(tiny_bundle)
    card = classifier.card
    assert card.ood is not None
    image = (tiny_bundle / "examples" / card.examples[0].image).read_bytes()
    for threshold, unknown in ((-1e9, True), (1e9, False)):
        moved = card.ood.model_copy(update={"threshold": threshold})
        classifier.card = card.model_copy(update={"ood": moved})
        (answer,) = classifier.answer([image])
        (explained,) = classifier.answer([image], [True])
        assert isinstance(answer, dict)
        assert isinstance(explained, dict)
        assert (answer["verdict"] == "unknown") is unknown
        assert answer.get("reason") == ("unlike" if unknown else None)
        assert answer["class"] in ("china", "japan")
        assert {key: explained.get(key) for key in ("verdict", "reason", "class")} == {
            key: answer.get(key) for key in ("verdict", "reason", "class")
        }


def test_torch_and_openvino_see_the_same(tiny_bundle: Path) -> None:
    classifier = Classifier.load(tiny_bundle)
    slow = Classifier(classifier.card.model_copy(update={"openvino_model": None}), tiny_bundle, "cpu")
    preprocessing = classifier.card.preprocessing
    size = (3, preprocessing.height, preprocessing.width, 3)
    pixels = np.random.default_rng(4).integers(0, 256, size, dtype=np.uint8)
    for ours, theirs in zip(classifier.execute.observe(pixels), slow.execute.observe(pixels), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3, rtol=1e-3)


def test_a_missing_file_is_named_and_a_gate_that_is_off_asks_for_none(tiny_bundle: Path, tmp_path: Path) -> None:
    classifier = Classifier.load(tiny_bundle)
    card = read_card(tiny_bundle / "card.json")
    assert card.ood is not None
    pixels = np.zeros((2, card.preprocessing.height, card.preprocessing.width, 3), np.uint8)
    for ood in (None, card.ood.model_copy(update={"threshold": None})):
        observe = load_observer(card.model_copy(update={"ood": ood}), tmp_path, classifier.execute)
        assert observe(pixels).distances.tolist() == [0, 0]
    bounded = card.model_copy(update={"ood": card.ood.model_copy(update={"threshold": 1.0})})
    with pytest.raises(BundleError, match=GATE):
        load_observer(bounded, tmp_path, classifier.execute)
    seen = classifier.execute.observe(pixels)[2]
    fitted = Mahalanobis((Gaussian(seen[0], np.eye(seen.shape[1])[:, :2], np.ones(2), 1.0),))
    fitted.save(tmp_path / GATE)
    whole = (tmp_path / GATE).read_bytes()
    for broken in (b"no archive", b"", whole[:-40], whole[:900] + b"?" + whole[901:]):
        (tmp_path / GATE).write_bytes(broken)
        with pytest.raises(BundleError, match="Make the bundle again"):
            load_observer(bounded, tmp_path, classifier.execute)
    (tmp_path / GATE).write_bytes(whole)
    assert load_observer(bounded, tmp_path, classifier.execute)(pixels).distances == pytest.approx([0, 0], abs=1e-6)
    beside = card.model_copy(update={"ood": card.ood.model_copy(update={"threshold": 1.0, "companion": 2})})
    with pytest.raises(BundleError, match=COMPANION_MODEL):
        load_observer(beside, tmp_path, classifier.execute)


def test_the_distance_is_measured_by_one_thread(tiny_bundle: Path) -> None:
    """A second one would wait beside the network's threads, and make the gate cost a third of the throughput."""
    execute = Classifier.load(tiny_bundle).execute
    seen: list[int] = []

    def measure(features: np.ndarray) -> np.ndarray:
        seen.extend(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")
        return np.zeros(len(features))

    observer = Observer(execute, measure, None)  # type: ignore[arg-type]
    with threadpool_limits(limits=2, user_api="blas"):
        observer(np.zeros((1, 64, 64, 3), np.uint8))
        after = {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}
    assert set(seen) == {1}
    assert after == {2}


@pytest.fixture
def open_gate(tiny_bundle: Path) -> Classifier:
    """Its features let everything through."""
    classifier = Classifier.load(tiny_bundle)
    assert classifier.card.ood is not None
    opened = classifier.card.ood.model_copy(update={"threshold": 1e12})
    classifier.card = classifier.card.model_copy(update={"ood": opened})
    return classifier


def reason_of(classifier: Classifier, data: bytes, **limits: object) -> object:
    ood = classifier.card.ood
    assert ood is not None
    changed = ood.model_copy(update={"limits": ood.limits.model_copy(update=limits)})
    classifier.card = classifier.card.model_copy(update={"ood": changed})
    (answer,) = classifier.answer([data])
    assert isinstance(answer, dict)
    assert ("reason" in answer) is (answer["verdict"] == "unknown")
    assert ("prediction_set" in answer) is (answer["verdict"] != "unknown")
    return answer.get("reason")


def test_what_an_image_is_like_comes_before_its_features(open_gate: Classifier) -> None:
    side = open_gate.card.preprocessing.width
    usual = encode(draw_noise(2 * side, 2 * side))
    assert reason_of(open_gate, usual) is None
    assert reason_of(open_gate, encode(draw_noise(20, 90))) == "tiny"
    assert reason_of(open_gate, encode(draw_noise(900, 100))) == "long"
    assert reason_of(open_gate, encode(draw_noise(300, 100))) is None
    beige = Image.new("RGB", (300, 200), (226, 215, 190))
    assert reason_of(open_gate, encode(beige), min_contrast=4.0) == "blank"
    # Of several the first counts: a sheet of 20 pixels is tiny before it is blank.
    assert reason_of(open_gate, encode(beige.resize((20, 20))), min_contrast=4.0) == "tiny"


@pytest.mark.parametrize("turned", [False, True])
def test_a_letterboxs_margins_are_neither_contrast_nor_paper(turned: bool) -> None:
    preprocessing = Preprocessing(fit="letterbox", height=112, width=112, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    limits = ImageLimits(min_contrast=4.0)
    page = Image.fromarray(draw_strangers(300, 210, 1)["text"][0])
    for image, reason in ((Image.new("RGB", (100, 400), (226, 215, 190)), "blank"), (page, "text")):
        settings: dict[str, Any] = {"quality": 95}
        if turned:  # a telephone's upright picture is a file that lies on its side
            image = image.transpose(Image.Transpose.ROTATE_90)
            settings["exif"] = Image.Exif()
            settings["exif"][ExifTags.Base.Orientation] = 6
        data = encode(image, "JPEG", **settings)
        pixels = read(data, preprocessing)
        assert find_reason(limits, read_file_facts(data), pixels, preprocessing) == reason
        assert measure_contrast(Image.fromarray(pixels).convert("L")) > 4


def test_pixel_scale_counts(open_gate: Classifier) -> None:
    side = open_gate.card.preprocessing.width
    small, large = encode(draw_noise(side // 2, side // 2)), encode(draw_noise(8 * side, 8 * side))
    # A model of images that fill half of its input has never seen the detail of a larger one.
    assert reason_of(open_gate, large, max_scale=0.75, min_side=1) == "finer"
    assert reason_of(open_gate, small, max_scale=0.75) is None
    assert reason_of(open_gate, small, max_scale=None, min_scale=0.9) == "coarser"
    assert reason_of(open_gate, large, min_scale=0.9) is None


def test_what_was_blurred_or_compressed_more_than_the_training(open_gate: Classifier) -> None:
    side = open_gate.card.preprocessing.width
    sharp = draw_noise(side, side)
    blurred = sharp.resize((side // 8, side // 8)).resize((side, side), Image.Resampling.BICUBIC)
    assert reason_of(open_gate, encode(blurred), min_sharpness=0.5, min_side=1) == "softer"
    assert reason_of(open_gate, encode(sharp), min_sharpness=0.5) is None
    assert reason_of(open_gate, encode(sharp, "JPEG", quality=30), min_sharpness=None, min_quality=60) == "compressed"
    assert reason_of(open_gate, encode(sharp, "JPEG", quality=90), min_quality=60) is None
    assert reason_of(open_gate, encode(sharp), min_quality=60) is None


def test_strokes_are_no_text() -> None:
    from model_training.runtime.text import looks_like_text

    drawn = draw_strangers(224, 224, 12)
    assert np.mean([looks_like_text(Image.fromarray(each).convert("L")) for each in drawn["text"]]) >= 0.9
    for kind in ("blank", "gradient", "noise", "lines", "texture"):
        assert not any(looks_like_text(Image.fromarray(each).convert("L")) for each in drawn[kind]), kind
    hatched = Image.new("RGB", (224, 224), "white")
    pen = ImageDraw.Draw(hatched)
    for top in range(10, 220, 12):
        pen.line((10, top, 214, top), "black", 2)
    assert not looks_like_text(hatched.convert("L"))  # lines, but no strokes along them
    dark = 255 - drawn["text"]
    assert np.mean([looks_like_text(Image.fromarray(each).convert("L")) for each in dark]) >= 0.9
