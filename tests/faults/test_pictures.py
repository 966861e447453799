"""Pictures that are dear to decode, sent to the real servers beside sixteen visitors with ordinary ones."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil
import pytest
import requests

from tests.faults.site import DECODER, WORKER, Site, Visitors, serve
from tests.hostile import LARGE, ODD, encode, make_runs, make_webp, png_chunk, put_into_png
from tests.peaks import Peak

#: The others are much alike, or answered by the header.
DEAR = {
    name: {**ODD, **LARGE}[name]
    for name in ("jpeg of 3,000 scans", "jpeg with 20,000,000 fill bytes", "png of 1,600,000 chunks", "png RGBA")
}


def measure(site: Site) -> int:
    """Bytes that the worker and its decoder have together."""
    total = 0
    for words in (WORKER, DECODER):
        for each in site.find(words):
            try:
                total += each.memory_full_info().uss
            except psutil.NoSuchProcess:
                continue
    return total


def send(site: Site, data: bytes) -> requests.Response:
    url = f"{site.address}/api/v1/models/landscape/predict"
    return requests.post(url, data=data, headers={"Content-Type": "image/jpeg"}, timeout=60)


@pytest.fixture
def patient(store: Path, tmp_path: Path) -> Iterator[Site]:
    """Nobody is refused for the time that others take, so that a slow machine loses nobody either."""
    with serve(store, tmp_path, {"HWAPUNG_QUEUE_SECONDS": "30"}) as site:
        yield site


def test_dear_pictures_are_no_harm_to_others(patient: Site) -> None:
    site = patient
    ordinary = site.ask().json()
    [worker] = site.find(WORKER)
    assert send(site, make_runs(16, 16)).status_code == 200  # starts the decoder, whose own memory is no picture's
    with Visitors(site):
        time.sleep(1)
    peak = Peak(partial(measure, site), 0.02)
    with peak.watch(), Visitors(site) as visitors:
        for name, make in DEAR.items():
            answer = send(site, make())
            assert answer.status_code in (200, 413), (name, answer.text)
            assert answer.status_code == 200 or answer.json()["error"]["code"] == "picture_too_large", name
    assert set(visitors.statuses) == {200}, visitors.statuses
    assert visitors.slowest < 20, visitors.slowest
    assert peak.bytes < 400 * 2**20, peak.bytes

    # Many at once: those that are refused by their header, and those that take turns.
    webp, runs = make_webp(16383, 3900, True), make_runs(2000, 1500)
    peak = Peak(partial(measure, site), 0.02)
    with peak.watch(), Visitors(site, 4) as visitors, ThreadPoolExecutor(31) as crowd:
        began = time.monotonic()
        refused = list(crowd.map(lambda _: send(site, webp).status_code, range(31)))
        assert time.monotonic() - began < 60  # one after the other decoded they would take minutes
        assert refused == [413] * 31
        turns = [each.json() for each in crowd.map(lambda _: send(site, runs), range(8))]
    assert set(visitors.statuses) == {200}, visitors.statuses
    codes = [each["error"]["code"] if "error" in each else "answered" for each in turns]
    assert set(codes) <= {"answered", "model_busy", "model_too_slow"}, codes
    assert codes.count("answered") >= 4, codes
    assert peak.bytes < 400 * 2**20, peak.bytes
    assert site.ask().json()["probabilities"] == ordinary["probabilities"]
    assert site.find(WORKER)[0].pid == worker.pid


def test_a_note_that_inflates_far_is_no_fault_of_the_picture(site: Site) -> None:
    plain = encode("RGB", (64, 64), "PNG", (200, 40, 40))
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 5_000_000))
    profile = png_chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(5_000_000)))
    expected = send(site, plain).json()
    for chunk in (text, profile):
        answer = send(site, put_into_png(plain, chunk))
        assert answer.status_code == 200, answer.text
        assert answer.json()["probabilities"] == expected["probabilities"]
