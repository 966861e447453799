"""Every shipped recipe goes the whole way: its command, its bundle, the archive, the handler, an answer.

What is small is the network, of the same family and with weights that were not downloaded, and the pictures. All else
is the recipe's own: head, losses, what is frozen, transforms, words.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from timm.models import register_model
from timm.models.vgg import VGG

from model_training.commands.train import train_recipe
from model_training.datasets.procedural import write_dataset
from model_training.recipe import CLIP, RECIPES, find_task, load_recipe
from model_training.runtime.network import create_backbone
from tests import tiny_vits  # noqa: F401, registers its networks
from tests.tiny_clip import SIDE as CLIP_SIDE
from tests.tiny_clip import make_tiny_clip
from tests.tiny_sketch import draw_page
from tests.torchserve.tiny import make_tiny_bundle
from torchserve.archive import build_archive
from torchserve.handlers.classify import ClassifyHandler

#: One that names several labels is in tests/contract/test_multi_label.py.
CLASSIFIERS = sorted(
    path.stem
    for path in RECIPES.glob("*.yaml")
    if find_task(path.stem) == "classification" and not load_recipe(path.stem).data.multi_label
)
DETECTORS = sorted(path.stem for path in RECIPES.glob("*.yaml") if find_task(path.stem) == "detection")

#: How a backbone's name begins → a small network of its family, and the side of the pictures for it.
STAND_INS = {
    "resnet": ("test_resnet", 32),
    "vit_small_patch16_dinov3": ("vit_tiny_dinov3", 32),
    "vit_base_patch16_siglip": ("vit_tiny_siglip", 32),
    "vit_pe_core": ("vit_tiny_pe_core", 32),
    "vit_": ("test_vit", 32),
    "mobilenetv2": ("mobilenetv2_035", 32),
    "tf_efficientnet_lite0": ("test_efficientnet", 32),
    "inception_v3": ("inception_v3", 75),  # there is no smaller one, nor does it take smaller pictures
    "vgg": ("tiny_vgg", 32),
}


@register_model
def tiny_vgg(num_classes: int = 1000, drop_rate: float = 0.0, **of_timms_own: Any) -> VGG:
    network = VGG([8, "M", 16, "M"], num_classes=num_classes, drop_rate=drop_rate, mlp_ratio=0.01)
    network.default_cfg = {"classifier": "head.fc", "architecture": "tiny_vgg"}
    return network


def draw_strokes(seed: int, colour: str) -> Image.Image:
    """Three random strokes on white paper."""
    generator = np.random.default_rng(seed)
    page = Image.new("RGB", (48, 48), "white")
    pen = ImageDraw.Draw(page)
    for _ in range(3):
        pen.line([tuple(point) for point in generator.uniform(4, 44, (4, 2))], fill=colour, width=2)
    return page


def draw_dataset(folder: Path, classes: tuple[str, str]) -> Path:
    """Twelve drawings of each class, in folders of folders as some recipes name them."""
    for number, (label, colour) in enumerate(zip(classes, ("black", "darkred"), strict=True)):
        place = folder / label / "red" / "above"
        place.mkdir(parents=True)
        for row in range(12):
            draw_strokes(100 * number + row, colour).save(place / f"{row}.png")
    return folder


def find_stand_in(name: str) -> tuple[str, int]:
    backbone = load_recipe(name).network.backbone
    return next(each for start, each in (STAND_INS | {CLIP: (CLIP, CLIP_SIDE)}).items() if backbone.startswith(start))


#: Stand-in → the recipe that makes its further forms: to quantise one network again tells nothing new.
QUANTISED = {find_stand_in(name): name for name in CLASSIFIERS}


def make_small(name: str, folder: Path) -> list[str]:
    """Overrides that put a small network of the same family into the recipe, with weights where it asks for some."""
    network = load_recipe(name).network
    backbone, side = find_stand_in(name)
    if backbone == CLIP:
        backbone, weights = f"{CLIP}{make_tiny_clip(folder / 'clip')}", "true"
    else:
        weights = "false"
        if network.pretrained:
            path = folder / f"{backbone}.safetensors"
            save_file(create_backbone(backbone, 1000, (side, side)).state_dict(), path)
            weights = str(path)
    return [
        f"network.backbone={backbone}", f"network.pretrained={weights}",
        f"preprocessing.height={side}", f"preprocessing.width={side}", "training.epochs=1", "data.group=null",
        *([] if QUANTISED[find_stand_in(name)] == name else ["serving.forms=[]"]),
    ]  # fmt: skip


class Context:
    """What the handler asks of TorchServe, for one request at a time."""

    def __init__(self, folder: Path) -> None:
        self.system_properties = {"gpu_id": None, "model_dir": str(folder)}
        self.metrics = SimpleNamespace(add_metric=lambda *arguments, **options: None)
        self.status = 0

    def get_all_request_header(self, index: int) -> dict[str, str]:
        return {"explain": "True"}

    def set_response_status(self, status: int, phrase: str, idx: int) -> None:
        self.status = status

    def set_response_content_type(self, index: int, value: str) -> None:
        assert value == "application/json"


def ask(bundle: Path, image: bytes, work: Path) -> dict[str, Any]:
    """Archive a bundle, unpack it as TorchServe does, and hand one image to the handler."""
    unpacked = work / "unpacked"
    with zipfile.ZipFile(build_archive(bundle, work / "store")) as archive:
        archive.extractall(unpacked)
    context: Any = Context(unpacked)
    handler = ClassifyHandler()
    handler.initialize(context)
    [answer] = handler.handle([{"body": image}], context)
    assert context.status == 200, answer
    return json.loads(answer)


def as_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_is_trained_archived_and_asked(name: str, tmp_path: Path) -> None:
    titles = load_recipe(name).labels
    classes = tuple(titles)[:2] if titles else ("blue_cups", "jars")
    if name.endswith("_demo"):
        write_dataset(tmp_path / "data", classes, 6, 7)
    else:
        draw_dataset(tmp_path / "data", classes)
    train_recipe(
        recipe=name, overrides=make_small(name, tmp_path), data=tmp_path / "data", device="cpu", build=tmp_path
    )
    assert [each.name for each in (tmp_path / "bundles").iterdir()] == [name]
    answer = ask(tmp_path / "bundles" / name, as_png(draw_strokes(1, "black")), tmp_path)
    assert answer["model"] == name
    assert tuple(answer["probabilities"]) == classes
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert answer["explanation"]["width"] > 0
    card = json.loads((tmp_path / "bundles" / name / "card.json").read_text("utf-8"))
    shown = [label["title"]["en"] for label in card["labels"]]
    assert shown == ([titles[key].en for key in classes] if titles else ["Blue cups", "Jars"])


@pytest.mark.slow
@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_is_trained_joined_to_a_classifier_and_asked(name: str, tmp_path: Path) -> None:
    scenes = tmp_path / "scenes"
    for kind in ("images", "labels"):
        (scenes / kind).mkdir(parents=True)
    (scenes / "data.yaml").write_text("names: [sun, house]\n")
    for number in range(3):
        (scenes / "images" / f"{number}.png").write_bytes(draw_page(0, 5 + number, size=(96, 96)))
        (scenes / "labels" / f"{number}.txt").write_text("0 0.125 0.125 0.2 0.2\n1 0.5 0.4 0.3 0.3\n")
    tiny = ["network.input=64", "composer.scenes=2", "training.composed_epochs=1", "training.epochs=1"]
    train_recipe(recipe=name, overrides=tiny, data=scenes, device="cpu", build=tmp_path)
    assert [each.name for each in (tmp_path / "bundles").iterdir()] == [name]
    bundles = tmp_path / "bundles"
    boxes = ask(bundles / name, draw_page(0, 5), tmp_path)
    assert boxes["model"] == name
    assert boxes["verdict"] in ("recognised", "nothing_found", "no_drawing")
    make_tiny_bundle(bundles / "sketch_classifier", "sketch_classifier", labels={"cat": "고양이", "dog": "개"})
    train_recipe(recipe="sketch", overrides=[f"detector={name}"], data=None, device="cpu", build=tmp_path)
    answer = ask(bundles / "sketch", draw_page(0, 5), tmp_path)
    assert (answer["model"], answer["width"]) == ("sketch", 640)
    assert answer["verdict"] in ("recognised", "no_drawing")
    assert all(each["class"] in ("cat", "dog") for each in answer["objects"])
