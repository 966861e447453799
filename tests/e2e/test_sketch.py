"""Drawing in a real browser. The model server is a stub here, so that answers can be held back and told apart; the real
archive answers in test_sketch_served.py."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from frontend import create_app
from frontend.settings import Settings
from tests.e2e.conftest import SCREENS, wait_for
from tests.e2e.test_accessibility import findings
from tests.frontend.model_server_stub import FAULTS, ModelServerStub, Reply
from tests.frontend.sketch.sketch_stub import (
    EMBEDDING,
    drawing,
    ink_share,
    reply_as_sketch,
    sketch_card,
    sketch_examples,
)
from tests.frontend.sketch.test_gallery import write_gallery
from tests.frontend.sketch.unsplash_stub import KEY, UnsplashStub
from tests.waiting import PATIENCE

pytestmark = pytest.mark.slow

FILE = "[data-file] >> nth=0"


class Site:
    """The front end before a model server that finds two objects wherever there is ink."""

    def __init__(self, gallery: Path) -> None:
        self.model_server = ModelServerStub()
        self.model_server.models["sketch"] = (sketch_card(), sketch_examples())
        self.model_server.reply = self.answer
        self.inks: list[float] = []
        self.held: threading.Event | None = None
        self.fault: Reply | None = None
        picture = io.BytesIO()
        Image.new("RGB", (8, 8), "navy").save(picture, "PNG")
        self.unsplash = UnsplashStub(picture.getvalue())
        settings = Settings(
            model_server_url=self.model_server.address,
            models=("sketch",),
            gallery=gallery,
            unsplash_access_key=KEY,  # type: ignore[arg-type]
            unsplash_url=self.unsplash.address,
            unsplash_pictures=self.unsplash.address,
        )
        self._server = make_server("127.0.0.1", 0, create_app(settings), threaded=True)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> Reply:
        if self.fault:
            return self.fault
        reply = reply_as_sketch(request, body)
        if reply[0] == 200:
            self.inks.append(ink_share(body))
        if self.held:
            self.held.wait(2 * PATIENCE)
        return reply

    def close(self) -> None:
        self._server.shutdown()
        self.model_server.close()
        self.unsplash.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    write_gallery(tmp_path, np.eye(8, dtype=np.float32), EMBEDDING)
    site = Site(tmp_path)
    yield site
    site.close()


@contextmanager
def opened(browser: Browser, site: Site, screen: str) -> Iterator[Page]:
    """The English drawing page. A script that fails or breaks the content security policy fails the test."""
    context = browser.new_context(base_url=site.address, locale="en-US", **SCREENS[screen])  # type: ignore[arg-type]
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    page.goto("/models/sketch")
    expect(page.get_by_role("toolbar")).to_be_visible()
    yield page
    context.close()
    assert faults == []


@pytest.fixture
def page(browser: Browser, site: Site, screen: str) -> Iterator[Page]:
    with opened(browser, site, screen) as page:
        yield page


@pytest.fixture
def desk(browser: Browser, site: Site) -> Iterator[Page]:
    with opened(browser, site, "desk") as page:
        yield page


def draw(page: Page, *points: tuple[float, float], touch: bool = False) -> None:
    """One stroke through points in 0…1 of the sheet, with the mouse or a finger."""
    page.locator("[data-sheet]").scroll_into_view_if_needed()
    box = page.locator("[data-sheet]").bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    if touch:
        session = page.context.new_cdp_session(page)
        for number, (x, y) in enumerate(places):
            kind = "touchMove" if number else "touchStart"
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        return
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def ink(page: Page) -> int:
    """Pixels of the sheet that are inked."""
    count: int = page.evaluate(
        """() => {
            const sheet = document.querySelector("[data-sheet]");
            const { data } = sheet.getContext("2d").getImageData(0, 0, sheet.width, sheet.height);
            let count = 0;
            for (let each = 3; each < data.length; each += 4) count += data[each] > 127;
            return count;
        }"""
    )
    return count


STROKE = ((0.2, 0.2), (0.5, 0.7), (0.7, 0.3))


@pytest.mark.parametrize(
    ("screen", "touch"), [("telephone", False), ("telephone", True), ("desk", False)], indirect=["screen"]
)
def test_a_stroke_brings_guesses_boxes_and_references(page: Page, site: Site, touch: bool) -> None:
    draw(page, *STROKE, touch=touch)
    expect(page.locator(".object-title")).to_have_text(["Cat", "Tree"])
    expect(page.locator("[data-overlay] rect")).to_have_count(2)
    expect(page.locator("[data-overlay] text").first).to_have_text("Cat 87.0%")
    expect(page.get_by_role("status")).to_have_text("Cat, 87.0%. Tree, 61.0%.")
    expect(page.locator("[data-reference]")).to_have_count(16)
    expect(page.get_by_text("Jane <Doe>").first).to_be_visible()
    assert site.inks[-1] > 0.001
    assert sorted(site.unsplash.searches) == ["cat", "tree"]
    picture = page.locator("[data-reference] img").first
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("complete", True)
    assert page.evaluate("document.querySelector('[data-reference] img').naturalWidth") == 8
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_undo_redo_eraser_and_clear(page: Page) -> None:
    undo, redo, clear = (page.get_by_role("button", name=name) for name in ("Undo", "Redo", "Clear"))
    draw(page, (0.1, 0.5), (0.9, 0.5))
    line = ink(page)
    draw(page, (0.5, 0.1), (0.5, 0.9))
    cross = ink(page)
    assert 0 < line < cross
    undo.click()
    assert ink(page) == line
    redo.click()
    assert ink(page) == cross
    page.get_by_role("button", name="Eraser").click()
    expect(page.get_by_role("button", name="Eraser")).to_have_attribute("aria-pressed", "true")
    draw(page, (0.5, 0.05), (0.5, 0.95))
    assert ink(page) < line
    page.keyboard.press("Control+z")
    assert ink(page) == cross
    clear.click()
    assert ink(page) == 0
    expect(page.get_by_role("status")).to_have_text("The page is empty.")
    expect(page.locator("[data-answer]")).to_have_count(0)
    expect(clear).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Control+z")
    assert ink(page) == cross
    expect(page.locator("[data-answer=objects]")).to_be_visible()
    expect(redo).to_have_attribute("aria-disabled", "false")


def test_a_dot_is_no_drawing(desk: Page, site: Site) -> None:
    draw(desk, (0.5, 0.5))
    expect(desk.locator("[data-answer=nothing]")).to_contain_text("No drawing recognised.")
    assert 0 < site.inks[-1] < 0.0005


def test_only_the_answer_to_the_newest_sheet_is_shown(desk: Page, site: Site) -> None:
    site.held = threading.Event()
    draw(desk, *STROKE)
    expect(desk.locator("[data-result]")).to_have_attribute("aria-busy", "true")
    wait_for(desk, lambda: site.inks)
    for start in (0.1, 0.2, 0.3):
        draw(desk, (start, 0.8), (start + 0.5, 0.9))
    desk.get_by_role("button", name="Clear").click()
    draw(desk, (0.5, 0.5))  # a dot: no drawing
    site.held.set()
    expect(desk.locator("[data-answer=nothing]")).to_be_visible()
    desk.wait_for_timeout(300)
    expect(desk.locator("[data-answer=nothing]")).to_be_visible()
    assert len(site.inks) == 2  # what lay between was not even asked


def test_ten_thousand_strokes_are_undone_from_the_nearest_copy(desk: Page) -> None:
    painted = desk.evaluate(
        """async () => {
            const { Sheet } = await import("/static/sheet.js");
            const canvas = document.createElement("canvas");
            canvas.width = canvas.height = 1024;
            document.body.append(canvas);
            canvas.setPointerCapture = () => {};
            const sheet = new Sheet(canvas, { changed() {}, began() {} });
            const send = (kind, x, y) =>
                canvas.dispatchEvent(new PointerEvent(kind, { pointerId: 1, clientX: x, clientY: y }));
            for (let each = 0; each < 10000; each++) {
                send("pointerdown", each % 300, 5); send("pointermove", each % 300 + 3, 90); send("pointerup", 0, 0);
            }
            const fill = CanvasRenderingContext2D.prototype.fill;
            let fills = 0;
            CanvasRenderingContext2D.prototype.fill = function (...all) { fills += 1; return fill.apply(this, all); };
            const most = [];
            for (let each = 0; each < 250; each++) { fills = 0; sheet.undo(); most.push(fills); }
            canvas.remove();
            return [Math.max(...most), sheet.canRedo];
        }"""
    )
    assert painted[0] <= 100
    assert painted[1]


def test_a_photograph_of_paper_is_cleaned_and_drawn_upon(desk: Page, site: Site, tmp_path: Path) -> None:
    path = tmp_path / "paper.png"
    path.write_bytes(drawing())
    desk.set_input_files(FILE, path)
    expect(desk.locator("[data-answer=objects]")).to_be_visible()
    assert len(site.inks) == 2  # the photograph, and the sheet with the cleaned page on it
    before = site.inks[-1]
    assert before > 0.005
    draw(desk, (0.1, 0.1), (0.9, 0.1))
    expect(desk.locator("[data-result]")).not_to_have_attribute("aria-busy", "true")
    desk.wait_for_function("() => document.querySelector('[data-sketch]').dataset.shown === '2'")
    assert site.inks[-1] > before


@pytest.mark.parametrize(
    ("content", "shown"),
    [(b"text", "[data-error=not_a_picture]"), (None, "[data-answer=nothing]")],
)
def test_what_is_no_drawing_leaves_the_sheet_alone(
    desk: Page, site: Site, tmp_path: Path, content: bytes | None, shown: str
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content or b"")
    if content is None:
        Image.effect_noise((300, 300), 90).save(path)
    desk.set_input_files(FILE, path)
    expect(desk.locator(shown)).to_be_visible()
    assert ink(desk) == 0


def test_a_refused_picture_takes_the_drawings_answer_away(desk: Page, tmp_path: Path) -> None:
    draw(desk, *STROKE)
    expect(desk.locator("[data-overlay] rect")).to_have_count(2)
    path = tmp_path / "a.png"
    path.write_bytes(b"text")
    desk.set_input_files(FILE, path)
    expect(desk.locator("[data-error=not_a_picture]")).to_be_visible()
    expect(desk.locator("[data-overlay] rect")).to_have_count(0)
    expect(desk.locator("[data-object]")).to_have_count(0)


def test_a_row_shows_its_box_to_mouse_and_keyboard(desk: Page) -> None:
    draw(desk, *STROKE)
    row, box = desk.locator('[data-object="1"]'), desk.locator('[data-box-of="1"]')
    expect(box).not_to_have_class("pointed")
    row.hover()
    expect(box).to_have_class("pointed")
    desk.locator("h1").hover()
    expect(box).not_to_have_class("pointed")
    row.focus()
    expect(box).to_have_class("pointed")
    expect(desk.locator(".pointed")).to_have_count(1)


def test_another_try_sends_the_photograph_again(desk: Page, site: Site, tmp_path: Path) -> None:
    path = tmp_path / "paper.png"
    path.write_bytes(drawing())
    site.fault = FAULTS["handler raised"]
    desk.set_input_files(FILE, path)
    expect(desk.locator("[data-error=model_failed]")).to_contain_text("Your picture is kept.")
    site.fault = None
    desk.get_by_role("button", name="Try again").click()
    expect(desk.locator("[data-answer=objects]")).to_be_visible()
    assert ink(desk) > 0


def test_a_reference_is_kept_beside_and_its_use_reported(desk: Page, site: Site) -> None:
    draw(desk, *STROKE)
    desk.get_by_role("button", name="Keep beside a cat in the grass").first.click()
    kept = desk.locator("[data-kept]")
    expect(kept).to_be_visible()
    expect(kept).to_contain_text("Photo by Jane <Doe> on Unsplash")
    wait_for(desk, lambda: any(path == "/photos/cat0/download" for path, _, _ in site.unsplash.seen))
    assert ("/photos/cat0/download", {"ixid": ["M3wxMjA3fDB8MHxzZWFyY2h8MXx8"]}) in [
        (path, query) for path, query, _ in site.unsplash.seen
    ]
    desk.get_by_role("button", name="Put away").click()
    expect(kept).to_be_hidden()


def test_it_can_be_installed_and_stays_a_sheet_without_a_connection(desk: Page) -> None:
    manifest = desk.evaluate("fetch(document.querySelector('link[rel=manifest]').href).then((r) => r.json())")
    assert {"name", "short_name", "start_url", "display", "icons", "id", "scope"} <= manifest.keys()
    assert {icon["sizes"] for icon in manifest["icons"]} >= {"192x192", "512x512"}
    desk.wait_for_function("() => navigator.serviceWorker.controller !== null")
    kept = (
        "caches.open('hwapung-1').then((cache) => cache.keys()).then((all) => all.map((r) => new URL(r.url).pathname))"
    )
    wait_for(desk, lambda: "/static/vendor/perfect-freehand.js" in desk.evaluate(kept))
    desk.context.set_offline(True)
    desk.reload()
    expect(desk.locator("[data-offline]")).to_be_visible()
    draw(desk, *STROKE)
    assert ink(desk) > 0
    expect(desk.locator("[data-error=offline]")).to_be_visible()
    desk.goto("/models/landscape")
    expect(desk.get_by_role("heading", name="You are offline")).to_be_visible()
    desk.context.set_offline(False)
    desk.goto("/models/sketch")
    expect(desk.locator("[data-offline]")).to_be_hidden()


def test_guesses_come_back_with_the_connection(desk: Page) -> None:
    desk.context.set_offline(True)
    draw(desk, *STROKE)
    expect(desk.locator("[data-error=offline]")).to_be_visible()
    desk.context.set_offline(False)
    expect(desk.locator("[data-answer=objects]")).to_be_visible()


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ko", "dark")])
def test_axe_finds_nothing_serious(browser: Browser, site: Site, screen: str, language: str, scheme: str) -> None:
    context = browser.new_context(
        base_url=site.address, color_scheme=scheme, reduced_motion="reduce", **SCREENS[screen]  # type: ignore[arg-type]
    )  # fmt: skip
    page = context.new_page()
    page.goto(f"/models/sketch?lang={language}")
    assert findings(page) == []
    draw(page, *STROKE)
    expect(page.locator("[data-reference]")).to_have_count(16)
    page.locator("[data-keep]").first.click()
    assert findings(page) == []
    page.goto("/offline")
    assert findings(page) == []
    context.close()


def test_a_server_that_says_nothing_is_told_of(desk: Page, site: Site) -> None:
    desk.clock.install()
    site.held = threading.Event()
    draw(desk, *STROKE)
    desk.clock.run_for(1000)
    expect(desk.locator("[data-stalled]")).to_be_hidden()
    desk.clock.run_for(9000)
    expect(desk.locator("[data-stalled]")).to_contain_text("You can go on drawing.")
    site.held.set()
    desk.clock.run_for(1000)
    expect(desk.locator("[data-answer=objects]")).to_be_visible()
    expect(desk.locator("[data-stalled]")).to_be_hidden()
