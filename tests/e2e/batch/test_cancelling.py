"""A batch that is called off ends, on the page and on the server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.batch.grid import count
from tests.e2e.conftest import SCREENS, drop
from tests.frontend.gunicorns import gunicorn
from tests.frontend.model_server_stub import ModelServerStub, Reply, answer


def test_a_cancelled_batch_ends_and_can_go_on(page: Page, many: dict[str, bytes]) -> None:
    content = many[next(iter(many))]
    drop(page, {f"{number:03d}.jpg": content for number in range(400)})
    answered = page.locator("[data-batch] [data-progress-text]")
    expect(answered).to_contain_text("of 400")
    page.wait_for_timeout(600)
    page.locator("[data-batch] [data-cancel]").click()
    expect(page.locator("[data-said]")).to_have_text("Cancelled. What was answered stays.")
    page.wait_for_timeout(500)
    done = count(page, "sure") + count(page, "unsure") + count(page, "unknown")
    assert 0 < done < 400
    page.wait_for_timeout(700)
    assert count(page, "sure") + count(page, "unsure") + count(page, "unknown") == done
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("[data-batch] [data-resume]")).to_be_hidden()
    expect(page.locator("[data-batch] [data-cancel]")).to_be_hidden()
    assert (count(page, "sure") + count(page, "unsure") + count(page, "unknown"), count(page, "failed")) == (400, 0)


@pytest.fixture(scope="module")
def slow() -> Iterator[tuple[ModelServerStub, str]]:
    """A model server that takes its time and counts what it is asked, and the real front end before it."""
    stub = ModelServerStub()

    def reply(request: BaseHTTPRequestHandler, body: bytes) -> Reply:
        time.sleep(0.2)
        return 200, json.dumps(answer()).encode()

    stub.reply = reply
    with gunicorn(stub, workers=1) as port:
        yield stub, f"http://127.0.0.1:{port}"
    stub.close()


def test_a_cancelled_second_batch_ends_the_servers_work(
    browser: Browser, screen: str, slow: tuple[ModelServerStub, str], many: dict[str, bytes]
) -> None:
    stub, address = slow
    context = browser.new_context(base_url=address, locale="en-US", **SCREENS[screen])  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/")
    drop(page, dict(list(many.items())[:6]))
    expect(page.locator("[data-filter=sure] [data-count]")).to_have_text("6")
    expect(page.locator("[data-batch] [data-cancel]")).to_be_hidden()
    first = len(stub.seen)
    drop(page, {f"{number:03d}.jpg": many[next(iter(many))] for number in range(400)})
    expect(page.locator("#batch-title")).to_have_text("406 pictures")
    expect(page.locator("[data-filter=sure] [data-count]")).not_to_have_text("6")
    page.locator("[data-batch] [data-cancel]").click()
    expect(page.locator("[data-said]")).to_have_text("Cancelled. What was answered stays.")
    asked = -1
    while asked != len(stub.seen):  # what had its turn is still answered
        asked = len(stub.seen)
        page.wait_for_timeout(600)
    assert first < asked < first + 400
    context.close()
