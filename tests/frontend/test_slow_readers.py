"""Who reads an answer slowly, or not at all, keeps nobody else from theirs; and gets all of it in the end."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import urllib3

from frontend import outgoing
from frontend.outgoing import Outgoing
from tests.frontend.gunicorns import PREDICT, gunicorn, head, receive
from tests.frontend.model_server_stub import ModelServerStub, answer, image
from tests.waiting import PATIENCE, wait_until

EXPLAIN = "/api/v1/models/landscape/explain"
BATCH = "/api/v1/models/landscape/batch"
REPORT = "/models/landscape/report/"
#: More than the system's own buffers of a connection hold.
LARGE = 5 * 2**20


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("reports") / "landscape" / "1.0" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_bytes(b"".join(b"%07d\n" % number for number in range(LARGE // 8)))
    return page


@pytest.fixture(scope="module")
def port(stub: ModelServerStub, page: Path) -> Iterator[int]:
    """One process of two threads."""
    with gunicorn(stub, workers=1, threads=2, reports=page.parents[2]) as number:
        yield number


def connect(port: int) -> socket.socket:
    """Whose system takes 4 KiB for it."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    return connection


def form(pictures: int) -> bytes:
    part = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + image() + b"\r\n"
    return part * pictures + b"--cut--\r\n"


def test_slow_readers_keep_nobody_from_an_answer(port: int, stub: ModelServerStub, page: Path) -> None:
    large = answer() | {"explanation": {"data": "x" * LARGE}}
    stub.reply = lambda request, body: (200, json.dumps(large if "explanations" in request.path else answer()).encode())
    url = f"http://127.0.0.1:{port}{PREDICT}"
    batch = form(50)
    with ExitStack() as stack:
        readers = [stack.enter_context(connect(port)) for _ in range(64)]
        for number, reader in enumerate(readers):
            if number % 8 == 0:
                reader.sendall(head(port, len(image()), path=EXPLAIN) + image())
            elif number % 8 == 1 and number < 32:
                kind = "multipart/form-data; boundary=cut"
                reader.sendall(head(port, len(batch), path=BATCH).replace(b"image/png", kind.encode()) + batch)
            else:
                reader.sendall(head(port, None, path=REPORT, method="GET"))
            assert reader.recv(1)
        for _ in range(10):
            for reader in readers:
                assert reader.recv(1)
            # None of them ends: who waited for one would wait for ever.
            assert urllib3.request("POST", url, body=image(), timeout=PATIENCE, retries=False).status == 200
        readers[2].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        assert receive(readers[2]).partition(b"\r\n\r\n")[2] == page.read_bytes()
        readers[2].sendall(head(port, len(image())) + image())  # the connection goes on
        assert receive(readers[2]).startswith(b"HTTP/1.1 200")


@pytest.fixture
def pair() -> Iterator[tuple[Outgoing, socket.socket]]:
    mine, theirs = socket.socketpair()
    with Outgoing(mine) as writer, theirs:
        yield writer, theirs


def read(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(2**16), b""))


def test_what_is_written_comes_in_order(pair: tuple[Outgoing, socket.socket], tmp_path: Path) -> None:
    writer, reader = pair
    (tmp_path / "file").write_bytes(bytes(range(256)) * 4096)
    writer.sendall(b"a" * 2**20)
    with (tmp_path / "file").open("rb") as file:
        assert writer.sendfile(file, 256, 2**19) == 2**19
    writer.sendall(b"end")
    assert writer.pending
    whole: list[bytes] = []
    thread = threading.Thread(target=lambda: whole.append(read(reader)))
    thread.start()
    wait_until(writer.flush)
    assert not writer.pending
    assert writer.kept == 0
    writer.shutdown(socket.SHUT_WR)
    thread.join()
    assert whole == [b"a" * 2**20 + bytes(range(256)) * 2048 + b"end"]


def test_more_than_is_kept_waits_for_its_reader_and_not_for_ever(
    pair: tuple[Outgoing, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "PATIENCE", 0.2)
    writer, reader = pair
    writer.sendall(bytes(2 * outgoing.MOST))  # it is there already
    assert writer.kept > outgoing.MOST
    with pytest.raises(BrokenPipeError, match="does not read"):
        writer.sendall(b"more")
    assert not writer.pending
    assert len(read(reader)) < outgoing.MOST  # cut, not ended


def test_a_file_that_becomes_shorter_ends_the_connection(pair: tuple[Outgoing, socket.socket], tmp_path: Path) -> None:
    writer, reader = pair
    (tmp_path / "file").write_bytes(b"short")
    with (tmp_path / "file").open("rb") as file, pytest.raises(BrokenPipeError):
        writer.sendfile(file, 0, 100)
    assert read(reader) == b"short"
