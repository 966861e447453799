"""What is wrong with proxies in front is said at start: behind a real proxy, before the first visitor."""

from __future__ import annotations

import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from frontend import public
from frontend.public import check_public
from frontend.settings import Settings
from tests.frontend.gunicorns import gunicorn
from tests.frontend.model_server_stub import ModelServerStub
from tests.frontend.pages import MakeClient
from tests.waiting import free_port, wait_until


@contextmanager
def proxy(to: list[int], hops: int) -> Iterator[str]:
    """Yields its address. It passes questions on to the port in `to`, when there is one, as `hops` proxies in a row
    would."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not to:
                self.send_error(502)
                return
            headers = dict(self.headers) | {"X-Forwarded-Proto": "http", "X-Forwarded-Host": self.headers["Host"]}
            if hops:
                headers["X-Forwarded-For"] = ", ".join(f"192.0.2.{number}" for number in range(hops))
            question = urllib.request.Request(f"http://127.0.0.1:{to[0]}{self.path}", headers=headers)
            with urllib.request.urlopen(question, timeout=30) as answer:
                body = answer.read()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *told: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("trusted", "hops", "said"),
    [
        (1, 1, "the proxies in front are as the settings say"),
        (0, 1, "HWAPUNG_TRUSTED_PROXIES is 0, but what comes by {url} names 1 addresses"),
        (2, 1, "HWAPUNG_TRUSTED_PROXIES is 2, but what comes by {url} names 1 addresses"),
        (1, 3, "HWAPUNG_TRUSTED_PROXIES is 1, but what comes by {url} names 3 addresses"),
    ],
)
def test_a_wrong_number_is_said_before_anybody_asks(
    stub: ModelServerStub, tmp_path: Path, trusted: int, hops: int, said: str
) -> None:
    to: list[int] = []
    log = tmp_path / "log"
    with (
        proxy(to, hops) as url,
        gunicorn(stub, log=log, workers=2, public_url=url, trusted_proxies=trusted) as port,
    ):
        to.append(port)  # it comes up later than the front end
        wait_until(lambda: said.format(url=url) in log.read_text())
        assert log.read_text().count(url) == 1  # by one of the processes


def test_only_the_front_end_itself_is_told(make_client: MakeClient) -> None:
    client = make_client()
    assert client.get("/healthz").json == {"alive": True}
    assert client.get("/healthz", headers={public.HEADER: "guessed"}).json == {"alive": True}
    own = client.get("/healthz", headers={public.HEADER: public.TOKEN, "X-Forwarded-For": "192.0.2.1, 192.0.2.2"})
    assert own.json == {"alive": True, "way": {"proxies": 2, "scheme": "http", "host": "localhost"}}


@pytest.mark.parametrize(
    ("way", "faults"),
    [
        ({"proxies": 1, "scheme": "https", "host": "pictures.example.org"}, []),
        ({"proxies": 1, "scheme": "http", "host": "pictures.example.org"}, ["X-Forwarded-Proto"]),
        ({"proxies": 1, "scheme": "https", "host": "10.0.0.7"}, ["HWAPUNG_HOSTS does not name 10.0.0.7"]),
        ({"proxies": 0, "scheme": "http", "host": "10.0.0.7"}, ["HWAPUNG_TRUSTED_PROXIES is 1", "HWAPUNG_HOSTS"]),
        (None, ["another server"]),
    ],
)
def test_headers_and_names_are_compared(
    monkeypatch: pytest.MonkeyPatch, way: dict[str, object] | None, faults: list[str]
) -> None:
    settings = Settings(
        public_url="https://pictures.example.org", trusted_proxies=1, hosts=("pictures.example.org", "localhost")
    )
    monkeypatch.setattr(public, "_ask", lambda url: {"alive": True} if way is None else {"alive": True, "way": way})
    found = check_public(settings)
    assert len(found) == len(faults)
    for sentence, words in zip(found, faults, strict=True):
        assert words in sentence


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "is answered by another server"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<p/>", "does not answer from here"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "does not answer from here"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "does not answer from here"),
    ],
)
def test_another_server_than_ours(sent: bytes, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def reply() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(sent)

        threading.Thread(target=reply, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        [said] = check_public(Settings(public_url=url), patience=-1)
    assert words in said


def test_an_address_that_does_not_answer() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    [said] = check_public(Settings(public_url=url), patience=0)
    assert said.startswith(f"HWAPUNG_PUBLIC_URL, {url}, does not answer from here: ")
