"""What surrounds the answer on a classifier's page: that it is in view, what one sees while waiting, what is kept, and
what can be done with the picture. The model server is a stub, which can be made to wait."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import SCREENS
from tests.e2e.stub_site import Site
from tests.e2e.test_accessibility import findings
from tests.frontend.model_server_stub import image

FILE = "[data-file] >> nth=0"
PAGE = "/models/landscape"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture(scope="module")
def painting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "painting.png"
    path.write_bytes(image("tan", size=(400, 300)))
    return path


@pytest.fixture
def screen(request: pytest.FixtureRequest) -> str:
    """A desk, unless a test asks for each screen."""
    return str(getattr(request, "param", "desk"))


each_screen = pytest.mark.parametrize("screen", list(SCREENS), indirect=True)


@pytest.fixture
def page(browser: Browser, site: Site, screen: str) -> Iterator[Page]:
    context = browser.new_context(base_url=site.address, locale="en-US", reduced_motion="reduce", **SCREENS[screen])  # type: ignore[arg-type]
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    page.goto(PAGE)
    yield page
    site.held.set()
    context.close()
    assert faults == []


def ask(page: Page, painting: Path) -> None:
    page.set_input_files(FILE, painting)
    expect(page.locator("[data-answer]")).to_be_visible()


def bottom(page: Page, selector: str) -> float:
    return float(page.eval_on_selector(selector, "(element) => element.getBoundingClientRect().bottom + scrollY"))


@each_screen
def test_picture_tools_and_answer_are_above_the_fold(page: Page, painting: Path) -> None:
    assert bottom(page, ".masthead") <= 120
    ask(page, painting)
    for part in ("[data-picture]", "[data-view-tools]", ".tools .buttons", ".confidence"):
        assert bottom(page, part) <= (900 if page.viewport_size == SCREENS["desk"]["viewport"] else 740), part
    ridges, title = page.locator(".ridges").bounding_box(), page.locator("h1").bounding_box()
    assert ridges
    assert title
    assert title["y"] + title["height"] <= ridges["y"]


@each_screen
def test_the_verdict_stays_in_view_in_one_line(page: Page, painting: Path) -> None:
    ask(page, painting)
    line = page.locator("[data-verdict-line]")
    expect(line).to_be_hidden()
    page.locator("footer").scroll_into_view_if_needed()
    expect(line).to_have_text("China 97.0% · sure")
    expect(line).to_be_in_viewport()
    box = line.bounding_box()
    assert box
    assert box["height"] < 60
    assert findings(page) == []
    line.click()
    expect(page.locator(".answer-class")).to_be_in_viewport()
    expect(line).to_be_hidden()


@each_screen
def test_an_example_clicked_from_below_comes_into_view(page: Page) -> None:
    page.locator("[data-example]").scroll_into_view_if_needed()
    page.locator("[data-example]").click()
    expect(page.locator(".truth")).to_be_visible()
    expect(page.locator(".answer-class")).to_be_in_viewport()


def test_of_many_classes_five_are_shown_first(page: Page, painting: Path) -> None:
    page.goto("/models/styles")
    ask(page, painting)
    expect(page.locator(".bars li:visible")).to_have_count(5)
    page.get_by_text("Show all 25").click()
    expect(page.locator(".bars li:visible")).to_have_count(25)
    expect(page.locator(".bars .bar-title").first).to_have_text("Style 0")  # no folder's name


def test_waiting_is_seen_counted_and_called_off(page: Page, site: Site, painting: Path) -> None:
    aborted: list[str] = []
    page.on("requestfailed", lambda request: aborted.append(request.url))
    page.clock.install()
    site.held.clear()
    page.set_input_files(FILE, painting)
    expect(page.locator(".skeleton")).to_be_visible()
    expect(page.locator("[data-seconds]")).to_be_hidden()
    page.clock.run_for(3000)
    expect(page.locator("[data-seconds]")).to_have_text("3 s")
    expect(page.locator("[data-stalled]")).to_be_hidden()
    page.clock.run_for(6000)
    expect(page.locator("[data-stalled]")).to_contain_text("unusually long")
    expect(page.get_by_role("status")).to_contain_text("unusually long")
    assert findings(page) == []
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("[data-cancelled]")).to_contain_text("Your picture is kept.")
    expect(page.locator(".busy")).to_have_count(0)
    assert aborted == [page.url]
    site.held.set()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".answer-class")).to_have_text("China")


def test_the_address_keeps_an_example_in_either_language(page: Page) -> None:
    page.locator("[data-example]").click()
    expect(page.locator(".truth")).to_be_visible()
    assert page.url.endswith(f"{PAGE}/examples/one")
    page.get_by_role("link", name="한국어").click()
    expect(page.locator(".truth")).to_contain_text("정답")
    page.reload()
    expect(page.locator("[data-picture]")).to_be_visible()
    page.go_back()
    page.go_back()
    expect(page.locator("[data-answer]")).to_have_count(0)
    assert page.url.endswith(PAGE)
    page.goto(f"{PAGE}?lang=ko")
    page.locator("[data-example]").click()
    expect(page.locator(".truth")).to_be_visible()
    assert page.url.endswith(f"{PAGE}/examples/one?lang=ko")  # whoever is sent it reads Korean, too


def test_the_language_switch_keeps_picture_and_answer(page: Page, painting: Path) -> None:
    ask(page, painting)
    page.get_by_role("link", name="한국어").click()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page.locator(".answer-class")).to_have_text("중국")
    expect(page.locator("[data-picture]")).to_be_visible()
    page.reload()  # it was carried over once
    expect(page.locator("[data-answer]")).to_have_count(0)


def test_what_was_asked_stays_in_this_browser_until_it_is_forgotten(page: Page, site: Site, painting: Path) -> None:
    ask(page, painting)
    entry = page.locator("[data-earlier] .entry")
    expect(entry).to_contain_text("China 97.0% · sure")
    page.reload()
    asked = len(site.model_server.seen)
    entry.click()
    expect(page.locator(".answer-class")).to_have_text("China")
    expect(page.locator("[data-picture]")).to_be_visible()
    assert len(site.model_server.seen) == asked
    assert findings(page) == []
    page.get_by_role("button", name="Forget all of it").click()
    expect(page.locator("[data-earlier]")).to_be_hidden()
    page.reload()
    expect(page.locator("[data-earlier]")).to_be_hidden()


def test_the_heatmap_is_drawn_aside_to_compare(page: Page, painting: Path) -> None:
    ask(page, painting)
    heat = page.locator("[data-heat]")
    expect(heat).to_be_hidden()
    page.get_by_role("button", name="Heatmap", exact=True).click()
    expect(heat).to_be_visible()
    page.get_by_label("Compare").fill("40")
    expect(heat).to_have_css("clip-path", "inset(0px 0px 0px 40%)")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save").click()
    assert saved.value.suggested_filename == "painting-heatmap.png"
    together = Image.open(saved.value.path()).convert("RGB")
    assert together.size == (400, 300)
    assert together.getpixel((200, 150)) == pytest.approx((241, 54, 42), abs=3)  # seven tenths red over tan


def test_a_closer_look(page: Page, painting: Path) -> None:
    ask(page, painting)
    picture = page.locator("[data-picture]")
    before = picture.bounding_box()
    page.get_by_role("button", name="Closer").click()
    after = picture.bounding_box()
    assert before
    assert after
    assert after["width"] == pytest.approx(1.5 * before["width"])
    page.locator("[data-mount]").focus()
    page.keyboard.press("ArrowRight")
    moved = picture.bounding_box()
    assert moved
    assert moved["x"] == pytest.approx(after["x"] - 0.1 * before["width"], abs=1)
    page.get_by_role("button", name="Away").click()
    assert picture.bounding_box() == before


def test_a_part_of_the_picture_is_asked_about(page: Page, site: Site, painting: Path) -> None:
    page.get_by_label("Crop or rotate before anything is sent").check()
    asked = len(site.model_server.seen)
    page.set_input_files(FILE, painting)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Turn right").click()  # 300 wide, 400 high
    page.get_by_text("Cut off by numbers").click()
    dialog.get_by_label("Left").fill("50")
    dialog.get_by_label("Bottom").fill("25")
    assert findings(page) == []
    assert len(site.model_server.seen) == asked
    dialog.get_by_role("button", name="Ask about this").click()
    expect(page.locator("[data-answer]")).to_be_visible()
    assert Image.open(io.BytesIO(site.model_server.seen[-1][2])).size == (150, 300)


def test_an_untouched_picture_goes_out_as_it_is(page: Page, site: Site, painting: Path) -> None:
    page.get_by_label("Crop or rotate before anything is sent").check()
    page.set_input_files(FILE, painting)
    page.get_by_role("button", name="Ask about this").click()
    expect(page.locator("[data-answer]")).to_be_visible()
    assert site.model_server.seen[-1][2] == painting.read_bytes()


def test_the_answer_and_its_request_are_copied(page: Page, site: Site, painting: Path) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, painting)
    page.get_by_role("button", name="Copy the answer").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines()[1:] == ["China: 97.0%", "han gang: 3.0%", "landscape 1.0"]
    page.get_by_text("Ask the same from a program").click()
    page.get_by_role("button", name="Copy curl").click()
    expect(page.get_by_role("button", name="Copied")).to_have_count(2)
    assert page.evaluate("navigator.clipboard.readText()").startswith("curl --data-binary @painting.png")


def test_a_desktops_camera(browser: Browser, site: Site) -> None:
    context = browser.new_context(base_url=site.address, locale="en-US")
    context.add_init_script(
        """navigator.mediaDevices.getUserMedia = async () => {
            const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
            const context = canvas.getContext("2d");
            setInterval(() => context.fillRect(0, 0, 320, 240), 50);
            return canvas.captureStream(20);
        }"""
    )
    page = context.new_page()
    page.goto(PAGE)
    assert page.evaluate("document.featurePolicy.allowsFeature('camera')")
    page.get_by_role("button", name="Use the camera").click()
    page.get_by_role("button", name="Take the picture").click()
    expect(page.locator("[data-answer]")).to_be_visible()
    assert Image.open(io.BytesIO(site.model_server.seen[-1][2])).size == (320, 240)
    context.close()


@each_screen
def test_the_api_can_be_read_and_tried(page: Page, painting: Path) -> None:
    page.get_by_role("link", name="Use it from a program").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Use it from a program")
    operation = page.locator("#predict")
    operation.locator("summary").click()
    operation.get_by_label("File").set_input_files(painting)
    operation.get_by_role("button", name="Try it").click()
    expect(operation.locator("[data-status]")).to_have_text(re.compile("^200"))
    assert json.loads(operation.locator("[data-reply]").inner_text())["class"] == "china"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for summary in page.locator("main summary").all():
        summary.click()
    assert findings(page) == []
