"""A video before a model of many classes: five bars and a way to the others. The model server is a stub."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import SCREENS
from tests.e2e.stub_site import MANY, Site
from tests.e2e.test_accessibility import findings
from tests.frontend.video.films import make_film


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "short.webm"
    path.write_bytes(make_film("webm", "libvpx", seconds=12, size=(160, 120)))
    return path


@pytest.fixture
def page(browser: Browser, site: Site, screen: str) -> Iterator[Page]:
    context = browser.new_context(base_url=site.address, locale="en-US", reduced_motion="reduce", **SCREENS[screen])  # type: ignore[arg-type]
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto("/models/styles/video")
    yield page
    context.close()
    assert faults == []


def test_of_many_classes_five_are_shown_first(page: Page, film: Path) -> None:
    page.set_input_files("[data-file]", film)
    answer = page.locator("[data-video-answer]")
    expect(answer.locator(".answer-class")).to_have_text("Style 0")
    shown = answer.locator(".bars > li:visible")
    expect(shown).to_have_count(5)
    expect(shown.first.locator(".bar-title")).to_have_text("Style 0")
    expect(shown.first).to_have_class("chosen")
    # What was never ahead says nothing about it.
    assert answer.locator(".bar-share").all_text_contents() == ["ahead in 100.0% of the time"]
    every = answer.get_by_text("Show all 25")
    every.click()
    expect(shown).to_have_count(25)
    titles = shown.locator(".bar-title").all_text_contents()
    assert sorted(titles) == sorted(key.replace("_", " ").capitalize() for key in MANY), "one is missing or twice there"
    boxes = [box for each in shown.all() if (box := each.bounding_box())]
    assert all(above["y"] + above["height"] <= below["y"] for above, below in pairwise(boxes))
    assert len({box["width"] for box in boxes}) == 1
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    every.click()
    expect(shown).to_have_count(5)
    # The timeline has six hues; what is beyond them shares a seventh, and says so.
    expect(page.locator(".keys li:visible")).to_have_count(7)
    expect(page.locator(".keys li:visible").last).to_have_text("the other classes")
    assert page.locator("[data-bars] rect.hue-0").count() == page.locator("[data-bars] rect").count() == 24
