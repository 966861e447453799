"""A tiny bundle that needs no training: random weights, and classes named in Hangul and with a space."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from model_training.runtime.card import ModelCard, write_card
from model_training.runtime.classifier import Classifier
from model_training.runtime.execution import export_openvino
from model_training.runtime.network import ClassificationNetwork, head_name, save_weights

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
    card = {
        "name": name,
        "version": version,
        "title": {"en": "Tiny", "ko": "작은 모델"},
        "summary": {"en": "A test.", "ko": "시험용입니다."},
        "limits": {"en": "Knows nothing.", "ko": "아무것도 모릅니다."},
        "labels": [{"key": key, "title": {"en": key, "ko": title}} for key, title in labels.items()],
        "preprocessing": {"height": 32, "width": 32, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
        "network": {"backbone": "test_resnet", "parameters": 0},
        "calibration": {"temperature": 1.0, "fitted_on": 0},
        "thresholds": {"sure": 0.9},
        "metrics": [],
        "class_metrics": [],
        "openvino_model": {
            "file": "network.xml",
            "agreement": {"images": 1, "largest_logit_difference": 0, "same_class": 1},
        },
        "data": {
            "name": {"en": "none", "ko": "없음"},
            "procedural": True,
            "counts": {},
            "exact_duplicates": 0,
            "near_duplicates": 0,
            "fingerprint": "",
        },
        "provenance": {
            "created": "2026-01-01T00:00:00Z",
            "code": "unknown",
            "libraries": {},
            "recipe": {},
            "seconds": 0,
            "device": "cpu",
        },
        "examples": [{"name": "first", "image": "first.jpg", "label": next(iter(labels))}],
        "files": {},
    }
    parsed = ModelCard.model_validate(card)
    network = ClassificationNetwork("test_resnet", len(labels), parsed.preprocessing).eval()
    with torch.no_grad():
        network.backbone.get_submodule(head_name(network.backbone)).weight.mul_(sharpness)
    save_weights(network, folder / "weights.safetensors")
    export_openvino(network, np.zeros((1, 32, 32, 3), np.uint8), folder / "network.xml")
    (folder / "examples" / "first.jpg").write_bytes(draw_image())
    [answer] = Classifier(parsed, folder, "cpu").answer([draw_image()], [True])
    (folder / "examples" / "first.json").write_text(json.dumps(answer, ensure_ascii=False), "utf-8")
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    write_card(parsed.model_copy(update={"files": files}), folder / "card.json")
    return folder
