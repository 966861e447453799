"""A TorchServe for the front end's tests: its real answers and faults, word for word as version 0.12 gives them.

The real TorchServe answers in tests/e2e; it can't be made to hang, cut an answer off or run out of memory at will.
"""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

from tests.cards import make_card

Reply = tuple[int, bytes]

NO_WORKER = (
    'Model "landscape" has no worker to serve inference request. Please use scale workers API to add workers. If this '
    "is a sequence inference, please check if it is closed, or expired; or exceeds maxSequenceJobQueueSize"
)


def torchserve_fault(code: int, kind: str, message: str) -> Reply:
    return code, json.dumps({"code": code, "type": kind, "message": message}, indent=2).encode()


def own_error(status: int, code: str) -> Reply:
    body = {"error": {"code": code, "message": "What is wrong.", "remedy": "What to do."}}
    return status, json.dumps(body, indent=2).encode()


FAULTS: dict[str, Reply] = {
    "not registered": torchserve_fault(404, "ModelNotFoundException", "Model not found: landscape"),
    "no worker": torchserve_fault(503, "ServiceUnavailableException", NO_WORKER),
    "handler raised": torchserve_fault(503, "InternalServerException", "Prediction failed"),
    "wrong count": torchserve_fault(503, "InternalServerException", "number of batch response mismatched"),
    "out of memory": torchserve_fault(507, "InternalServerException", "Out of resources"),
    "worker died": torchserve_fault(500, "InternalServerException", "Worker died."),
    "too large": (413, b""),
}


def image(colour: str = "tan", kind: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


def answer(*, explained: bool = False, china: float = 0.97) -> dict[str, Any]:
    content: dict[str, Any] = {
        "class": "china" if china >= 0.5 else "han gang",
        "confidence": max(china, 1 - china),
        "processing_time_ms": 21.44,
        "probabilities": {"han gang": round(1 - china, 6), "china": china},
        "verdict": "sure" if china > 0.9 else "unsure",
        "model": "landscape",
        "version": "1.0",
        "prediction_set": {"coverage": 0.9, "classes": ["china"] if china > 0.9 else ["china", "han gang"]},
    }
    if explained:
        data = base64.b64encode(image("red", size=(8, 8))).decode()
        content["explanation"] = {
            "class": content["class"],
            "method": "grad-cam",
            "media_type": "image/png",
            "width": 8,
            "height": 8,
            "data": data,
        }
    return content


def unknown_answer(reason: str | None = "unlike", *, explained: bool = False) -> dict[str, Any]:
    """An answer about a stranger, of which the network is certain all the same. `reason`: None in old archives."""
    content = answer(explained=explained, china=0.996) | {"verdict": "unknown"} | ({"reason": reason} if reason else {})
    del content["prediction_set"]
    return content


def card(*, procedural: bool = True) -> dict[str, Any]:
    return make_card(
        name="landscape",
        title={"en": "Whose landscape?", "ko": "어느 나라 산수화일까요?"},
        summary={"en": "Tells one from the other.", "ko": "둘을 구별합니다."},
        limits={"en": "Knows two classes only.", "ko": "두 가지만 압니다."},
        labels=[
            {"key": "china", "title": {"en": "China", "ko": "중국"}},
            {"key": "han gang", "title": {"en": "", "ko": ""}},
        ],
        preprocessing={"height": 224, "width": 224, "mean": [0.5] * 3, "std": [0.2] * 3},
        network={"backbone": "resnet18.tv_in1k", "parameters": 11177538},
        calibration={"temperature": 1.31, "fitted_on": 74},
        thresholds={"sure": 0.9, "precision_above": 0.986},
        metrics=[
            {"name": "accuracy", "value": 0.9733, "low": 0.9075, "high": 0.9926, "images": 75, "split": "test",
             "interval": "wilson"}
        ],
        class_metrics=[
            {"key": "china", "precision": 0.977, "recall": 0.955, "f1": 0.966, "support": 44},
            {"key": "han gang", "precision": 0.938, "recall": 0.968, "f1": 0.952, "support": 31},
        ],
        openvino_model={
            "file": "network.xml",
            "agreement": {"images": 75, "largest_logit_difference": 0.002, "same_class": 1.0},
        },
        data={
            "name": {"en": "Drawn landscapes", "ko": "그려 낸 풍경"},
            "procedural": procedural,
            "counts": {"train": {"china": 1320, "han gang": 92}, "test": {"china": 44, "han gang": 31}},
            "exact_duplicates": 2,
            "near_duplicates": 5,
            "fingerprint": "9f2c" * 16,
        },
        provenance={
            "created": "2026-11-20T22:14:05Z",
            "code": "1a2b3c4d",
            "libraries": {"torch": "2.15"},
            "recipe": {},
            "seconds": 181.4,
            "device": "cpu",
        },
        examples=[{"name": "one", "image": "one.png", "label": "han gang"}],
    ).model_dump(mode="json")  # fmt: skip


def examples() -> list[dict[str, Any]]:
    data = base64.b64encode(image("navy")).decode()
    return [
        {"name": "one", "label": "han gang", "media_type": "image/png", "data": data, "answer": answer(explained=True)}
    ]


class ModelServerStub:
    """Listens on a free port. `reply` is what the next predictions get; `seen` keeps (path, content type, body)."""

    def __init__(self) -> None:
        self.reply: Callable[[BaseHTTPRequestHandler, bytes], Reply | None] | Reply | None = None
        self.describes = True
        self.procedural = True
        self.verdicts: dict[str, Any] = {}
        #: model → (card, examples), for those that are not the classifier `landscape`
        self.models: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}
        self.seen: list[tuple[str, str | None, bytes]] = []
        self.connections = 0
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                stub.connections += 1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                reply = stub.decide(self, body)
                if reply is None:
                    self.close_connection = True
                    return
                status, content = reply
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                if status >= 400:
                    self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def decide(self, request: BaseHTTPRequestHandler, body: bytes) -> Reply | None:
        described = request.headers.get("describe")
        if described and self.describes:
            told, shown = self.models.get(request.path.rpartition("/")[2], (None, None))
            told = told or card(procedural=self.procedural) | {"verdicts": self.verdicts}
            content = {"card": told} if described == "True" else {"examples": shown or examples()}
            return 200, json.dumps(content).encode()
        if not described:
            self.seen.append((request.path, request.headers.get("Content-Type"), body))
        if callable(self.reply):
            return self.reply(request, body)
        if self.reply is not None:
            return self.reply
        return 200, json.dumps(answer(explained="explanations" in request.path), indent=2).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
