"""`make bench-sketch`, the page's half: from a stroke's end to the shown guess, in a browser before the whole stack.

    python -m tests.benchmarks.sketch_page [--bundle FOLDER] [--strokes 40]

Draws five objects with the mouse, then one stroke more, which is undone and drawn again. The time runs from the
browser's pointerup to the frame after the answer's boxes are in the page; the pause before asking, encoding, both
servers and both ways are in it. Serves `build/bundles/sketch`. Where there is none, networks of the recipes' sizes with
random weights, whose detector finds up to 24 objects instead of five: then the time is an upper bound. Writes
`build/bench/sketch_page.json` and exits 1 where p50 misses its target.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from frontend import create_app
from frontend.settings import Settings
from hwapung.local import serving
from tests.benchmarks.results import MADE_HERE, Entry, publish
from tests.benchmarks.sketch_serving import OBJECTS, make_random_bundle
from tests.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.frontend.model_server_stub import ModelServerStub
from tests.frontend.sketch.sketch_stub import no_drawing, sketch_card, sketch_examples
from torchserve.archive import build_archive

TARGET_MS = 250.0
ENTRY = Entry(
    section="Sketches",
    title="From a stroke to the guess",
    command="make bench-sketch",
    data=MADE_HERE,
    notes=(
        "On a page with {objects:.0f} objects the guess is shown **{shown_p50_ms:.0f} ms** after the stroke's end "
        "(median), the page's pause of 30 ms included. Browser and both servers run on the same cores.",
    ),
)
CENTRES = ((0.2, 0.2), (0.75, 0.2), (0.25, 0.7), (0.75, 0.7), (0.5, 0.45))
#: The stroke that is timed, drawn and undone again and again: the page is the same each time, and so are its boxes.
LAST_STROKE = [(0.45, 0.42), (0.5, 0.46), (0.55, 0.43)]

#: Keeps the time of the last pointerup, and of the first frame after the answer to it.
CLOCK = """() => {
    const bench = document.querySelector("[data-sketch]");
    window.clock = {};
    addEventListener("pointerup", (event) => (window.clock = { ended: event.timeStamp }), true);
    new MutationObserver(() => requestAnimationFrame(() => {
        window.clock.shown ??= performance.now();
    })).observe(bench, { attributes: true, attributeFilter: ["data-shown"] });
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path("build/bundles/sketch"))
    parser.add_argument("--strokes", type=int, default=40)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        trained = (arguments.bundle / "card.json").is_file()
        bundle = arguments.bundle if trained else make_random_bundle(folder, sent_sheet(browser))
        build_archive(bundle, folder / "store")
        with serving(folder / "store") as address:
            times, objects = measure(browser, address, arguments.strokes)
        browser.close()
    p50, p95 = np.percentile(times, [50, 95])
    kind = str(bundle) if trained else "random weights"
    print(
        f"{len(times)} strokes on a page with {OBJECTS} drawings, {np.median(objects):g} of them found ({kind}): "
        f"guess shown after p50 {p50:.0f} ms, p95 {p95:.0f} ms"
    )
    figures = {"shown_p50_ms": p50, "shown_p95_ms": p95, "objects": float(np.median(objects))}
    publish("sketch_page", ENTRY, figures, {"shown_p50_ms": ("<=", TARGET_MS)}, f"{len(times)} strokes, {kind}")


def measure(browser: Browser, address: str, strokes: int) -> tuple[list[float], list[int]]:
    """Milliseconds from each stroke's end to its guess, and how many objects each answer had."""
    page = open_page(browser, address)
    draw_objects(page)
    wait_until_shown(page)
    page.evaluate(CLOCK)
    times: list[float] = []
    objects: list[int] = []
    for number in range(strokes + 3):
        draw(page, LAST_STROKE)
        page.wait_for_function("() => window.clock.shown", timeout=60_000)
        wait_until_shown(page)
        if number >= 3:  # the first ones warm up
            times.append(page.evaluate("window.clock.shown - window.clock.ended"))
            objects.append(page.locator("[data-object]").count())
        page.keyboard.press("Control+z")
        wait_until_shown(page)
    page.context.close()
    return times, objects


def open_page(browser: Browser, address: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(f"{address}/models/sketch")
    page.wait_for_selector("[role=toolbar]:visible")
    return page


def draw_objects(page: Page) -> None:
    """Five drawings of two strokes each: a round body on a stem."""
    for x, y in CENTRES:
        turns = np.linspace(0, 2 * math.pi, 13)
        draw(page, [(x + 0.1 * math.cos(turn), y + 0.08 * math.sin(turn)) for turn in turns])
        draw(page, [(x, y + 0.08), (x, y + 0.16)])


def draw(page: Page, points: Sequence[tuple[float, float]]) -> None:
    box = page.locator("[data-sheet]").bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=2)
    page.mouse.up()


def wait_until_shown(page: Page) -> None:
    """Until the answer about the sheet as it is now is on the page."""
    page.wait_for_timeout(150)
    page.wait_for_selector("[data-result]:not([aria-busy]) [data-answer]", timeout=60_000)


def sent_sheet(browser: Browser) -> bytes:
    """The PNG that the page sends of the drawings and the last stroke, as it reaches the model server."""
    model_server = ModelServerStub()
    model_server.models["sketch"] = (sketch_card(), sketch_examples())
    model_server.reply = (200, json.dumps(no_drawing()).encode())
    app = create_app(Settings(model_server_url=model_server.address, models=("sketch",)))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = open_page(browser, f"http://127.0.0.1:{server.server_port}")
    draw_objects(page)
    draw(page, LAST_STROKE)
    wait_until_shown(page)
    page.context.close()
    server.shutdown()
    model_server.close()
    return model_server.seen[-1][2]


if __name__ == "__main__":
    main()
