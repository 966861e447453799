"""Walks through every page and state of a running site as a visitor does, and looks at each.

    hwapung serve &
    python -m tests.docs.tour --site http://127.0.0.1:8000 --pictures FOLDER --to build/tour

Each state is left as a picture, light and dark, at 390 and 1440 pixels, in English and Korean. What axe-core finds
and what hangs over the edge is printed; the exit status is 1 where there is any. `--exported` names a folder of
`hwapung export page`.
"""

from __future__ import annotations

import argparse
import http.server
import io
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import requests
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.e2e.conftest import draw_mountains, drop
from tests.e2e.test_accessibility import findings
from tests.frontend.video.films import make_film

FILE = "[data-workbench] [data-file] >> nth=0"

#: Until all that fades in is there; what moves without end does not count.
SETTLED = """Promise.allSettled(document.getAnimations().filter((each) =>
    each.effect.getComputedTiming().endTime < Infinity).map((each) => each.finished))"""


@dataclass
class Visit:
    """One walk: a width, a language and a colour scheme. `pictures`: name → bytes."""

    page: Page
    pictures: dict[str, bytes]
    to: Path
    faults: list[str] = field(default_factory=list)

    def look(self, name: str) -> None:
        """Leave the state as a picture, and note what is wrong with it."""
        path = self.to / f"{name}.png"
        self.page.evaluate(SETTLED)
        self.page.screenshot(path=path, full_page=True)
        self.faults += [f"{path}: {rule}: {html[:160]}" for rule, html in findings(self.page)]
        if self.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            self.faults.append(f"{self.to / name}: hangs over the edge")

    def see(self, name: str) -> None:
        """What is in the window alone: for what sticks to its edge, and for dialogs."""
        self.page.screenshot(path=self.to / f"{name}.png")

    def choose(self, name: str, selector: str = FILE) -> None:
        self.page.locator(selector).set_input_files(
            {"name": name, "mimeType": "image/jpeg", "buffer": self.pictures[name]}
        )


def walk_house(visit: Visit) -> None:
    for name, path in {"catalogue": "/", "missing": "/nothing", "offline": "/offline", "api": "/api"}.items():
        visit.page.goto(path)
        visit.look(name)
    open_all(visit.page)
    visit.look("api-open")


def walk_classifier(visit: Visit, model: str) -> None:
    page, first = visit.page, next(iter(visit.pictures))
    page.goto(f"/models/{model}")
    visit.look(f"{model}-empty")
    with held(page, f"**/models/{model}"):
        visit.choose(first)
        expect(page.locator(".skeleton")).to_be_visible()
        page.wait_for_timeout(2500)
        visit.look(f"{model}-waiting")
    expect(page.locator("[data-answer]")).to_be_visible()
    visit.look(f"{model}-answer")
    page.locator("footer").scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    visit.see(f"{model}-verdict-line")
    if (heat := page.locator("[data-heat-toggle]")).is_visible():
        heat.click()
        page.locator("[data-heat-controls] input").last.fill("50")
        visit.look(f"{model}-heatmap")
    open_all(page)
    visit.look(f"{model}-open")
    page.locator("[data-edit]").click()
    expect(page.locator("[data-editor]")).to_be_visible()
    visit.see(f"{model}-editor")
    visit.faults += [f"editor: {rule}: {html[:160]}" for rule, html in findings(page)]
    page.keyboard.press("Escape")
    for name in ("noise.png", "notes.txt"):
        visit.choose(name)
        expect(page.locator("[data-result][aria-busy=false] > *").first).to_be_visible()
        visit.look(f"{model}-{name.split('.')[0]}")
    page.goto(f"/models/{model}")
    if (example := page.locator("[data-example]")).count():
        example.first.click()
        expect(page.locator(".truth")).to_be_visible()
        visit.look(f"{model}-example")


