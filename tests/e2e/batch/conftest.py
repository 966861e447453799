"""Pictures to drop on a model's page, many at once, and a page on a desk."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.conftest import shared_folder
from tests.e2e.conftest import SCREENS, draw_mountains


def add_broken(files: dict[str, bytes]) -> dict[str, bytes]:
    return files | {"broken.jpg": files[next(iter(files))][:2000], "notes.jpg": b"not a picture"}


@pytest.fixture(scope="session")
def paintings() -> dict[str, bytes]:
    """40 real paintings, and two files that are no pictures."""
    found = sorted(shared_folder("data/landscape").rglob("*.jpg"))
    return add_broken({f"{number:02d} {path.name}": path.read_bytes() for number, path in enumerate(found[::9][:40])})


@pytest.fixture(scope="session")
def many() -> dict[str, bytes]:
    """The same of pictures that are drawn here."""
    files = {}
    chance = random.Random(5)
    for number in range(40):
        picture = draw_mountains().resize((chance.randint(120, 400), chance.randint(120, 400)))
        picture = Image.blend(picture, Image.new("RGB", picture.size, chance.choice(("navy", "tan", "red"))), 0.3)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=90)
        files[f"{number:02d} drawn.jpg"] = buffer.getvalue()
    return add_broken(files)


@pytest.fixture
def desk(browser: Browser, live_site: str) -> Iterator[Page]:
    context = browser.new_context(base_url=live_site, locale="en-US", **SCREENS["desk"])  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/")
    yield page
    context.close()
