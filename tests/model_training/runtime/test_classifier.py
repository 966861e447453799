from __future__ import annotations

import base64
import gc
import io
import json
import shutil
import threading
import weakref
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax as scipy_softmax

from model_training.runtime.card import read_card, write_card
from model_training.runtime.classifier import Answer, Classifier, softmax
from model_training.runtime.errors import BundleError, CardError, ImageError
from model_training.runtime.execution import OpenVINOExecution
from model_training.runtime.measures import ClassBound
from model_training.runtime.preprocess import read, read_parts
from tests.alike import are_alike
from tests.hostile import LARGE, make_runs, make_scans, make_webp
from tests.waiting import wait_until

KEYS = ["class", "confidence", "processing_time_ms", "probabilities", "verdict", "model", "version"]


def image(seed: int, kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (70, 50, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels // (1 + seed % 4)).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def classifier(tiny_bundle: Path) -> Classifier:
    return Classifier.load(tiny_bundle)


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_bundle, tmp_path / "bundle")


def answered(result: Answer | ImageError) -> Answer:
    assert isinstance(result, dict)
    return result


def expected_keys(answer: Answer) -> list[str]:
    if answer["verdict"] == "unknown":
        return [*KEYS[:5], "reason", *KEYS[5:]]
    return [*KEYS, "prediction_set"]


def test_an_answer(classifier: Classifier) -> None:
    (result,) = classifier.answer([image(0)])
    answer = answered(result)
    card = classifier.card
    assert list(answer) == expected_keys(answer)
    assert (answer["model"], answer["version"]) == (card.name, card.version)
    probabilities = answer["probabilities"]
    assert isinstance(probabilities, dict)
    assert list(probabilities) == [label.key for label in card.labels]
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert answer["class"] == max(probabilities, key=probabilities.__getitem__)
    assert answer["confidence"] == probabilities[answer["class"]]
    assert isinstance(answer["processing_time_ms"], float)
    assert answer["processing_time_ms"] > 0
    assert json.loads(json.dumps(answer)) == answer


def test_probabilities_are_the_softmax_of_tempered_logits(classifier: Classifier) -> None:
    data = [image(seed) for seed in range(5)]
    pixels = np.stack([read(one, classifier.card.preprocessing) for one in data])
    logits = classifier.execute(pixels)
    expected = scipy_softmax(logits.astype(np.float64) / classifier.card.calibration.temperature, axis=1)
    np.testing.assert_allclose(classifier.probabilities(pixels), expected, atol=1e-6)
    for result, row in zip(classifier.answer(data), expected, strict=True):
        probabilities = answered(result)["probabilities"]
        assert isinstance(probabilities, dict)
        assert list(probabilities.values()) == pytest.approx(row.tolist(), abs=2e-6)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 3.7])
def test_softmax(temperature: float) -> None:
    logits = np.random.default_rng(0).normal(scale=20, size=(6, 4)).astype(np.float32)
    found = softmax(logits, temperature)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, scipy_softmax(logits.astype(np.float64) / temperature, axis=1), atol=1e-12)


def test_softmax_of_huge_logits() -> None:
    np.testing.assert_allclose(softmax(np.array([[1e4, 0], [-1e4, -1e4]], np.float32)), [[1, 0], [0.5, 0.5]])


def test_the_temperature_of_the_card_counts(bundle: Path, classifier: Classifier) -> None:
    card = read_card(bundle / "card.json")
    warmer = card.calibration.model_copy(update={"temperature": card.calibration.temperature / 20})
    write_card(card.model_copy(update={"calibration": warmer}), bundle / "card.json")
    before, after = (answered(one.answer([image(1)])[0]) for one in (classifier, Classifier.load(bundle)))
    assert before["class"] == after["class"]
    assert float(str(after["confidence"])) > float(str(before["confidence"]))


@pytest.mark.parametrize(("above", "verdict"), [(0.0, "sure"), (-1e-9, "sure"), (1e-9, "unsure"), (0.1, "unsure")])
def test_the_verdict_is_sure_from_the_threshold_on(
    classifier: Classifier, tiny_bundle: Path, above: float, verdict: str
) -> None:
    pixels = read(image(2), classifier.card.preprocessing)[None]
    confidence = float(classifier.probabilities(pixels).max())
    card = classifier.card
    limit = card.thresholds.model_copy(update={"sure": confidence + above})
    other = Classifier(card.model_copy(update={"thresholds": limit, "ood": None}), tiny_bundle, "cpu")
    other.execute = classifier.execute
    assert answered(other.answer([image(2)])[0])["verdict"] == verdict


@pytest.mark.parametrize(("least", "size"), [(0.0, 2), (1.0, 1)])
def test_a_prediction_set_has_the_classes_above_the_bound_and_never_none(
    classifier: Classifier, tiny_bundle: Path, least: float, size: int
) -> None:
    card = classifier.card
    assert card.conformal is not None
    keys = [label.key for label in card.labels]
    bounds = tuple(
        ClassBound(key=key, min_probability=least, fitted_on=9, own=True, coverage=None, images=0) for key in keys
    )
    conformal = card.conformal.model_copy(update={"min_probability": least, "class_conditional": bounds})
    changed = card.model_copy(update={"conformal": conformal, "ood": None})
    answer = answered(Classifier(changed, tiny_bundle, "cpu").answer([image(2)])[0])
    probabilities = answer["probabilities"]
    assert isinstance(probabilities, dict)
    best_first = sorted(probabilities, key=lambda key: -probabilities[key])
    inside = best_first[:size]
    assert answer["prediction_set"] == {"coverage": 0.9, "classes": inside, "class_conditional": inside}


