"""A tiny bundle that needs no training: random weights, and classes named in Hangul and with a space."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from model_training.runtime.card import ModelCard, write_card
from model_training.runtime.classifier import Classifier
from model_training.runtime.export import export_openvino
from model_training.runtime.network import ClassificationNetwork, head_name, save_weights
from tests.cards import make_card

LABELS = ("korea", "산수화", "ink wash")


def draw_image(seed: int = 0, side: int = 48, format: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format)
    return buffer.getvalue()


def make_tiny_bundle(
    folder: Path,
    name: str = "tiny",
    version: str = "1.0",
    labels: Mapping[str, str] | None = None,
    sharpness: float = 1.0,
) -> Path:
    """timm's own test network at 32×32 with random weights, with its OpenVINO form and one example.

    `labels`: class → its Korean title. `sharpness` multiplies the last layer: random weights are never sure.
    """
    labels = labels or {key: key for key in LABELS}
    folder.mkdir(parents=True)
    (folder / "examples").mkdir()
    torch.manual_seed(0)
    card = make_card(
        name=name,
        version=version,
        labels=[{"key": key, "title": {"en": key, "ko": title}} for key, title in labels.items()],
        examples=[{"name": "first", "image": "first.jpg", "label": next(iter(labels))}],
    )
    assert isinstance(card, ModelCard)
    network = ClassificationNetwork("test_resnet", len(labels), card.preprocessing).eval()
    with torch.no_grad():
        last: Any = network.backbone.get_submodule(head_name(network.backbone))
        last.weight.mul_(sharpness)
    save_weights(network, folder / "weights.safetensors")
    export_openvino(network, np.zeros((1, 32, 32, 3), np.uint8), folder / "network.xml")
    (folder / "examples" / "first.jpg").write_bytes(draw_image())
    [answer] = Classifier(card, folder, "cpu").answer([draw_image()], [True])
    (folder / "examples" / "first.json").write_text(json.dumps(answer, ensure_ascii=False), "utf-8")
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    write_card(card.model_copy(update={"files": files}), folder / "card.json")
    return folder
