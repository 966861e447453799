"""A real browser on the real site, as wide as a telephone and as a desk."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import Browser, Page

from tests.waiting import PATIENCE

SCREENS = {
    "telephone": {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True},
    "desk": {"viewport": {"width": 1280, "height": 800}},
}


@pytest.fixture(params=list(SCREENS))
def screen(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(browser: Browser, screen: str, live_site: str) -> Iterator[Page]:
    """An English page on each screen. A script that fails or breaks the content security policy fails the test."""
    context = browser.new_context(base_url=live_site, locale="en-US", **SCREENS[screen])  # type: ignore[arg-type]
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    page.goto("/")
    yield page
    context.close()
    assert faults == []


def wait_for(page: Page, condition: Callable[[], object]) -> None:
    """Until it is so, of something beside the page, which goes on meanwhile."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def draw_mountains() -> Image.Image:
    """Ink mountains above mist, 400 pixels wide and 300 high."""
    picture = Image.new("RGB", (400, 300), (236, 226, 204))
    draw = ImageDraw.Draw(picture)
    for depth, shade in enumerate((190, 150, 100)):
        foot = 160 + 50 * depth
        for peak in range(4):
            left = peak * 130 - 60 + 40 * depth
            draw.polygon([(left, foot), (left + 75, foot - 90), (left + 150, foot)], fill=(shade, shade, shade - 8))
    return picture.filter(ImageFilter.GaussianBlur(2))


def drop(page: Page, files: Mapping[str, bytes], media_type: str = "image/jpeg") -> None:
    """Drop files, name → content, as a hand does that comes from the desktop."""
    transfer = page.evaluate_handle(
        """([files, type]) => {
            const transfer = new DataTransfer();
            for (const [name, data] of files) {
                const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
                transfer.items.add(new File([bytes], name, { type }));
            }
            return transfer;
        }""",
        [[[name, base64.b64encode(content).decode()] for name, content in files.items()], media_type],
    )
    page.dispatch_event("main", "dragover", {"dataTransfer": transfer})
    page.dispatch_event("main", "drop", {"dataTransfer": transfer})


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files to upload: name → path."""
    folder = tmp_path_factory.mktemp("pictures")
    mountains = draw_mountains()
    jpeg = io.BytesIO()
    mountains.save(jpeg, "JPEG", quality=90)
    contents = {"mountains.jpg": jpeg.getvalue(), "notes.txt": b"not a picture", "broken.jpg": jpeg.getvalue()[:2000]}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    turned = mountains.rotate(90, expand=True)  # shown upright by its EXIF orientation
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(folder / "turned.jpg", exif=exif)
    mountains.save(folder / "mountains.tiff")
    return {path.name: path for path in folder.iterdir()}
