"""A stranger in a real browser: the verdict leads, nothing is drawn over the picture, and everybody hears the same.

The model server is a stub, so that each reason can be had at will; what the real gate says is tested with the gate.
"""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from frontend import create_app
from frontend.settings import Settings
from tests.e2e.conftest import SCREENS
from tests.e2e.test_accessibility import findings
from tests.frontend.model_server_stub import ModelServerStub, Reply, answer, unknown_answer
from tests.frontend.video.films import make_film

FILE = "[data-file] >> nth=0"


def judge(request: BaseHTTPRequestHandler, body: bytes) -> Reply:
    """Dark images are blank, light ones are unlike, and between them the model is sure; explained if asked."""
    shade = np.asarray(Image.open(io.BytesIO(body)).convert("L")).mean()
    explained = "explanations" in request.path
    if 40 < shade < 220:
        return 200, json.dumps(answer(explained=explained)).encode()
    return 200, json.dumps(unknown_answer("blank" if shade <= 40 else "unlike", explained=explained)).encode()


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    stub = ModelServerStub()
    stub.reply = judge
    server = make_server("127.0.0.1", 0, create_app(Settings(model_server_url=stub.address)), threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    stub.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    for name, colour in (("dark", "black"), ("light", "white"), ("painting", "tan")):
        Image.new("RGB", (120, 90), colour).save(folder / f"{name}.png")

    def paint(time: float) -> np.ndarray:
        return np.full((48, 64, 3), 0 if 1 <= time < 2 else 150, np.uint8)

    (folder / "film.webm").write_bytes(make_film("webm", "libvpx", paint=paint, seconds=3))
    (folder / "night.webm").write_bytes(make_film("webm", "libvpx", paint=lambda time: paint(1), seconds=2))
    return {path.stem: path for path in folder.iterdir()}


@pytest.fixture
def page(browser: Browser, site: str, screen: str) -> Iterator[Page]:
    scheme = {"telephone": "light", "desk": "dark"}[screen]
    context = browser.new_context(
        base_url=site, locale="en-US", color_scheme=scheme, reduced_motion="reduce", **SCREENS[screen]  # type: ignore[arg-type]
    )  # fmt: skip
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    yield page
    context.close()
    assert faults == []


def colour_of(page: Page, selector: str, property: str) -> str:
    return str(page.eval_on_selector(selector, f"(element) => getComputedStyle(element)['{property}']"))


def test_the_verdict_leads_and_the_class_is_small(page: Page, files: dict[str, Path]) -> None:
    page.goto("/models/landscape")
    page.set_input_files(FILE, files["painting"])
    page.get_by_role("button", name="Heatmap", exact=True).click()
    expect(page.locator("[data-heat]")).to_be_visible()
    seal = colour_of(page, ".verdict-sure", "borderInlineStartColor")
    page.set_input_files(FILE, files["dark"])
    expect(page.get_by_role("heading", name="Unlike anything that I learned")).to_be_visible()
    expect(page.locator("[data-reason=blank]")).to_contain_text("It has one colour, or almost")
    expect(page.locator("[data-heat]")).to_be_hidden()
    expect(page.locator("[data-heat-toggle], [data-heat-controls]").locator("visible=true")).to_have_count(0)
    expect(page.get_by_role("status")).to_have_text(re.compile("^Unlike anything .* one colour.* “China”"))
    sizes = [float(colour_of(page, each, "fontSize").rstrip("px")) for each in (".answer-class", ".nearest")]
    assert sizes[0] >= 1.9 * sizes[1]
    assert colour_of(page, ".verdict-unknown", "borderInlineStartColor") != seal
    expect(page.locator(".bars")).to_be_hidden()
    assert findings(page) == []
    page.locator(".answer summary").first.press("Enter")  # whoever wants the numbers has them, in no colour of the seal
    expect(page.locator(".bars li")).to_have_count(2)
    assert colour_of(page, ".chosen .bar rect", "fill") != seal
    assert findings(page) == []
    page.set_input_files(FILE, files["light"])
    expect(page.locator("[data-reason=unlike]")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_on_paper_the_answer_is_whole(page: Page, files: dict[str, Path]) -> None:
    page.goto("/models/landscape")
    page.set_input_files(FILE, files["dark"])
    expect(page.locator("[data-answer]")).to_be_visible()
    page.emulate_media(media="print")
    for shown in ("[data-picture]", ".answer-class", "[data-reason]", ".nearest"):
        expect(page.locator(shown)).to_be_visible()
    for hidden in (".tools", ".examples", ".languages", "[data-heat]"):
        expect(page.locator(hidden).first).to_be_hidden()


def test_a_film_with_black_frames(page: Page, files: dict[str, Path]) -> None:
    page.goto("/models/landscape/video")
    page.set_input_files(FILE, files["film"])
    expect(page.locator("[data-video-answer] .answer-class")).to_have_text("China")
    expect(page.locator("[data-unknown-shares]")).to_contain_text("33.3% (one colour, or almost)")
    bars = page.locator("[data-bars] rect.hue-unknown")
    expect(bars).to_have_count(2)
    assert [bars.nth(index).get_attribute("height") for index in range(2)] == ["100.00"] * 2
    assert colour_of(page, "[data-bars] rect.hue-unknown", "fill").startswith("url(")
    expect(page.locator("[data-unknown-key]")).to_be_visible()
    timeline, caption = page.get_by_role("slider", name="Timeline"), page.locator("p[data-caption]")
    explain = page.get_by_role("button", name="Show where it looked")
    timeline.press("Home")
    expect(caption).to_have_text("0:00.0: China, 97.0% · sure")
    explain.click()
    expect(page.locator("[data-heat]")).to_be_visible()
    for _ in range(2):
        timeline.press("ArrowRight")
    expect(caption).to_have_text("0:01.0: one colour, or almost; the nearest class is China")
    expect(timeline).to_have_attribute("aria-valuetext", "0:01.0: one colour, or almost; the nearest class is China")
    expect(page.locator("[data-heat]")).to_be_hidden()
    expect(explain).to_be_hidden()
    assert findings(page) == []


def test_an_unknown_film(page: Page, files: dict[str, Path]) -> None:
    page.goto("/models/landscape/video")
    page.set_input_files(FILE, files["night"])
    expect(page.get_by_role("heading", name="Unlike anything that I learned")).to_be_visible()
    expect(page.locator("[data-unknown-shares]")).to_contain_text("100.0% (one colour, or almost)")
    expect(page.get_by_role("status")).to_have_text(re.compile("^Unlike anything that I learned"))
    expect(page.locator(".bars")).to_be_hidden()
    assert findings(page) == []
    page.set_input_files(FILE, files["film"])  # what was said of one film does not stay on the next
    expect(page.locator("[data-video-answer] .answer-class")).to_have_text("China")
    expect(page.locator("[data-bars] rect")).to_have_count(6)