def test_each_class_has_its_own_bound(classifier: Classifier) -> None:
    probabilities = np.array([0.4, 0.6])
    assert classifier._list_best(probabilities, np.array([0.3, 0.7])) == [classifier.card.labels[0].key]
    assert classifier._list_best(probabilities, np.array([0.3, 0.5])) == [
        each.key for each in classifier.card.labels[::-1]
    ]


def test_an_older_card_gives_no_set_by_class(classifier: Classifier, tiny_bundle: Path) -> None:
    card = classifier.card
    assert card.conformal is not None
    older = card.conformal.model_copy(update={"class_conditional": ()})
    changed = Classifier(card.model_copy(update={"conformal": older, "ood": None}), tiny_bundle, "cpu")
    assert answered(changed.answer([image(2)])[0])["prediction_set"].keys() == {"coverage", "classes"}


def test_no_set_where_none_can_be_promised(classifier: Classifier, tiny_bundle: Path) -> None:
    card = classifier.card
    assert card.ood is not None
    refusing = card.ood.model_copy(update={"limits": card.ood.limits.model_copy(update={"min_contrast": 1e3})})
    for change in ({"ood": refusing}, {"ood": None, "conformal": None}):
        changed = Classifier(card.model_copy(update=change), tiny_bundle, "cpu")
        assert "prediction_set" not in answered(changed.answer([image(2)])[0])


BROKEN = {b"": "empty_body", b"text": "not_a_picture", image(9)[:200]: "broken_picture"}


@pytest.mark.parametrize("pattern", list(product([True, False], repeat=3)))
def test_broken_images_in_every_place(classifier: Classifier, pattern: tuple[bool, ...]) -> None:
    """Each picture is judged by itself: its neighbours change neither its answer nor its place."""
    bad = list(BROKEN)
    batch = [image(index) if good else bad[index] for index, good in enumerate(pattern)]
    results = classifier.answer(batch)
    assert len(results) == 3
    for data, good, result in zip(batch, pattern, results, strict=True):
        if good:
            alone = answered(classifier.answer([data])[0])
            answer = answered(result)
            assert answer["class"] == alone["class"]
            assert answer["confidence"] == pytest.approx(alone["confidence"], abs=2e-6)
        else:
            assert isinstance(result, ImageError)
            assert result.code == BROKEN[data]


def test_an_answer_is_the_same_whatever_its_batch(classifier: Classifier) -> None:
    """A picture that takes long to decode is overtaken by its neighbours, and still gets its own answer."""
    buffer = io.BytesIO()
    Image.effect_noise((3000, 2000), 60).save(buffer, "PNG")
    batch = [buffer.getvalue(), *(image(seed) for seed in range(9)), b"", buffer.getvalue()[:5000]]
    wanted = [index % 3 == 0 for index in range(len(batch))]

    def read(result: Answer | ImageError) -> tuple[Answer, np.ndarray]:
        """The answer without its time, and its heatmap's values apart: a batch's size changes how these are rounded."""
        answer = dict(result.as_answer() if isinstance(result, ImageError) else result)
        answer.pop("processing_time_ms", None)
        if "explanation" not in answer:
            return answer, np.zeros(0)
        explanation = dict(answer["explanation"])
        heatmap = Image.open(io.BytesIO(base64.b64decode(explanation.pop("data"))))
        return answer | {"explanation": explanation}, np.asarray(heatmap, float)

    alone = [read(classifier.answer([data], [wish])[0]) for data, wish in zip(batch, wanted, strict=True)]
    for order in (range(len(batch)), range(len(batch))[::-1]):
        together = classifier.answer([batch[index] for index in order], [wanted[index] for index in order])
        for index, result in zip(order, together, strict=True):
            answer, heatmap = read(result)
            assert are_alike(answer, alone[index][0]), index
            np.testing.assert_allclose(heatmap, alone[index][1], atol=3, err_msg=str(index))  # of 255
    assert len({json.dumps(each) for each, _ in alone}) > 8  # so that a mistaken order would be seen
    assert sum(heatmap.size > 0 for _, heatmap in alone) == 4
    assert np.abs(alone[3][1] - alone[6][1]).max() > 30