def walk_batch(visit: Visit, model: str) -> None:
    page = visit.page
    page.goto(f"/models/{model}")
    expect(page.locator("[data-many]")).to_be_visible()
    drop(page, visit.pictures)
    expect(page.locator("[data-batch] [data-cancel]")).to_be_hidden(timeout=60_000)
    page.wait_for_timeout(800)
    page.locator("[data-sort]").select_option("doubt")
    page.locator("[data-grid]").focus()
    page.keyboard.press("2")
    visit.look(f"{model}-batch")
    page.locator("[data-grid] .tile-unknown, [data-grid] .tile-unsure, [data-grid] .tile-sure").last.click()
    page.wait_for_timeout(500)
    if (explain := page.locator("[data-look-explain]")).is_visible():
        explain.click()
        page.wait_for_timeout(1500)
    visit.see(f"{model}-batch-large")
    visit.faults += [f"large: {rule}: {html[:160]}" for rule, html in findings(page)]
    page.keyboard.press("Escape")
    page.locator("[data-filter=failed]").click()
    visit.look(f"{model}-batch-failed")
    page.locator("[data-filter='']").click()
    drop(page, {f"{number:03d}.jpg": next(iter(visit.pictures.values())) for number in range(300)})
    page.locator("[data-batch] [data-cancel]").click()
    visit.look(f"{model}-batch-cancelled")


def walk_video(visit: Visit, model: str, film: bytes) -> None:
    page = visit.page
    page.goto(f"/models/{model}/video")
    visit.look(f"{model}-video-empty")
    choose = page.locator("[data-file]")
    choose.set_input_files({"name": "film.webm", "mimeType": "video/webm", "buffer": film})
    expect(page.locator("[data-video-answer]")).to_be_visible(timeout=60_000)
    page.wait_for_timeout(300)
    if (explain := page.locator("[data-explain]")).is_visible():
        explain.click()
        expect(page.locator("[data-explained] .legend")).to_be_visible()
    visit.look(f"{model}-video")
    choose.set_input_files({"name": "notes.mp4", "mimeType": "video/mp4", "buffer": b"no film"})
    expect(page.locator("[data-error]")).to_be_visible()
    visit.look(f"{model}-video-refused")


def walk_sketch(visit: Visit, model: str) -> None:
    page = visit.page
    page.goto(f"/models/{model}")
    visit.look(f"{model}-empty")
    if page.locator("[data-sheet]").count():
        sheet = page.locator("[data-sheet]")
        sheet.scroll_into_view_if_needed()
        box = sheet.bounding_box()
        assert box
        for corner in (0.1, 0.6):
            places = [(corner, corner), (corner + 0.2, corner), (corner + 0.1, corner + 0.2), (corner, corner)]
            page.mouse.move(box["x"] + places[0][0] * box["width"], box["y"] + places[0][1] * box["height"])
            page.mouse.down()
            for x, y in places[1:]:
                page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
            page.mouse.up()
        expect(page.locator("[data-answer]").first).to_be_visible()
        page.wait_for_timeout(500)
        visit.look(f"{model}-drawn")
    visit.choose("notes.txt", "[data-file] >> nth=0")
    expect(page.locator("[data-error]")).to_be_visible()
    visit.look(f"{model}-refused")


def walk_report(visit: Visit, model: str) -> None:
    if visit.page.request.get(f"/models/{model}/report").ok:
        visit.page.goto(f"/models/{model}/report")
        visit.look(f"{model}-report")


def walk_exported(visit: Visit, address: str) -> None:
    page = visit.page
    page.goto(address)
    expect(page.locator("[data-work]")).to_be_visible(timeout=60_000)
    visit.look("exported-empty")
    for name in (next(iter(visit.pictures)), "noise.png"):
        page.locator("[data-file]").set_input_files(
            {"name": name, "mimeType": "image/jpeg", "buffer": visit.pictures[name]}
        )
        expect(page.locator("[data-answer][data-said]")).to_be_visible()
        page.wait_for_timeout(300)
        visit.look(f"exported-{'unknown' if name == 'noise.png' else 'answer'}")
    page.locator("[data-file]").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"none"})
    page.wait_for_timeout(300)
    visit.look("exported-refused")


def open_all(page: Page) -> None:
    page.eval_on_selector_all("main details", "(all) => all.forEach((each) => (each.open = true))")


@contextmanager
def held(page: Page, addresses: str) -> Iterator[None]:
    """Questions to these addresses wait meanwhile."""
    waiting: list[Route] = []
    page.route(addresses, lambda route: waiting.append(route) if route.request.method == "POST" else route.continue_())
    yield
    for route in waiting:
        route.continue_()
    page.unroute(addresses)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *told: object) -> None:
        pass


