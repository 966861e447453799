"""axe-core finds nothing, in both languages and both colour schemes, on each screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.conftest import SCREENS

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
FILE = "[data-file] >> nth=0"


def findings(page: Page) -> list[tuple[str, str]]:
    page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate("axe.run()")
    assert len(found["passes"]) > 15, "axe did not look at the page"
    return [(finding["id"], node["html"]) for finding in found["violations"] for node in finding["nodes"]]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_found(
    browser: Browser, live_site: str, pictures: dict[str, Path], screen: str, language: str, scheme: str
) -> None:
    context = browser.new_context(
        base_url=live_site, color_scheme=scheme, reduced_motion="reduce", **SCREENS[screen]  # type: ignore[arg-type]
    )  # fmt: skip
    page = context.new_page()
    page.goto(f"/?lang={language}")
    for summary in page.locator("summary:visible").all():
        summary.click()
    assert findings(page) == []
    page.set_input_files(FILE, pictures["mountains.jpg"])
    page.wait_for_selector("[data-answer]")
    assert findings(page) == []
    page.set_input_files(FILE, pictures["notes.txt"])
    page.wait_for_selector("[data-error]")
    assert findings(page) == []
    page.goto("/nothing")
    assert findings(page) == []
    context.close()


def test_the_check_finds_what_is_wrong(page: Page) -> None:
    page.evaluate("document.querySelector('[data-picture]').removeAttribute('alt')")
    page.evaluate("document.querySelector('[data-picture]').hidden = false")
    page.evaluate("document.querySelector('[data-easel]').classList.add('filled')")
    assert [name for name, _ in findings(page)] == ["image-alt"]
