"""What a visitor does, in a real browser, with the real model behind it."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.conftest import drop

Pictures = dict[str, Path]

FILE = "[data-file] >> nth=0"


def expect_answer(page: Page) -> None:
    """An answer with a class, a confidence, a bar for each class, a verdict and a time."""
    answer = page.locator("[data-answer]")
    expect(answer.locator(".answer-class")).to_have_text(re.compile("^(China|Japan)$"))
    expect(answer.locator(".confidence")).to_have_text(re.compile(r"(> )?\d+\.\d% confidence"))
    expect(answer.locator(".bars li")).to_have_count(2)
    expect(answer.locator(".verdict-name")).to_have_text(re.compile("^The model is (not )?sure$"))
    expect(answer.locator(".time")).to_have_text(re.compile(r"Answered in [\d,.]+ m?s"))


def paste(page: Page, path: Path) -> None:
    page.evaluate(
        """([data, name, type]) => {
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name, { type }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
        }""",
        [base64.b64encode(path.read_bytes()).decode(), path.name, "image/jpeg"],
    )


def test_choosing_a_picture_answers_and_explains_it(page: Page, pictures: Pictures) -> None:
    page.set_input_files(FILE, pictures["mountains.jpg"])
    expect_answer(page)
    expect(page.locator("[data-picture]")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^(China|Japan), .*%\. The model is (not )?sure$"))


def test_dropping_a_picture_answers_it(page: Page, pictures: Pictures) -> None:
    drop(page, {"mountains.jpg": pictures["mountains.jpg"].read_bytes()})
    expect_answer(page)


def test_pasting_a_picture_answers_it(page: Page, pictures: Pictures) -> None:
    paste(page, pictures["mountains.jpg"])
    expect_answer(page)


def test_the_camera_is_offered_where_there_is_one(page: Page, screen: str) -> None:
    camera = page.get_by_text("Take a photograph", exact=True)
    expect(camera).to_be_visible(visible=screen == "telephone")
    expect(page.locator("[data-file][capture]")).to_have_attribute("capture", "environment")


def test_the_heatmap_lies_on_the_picture_and_fades_by_the_slider(page: Page, pictures: Pictures) -> None:
    page.set_input_files(FILE, pictures["mountains.jpg"])
    expect_answer(page)
    heat, slider = page.locator("[data-heat]"), page.get_by_label("Strength", exact=True)
    expect(heat).to_be_hidden()  # it would cover what the picture shows
    page.get_by_role("button", name="Heatmap", exact=True).click()
    expect(heat).to_have_css("opacity", "0.7")
    places = page.evaluate(  # both at once: on a telephone the page is still scrolling to the answer
        "['heat', 'picture'].map((name) => document.querySelector(`[data-${name}]`).getBoundingClientRect().toJSON())"
    )
    assert places[0] == places[1]
    slider.focus()
    page.keyboard.press("End")
    expect(heat).to_have_css("opacity", "1")
    page.keyboard.press("Home")
    expect(heat).to_have_css("opacity", "0")


@pytest.mark.parametrize("name", ["mountains.jpg", "turned.jpg"])
def test_a_picture_is_shown_upright_and_undistorted(page: Page, pictures: Pictures, name: str) -> None:
    page.set_input_files(FILE, pictures[name])
    expect_answer(page)
    box = page.locator("[data-picture]").bounding_box()
    assert box is not None
    assert box["width"] / box["height"] == pytest.approx(4 / 3, rel=0.02)


def test_a_picture_that_the_browser_cannot_show_is_answered(page: Page, pictures: Pictures) -> None:
    page.set_input_files(FILE, pictures["mountains.tiff"])
    expect_answer(page)
    expect(page.get_by_text("Your browser can’t show this kind of picture")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("notes.txt", "not_a_picture", "This file is not a picture that we can read."),
        ("broken.jpg", "broken_picture", "This picture is damaged."),
    ],
)
def test_a_bad_file_is_explained_and_the_next_one_answered(
    page: Page, pictures: Pictures, name: str, code: str, words: str
) -> None:
    page.set_input_files(FILE, pictures[name])
    expect(page.locator(f"[data-error={code}]")).to_contain_text(words)
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    page.set_input_files(FILE, pictures["mountains.jpg"])
    expect_answer(page)


def test_too_large_a_picture_is_not_even_sent(page: Page, tmp_path: Path) -> None:
    limit = int(page.locator("#ask").get_attribute("data-max-bytes") or 0)
    large = tmp_path / "large.bin"
    large.write_bytes(b"\0" * (limit + 1))
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.set_input_files(FILE, large)
    expect(page.locator("[data-error=picture_too_large]")).to_be_visible()
    assert sent == []


def test_an_error_keeps_the_picture_and_another_try_answers_it(page: Page, pictures: Pictures) -> None:
    def fail(route: Route) -> None:
        route.abort("connectionrefused")

    page.route("**/models/*", fail)
    page.set_input_files(FILE, pictures["mountains.jpg"])
    expect(page.locator("[data-error=offline]")).to_be_visible()
    expect(page.locator("[data-picture]")).to_be_visible()
    page.unroute("**/models/*")
    page.get_by_role("button", name="Try again").click()
    expect_answer(page)
    expect(page.locator("[data-error]")).to_have_count(0)


def test_a_newer_picture_calls_off_the_older(page: Page, pictures: Pictures) -> None:
    held: list[Route] = []
    page.route("**/models/*", lambda route: held.append(route))
    page.set_input_files(FILE, pictures["notes.txt"])
    expect(page.get_by_role("status")).to_have_text("Looking at the picture…")
    page.unroute("**/models/*")
    page.set_input_files(FILE, pictures["mountains.jpg"])
    expect_answer(page)
    expect(page.locator("[data-error]")).to_have_count(0)


def test_an_example_is_answered_without_asking_the_model(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    page.locator("[data-example]").first.click()
    expect_answer(page)
    expect(page.locator(".truth")).to_contain_text("its true class is")
    expect(page.get_by_role("button", name="Heatmap", exact=True)).to_be_visible()
    assert asked == []


def test_the_language_is_switched_and_stays(page: Page, pictures: Pictures) -> None:
    page.get_by_role("link", name="한국어").click()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page.get_by_role("heading", name="이 모델에 대하여")).to_be_visible()
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    page.set_input_files(FILE, pictures["mountains.jpg"])
    expect(page.locator(".answer-class")).to_have_text(re.compile("^(중국|일본)$"))
    page.set_input_files(FILE, pictures["notes.txt"])
    expect(page.locator("[data-error]")).to_contain_text("읽을 수 있는 그림 파일이 아닙니다.")


def test_the_keyboard_alone_reaches_the_file_dialogue_and_sees_where_it_is(page: Page) -> None:
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('[data-file]')"):
            break
    button = page.locator(".button", has=page.locator("[data-file]:focus"))
    expect(button).to_have_css("outline-style", "solid")
    page.evaluate(
        "document.activeElement.addEventListener('click', event => {"
        " event.preventDefault(); event.target.dataset.clicked = event.isTrusted })"
    )
    page.keyboard.press("Space")  # a trusted click on a file input is what opens the browser's dialogue
    expect(page.locator('[data-clicked="true"]')).to_have_count(1)


def test_nothing_hangs_over_the_edge(page: Page, pictures: Pictures) -> None:
    for _ in range(2):
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.set_input_files(FILE, pictures["mountains.jpg"])
        expect_answer(page)


def test_without_scripts_a_form_is_answered(browser: Browser, live_site: str, pictures: Pictures) -> None:
    context = browser.new_context(base_url=live_site, java_script_enabled=False, locale="en-US")
    page = context.new_page()
    page.goto("/")
    page.set_input_files(FILE, pictures["mountains.jpg"])
    page.get_by_role("button", name="Classify").click()
    expect_answer(page)
    expect(page.locator("[data-picture]")).to_be_visible()
    expect(page.locator("[data-heat]")).to_be_visible()
    page.locator("[data-example]").first.click()
    expect(page.locator(".truth")).to_be_visible()
    context.close()
