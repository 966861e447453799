"""The exported page in a real browser, behind a plain file server: it says what the bundle says, and sends nothing."""

from __future__ import annotations

import functools
import http.server
import io
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, Request, expect

import hwapung
from hwapung.browser_page import export_page
from model_training.runtime.card import read_card, write_card
from model_training.runtime.errors import BundleError, DatasetError, OutputError
from model_training.runtime.facts import find_reason, read_file_facts
from model_training.runtime.image import decode
from model_training.runtime.measures import ImageLimits
from model_training.runtime.preprocess import fit
from model_training.runtime.resize import resize
from tests.conftest import ROOT
from tests.e2e.conftest import SCREENS
from tests.e2e.test_accessibility import findings
from tests.gated import make_gated_bundle

pytestmark = pytest.mark.slow

pytest.importorskip("onnxruntime", reason="needs hwapung[onnx]")
#: Kept from run to run: the package has 33 MB.
CACHE = ROOT / "build" / "cache" / "npm"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *told: object) -> None:
        pass


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gated_bundle(tiny_bundle, tmp_path_factory.mktemp("gated") / "bundle")


@pytest.fixture(scope="module")
def folder(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("page") / "page"
    try:
        export_page(bundle, page, CACHE)
    except DatasetError as error:
        pytest.skip(f"needs onnxruntime-web ({error})")
    return page


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def page(browser: Browser, site: str) -> Iterator[Page]:
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    faults: list[str] = []
    asked: list[Request] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    page.on("request", lambda request: asked.append(request))
    page.goto(site)
    expect(page.locator("[data-work]")).to_be_visible()
    yield page
    context.close()
    assert faults == []
    assert {request.method for request in asked} == {"GET"}
    assert all(request.url.startswith((site, "blob:")) for request in asked)


def ask(page: Page, data: bytes) -> dict[str, Any]:
    page.evaluate("delete document.querySelector('[data-answer]').dataset.said")
    page.locator("[data-file]").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": data})
    answer = page.locator("[data-answer][data-said]")
    expect(answer).to_be_visible()
    said: dict[str, Any] = json.loads(str(answer.get_attribute("data-said")))
    return said


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def draw_text() -> Image.Image:
    page = Image.new("RGB", (600, 800), "white")
    draw = ImageDraw.Draw(page)
    for row in range(24):
        draw.text((40, 30 + 31 * row), "the quick brown fox jumps over the lazy dog " * 2, fill="black", font_size=14)
    return page


def strangers() -> dict[str, bytes]:
    noise = np.random.default_rng(5).integers(0, 256, (90, 120, 4), dtype=np.uint8)
    turned = Image.Exif()
    turned[0x0112] = 6
    return {
        "noise": encode(Image.fromarray(noise[..., :3])),
        "transparent": encode(Image.fromarray(noise, "RGBA")),
        "turned": encode(Image.fromarray(noise[..., :3]), exif=turned),
        "blank": encode(Image.new("RGB", (200, 200), (240, 230, 200))),
        "tiny": encode(Image.fromarray(noise[:20, :, :3])),
        "long": encode(Image.fromarray(np.tile(noise[:40, :, :3], (1, 4, 1)))),
        "text": encode(draw_text()),
        "grey": encode(Image.fromarray(noise[..., 0])),
    }


def test_it_answers_as_the_bundle_does(page: Page, bundle: Path) -> None:
    model = hwapung.load(bundle)
    sent = {path.name: path.read_bytes() for path in sorted((bundle / "examples").glob("*.jpg"))} | strangers()
    reasons = set()
    for (name, data), wanted in zip(sent.items(), model.predict(sent.values()), strict=True):
        assert isinstance(wanted, dict), name
        found = ask(page, data)
        for key in ("class", "verdict", "reason", "prediction_set", "model", "version"):
            assert found.get(key) == wanted.get(key), (name, key)
        for key, value in wanted["probabilities"].items():
            assert found["probabilities"][key] == pytest.approx(value, abs=1e-3), name
        reasons.add(wanted.get("reason"))
    assert {None, "unlike", "blank", "tiny", "long"} <= reasons


def test_it_resizes_as_the_bundle_does(page: Page) -> None:
    rng = np.random.default_rng(0)
    sizes = [((97, 61), (64, 64)), ((40, 30), (64, 64)), ((64, 200), (64, 48)), ((300, 64), (32, 64))]
    for kind in ("bilinear", "bicubic"):
        for (width, height), target in sizes:
            pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            pixels[: height // 2] = np.where(pixels[: height // 2] > 127, 255, 0)  # a cubic filter overshoots there
            found = page.evaluate(
                "async ([data, width, height, size, kind]) => {"
                " const { resize } = await import('./resize.js');"
                " return [...resize({ data, width, height }, ...size, kind).data]; }",
                [pixels.ravel().tolist(), width, height, list(target), kind],
            )
            wanted = np.asarray(resize(Image.fromarray(pixels), target, kind))  # type: ignore[arg-type]
            np.testing.assert_array_equal(np.reshape(found, wanted.shape), wanted)


#: Bounds that some of the pictures break, one after the other.
LIMITS = [
    ImageLimits(max_scale=0.9),
    ImageLimits(min_scale=0.99),
    ImageLimits(min_quality=60),
    ImageLimits(min_sharpness=0.5),
    ImageLimits(min_contrast=30),
    ImageLimits(),
]


@pytest.mark.parametrize("frame", ["stretch", "letterbox"])
def test_it_asks_the_gates_questions_alike(page: Page, bundle: Path, frame: str) -> None:
    rng = np.random.default_rng(1)
    soft = Image.fromarray(rng.integers(0, 256, (8, 10, 3), dtype=np.uint8)).resize(
        (300, 200), Image.Resampling.BICUBIC
    )
    sent = [
        *strangers().values(),
        encode(soft, "JPEG", quality=30),
        encode(soft, "JPEG", quality=95),
        encode(soft.resize((45, 40))),
    ]
    card = read_card(bundle / "card.json")
    preprocessing = card.preprocessing.model_copy(update={"fit": frame, "height": 224, "width": 224})
    seen = set()
    for data in sent:
        pixels = fit(decode(data), preprocessing)
        found = page.evaluate(
            "async ([data, preprocessing, limits]) => {"
            " const [{ decode, fit }, { findReason }] = await Promise.all([import('./model.js'), import('./gate.js')]);"
            " const { image, quality } = await decode(new Blob([new Uint8Array(data)]));"
            " const { pixels, inside } = fit(image, preprocessing);"
            " const file = { width: image.width, height: image.height, quality };"
            " return [[...pixels], limits.map((each) => findReason(each, file, inside, preprocessing))]; }",
            [list(data), preprocessing.model_dump(), [each.model_dump() for each in LIMITS]],
        )
        assert int(np.abs(np.reshape(found[0], pixels.shape).astype(int) - pixels).max()) <= 1  # JPEG's decoders
        wanted = [find_reason(each, read_file_facts(data), pixels, preprocessing) for each in LIMITS]
        assert found[1] == wanted
        seen.update(wanted)
    assert {"tiny", "long", "blank", "finer", "coarser", "compressed", "softer", "text"} <= seen


@pytest.mark.parametrize("screen", list(SCREENS))
def test_it_speaks_korean_and_says_what_it_can_not_read(browser: Browser, site: str, screen: str) -> None:
    context = browser.new_context(locale="ko-KR", reduced_motion="reduce", **SCREENS[screen])  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(site)
    expect(page.locator("[data-work]")).to_be_visible()
    expect(page.locator(".private").first).to_have_text(
        "그림은 이 기기를 벗어나지 않습니다. 모델이 브라우저 안에서 돌아갑니다."
    )
    look_over(page)
    page.locator("[data-file]").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"broken"})
    expect(page.locator("[data-status]")).to_have_text("브라우저가 이 그림을 읽지 못합니다. JPEG나 PNG로 해 보세요.")
    look_over(page)
    page.locator("[data-examples] button").first.click()
    expect(page.locator("[data-answer]")).to_be_visible()
    expect(page.locator(".answer-class")).to_be_in_viewport()
    expect(page.locator(".bar-title").first).to_have_text(re.compile("^(중국|일본)$"))
    look_over(page)
    page.locator("[data-file]").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": strangers()["blank"]}
    )
    expect(page.locator(".answer-unknown")).to_be_visible()
    expect(page.locator("[data-nearest]")).to_contain_text("가장 가까운 클래스는")
    look_over(page)
    context.close()


def look_over(page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_the_page_can_not_judge_gets_one_line(bundle: Path, tiny_strip_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="classifiers of whole pictures"):
        export_page(tiny_strip_bundle, tmp_path / "page", CACHE)
    (tmp_path / "note").write_text("mine")
    with pytest.raises(OutputError, match="holds something"):
        export_page(bundle, tmp_path, CACHE)
    card = read_card(bundle / "card.json")
    packed = card.preprocessing.model_copy(update={"jpeg_quality": 90})
    (tmp_path / "packed").mkdir()
    write_card(card.model_copy(update={"preprocessing": packed}), tmp_path / "packed" / "card.json")
    with pytest.raises(BundleError, match="packed as JPEG"):
        export_page(tmp_path / "packed", tmp_path / "page", CACHE)
