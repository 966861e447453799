"""What `bench-serving` serves and sends."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from model_training.datasets.prepare import prepare
from model_training.datasets.procedural import draw, write_dataset
from model_training.packaging.bundle import make_bundle
from model_training.recipe import load_recipe
from model_training.runtime.card import ModelCard, read_card, write_card
from model_training.runtime.export import export_openvino
from model_training.runtime.measures import Precision
from model_training.runtime.network import ClassificationNetwork, save_weights
from model_training.training.classification import train
from model_training.training.loop import start_fabric
from tests.cards import make_card

FOLDER = Path("build/bench/serving")
#: As found on the web, 800 pixels a side, and as a telephone takes them, 12 megapixels.
KINDS = ("web", "photograph")
IMAGES = 16
CLASSES = (2, 10, 100)  # a classifier has two at least
MEGAPIXELS = (0.1, 1, 4, 12, 64)


def make_served_bundle(precision: Precision = "int8") -> Path:
    """ResNet-18 at 224×224 after one epoch: its weights do not matter here. With a companion for its gate, and with all
    forms, whatever they cost."""
    data = FOLDER / "data"
    write_dataset(data, ("china", "japan"), 24)
    own = ["name=landscape", "training.epochs=1", f"precision={precision}", "serving.agreement=100"]
    recipe = load_recipe("landscape_demo", own)
    prepared = prepare(recipe, data, FOLDER / "cache")
    trained = train(recipe, prepared, FOLDER / "runs", start_fabric("cpu"))
    return make_bundle(recipe, prepared, trained, FOLDER / "bundles")


def make_class_bundles(bundle: Path) -> dict[int, Path]:
    """The same network with random weights and so many classes, in float32 and without a gate."""
    served = read_card(bundle / "card.json", ModelCard)
    made: dict[int, Path] = {}
    for count in CLASSES:
        folder = made[count] = FOLDER / "classes" / str(count)
        folder.mkdir(parents=True, exist_ok=True)
        names = [f"class_{number:03d}" for number in range(count)]
        card = make_card(
            name=f"classes_{count}",
            labels=[{"key": name, "title": {"en": name, "ko": name}} for name in names],
            network={"backbone": served.network.backbone, "parameters": 0},
            preprocessing=served.preprocessing.model_dump(),
        )
        assert isinstance(card, ModelCard)
        torch.manual_seed(0)
        network = ClassificationNetwork(served.network.backbone, count, card.preprocessing).eval()
        save_weights(network, folder / "weights.safetensors")
        side = card.preprocessing
        export_openvino(network, np.zeros((1, side.height, side.width, 3), np.uint8), folder / "network.xml")
        files = {
            each.name: hashlib.sha256(each.read_bytes()).hexdigest()
            for each in folder.iterdir()
            if each.name != "card.json"
        }
        write_card(card.model_copy(update={"files": files}), folder / "card.json")
    return made


def make_images() -> dict[str, list[Path]]:
    """JPEGs of each kind to send, and one of each size in `MEGAPIXELS` under the size's name."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    images: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for number in range(IMAGES):
        image = draw("china" if number % 2 else "japan", 1000 + number, 800)
        for kind in KINDS:
            path = FOLDER / f"{kind}-{number:02d}.jpg"
            images[kind].append(path)
            if not path.exists():
                (image if kind == "web" else enlarge(image, 12, number)).save(path, quality=90)
    image = draw("china", 2000, 800)
    for size in MEGAPIXELS:
        path = FOLDER / f"megapixels-{size:g}.jpg"
        images[f"{size:g}"] = [path]
        if not path.exists():
            enlarge(image, size, 0).save(path, quality=90)
    return images


def enlarge(image: Image.Image, megapixels: float, seed: int) -> Image.Image:
    """With a sensor's grain, which is what fills a photograph's file."""
    scale = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
    large = image.resize((int(image.width * scale), int(image.height * scale)), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(seed).normal(0, 4, (large.height, large.width, 1)).astype(np.float32)
    return Image.fromarray(np.clip(np.asarray(large) + grain, 0, 255).astype(np.uint8))


def link_pictures(count: int) -> Path:
    """A folder of `count` links to the few pictures of 800 pixels: what differs is the name."""
    images = make_images()["web"]
    folder = FOLDER / f"links_{count}"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"{number:06d}.jpg"
        if not path.exists():
            path.symlink_to(images[number % len(images)].absolute())
    return folder
