"""A webtoon's episode on its page: the real model behind it, and a real browser before it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from frontend.video.aggregate import mean_of_parts
from hwapung.local import serving
from tests.e2e.conftest import SCREENS
from tests.e2e.test_accessibility import FILE, findings
from tests.strips import draw_strip
from torchserve.archive import build_archive

WIDTH = 120
CLASSES = ("china", "japan")


@pytest.fixture(scope="module")
def strip_site(tiny_strip_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = tmp_path_factory.mktemp("strip-store")
    build_archive(tiny_strip_bundle, store)
    with serving(store) as address:
        yield address


@pytest.fixture(scope="module")
def strips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """`episode`: ten panels; `blank`: three, with a long white space between; `lying`: five from left to right;
    `picture`: a panel by itself."""
    folder = tmp_path_factory.mktemp("episodes")
    episode = draw_strip(["daily"] * 4 + ["romance"] * 4 + ["thriller"] * 2, 1, WIDTH)
    gap = draw_strip(["daily"] * 3, 2, WIDTH)
    gap.paste("white", (0, gap.height // 3, WIDTH, 2 * gap.height // 3))
    images = {
        "episode": episode,
        "blank": gap,
        "lying": draw_strip(["romance"] * 5, 3, WIDTH).transpose(Image.Transpose.ROTATE_90),
        "picture": episode.crop((0, 0, WIDTH, 200)),
    }
    for name, image in images.items():
        image.save(folder / f"{name}.png")
    return {path.stem: path for path in folder.iterdir()}


def ask(site: str, image: bytes, kind: str = "explain") -> dict[str, Any]:
    reply = requests.post(
        f"{site}/api/v1/models/landscape/{kind}", data=image, headers={"Content-Type": "image/png"}, timeout=60
    )
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


@pytest.mark.parametrize("name", ["episode", "blank", "lying"])
def test_the_answer_is_the_mean_of_what_is_said_of_each_panel(
    strip_site: str, strips: dict[str, Path], name: str
) -> None:
    """Each panel sent by itself; their mean by size, and its interval, by the front end's own sum of a film."""
    image = Image.open(strips[name])
    answer = ask(strip_site, strips[name].read_bytes())
    assert (answer["width"], answer["height"]) == image.size
    ends = [panel["box"][2 if name == "lying" else 3] for panel in answer["panels"]]
    assert ends[-1] == max(image.size)
    alone = []
    for panel in answer["panels"]:
        buffer = io.BytesIO()
        image.crop(panel["box"]).save(buffer, "PNG")
        alone.append(ask(strip_site, buffer.getvalue(), "predict"))
        assert panel["probabilities"] == pytest.approx(alone[-1]["probabilities"], abs=1e-5)
        assert (panel["verdict"], panel.get("reason")) == (alone[-1]["verdict"], alone[-1].get("reason"))
    areas = np.array([(box[2] - box[0]) * (box[3] - box[1]) for box in (each["box"] for each in answer["panels"])])
    known = np.array([each["verdict"] != "unknown" for each in alone])
    if name == "blank":
        assert [each.get("reason") for each in alone].count("blank") >= 1
    counted = known if areas[~known].sum() <= areas.sum() / 2 else np.full(len(known), True)
    values = np.array([[each["probabilities"][key] for key in CLASSES] for each in alone])
    mean = mean_of_parts(values[counted], areas[counted].astype(float))
    assert [answer["probabilities"][key] for key in CLASSES] == pytest.approx(mean.value, abs=1e-5)
    best = int(mean.value.argmax())
    assert answer["class"] == CLASSES[best] == answer["explanation"]["class"]
    if mean.low is None or mean.high is None:
        assert answer["interval"] is None
    else:
        assert answer["interval"] == pytest.approx([mean.low[best], mean.high[best]], abs=1e-4)
    shape = (answer["explanation"]["width"], answer["explanation"]["height"])
    assert shape[0] / shape[1] == pytest.approx(image.width / image.height, rel=0.01)


@pytest.fixture(params=[("en", "light"), ("ko", "dark")], ids=lambda each: "-".join(each))
def page(request: pytest.FixtureRequest, browser: Browser, screen: str, strip_site: str) -> Iterator[Page]:
    language, scheme = request.param
    context = browser.new_context(
        base_url=strip_site, color_scheme=scheme, reduced_motion="reduce", **SCREENS[screen]  # type: ignore[arg-type]
    )  # fmt: skip
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    page.goto(f"/?lang={language}")
    yield page
    context.close()
    assert faults == []


def measure(page: Page, name: str) -> dict[str, float]:
    place: dict[str, float] = page.evaluate(f"document.querySelector('[data-{name}]').getBoundingClientRect().toJSON()")
    return place


