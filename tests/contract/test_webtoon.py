"""`webtoon.mar` sees letterboxed pictures, centred on the training set's mean image, as training sees them."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from model_training.datasets.folders import Dataset, Entry
from model_training.datasets.image_store import average, open_store
from model_training.datasets.prepare import Prepared, prepare
from model_training.packaging.bundle import make_bundle
from model_training.recipe import Recipe, load_recipe
from model_training.runtime.card import read_card
from model_training.runtime.classifier import Classifier
from model_training.runtime.errors import BundleError
from model_training.runtime.network import MEAN_IMAGE, load_network
from model_training.training.classification import train
from model_training.training.loop import Trained, start_fabric
from tests.conftest import TINY
from tests.contract.test_parity import SERVE
from torchserve.archive import build_archive

#: Width and height: squares, both kinds of ordinary pages, strips, and the smallest of all.
SIZES = [
    *((64, 64), (65, 63), (500, 500), (7, 5), (1, 1), (640, 480), (480, 640), (1280, 720), (720, 1280)),
    *((690, 230), (230, 690), (1500, 100), (100, 1500), (300, 1), (1, 300)),
]


@dataclass(frozen=True)
class Webtoon:
    recipe: Recipe
    prepared: Prepared
    trained: Trained
    bundle: Path


@pytest.fixture(scope="module")
def webtoon(procedural_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Webtoon:
    """The recipe itself but for its size: letterbox, mean image, hidden layer, frozen lower layers, class weights."""
    recipe = load_recipe("webtoon", [*TINY, "network.head.hidden=32", "training.learning_rate=0.01"])
    place = tmp_path_factory.mktemp("webtoon")
    prepared = prepare(recipe, procedural_folder, place / "cache")
    trained = train(recipe, prepared, place / "runs", start_fabric("cpu"))
    return Webtoon(recipe, prepared, trained, make_bundle(recipe, prepared, trained, place / "bundles"))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("aspects")
    for width, height in SIZES:
        y, x = np.mgrid[0:height, 0:width]
        waves = np.stack([127 + 120 * np.sin(x / a + y / b) for a, b in ((9, 31), (40, 7), (23, 17))], axis=2)
        image = Image.fromarray(waves.astype(np.uint8))
        image.save(folder / f"{width:04d}x{height:04d}.png")
        image.save(folder / f"{width:04d}x{height:04d}.jpg", quality=90)
    return folder


@pytest.fixture(scope="module")
def served(webtoon: Webtoon, images: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What the archive's own runtime says, alone in a process."""
    store, archive, elsewhere = (tmp_path_factory.mktemp(name) for name in ("store", "archive", "elsewhere"))
    with zipfile.ZipFile(build_archive(webtoon.bundle, store)) as packed:
        packed.extractall(archive)
    command = [sys.executable, "-I", "-c", SERVE, str(archive), str(images), str(elsewhere / "served.npz")]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(np.load(elsewhere / "served.npz"))


@pytest.fixture(scope="module")
def trained_pixels(webtoon: Webtoon, images: Path, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """The same files as training prepares them."""
    entries = tuple(Entry(path, "daily", None) for path in sorted(images.iterdir()))
    dataset = Dataset(images, entries, ("daily",), procedural=False)
    store = open_store(dataset, webtoon.recipe.preprocessing, tmp_path_factory.mktemp("cache"), lambda *_: None)
    assert store.errors == {}
    return np.array(store.pixels)


def test_images_of_every_aspect_are_the_same_to_the_bit(
    served: dict[str, np.ndarray], trained_pixels: np.ndarray
) -> None:
    assert len(trained_pixels) == 2 * len(SIZES)
    np.testing.assert_array_equal(served["pixels"], trained_pixels)


def test_margins_are_black_and_the_rest_is_image(trained_pixels: np.ndarray, images: Path) -> None:
    of = dict(zip(sorted(path.name for path in images.iterdir()), trained_pixels, strict=True))
    wide = of["0690x0230.png"]  # 64 × 21.3 in 64 × 64
    assert not wide[:21].any()
    assert not wide[42:].any()
    assert wide[21:42].any(axis=2).all()
    tall = of["0230x0690.png"]
    assert not tall[:, :21].any()
    assert tall[:, 21:42].any(axis=2).all()


def test_the_logits_are_the_trained_networks(
    served: dict[str, np.ndarray], trained_pixels: np.ndarray, webtoon: Webtoon
) -> None:
    with torch.inference_mode():
        expected = webtoon.trained.network(torch.from_numpy(trained_pixels)).numpy()
    spread = float(np.ptp(expected, axis=0).min())
    for form in ("torch", "openvino"):
        assert np.abs(served[form] - expected).max() <= min(1e-4, spread / 10), form


def test_the_mean_image_is_of_the_training_images_alone(webtoon: Webtoon) -> None:
    stored = np.load(webtoon.bundle / MEAN_IMAGE)
    prepared = webtoon.prepared
    np.testing.assert_allclose(stored, prepared.pixels[prepared.rows["train"]].mean(0, dtype=np.float64), atol=1e-4)
    assert not np.array_equal(stored, average(prepared.pixels, np.arange(len(prepared.pixels))))
    card = read_card(webtoon.bundle / "card.json")
    assert card.preprocessing.mean == "image"
    assert MEAN_IMAGE in card.files
    assert card.network.head.hidden == 32


@pytest.mark.parametrize("damage", ["missing", "cut", "shape"])
def test_a_bundle_without_its_mean_image_is_refused(webtoon: Webtoon, tmp_path: Path, damage: str) -> None:
    (tmp_path / "weights.safetensors").write_bytes((webtoon.bundle / "weights.safetensors").read_bytes())
    if damage == "cut":
        (tmp_path / MEAN_IMAGE).write_bytes((webtoon.bundle / MEAN_IMAGE).read_bytes()[:-50])
    elif damage == "shape":
        np.save(tmp_path / MEAN_IMAGE, np.zeros((8, 8, 3), np.float32))
    with pytest.raises(BundleError, match="mean image") as raised:
        load_network(read_card(webtoon.bundle / "card.json"), tmp_path)
    assert "\n" not in str(raised.value)


def test_a_heatmap_lies_over_the_image_without_the_margins(webtoon: Webtoon, images: Path) -> None:
    classifier = Classifier.load(webtoon.bundle)
    data = [(images / name).read_bytes() for name in ("0690x0230.png", "0480x0640.jpg", "0500x0500.png")]
    answers = classifier.answer(data, [True] * 3)
    sizes = []
    for answer in answers:
        assert isinstance(answer, dict)
        explanation = answer["explanation"]
        assert isinstance(explanation, dict)
        sizes.append((explanation["width"], explanation["height"]))
    assert sizes == [(64, 21), (48, 64), (64, 64)]
    assert json.dumps(answers)
