"""The report's page in a real browser, opened as a file, as wide as a telephone and as a desk."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from analysis import charts as figures
from analysis import confidence, sections
from analysis.document import Chart, Document, LabelReview, Projection, Section, Sheet
from analysis.material import Material, describe_images
from analysis.style import Style
from analysis.writer import write_document
from model_training.runtime.card import Text
from tests.analysis.made_up import make_predictions
from tests.e2e.test_accessibility import findings

WIDTHS = {"telephone": 360, "desk": 1280}
LABELS = {"먹, 그림": 30, "판화": 30}


def make_document() -> Document:
    predictions = make_predictions(LABELS, sharpness=1.5, side=32)
    names = [Text(en="ink", ko="수묵"), Text(en="woodblock", ko="판화")]
    material = Material(predictions, names)
    points = predictions.features[:, :2].astype(float)
    described = describe_images(predictions, names)

    def draw(style: Style) -> figures.Figure:
        return figures.projection(points, predictions.targets, predictions.predicted, names, style)

    chart = Chart("tsne", Text(en="t-SNE", ko="t-SNE"), draw, Text(en="A map.", ko="지도입니다."))
    manifest = [
        (place, predictions.labels[target])
        for place, target in zip(predictions.places, predictions.targets, strict=True)
    ]
    review = LabelReview("label_review", Text(en="Review", ko="검토"), described[:4], ["판화"] * 4, manifest)
    images = Section(
        "pictures", Text(en="Pictures", ko="그림"), parts=[Sheet("grid", Text(en="Some", ko="일부"), described[:12])]
    )
    maps = Section(
        "maps", Text(en="Maps", ko="지도"), parts=[Projection(chart, points, predictions.targets, names, described)]
    )
    labels = Section(
        "labels", Text(en="Labels", ko="레이블"), parts=[review], missing=[Text(en="One thing.", ko="한 가지.")]
    )
    return Document(
        name="made_up",
        version="1.0",
        title=Text(en="Made-up pictures", ko="지어낸 그림"),
        summary=Text(en="Nothing is real.", ko="실제 그림이 아닙니다."),
        verdict=sections.sum_up(predictions, names, 0.9),
        facts=sections.measure_headline(predictions),
        notices=[Text(en="60 test pictures are few.", ko="평가 그림이 60장뿐입니다.")],
        sections=[
            sections.scores(material),
            sections.curves(material),
            confidence.calibration(material),
            images,
            maps,
            labels,
        ],
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_document(make_document(), folder, lambda *_: None)
    return folder


@pytest.fixture(params=list(WIDTHS))
def page(request: pytest.FixtureRequest, browser: Browser, folder: Path) -> Iterator[Page]:
    context = browser.new_context(locale="en-US", viewport={"width": WIDTHS[request.param], "height": 800})
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda asked: faults.append(asked.url) if asked.url.startswith("http") else None)
    page.goto((folder / "index.html").as_uri())
    yield page
    context.close()
    assert faults == []


def test_nothing_is_wider_than_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") == page.evaluate("innerWidth")


def test_the_language_can_be_switched(page: Page) -> None:
    expect(page.get_by_role("heading", level=1).locator("[lang=en]")).to_be_visible()
    page.get_by_text("한국어").locator("visible=true").click()
    expect(page.get_by_role("heading", level=1).locator("[lang=ko]")).to_be_visible()
    expect(page.get_by_role("heading", level=1).locator("[lang=en]")).to_be_hidden()
    assert page.evaluate("document.documentElement.lang") == "ko"
    expect(page.locator("#confusion_matrix img[lang=ko]")).to_be_visible()
    expect(page.locator("#confusion_matrix img[lang=en]")).to_be_hidden()
    expect(page.locator("#tsne .legend [lang=ko]")).to_have_text(["수묵", "판화"])


def test_a_korean_reader_gets_korean(browser: Browser, folder: Path) -> None:
    page = browser.new_page(locale="ko-KR")
    page.goto((folder / "index.html").as_uri())
    expect(page.get_by_role("heading", level=1).locator("[lang=ko]")).to_be_visible()
    page.close()


def test_pointing_at_a_point_shows_its_image(page: Page) -> None:
    page.locator("#tsne").scroll_into_view_if_needed()
    page.locator("#tsne .map circle").nth(5).hover(force=True)  # whichever point lies on top there
    tip = page.locator(".tip")
    expect(tip).to_be_visible()
    circle = page.locator("#tsne .map circle.shown")
    expect(tip.locator("p")).to_have_text(str(circle.get_attribute("data-en")))
    shown = tip.locator("img")
    assert shown.get_attribute("src") == circle.get_attribute("data-picture")
    assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") == 32
    box, width = tip.bounding_box(), page.evaluate("innerWidth")
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    page.locator("#tsne .map").dispatch_event("pointerleave")
    expect(tip).to_be_hidden()


def test_ticked_labels_are_mended_in_the_manifest(page: Page, tmp_path: Path) -> None:
    box = page.locator("#label_review input").nth(1)
    box.check()
    with page.expect_download() as download:
        page.locator("#label_review button").click()
    saved = tmp_path / "manifest.csv"
    download.value.save_as(saved)
    rows = list(csv.DictReader(saved.read_text("utf-8").splitlines()))
    assert len(rows) == 60
    changed = [row["path"] for row in rows if row["label"] != row["path"].split("/")[0]]
    assert changed == ["먹, 그림/00001.png"]
    assert rows[1]["label"] == "판화"


def test_all_images_of_the_page_can_be_seen(page: Page) -> None:
    broken = page.evaluate(
        """Promise.all([...document.images].filter((image) => image.offsetParent && image.src).map((image) => {
            image.loading = "eager";
            return image.decode().then(() => 0, () => 1);
        })).then((all) => all.filter(Boolean).length)"""
    )
    assert broken == 0
    assert page.evaluate("document.images.length") > 20


def test_print_shows_no_controls(page: Page) -> None:
    page.emulate_media(media="print")
    for selector in (".languages", "nav", ".review"):
        expect(page.locator(selector)).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_points_lie_inside_the_map(page: Page) -> None:
    page.locator("#tsne").scroll_into_view_if_needed()
    expect(page.locator("#tsne .map circle")).to_have_count(60)
    places = np.array(
        page.locator("#tsne .map").evaluate(
            "map => [...map.children].map((one) => [+one.cx.baseVal.value, +one.cy.baseVal.value])"
        )
    )
    np.testing.assert_allclose(places.min(axis=0), [10, 10], atol=0.01)
    np.testing.assert_allclose(places.max(axis=0), [630, 450], atol=0.01)


def test_maps_are_drawn_for_paper_without_having_been_seen(page: Page) -> None:
    page.wait_for_timeout(200)
    assert page.locator("#tsne .map circle").count() == 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#tsne .map circle").count() == 60


def test_at_first_sight_little_is_loaded(browser: Browser, folder: Path) -> None:
    """The page and what lies on a telephone's first screens; the rest as it is scrolled to."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    loaded: list[Path] = []
    page.on("request", lambda asked: loaded.append(folder / asked.url.rpartition("/")[2]))
    page.goto((folder / "index.html").as_uri())
    page.wait_for_load_state("load")
    first = {path.name for path in loaded}
    assert "index.html" in first
    assert "reliability.png" not in first
    page.locator("#reliability img").first.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('#reliability img').complete")
    assert "reliability.png" in {path.name for path in loaded}
    page.close()


