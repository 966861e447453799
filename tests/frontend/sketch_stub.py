"""What the model server says as a sketch model: its card, and its answers with objects and embeddings."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.cards import make_card
from tests.frontend.model_server_stub import card, picture

#: The hash of the weights that made the embeddings.
EMBEDDING = "e1" * 32
DIMENSION = 8
TITLES = {
    "cat": {"en": "Cat", "ko": "고양이"},
    "tree": {"en": "Tree", "ko": "나무"},
    "house": {"en": "House", "ko": "집"},
}


def unit(index: int) -> NDArray[np.float32]:
    return np.eye(DIMENSION, dtype=np.float32)[index]


def sketch_card() -> dict[str, Any]:
    labels = [{"key": key, "title": title} for key, title in TITLES.items()]
    rows = [{"key": key, "precision": 0.7, "recall": 0.6, "f1": 0.65, "support": 20} for key in TITLES]
    changes = {
        "name": "sketch",
        "task": "sketch",
        "title": {"en": "What did you draw?", "ko": "무엇을 그렸나요?"},
        "summary": {"en": "Finds what is drawn on a page.", "ko": "종이에 그린 것을 찾아냅니다."},
        "labels": labels,
        "class_metrics": rows,
        "embedding": EMBEDDING,
    }
    return make_card(**card() | changes).model_dump(mode="json")


def sketch_object(key: str, box: list[float] | None, vector: NDArray[np.float32], confidence: float) -> dict[str, Any]:
    rest = (1 - confidence) / (len(TITLES) - 1)
    return {
        "box": box,
        "score": None if box is None else 0.8,
        "class": key,
        "title": TITLES[key],
        "confidence": confidence,
        "probabilities": {name: confidence if name == key else rest for name in TITLES},
        "embedding": base64.b64encode(vector.astype("<f4").tobytes()).decode(),
    }


def sketch_answer(*objects: dict[str, Any]) -> dict[str, Any]:
    """Two objects, or those given; 640 pixels wide and high."""
    found = list(objects) or [
        sketch_object("cat", [64, 128, 320, 448], unit(0), 0.87),
        sketch_object("tree", [400, 32, 600, 600], unit(1), 0.61),
    ]
    return {
        "objects": found,
        "verdict": "recognised",
        "width": 640,
        "height": 640,
        "processing_time_ms": 61.2,
        "model": "sketch",
        "version": "1.0",
    }


def no_drawing() -> dict[str, Any]:
    return sketch_answer() | {"objects": [], "verdict": "no_drawing"}


def sketch_examples() -> list[dict[str, Any]]:
    data = base64.b64encode(picture("white")).decode()
    return [{"name": "one", "label": "cat", "media_type": "image/png", "data": data, "answer": sketch_answer()}]
