"""Unsplash's API as its documentation describes it: answers, headers and faults word for word."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.waiting import PATIENCE

KEY = "an-access-key"
FAULTS: dict[str, tuple[int, str, bytes]] = {
    "401": (401, "application/json", b'{"errors":["OAuth error: The access token is invalid"]}'),
    "403 limit": (403, "text/html", b"Rate Limit Exceeded"),
    "403": (403, "application/json", b'{"errors":["You are not authorized"]}'),
    "429": (429, "application/json", b'{"errors":["Too many requests"]}'),
    "500": (500, "text/html", b"<html>Something went wrong</html>"),
    "not JSON": (200, "text/html", b"<!doctype html><p>Maintenance"),
    "another shape": (200, "application/json", b'{"photos": []}'),
    "a list": (200, "application/json", b"[]"),
}


def photo(host: str, word: str, number: int) -> dict[str, Any]:
    name = f"{word}{number}"
    return {
        "id": name,
        "width": 4000,
        "height": 3000,
        "color": "#d9d9d9",
        "blur_hash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
        "description": None,
        "alt_description": f"a {word} in the grass",
        "urls": {size: f"{host}/pictures/{name}.jpg?w={size}" for size in ("raw", "full", "regular", "small", "thumb")},
        "links": {
            "self": f"{host}/photos/{name}",
            "html": f"https://unsplash.com/photos/{name}",
            "download": f"https://unsplash.com/photos/{name}/download",
            "download_location": f"{host}/photos/{name}/download?ixid=M3wxMjA3fDB8MHxzZWFyY2h8MXx8",
        },
        "user": {"id": "u1", "username": "jane", "name": "Jane <Doe>", "links": {"html": "https://unsplash.com/@jane"}},
    }


class UnsplashStub:
    """Listens on a free port. `fault` is what searches get; `delay` is in seconds; while `open` is clear nothing is
    answered; `drip` sends byte by byte; `seen` keeps (path, query, headers)."""

    def __init__(self, picture: bytes = b"") -> None:
        self.fault: tuple[int, str, bytes] | None = None
        self.delay = 0.0
        self.open = threading.Event()
        self.open.set()
        self.drip = False
        self.remaining = "49"
        self.seen: list[tuple[str, dict[str, list[str]], dict[str, str]]] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                address = urlsplit(self.path)
                if address.path.startswith("/pictures/"):
                    stub.send(self, (200, "image/png", picture))
                    return
                stub.seen.append((address.path, parse_qs(address.query), dict(self.headers)))
                time.sleep(stub.delay)
                stub.open.wait(PATIENCE)
                stub.send(self, stub.decide(address.path, parse_qs(address.query)))

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def decide(self, path: str, query: dict[str, list[str]]) -> tuple[int, str, bytes]:
        if self.fault:
            return self.fault
        if path == "/search/photos":
            count = int(query["per_page"][0])
            results = [photo(self.address, query["query"][0], number) for number in range(count)]
            content: dict[str, Any] = {"total": 133, "total_pages": 7, "results": results}
        else:
            content = {"url": "https://images.unsplash.com/photo-1"}
        return 200, "application/json", json.dumps(content).encode()

    def send(self, handler: BaseHTTPRequestHandler, reply: tuple[int, str, bytes]) -> None:
        status, kind, body = reply
        try:
            handler.send_response(status)
            handler.send_header("Content-Type", kind)
            handler.send_header("Content-Length", str(len(body)))
            handler.send_header("X-Ratelimit-Limit", "50")
            handler.send_header("X-Ratelimit-Remaining", self.remaining)
            handler.end_headers()
            for start in range(0, len(body), 1 if self.drip else len(body)):
                handler.wfile.write(body[start : start + (1 if self.drip else len(body))])
                time.sleep(0.1 if self.drip else 0)
        except OSError:
            return  # the client has stopped waiting

    @property
    def searches(self) -> list[str]:
        return [query["query"][0] for path, query, _ in self.seen if path == "/search/photos"]

    def close(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()
