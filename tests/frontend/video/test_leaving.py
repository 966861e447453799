"""Under gunicorn, with several worker processes: who leaves ends the work, and places count over all processes."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from hwapung.local import front_end
from tests.frontend.gunicorns import free_port
from tests.frontend.model_server_stub import ModelServerStub, answer
from tests.frontend.video.films import make_film

METRICS = free_port()
API = "/api/v1/models/landscape/video?rate=10"


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """A front end whose model takes 20 ms for a frame."""
    stub = ModelServerStub()

    def reply(request: object, body: bytes) -> tuple[int, bytes]:
        time.sleep(0.02)
        return 200, json.dumps(answer()).encode()

    stub.reply = reply
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HWAPUNG_METRICS_BIND", f"127.0.0.1:{METRICS}")
        with front_end(stub.address, ["landscape"], 0) as address:
            yield address
    stub.close()


def decoded() -> float:
    found = re.search(
        r"^hwapung_video_frames_total (\S+)", requests.get(f"http://127.0.0.1:{METRICS}/metrics", timeout=20).text, re.M
    )
    return float(found[1]) if found else 0.0


def test_no_frame_is_decoded_after_the_client_has_left(site: str) -> None:
    film = make_film("matroska", "mpeg4", seconds=300)
    host, _, port = site.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), 30) as connection:
        head = f"POST {API} HTTP/1.1\r\nHost: {host}\r\nContent-Type: video/mp4\r\nContent-Length: {len(film)}\r\n\r\n"
        connection.sendall(head.encode() + film)
        received = b""
        while received.count(b"event: frame") < 3:
            piece = connection.recv(65536)
            assert piece, received[-500:]
            received += piece
    deadline = time.monotonic() + 20
    before = -1.0
    while (now := decoded()) != before:  # it comes to rest, long before the film's end
        assert time.monotonic() < deadline
        before = now
        time.sleep(1)
    assert 0 < now < 2500
    for _ in range(2):  # the place is free again, in whichever process
        assert requests.post(f"{site}{API}", data=make_film(seconds=1), timeout=60).status_code == 200


def test_places_count_over_all_processes(site: str) -> None:
    film = make_film("matroska", "mpeg4", seconds=60)
    statuses: list[int] = []

    def ask() -> None:
        with requests.post(f"{site}{API}", data=film, stream=True, timeout=60) as response:
            statuses.append(response.status_code)
            arrived.wait(60)

    arrived = threading.Barrier(6)  # nobody leaves before the last has its answer
    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 200, 503, 503, 503, 503]
