"""A local web service that speaks a source's API, with the faults that real ones have."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from PIL import Image

from model_training.datasets.sources.client import Client
from model_training.progress import Step


def jpeg(number: int) -> bytes:
    """A small picture that no other number gives."""
    pixels = np.random.default_rng(number).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


@dataclass
class Fault:
    """Instead of the answer: a status, or the answer cut off after half of its body."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass
class Service:
    """`answers`: path, or path?query, → bytes, or what becomes JSON, or a function of the query. `faults`: path → what
    comes first. `headers`: path → what goes with its answer. `seen`: path?query of every request, in order."""

    url: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    ranges: list[str] = field(default_factory=list)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path, query = urlsplit(handler.path).path, dict(parse_qsl(urlsplit(handler.path).query))
        self.seen.append(handler.path)
        self.agents.add(handler.headers["User-Agent"])
        fault = self.faults[path].pop(0) if self.faults.get(path) else Fault()
        if fault.status != 200:
            return send(handler, fault.status, b"<html>not now</html>", fault.headers)
        if path not in self.answers:
            return send(handler, 404, b'{"message": "not found"}')
        answer = self.answers[path]
        if callable(answer):
            answer = answer(query)
        body = answer if isinstance(answer, bytes) else json.dumps(answer, ensure_ascii=False).encode()
        start = 0
        if wanted := handler.headers["Range"]:
            self.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            if start >= len(body):
                return send(handler, 416, b"", {"Content-Range": f"bytes */{len(body)}"})
        headers = dict(self.headers.get(path, {}))
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        return send(handler, 206 if wanted else 200, body[start:], headers, cut=fault.cut)


def send(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None, cut: bool = False
) -> None:
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body[: len(body) // 2] if cut else body)
    handler.close_connection = True


@pytest.fixture
def service() -> Iterator[Service]:
    state = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.answer(self)

        def do_HEAD(self) -> None:
            state.answer(self)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            state.answer(self)

        def log_message(self, *arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


class PatientClient(Client):
    """Waits in no time, and keeps the record of it."""

    def __init__(self, pause: float = 0.0) -> None:
        self.waited: list[float] = []
        super().__init__(pause, sleep=self.waited.append)


@pytest.fixture
def client() -> PatientClient:
    return PatientClient()


@pytest.fixture
def step() -> Step:
    return Step("Fetching", None, quiet=True)
