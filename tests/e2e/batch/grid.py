"""The grid of many pictures, as a test reads it."""

from __future__ import annotations

from playwright.sync_api import Page

TILE = "[data-grid] [role=option]"


def count(page: Page, verdict: str) -> int:
    return int(page.locator(f"[data-filter='{verdict}'] [data-count]").text_content() or 0)


def shown(page: Page) -> list[str]:
    """The names of the tiles that are there, in order."""
    places = page.locator(TILE).evaluate_all(
        "(tiles) => tiles.map((tile) => [Number(tile.ariaPosInSet), tile.querySelector('.tile-name').textContent])"
    )
    return [name for _, name in sorted(places)]
