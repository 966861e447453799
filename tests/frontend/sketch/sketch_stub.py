"""What the model server says as a sketch model: its card, and its answers with objects and embeddings."""

from __future__ import annotations

import base64
import io
import json
from http.server import BaseHTTPRequestHandler
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, UnidentifiedImageError

from tests.cards import make_card
from tests.frontend.model_server_stub import Reply, card, image, own_error

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


def unknown_object(box: list[float] | None = None) -> dict[str, Any]:
    """A drawing of nothing that the model has learned, which it takes for a house all the same."""
    return sketch_object("house", box, unit(2), 0.97) | {"verdict": "unknown", "reason": "unlike"}


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
    data = base64.b64encode(image("white")).decode()
    return [{"name": "one", "label": "cat", "media_type": "image/png", "data": data, "answer": sketch_answer()}]


def reply_as_sketch(request: BaseHTTPRequestHandler, body: bytes) -> Reply:
    """Two objects wherever there is ink on light paper. With the header `paper`, the image comes back in grey as the
    cleaned page."""
    try:
        page = Image.open(io.BytesIO(body)).convert("L")
    except UnidentifiedImageError:
        return own_error(400, "not_a_picture")
    content = sketch_answer() if 0.0005 < ink_share(body) < 0.3 else no_drawing()
    if request.headers.get("paper") == "true":
        content["page"] = {"media_type": "image/png", "width": page.width, "height": page.height, "data": encode(page)}
    return 200, json.dumps(content).encode()


def drawing() -> bytes:
    """A line drawing on white, 300 pixels wide and 200 high, as a PNG."""
    page = Image.new("RGB", (300, 200), "white")
    ImageDraw.Draw(page).ellipse([60, 40, 220, 160], outline="black", width=4)
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    return buffer.getvalue()


def ink_share(body: bytes) -> float:
    """Of an encoded image, the share of pixels that are dark, 0…1."""
    return float(np.mean(np.asarray(Image.open(io.BytesIO(body)).convert("L")) < 128))


def encode(page: Image.Image) -> str:
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
