"""A visitor uploads a video: the timeline grows, a place is sought, a frame explained, the work called off."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.alike import are_alike
from tests.e2e.conftest import SCREENS, draw_mountains, drop
from tests.e2e.test_accessibility import findings
from tests.frontend.video.films import make_film
from tests.frontend.video.test_stream import parse

pytestmark = pytest.mark.slow

FILE = "[data-file]"


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Films to upload: two scenes in WebM, which every Chromium plays, and one in a codec that none plays."""
    folder = tmp_path_factory.mktemp("films")
    mountains = np.asarray(draw_mountains().resize((160, 120)))

    def draw(time: float) -> np.ndarray:
        return np.roll(mountains, int(8 * time), axis=1) if time < 10 else 255 - mountains

    contents = {
        "short.webm": make_film("webm", "libvpx", seconds=12, size=(160, 120), paint=draw),
        "long.webm": make_film("webm", "libvpx", seconds=240, rate=10, size=(160, 120), paint=draw),
        "odd.mkv": make_film("matroska", "ffv1", seconds=5, size=(160, 120), paint=draw),
        "notes.mp4": b"not a video",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture
def video_page(browser: Browser, screen: str, live_site: str) -> Iterator[Page]:
    context = browser.new_context(base_url=live_site, locale="en-US", reduced_motion="reduce", **SCREENS[screen])  # type: ignore[arg-type]
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    page.goto("/models/landscape/video")
    yield page
    context.close()
    assert faults == []


def test_the_way_through(video_page: Page, films: dict[str, Path]) -> None:
    page = video_page
    page.set_input_files(FILE, films["short.webm"])
    answer = page.locator("[data-video-answer]")
    expect(answer.locator(".answer-class")).to_have_text(re.compile("^(China|Japan)$"))
    expect(answer.locator("[data-interval]")).to_have_text(re.compile(r"95% interval"))
    expect(answer).to_contain_text("From 24 frames.")
    expect(page.locator("[data-bars] rect")).to_have_count(24)
    # A click three quarters along the timeline seeks the film there.
    timeline = page.get_by_role("slider", name="Timeline")
    box = timeline.bounding_box()
    assert box is not None
    timeline.click(position={"x": box["width"] * 0.76, "y": box["height"] / 2})
    expect(page.locator("p[data-caption]")).to_have_text(re.compile(r"^0:09\.0: (China|Japan), "))
    assert page.evaluate("document.querySelector('[data-film]').currentTime") == pytest.approx(9, abs=0.2)
    timeline.press("ArrowRight")
    expect(timeline).to_have_attribute("aria-valuenow", "9.5")
    said = page.locator("p[data-caption]").text_content()
    page.get_by_role("button", name="Show where it looked").click()
    expect(page.locator("[data-explained] .legend")).to_be_visible()
    expect(page.locator("[data-heat]")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text(re.compile("^The brighter a place in the heatmap"))
    # The frame has one verdict: the explanation brings no second one.
    expect(page.locator("p[data-caption]")).to_have_text(str(said))
    expect(page.locator("[data-explained]")).not_to_have_text(re.compile("%|sure"))
    expect(page.locator("[data-film]")).to_be_visible()
    assert findings(page) == []
    timeline.press("Home")
    expect(page.locator("[data-heat]")).to_be_hidden()


def test_a_frame_keeps_its_verdict_when_it_is_explained(live_site: str, films: dict[str, Path]) -> None:
    """The real front end, TorchServe and handler: but for the last digit, since the bytes are the same."""
    api = f"{live_site}/api/v1/models/landscape"
    told = ("class", "confidence", "probabilities", "verdict")

    def explain(image: str) -> dict[str, Any]:
        body = base64.b64decode(image)
        answer = requests.post(f"{api}/explain", data=body, headers={"Content-Type": "image/png"}, timeout=60).json()
        assert answer["explanation"]["method"] == "grad-cam"
        return {key: answer[key] for key in told}

    film = films["short.webm"].read_bytes()
    stream = requests.post(
        f"{api}/video?images=true&rate=1", data=film, headers={"Content-Type": "video/webm"}, timeout=120
    )
    frames = [data for kind, data in parse(stream.text) if kind == "frame"]
    assert len(frames) == 12
    judged = [{key: frame[key] for key in told} for frame in frames]
    assert are_alike([explain(frame["image"]) for frame in frames], judged, tolerance=1.01e-6)
    # The JPEG for people is another image, and has other figures: what once was explained.
    assert [explain(frame["preview"]) for frame in frames] != judged


def test_the_timeline_grows_and_the_work_is_called_off(video_page: Page, films: dict[str, Path]) -> None:
    page = video_page
    page.select_option("[data-wish]", "rate=10")
    page.set_input_files(FILE, films["long.webm"])
    bars = page.locator("[data-bars] rect")
    expect(bars.nth(2)).to_be_attached()
    some = bars.count()
    expect(bars.nth(some)).to_be_attached()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("[data-progress-text]")).to_have_text(re.compile("^Cancelled"))
    count = -1
    while count != bars.count():  # it comes to rest, long before the film's end
        count = bars.count()
        page.wait_for_timeout(700)
    assert count < 2400
    expect(page.locator("[data-video-answer]")).to_have_count(0)


def test_a_film_that_the_browser_does_not_play_shows_its_frames(video_page: Page, films: dict[str, Path]) -> None:
    page = video_page
    page.set_input_files(FILE, films["odd.mkv"])
    expect(page.locator("[data-video-answer]")).to_be_visible()
    expect(page.locator("[data-film]")).to_be_hidden()
    expect(page.locator("[data-still]")).to_be_visible()


def test_a_film_is_dropped_anywhere_on_the_page(video_page: Page, films: dict[str, Path]) -> None:
    page = video_page
    drop(page, {"notes.mp4": films["notes.mp4"].read_bytes()}, "video/mp4")
    expect(page.locator("[data-error=not_a_video]")).to_be_visible()
    drop(page, {"short.webm": films["short.webm"].read_bytes()}, "video/webm")
    expect(page.locator("[data-video-answer]")).to_contain_text("From 24 frames.")
    expect(page.locator("[data-film]")).to_be_visible()


def test_a_bad_file_is_explained(video_page: Page, films: dict[str, Path]) -> None:
    page = video_page
    page.set_input_files(FILE, films["notes.mp4"])
    expect(page.locator("[data-error=not_a_video]")).to_be_visible()
    expect(page.locator(".invitation")).to_be_visible()  # and no empty frame where the film would be
    expect(page.locator(".mount")).to_be_hidden()
    page.set_input_files(FILE, films["short.webm"])
    expect(page.locator("[data-video-answer]")).to_be_visible()
    expect(page.locator(".invitation")).to_be_hidden()


def test_a_film_too_large_ends_the_one_before(video_page: Page, films: dict[str, Path]) -> None:
    page = video_page
    page.select_option("[data-wish]", "rate=10")
    page.set_input_files(FILE, films["long.webm"])
    expect(page.locator("[data-bars] rect").first).to_be_attached()
    page.evaluate("document.querySelector('form').dataset.maxBytes = 1")
    page.set_input_files(FILE, films["notes.mp4"])
    expect(page.locator("[data-error=video_too_large]")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(page.locator("[data-progress]")).to_be_hidden()
    expect(page.locator(".invitation")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_in_korean(
    browser: Browser, live_site: str, films: dict[str, Path], screen: str, scheme: str
) -> None:
    context = browser.new_context(
        base_url=live_site, color_scheme=scheme, reduced_motion="reduce", **SCREENS[screen]  # type: ignore[arg-type]
    )  # fmt: skip
    page = context.new_page()
    page.goto("/models/landscape/video?lang=ko")
    assert findings(page) == []
    page.set_input_files(FILE, films["short.webm"])
    expect(page.locator("[data-video-answer]")).to_contain_text("평균 확신도")
    assert findings(page) == []
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
    context.close()
