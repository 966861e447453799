"""Drawing in a real browser before the real sketch.mar and a gallery that its own model indexed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, expect

from hwapung.local import serving
from model_training.runtime.card import SketchCard, read_card
from model_training.runtime.sketch import Sketch
from model_training.sketch.gallery import index_gallery
from tests.e2e.conftest import SCREENS
from tests.e2e.test_sketch import draw
from tests.tiny_sketch import LABELS, draw_page


@pytest.fixture(scope="module")
def gallery(tiny_sketch_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    (folder / "data" / "cat").mkdir(parents=True)
    for cell in range(5):
        (folder / "data" / "cat" / f"{cell}.png").write_bytes(draw_page(cell, 15 - cell))
    model = Sketch(read_card(tiny_sketch_bundle / "card.json", SketchCard), tiny_sketch_bundle, "cpu")
    index_gallery(model, folder / "data", folder / "index", lambda done, of: None)
    return folder / "index"


@pytest.fixture(scope="module")
def served(tiny_sketch_store: Path, gallery: Path) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HWAPUNG_GALLERY", str(gallery))
        with serving(tiny_sketch_store) as address:
            yield address


def test_what_is_drawn_is_found_where_it_is_drawn(browser: Browser, served: str) -> None:
    context = browser.new_context(base_url=served, locale="en-US", **SCREENS["desk"])  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/models/sketch")
    expect(page.get_by_role("toolbar")).to_be_visible()
    draw(page, (0.55, 0.55), (0.7, 0.6), (0.6, 0.7), (0.57, 0.57))  # in one cell of the detector's grid
    expect(page.locator("[data-answer=objects] .object-title")).to_have_count(1)
    # A class that has no title of its own is named by its key, as the page's list names it.
    assert page.locator(".object-title").text_content() in {each.capitalize() for each in LABELS}
    box = page.locator("[data-overlay] rect")
    places = [float((box.get_attribute(name) or "").rstrip("%")) for name in ("x", "y", "width", "height")]
    assert places == pytest.approx([50, 50, 25, 25], abs=1)
    expect(page.locator("[data-reference]")).to_have_count(4)
    expect(page.locator("[data-gallery]")).to_have_count(0)
    draw(page, (0.05, 0.05), (0.2, 0.1), (0.1, 0.2), (0.07, 0.07))
    expect(page.locator("[data-overlay] rect")).to_have_count(2)
    page.get_by_role("button", name="Clear").click()
    draw(page, (0.5, 0.5))
    expect(page.locator("[data-answer]")).to_be_visible()
    context.close()


def test_the_api_answers_with_references(served: str) -> None:
    address = f"{served}/api/v1/models/sketch/recognise"
    answer = requests.post(address, data=draw_page(5, 10), headers={"Content-Type": "image/png"}, timeout=60).json()
    assert (answer["verdict"], len(answer["objects"])) == ("recognised", 2)
    assert answer["sources"]["gallery"] == {"state": "ready"}
    similarities = [each["similarity"] for each in answer["objects"][0]["references"]]
    assert len(similarities) == 4
    assert similarities == sorted(similarities, reverse=True)
    assert all("embedding" not in found for found in answer["objects"])
    empty = requests.post(address, data=draw_page(), headers={"Content-Type": "image/png"}, timeout=60).json()
    assert (empty["verdict"], empty["objects"]) == ("no_drawing", [])


def test_a_gallery_that_is_gone_leaves_the_guesses(served: str, gallery: Path) -> None:
    shutil.move(gallery / "embeddings.npy", gallery / "elsewhere.npy")
    address = f"{served}/api/v1/models/sketch/recognise"
    answer = requests.post(address, data=draw_page(5), headers={"Content-Type": "image/png"}, timeout=60).json()
    assert (answer["sources"]["gallery"]["state"], answer["objects"][0]["references"]) == ("missing", [])
    shutil.move(gallery / "elsewhere.npy", gallery / "embeddings.npy")
