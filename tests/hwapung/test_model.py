"""A bundle in Python: `hwapung.load(bundle).predict(images)`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hwapung
from hwapung import ImageError
from model_training.runtime.classifier import Classifier
from model_training.runtime.errors import CardError, RecipeError
from tests.conftest import ROOT
from tests.tiny_sketch import draw_page


@pytest.fixture(scope="module")
def model(tiny_bundle: Path) -> hwapung.Model:
    return hwapung.load(tiny_bundle, device="cpu")


@pytest.fixture(scope="module")
def images(procedural_folder: Path) -> list[Path]:
    return sorted(procedural_folder.rglob("*.jpg"))


def figures(answer: hwapung.Answer | ImageError) -> dict[str, object]:
    """An answer without its time, which is never twice the same."""
    assert not isinstance(answer, ImageError), answer
    return {key: value for key, value in answer.items() if key != "processing_time_ms"}


def test_it_answers_as_the_served_model_does(model: hwapung.Model, tiny_bundle: Path, images: list[Path]) -> None:
    """More images than one batch, in their order."""
    assert len(images) == 30
    served = Classifier.load(tiny_bundle).answer([path.read_bytes() for path in images])
    for answer, expected in zip(model.predict(images), served, strict=True):
        assert isinstance(expected, dict)
        wanted = {key: value for key, value in expected.items() if key != "processing_time_ms"}
        got = figures(answer)
        assert got.keys() == wanted.keys()
        assert got["class"] == wanted["class"]
        assert got["probabilities"] == pytest.approx(wanted["probabilities"], abs=1e-5)


def test_paths_bytes_and_pillow_images_get_the_same_answer(model: hwapung.Model, images: list[Path]) -> None:
    path = images[0]
    by_text, by_path, by_bytes, by_image = (
        figures(each) for each in model.predict([str(path), path, path.read_bytes(), Image.open(path)])
    )
    assert by_text == by_path == by_bytes
    assert by_image["probabilities"] == pytest.approx(by_path["probabilities"], abs=0.02)  # decoded at another scale


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "F", "HSV"])
def test_a_pillow_image_of_any_mode(model: hwapung.Model, mode: str) -> None:
    image = Image.new("RGB", (80, 80), "red").convert("L" if mode == "I;16" else "RGB")
    (answer,) = model.predict([image.convert(mode)])
    assert figures(answer)["model"] == "landscape"


def test_a_pillow_image_is_turned_as_its_file_is(model: hwapung.Model, images: list[Path], tmp_path: Path) -> None:
    sideways = tmp_path / "sideways.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side
    Image.open(images[0]).resize((200, 90)).save(sideways, exif=exif)
    by_path, by_image = model.predict([sideways, Image.open(sideways)])
    assert figures(by_path) == figures(by_image)


def test_a_bad_image_costs_none_of_the_others(model: hwapung.Model, images: list[Path], tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    answers = model.predict([images[0], text, tmp_path / "missing.jpg", tmp_path, b"", images[1]])
    assert [isinstance(answer, ImageError) for answer in answers] == [False, True, True, True, True, False]
    assert figures(answers[0]) == figures(model.predict([images[0]])[0])
    assert figures(answers[5]) == figures(model.predict([images[1]])[0])
    codes = [each.code for each in answers if isinstance(each, ImageError)]
    assert codes == ["not_a_picture", "bad_picture", "bad_picture", "empty_body"]
    assert "No such file" in str(answers[2])


def test_nothing_in_nothing_out(model: hwapung.Model) -> None:
    assert model.predict([]) == []


@pytest.mark.parametrize("single", ["a.jpg", b"bytes", Path("a.jpg")])
def test_one_image_without_a_list_is_refused(model: hwapung.Model, single: str | bytes | Path) -> None:
    with pytest.raises(TypeError, match=r"predict\(\[image\]\)"):
        model.predict(single)  # type: ignore[arg-type]


def test_an_explanation_lies_over_its_image(model: hwapung.Model, images: list[Path]) -> None:
    (answer,) = model.predict(images[:1], explain=True)
    assert not isinstance(answer, ImageError)
    assert answer["explanation"]["class"] == answer["class"]
    original = Image.open(images[0]).convert("RGB")
    covered = hwapung.overlay(images[0], answer["explanation"])
    assert (covered.mode, covered.size) == ("RGB", original.size)
    difference = np.abs(np.asarray(covered, float) - np.asarray(original, float)).mean(axis=2)
    assert difference.max() > 30  # where it looked
    assert difference.min() < 10  # where it did not


def test_a_sketch_model_answers_with_objects(tiny_sketch_bundle: Path) -> None:
    (answer, bad) = hwapung.load(tiny_sketch_bundle, "cpu").predict([draw_page(5), b"no picture"])
    assert not isinstance(answer, ImageError)
    assert answer["verdict"] in ("recognised", "no_drawing")
    assert isinstance(answer["objects"], list)
    assert isinstance(bad, ImageError)


def test_what_is_no_bundle_or_no_device_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(CardError, match="there is no card"):
        hwapung.load(tmp_path)
    for device in ("tpu", "cuda:x", "cuda:99"):
        with pytest.raises(RecipeError, match=f"'{device}'"):
            hwapung.load(tiny_bundle, device)


def test_importing_it_does_not_wait_for_torch() -> None:
    program = "import json, sys, hwapung; print(json.dumps(['torch' in sys.modules, hwapung.__version__]))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [False, "0.1.0"]