def test_every_image_has_its_size_before_it_is_there(folder: Path) -> None:
    page = (folder / "index.html").read_text("utf-8")
    images = re.findall(r'<img [^>]*?src="([^"]+)" width="(\d+)" height="(\d+)"', page)
    assert len(images) == page.count("<img ") - 1  # but the one of the tip
    for source, width, height in images:
        assert Image.open(folder / source).size == (int(width), int(height))


def test_dark_pages_have_dark_charts(browser: Browser, folder: Path) -> None:
    page = browser.new_page(color_scheme="dark", viewport={"width": 800, "height": 600})
    page.goto((folder / "index.html").as_uri())
    chart = page.locator("#confusion_matrix img[lang=en]")
    chart.scroll_into_view_if_needed()
    chart.evaluate("image => image.decode()")
    seen = np.asarray(Image.open(io.BytesIO(chart.screenshot())).convert("L"))
    assert np.median(seen) < 60
    page.close()


def test_the_verdict_comes_first_and_axe_finds_nothing(page: Page) -> None:
    first = page.locator("main > :first-child")
    expect(first).to_have_class("verdict")
    expect(first.locator("[lang=en]").first).to_have_text(re.compile(r"^Of 60 test pictures it recognises \d+\.\d%;"))
    assert findings(page) == []
    expect(page.locator(".back")).to_be_hidden()  # a file has no site to go back to