@contextmanager
def files_served(folder: Path) -> Iterator[str]:
    handler = partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def gather_pictures(folder: Path | None) -> dict[str, bytes]:
    """Forty of the folder's, or one drawn; noise, and two files that are no pictures."""
    found = sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".png")) if folder else []
    chosen = found[:: max(1, len(found) // 40)][:40]
    drawn, noise = io.BytesIO(), io.BytesIO()
    draw_mountains().save(drawn, "JPEG", quality=90)
    Image.fromarray(np.random.default_rng(5).integers(0, 256, (200, 300, 3), dtype=np.uint8)).save(noise, "PNG")
    pictures = {path.name: path.read_bytes() for path in chosen} or {"mountains.jpg": drawn.getvalue()}
    return pictures | {"noise.png": noise.getvalue(), "notes.txt": b"no picture", "broken.jpg": drawn.getvalue()[:1500]}


def plan_walks(kinds: Mapping[str, str], film: bytes, exported: str | None) -> dict[str, Callable[[Visit], None]]:
    """A name to ask for → the walk. `kinds`: model → its task."""
    walks: dict[str, Callable[[Visit], None]] = {"house": walk_house}
    for model, task in kinds.items():
        if task in ("sketch", "detection"):
            walks[f"{model} alone"] = partial(walk_sketch, model=model)
            continue
        walks[f"{model} alone"] = partial(walk_classifier, model=model)
        walks[f"{model} many"] = partial(walk_batch, model=model)
        if task == "classification":
            walks[f"{model} video"] = partial(walk_video, model=model, film=film)
        walks[f"{model} report"] = partial(walk_report, model=model)
    if exported:
        walks["exported"] = partial(walk_exported, address=exported)
    return walks


def make_tour(browser: Browser, options: argparse.Namespace, exported: str | None) -> list[str]:
    pictures = gather_pictures(options.pictures)
    film = make_film("webm", "libvpx", seconds=6, size=(320, 240), paint=lambda time: scroll(time))
    api = f"{options.site}/api/v1/models"
    names: list[str] = [each["name"] for each in requests.get(api, timeout=30).json()["models"]]
    kinds = {name: requests.get(f"{api}/{name}", timeout=30).json().get("task", "classification") for name in names}
    faults: list[str] = []
    for width, language, scheme in product(options.widths, options.languages, options.schemes):
        to = options.to / f"{width}.{language}.{scheme}"
        to.mkdir(parents=True, exist_ok=True)
        screen: dict[str, Any] = {"viewport": {"width": width, "height": 844 if width < 700 else 900}}
        if width < 700:
            screen |= {"has_touch": True, "is_mobile": True}
        if scheme == "dark":  # light, it is left alone: media that are emulated hide that fingers are coarse
            screen |= {"color_scheme": "dark", "reduced_motion": "reduce"}
        context = browser.new_context(base_url=options.site, locale=language, **screen)
        context.set_default_timeout(15_000)
        visit = Visit(context.new_page(), pictures, to)
        for name, walk in plan_walks(kinds, film, exported).items():
            if options.only not in name:
                continue
            try:
                walk(visit)
            except (AssertionError, PlaywrightError) as error:
                visit.faults.append(f"{to}: {name} came to no end: {str(error)[:300]}")
        context.close()
        for fault in visit.faults:
            print(fault, flush=True)
        faults += visit.faults
    return faults


def scroll(time: float) -> np.ndarray:
    return np.roll(np.asarray(draw_mountains().resize((320, 240))), int(12 * time), axis=1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.docs.tour", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--site", default="http://127.0.0.1:8000", help="where `hwapung serve` answers")
    parser.add_argument("--pictures", type=Path, help="a folder of pictures for the models; one is drawn if not given")
    parser.add_argument("--exported", type=Path, help="a folder of `hwapung export page`")
    parser.add_argument("--to", type=Path, default=Path("build/tour"))
    parser.add_argument("--widths", type=int, nargs="+", default=[390, 1440])
    parser.add_argument("--languages", nargs="+", default=["en", "ko"])
    parser.add_argument("--schemes", nargs="+", default=["light", "dark"])
    parser.add_argument("--only", default="", help="walks whose name has this in it")
    options = parser.parse_args()
    served = files_served(options.exported) if options.exported else nullcontext(None)
    with served as exported, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        faults = make_tour(browser, options, exported)
    print(f"{len(list(options.to.rglob('*.png')))} pictures in {options.to}; {len(faults)} findings")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
