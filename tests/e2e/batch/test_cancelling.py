"""A batch that is called off ends, on the page and on the server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.batch.grid import count
from tests.e2e.conftest import SCREENS, drop
from tests.frontend.gunicorns import gunicorn
from tests.frontend.model_server_stub import ModelServerStub, Reply, answer
from tests.waiting import PATIENCE


class Gate:
    """A model server that answers only what it is let, and the real front end before it, at `address`."""

    def __init__(self) -> None:
        self.model_server = ModelServerStub()
        self.model_server.reply = self._answer
        self.address = ""
        self._open = threading.Event()
        self._let = threading.Semaphore(0)

    def let(self, count: int) -> None:
        """So many more."""
        self._let.release(count)

    def open(self) -> None:
        """All, from now on."""
        self._open.set()

    def close(self) -> None:
        self._open.clear()

    def _answer(self, request: BaseHTTPRequestHandler, body: bytes) -> Reply:
        until = time.monotonic() + 2 * PATIENCE
        while not self._open.is_set() and not self._let.acquire(timeout=0.05) and time.monotonic() < until:
            pass
        return 200, json.dumps(answer()).encode()


@pytest.fixture(scope="module")
def behind_gate() -> Iterator[Gate]:
    gate = Gate()
    with gunicorn(gate.model_server, workers=1) as port:
        gate.address = f"http://127.0.0.1:{port}"
        yield gate
        gate.open()
    gate.model_server.close()


@pytest.fixture
def gate(behind_gate: Gate) -> Iterator[Gate]:
    behind_gate.close()
    yield behind_gate
    behind_gate.open()


def test_a_cancelled_second_batch_ends_the_servers_work(
    browser: Browser, screen: str, gate: Gate, many: dict[str, bytes]
) -> None:
    context = browser.new_context(base_url=gate.address, locale="en-US", **SCREENS[screen])  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/")
    gate.let(6)
    drop(page, dict(list(many.items())[:6]))
    expect(page.locator("[data-filter=sure] [data-count]")).to_have_text("6")
    expect(page.locator("[data-batch] [data-cancel]")).to_be_hidden()
    stub = gate.model_server
    first = len(stub.seen)
    gate.let(5)
    drop(page, {f"{number:03d}.jpg": many[next(iter(many))] for number in range(400)})
    expect(page.locator("#batch-title")).to_have_text("406 pictures")
    expect(page.locator("[data-filter=sure] [data-count]")).to_have_text("11")
    page.locator("[data-batch] [data-cancel]").click()
    expect(page.locator("[data-said]")).to_have_text("Cancelled. What was answered stays.")
    gate.open()
    asked = -1
    while asked != len(stub.seen):  # what had its turn is still answered
        asked = len(stub.seen)
        page.wait_for_timeout(600)
    assert first < asked < first + 400
    context.close()


def test_a_cancelled_batch_ends_and_can_go_on(
    browser: Browser, screen: str, gate: Gate, many: dict[str, bytes]
) -> None:
    context = browser.new_context(base_url=gate.address, locale="en-US", **SCREENS[screen])  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/")
    content = many[next(iter(many))]
    gate.let(20)
    drop(page, {f"{number:03d}.jpg": content for number in range(400)})
    expect(page.locator("[data-batch] [data-progress-text]")).to_contain_text("of 400")
    expect(page.locator("[data-filter=sure] [data-count]")).to_have_text("20")
    page.locator("[data-batch] [data-cancel]").click()
    expect(page.locator("[data-said]")).to_have_text("Cancelled. What was answered stays.")
    gate.open()
    page.wait_for_timeout(700)  # nothing comes any more
    assert (count(page, "sure"), count(page, "failed")) == (20, 0)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("[data-filter=sure] [data-count]")).to_have_text("400")
    expect(page.locator("[data-batch] [data-resume]")).to_be_hidden()
    expect(page.locator("[data-batch] [data-cancel]")).to_be_hidden()
    assert (count(page, "sure"), count(page, "failed")) == (400, 0)
    context.close()