def scrolled(page: Page, side: str = "Top", size: str = "Height") -> float:
    """How far the window has gone of its way, 0…1."""
    told: float = page.evaluate(
        f"(({{scroll{side}, scroll{size}, client{size}}}) => scroll{side} / (scroll{size} - client{size}))"
        "(document.querySelector('[data-mount]'))"
    )
    return told


def test_timeline_and_window_are_one_place(page: Page, strip_site: str, strips: dict[str, Path]) -> None:
    panels = ask(strip_site, strips["episode"].read_bytes())["panels"]
    count, korean = len(panels), page.locator("html").get_attribute("lang") == "ko"

    def expect_panel(number: int) -> None:
        said = f"{count}컷 중 {number}번째: " if korean else f"Panel {number} of {count}: "
        expect(page.locator("[data-caption]")).to_contain_text(said)
        expect(timeline).to_have_attribute("aria-valuenow", str(number))
        left, top, right, bottom = panels[number - 1]["box"]
        frame = page.locator("[data-marks] rect")
        for name, value in {"x": left, "y": top, "width": right - left, "height": bottom - top}.items():
            expect(frame).to_have_attribute(name, str(value))

    page.set_input_files(FILE, strips["episode"])
    expect(page.locator("[data-timeline] [data-box]")).to_have_count(count)
    timeline = page.get_by_role("slider", name="컷" if korean else "Panels")
    expect(page.locator("[data-interval]")).to_contain_text("95%")
    expect_panel(1)
    page.locator("[data-heat-toggle]").click()
    # The picture is as wide as its window, and the heatmap and the frame lie exactly on it.
    picture, heat, marks, mount = (measure(page, name) for name in ("picture", "heat", "marks", "mount"))
    assert heat == pytest.approx(picture, abs=1)
    assert marks == pytest.approx(picture, abs=1)
    assert picture["width"] > 200
    assert picture["height"] > 3 * mount["height"]
    timeline.focus()
    page.keyboard.press("End")
    expect_panel(count)
    assert scrolled(page) > 0.9
    page.keyboard.press("ArrowLeft")
    expect_panel(count - 1)
    box = timeline.bounding_box()
    assert box is not None
    timeline.click(position={"x": box["width"] * 0.5, "y": box["height"] / 2})
    middle = next(n for n, each in enumerate(panels, 1) if each["box"][3] > panels[-1]["box"][3] / 2)
    expect_panel(middle)
    page.evaluate("document.querySelector('[data-mount]').scrollTop = 0")
    expect_panel(1)
    page.evaluate("document.querySelector('[data-mount]').scrollTop = 1e6")
    expect_panel(count)
    # The window is reached and scrolled by the keyboard alone.
    page.locator("[data-mount]").focus()
    page.keyboard.press("Home")
    expect_panel(1)
    page.locator("summary", has_text="컷별 결과를 글로 보기" if korean else "The panels in words").click()
    assert page.locator(".panel-list li").count() == count
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_strip_that_lies_goes_from_left_to_right(page: Page, strips: dict[str, Path]) -> None:
    page.set_input_files(FILE, strips["lying"])
    timeline = page.get_by_role("slider", name="Panels").or_(page.get_by_role("slider", name="컷"))
    timeline.press("End")
    assert scrolled(page, "Left", "Width") > 0.8
    page.locator("[data-heat-toggle]").click()
    assert measure(page, "heat") == pytest.approx(measure(page, "picture"), abs=1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # A picture that is none takes strip, frame and window away.
    page.set_input_files(FILE, strips["picture"])
    expect(page.locator("[data-answer]")).to_be_visible()
    expect(page.locator("[data-strip]")).to_have_count(0)
    expect(page.locator("[data-marks]")).to_be_hidden()
    expect(page.locator("[data-mount][tabindex]")).to_have_count(0)


def test_without_scripts_the_strip_is_seen_through_its_window(
    browser: Browser, strip_site: str, strips: dict[str, Path]
) -> None:
    context = browser.new_context(base_url=strip_site, java_script_enabled=False, locale="en-US")
    page = context.new_page()
    page.goto("/")
    page.set_input_files(FILE, strips["episode"])
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("[data-timeline] [data-box]").first).to_be_attached()
    picture, heat = page.locator("[data-picture]").bounding_box(), page.locator("[data-heat]").bounding_box()
    mount = page.locator("[data-mount]").bounding_box()
    assert picture is not None
    assert mount is not None
    assert heat == pytest.approx(picture, abs=1)
    assert picture["height"] > 3 * mount["height"]
    context.close()