def test_an_image_waits_for_none_that_is_decoded_later(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network has the first image before the last one is decoded."""
    computed = threading.Event()
    compute = OpenVINOExecution.compute

    def tell(*arguments: Any) -> list[np.ndarray]:
        outputs = compute(*arguments)
        computed.set()
        return outputs

    def read_late(data: bytes, *arguments: object, **named: object) -> object:
        if data == late:
            assert computed.wait(30), "the network waited for the last image"
        return read_parts(data, *arguments, **named)  # type: ignore[arg-type]

    late = image(8)
    monkeypatch.setattr("model_training.runtime.classifier.read_parts", read_late)
    monkeypatch.setattr(OpenVINOExecution, "compute", tell)
    answers = classifier.answer([image(1), late])
    assert [answered(each)["model"] for each in answers] == [classifier.card.name] * 2


def test_pictures_that_are_dear_or_bombs_change_nothing_for_their_neighbours(classifier: Classifier) -> None:
    good, runs = image(0), make_runs(64, 64)
    bomb, webp = make_scans(1024, 3000), make_webp(16383, 3900, True)
    alone = [answered(classifier.answer([each])[0]) for each in (good, runs)]
    first, scans, dear, large, last = classifier.answer([good, bomb, runs, webp, good])
    for found, expected in ((first, alone[0]), (dear, alone[1]), (last, alone[0])):
        assert are_alike(answered(found)["probabilities"], expected["probabilities"])
    for refused in (scans, large):
        assert isinstance(refused, ImageError)
        assert (refused.code, refused.status) == ("picture_too_large", 413)
    _, sent_away, kept = classifier.answer([good, runs, good], patience=-1)
    assert isinstance(sent_away, ImageError)
    assert (sent_away.code, sent_away.status) == ("model_busy", 503)
    assert answered(kept)["class"] == alone[0]["class"]


def test_an_empty_batch(classifier: Classifier) -> None:
    assert classifier.answer([]) == []


@pytest.mark.parametrize("wanted", list(product([True, False], repeat=3)))
def test_only_those_who_ask_get_a_heatmap(classifier: Classifier, wanted: tuple[bool, ...]) -> None:
    batch = [image(0), b"text", image(1)]
    first, broken, last = classifier.answer(batch, wanted)
    assert isinstance(broken, ImageError)
    for data, want, result in ((batch[0], wanted[0], first), (batch[2], wanted[2], last)):
        answer = answered(result)
        assert list(answer) == expected_keys(answer) + ["explanation"] * want
        if want:
            explanation = answer["explanation"]
            assert isinstance(explanation, dict)
            assert explanation["class"] == answer["class"]
            alone = answered(classifier.answer([data], [True])[0])["explanation"]
            assert isinstance(alone, dict)
            ours, theirs = (
                np.asarray(Image.open(io.BytesIO(base64.b64decode(one["data"]))))[..., 3].astype(int)
                for one in (explanation, alone)
            )
            assert np.abs(ours - theirs).max() <= 3  # as above: a batch of another size rounds otherwise


def test_examples_come_with_their_stored_answers(classifier: Classifier, tiny_bundle: Path) -> None:
    examples = classifier.examples()
    assert [example["name"] for example in examples] == [example.name for example in classifier.card.examples]
    assert examples
    for example, known in zip(examples, classifier.card.examples, strict=True):
        assert list(example) == ["name", "label", "media_type", "data", "answer"]
        assert example["label"] == known.label
        assert example["media_type"] == "image/jpeg"
        data = base64.b64decode(str(example["data"]))
        assert data == (tiny_bundle / "examples" / known.image).read_bytes()
        stored = example["answer"]
        assert isinstance(stored, dict)
        fresh = answered(classifier.answer([data], [True])[0])
        assert stored.keys() == fresh.keys()
        assert stored["class"] == fresh["class"]
        assert stored["probabilities"] == pytest.approx(fresh["probabilities"], abs=1e-4)


@pytest.mark.parametrize("what", ["picture", "answer", "broken answer"])
def test_an_example_that_is_missing_is_named(bundle: Path, what: str) -> None:
    classifier = Classifier.load(bundle)
    example = classifier.card.examples[0]
    if what == "picture":
        (bundle / "examples" / example.image).unlink()
    elif what == "answer":
        (bundle / "examples" / f"{example.name}.json").unlink()
    else:
        (bundle / "examples" / f"{example.name}.json").write_text("{")
    with pytest.raises(BundleError, match=example.name) as caught:
        classifier.examples()
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="there is no card"):
        Classifier.load(tmp_path)


class Sent(bytearray):
    """Bytes that can be watched."""


@pytest.mark.parametrize("kind", ["plain", "explained", "broken", "dear", "dear and broken"])
def test_a_picture_is_let_go_when_it_is_answered(classifier: Classifier, kind: str) -> None:
    """Not when the garbage collector comes by: until then a hundred of 20 MiB may have come."""
    content = {
        "plain": image(0),
        "explained": image(0),
        "broken": image(0)[:900],
        "dear": LARGE["png L"](),
        "dear and broken": LARGE["png L"]()[:20000],
    }[kind]
    classifier.answer([Sent(content)], [kind == "explained"])  # what is made once may keep what it is made of
    gc.collect()
    gc.disable()
    try:
        sent = Sent(content)
        watched = weakref.ref(sent)
        (answer,) = classifier.answer([sent], [kind == "explained"])
        assert isinstance(answer, ImageError) == ("broken" in kind)
        del sent
        wait_until(lambda: watched() is None, 5)
    finally:
        gc.enable()
