"""A card as the code that reads one wants it: every test's card comes from here and is validated."""

from __future__ import annotations

from typing import Any

from model_training.runtime.card import CARDS, Card

_TITLE = {"en": "Landscapes", "ko": "산수화"}
_DETECTOR = {"file": "detector.xml", "side": 128, "score": 0.3, "iou": 0.5, "min_flatness": 0.3}
_CLASSIFIER: dict[str, Any] = {
    "preprocessing": {"height": 32, "width": 32, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    "calibration": {"temperature": 1.0, "fitted_on": 0},
    "thresholds": {"sure": 0.9},
    "openvino_model": {
        "file": "network.xml",
        "agreement": {"images": 1, "largest_logit_difference": 0, "same_class": 1},
    },
}
_LABELS: dict[str, Any] = _CLASSIFIER | {
    "calibration": {"fitted_on": 40, "ece_before": 0.1, "ece_after": 0.05, "ece_images": 40},
    "decisions": [
        {"key": "china", "scale": 1, "offset": 0, "threshold": 0.5, "positives": 20, "own": True},
        {"key": "한국 그림", "scale": 1, "offset": 0, "threshold": 0.25, "positives": 5, "own": False},
    ],
    "risk": {
        "target_risk": 0.1, "min_probability": 0.2, "fitted_on": 40, "risk": 0.08, "mean_size": 1.5, "images": 40,
    },
}  # fmt: skip
_OWN: dict[str, dict[str, Any]] = {
    "classification": _CLASSIFIER,
    "multi_label": _LABELS,
    "sketch": _CLASSIFIER | {"detector": _DETECTOR, "embedding": "e1" * 32},
    "detection": {"detector": _DETECTOR},
}


def make_card(**changes: Any) -> Card:
    """The smallest card of a task (`classification` if not given) with some of its keys changed."""
    task = changes.get("task", "classification")
    content = {
        "name": "tiny",
        "version": "1.0",
        "title": _TITLE,
        "summary": _TITLE,
        "limits": _TITLE,
        "labels": [{"key": "china", "title": _TITLE}, {"key": "한국 그림", "title": _TITLE}],
        "network": {"backbone": "test_resnet", "parameters": 0},
        "metrics": [],
        "class_metrics": [],
        "data": {
            "name": _TITLE,
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
        "examples": [],
        "files": {},
    }
    return CARDS[task].model_validate(content | _OWN[task] | changes)
