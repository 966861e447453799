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
from tests.frontend.model_server_stub import ModelServerStub, answer
from tests.frontend.video.films import make_film
from tests.waiting import PATIENCE, come_to_rest, free_port

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
    metrics = requests.get(f"http://127.0.0.1:{METRICS}/metrics", timeout=PATIENCE).text
    found = re.search(r"^hwapung_video_frames_total (\S+)", metrics, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_no_frame_is_decoded_after_the_client_has_left(site: str) -> None:
    film = make_film("matroska", "mpeg4", seconds=300)
    host, _, port = site.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        head = f"POST {API} HTTP/1.1\r\nHost: {host}\r\nContent-Type: video/mp4\r\nContent-Length: {len(film)}\r\n\r\n"
        connection.sendall(head.encode() + film)
        received = b""
        while received.count(b"event: frame") < 3:
            piece = connection.recv(65536)
            assert piece, received[-500:]
            received += piece
    assert 0 < come_to_rest(decoded, 1) < 2500  # long before the film's end
    for _ in range(2):  # the place is free again, in whichever process
        assert requests.post(f"{site}{API}", data=make_film(seconds=1), timeout=PATIENCE).status_code == 200


def test_places_count_over_all_processes(site: str) -> None:
    film = make_film("matroska", "mpeg4", seconds=300)  # none is at its end before the last has its answer
    statuses: list[int] = []

    def ask() -> None:
        with requests.post(f"{site}{API}", data=film, stream=True, timeout=PATIENCE) as response:
            statuses.append(response.status_code)
            arrived.wait(PATIENCE)

    arrived = threading.Barrier(6)  # nobody leaves before the last has its answer
    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 200, 503, 503, 503, 503]
