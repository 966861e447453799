"""Many pictures on the model's page, in a real browser: dropped, answered, sorted, corrected, saved."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.batch.grid import TILE, count, shown
from tests.e2e.conftest import drop
from tests.e2e.test_accessibility import findings

pytestmark = pytest.mark.slow

BROKEN = {"broken.jpg": "broken_picture", "notes.jpg": "not_a_picture"}


def watch_filling(page: Page) -> None:
    """Note how many of the tiles in sight have their answer, whenever that changes."""
    page.evaluate(
        """() => {
            const grid = document.querySelector("[data-grid]");
            window.filled = new Set();
            const count = () => window.filled.add(grid.querySelectorAll(".tile:not(.tile-waiting)").length);
            new MutationObserver(count).observe(grid, { subtree: true, childList: true, attributes: true });
        }"""
    )


def save(page: Page, kind: str) -> bytes:
    with page.expect_download() as download:
        page.locator(f"[data-save={kind}]").click()
    return Path(download.value.path()).read_bytes()


def doubt(row: dict[str, Any]) -> float:
    if "error" in row:
        return -1
    return {"unknown": 2, "unsure": 1, "sure": 0}[row["verdict"]] + 1 - row["confidence"]


@pytest.mark.parametrize("source", ["paintings", "many"])
def test_many_pictures_are_answered_sorted_corrected_and_saved(
    request: pytest.FixtureRequest, page: Page, source: str
) -> None:
    many: dict[str, bytes] = request.getfixturevalue(source)
    watch_filling(page)
    drop(page, many)
    expect(page.locator("#batch-title")).to_have_text("42 pictures")
    expect(page.locator("[data-workbench]")).to_be_hidden()
    expect(page.locator("[data-batch] [data-cancel]")).to_be_hidden()
    assert len(page.evaluate("[...window.filled]")) >= 4, "the grid is filled at once, at the end"
    assert (count(page, ""), count(page, "failed")) == (42, 2)

    rows = {row["path"]: row for row in json.loads(save(page, "json"))}
    assert list(rows) == list(many)
    assert {name: row["error"]["code"] for name, row in rows.items() if "error" in row} == BROKEN
    assert {row["class"] for row in rows.values() if "class" in row} <= {"china", "japan"}
    alone = page.request.post(
        "/api/v1/models/landscape/predict", data=many[name := next(iter(many))],
        headers={"Content-Type": "image/jpeg"},
    ).json()  # fmt: skip
    assert (rows[name]["class"], rows[name]["verdict"]) == (alone["class"], alone["verdict"])

    page.locator("[data-sort]").select_option("doubt")
    wanted = sorted(rows, key=lambda name: -doubt(rows[name]))  # a stable order, as the page's
    expect(page.locator(TILE).and_(page.locator("[aria-posinset='1']")).locator(".tile-name")).to_have_text(wanted[0])
    assert shown(page) == wanted[: len(shown(page))]
    assert len(shown(page)) >= 4
    hanging = page.locator(".tile-mat:has(canvas)").evaluate_all(
        "(mats) => mats.filter((mat) => mat.querySelector('canvas').getBoundingClientRect().bottom"
        " > mat.getBoundingClientRect().bottom).length"
    )
    assert hanging == 0

    first = rows[wanted[0]]
    correct = "2" if first["class"] == "china" else "1"
    page.locator("[data-grid]").focus()
    page.keyboard.press(correct)
    tile = page.locator(TILE).and_(page.locator("[aria-selected=true]"))
    expect(tile.locator(".tile-note")).to_have_text("corrected")
    page.keyboard.press("u")
    expect(tile.locator(".tile-note")).not_to_have_text("corrected")
    page.keyboard.press(correct)
    corrected = {"1": "china", "2": "japan"}[correct]

    text = save(page, "csv")
    columns = "path,class,confidence,verdict,reason,prediction_set,correction,p:china,p:japan,error,message"
    assert text.startswith(f"\ufeff{columns}\r\n".encode())
    table = {row["path"]: row for row in csv.DictReader(io.StringIO(text.decode("utf-8-sig")))}
    assert {name: row["correction"] for name, row in table.items() if row["correction"]} == {wanted[0]: corrected}
    assert [row["class"] for row in table.values()] == [row.get("class", "") for row in rows.values()]
    assert {name: row["error"] for name, row in table.items() if row["error"]} == BROKEN

    with zipfile.ZipFile(io.BytesIO(save(page, "zip"))) as archive:
        assert archive.testzip() is None
        packed = {name: archive.read(name) for name in archive.namelist()}
    assert packed.pop("predictions.csv") == text
    places = {name: f"{row['class']}/{row['verdict']}/{name}" for name, row in rows.items() if "class" in row}
    places |= {name: f"unknown/{row['reason']}/{name}" for name, row in rows.items() if row.get("verdict") == "unknown"}
    places[wanted[0]] = f"{corrected}/corrected/{wanted[0]}"
    assert packed == {place: many[name] for name, place in places.items()}


def test_corrections_stay_in_this_browser_until_they_are_forgotten(desk: Page, many: dict[str, bytes]) -> None:
    two = dict(list(many.items())[:2])
    drop(desk, two)
    expect(desk.locator("#batch-title")).to_have_text("2 pictures")
    desk.locator("[data-grid]").focus()
    for key in "12":  # one of them is not what the model says
        desk.keyboard.press(key)
        if desk.locator("[data-filter=corrected] [data-count]").text_content():
            break
    corrected = desk.locator("[data-filter=corrected] [data-count]")
    expect(corrected).to_have_text("1")
    later = desk.context.new_page()
    desk.close()  # and with it what a tab alone keeps
    later.goto("/")
    kept = later.locator("[data-corrections]")
    expect(kept).to_have_text("Corrected by you among many pictures: 1")
    drop(later, two)
    corrected = later.locator("[data-filter=corrected] [data-count]")
    expect(corrected).to_have_text("1")
    later.get_by_role("button", name="Back to one picture").click()
    later.get_by_role("button", name="Forget all of it").click()
    expect(kept).to_be_hidden()
    drop(later, two)
    expect(later.locator("#batch-title")).to_have_text("2 pictures")
    expect(corrected).to_have_text("")


def test_one_picture_large_with_where_the_model_looked(page: Page, many: dict[str, bytes]) -> None:
    page.locator("[data-many-files] >> nth=0").set_input_files(
        [{"name": name, "mimeType": "image/jpeg", "buffer": many[name]} for name in list(many)[:5]]
    )
    expect(page.locator("[data-batch] [data-cancel]")).to_be_hidden()
    known = page.locator(TILE).and_(page.locator(".tile-sure, .tile-unsure")).first
    name = known.locator(".tile-name").text_content()
    known.click()
    look = page.locator("[data-look]")
    expect(look).to_be_visible()
    expect(look.locator("[data-look-name]")).to_have_text(name or "")
    assert findings(page) == []
    look.locator("[data-look-explain]").click()
    heat = look.locator("[data-look-heat]")
    expect(heat).to_be_visible()
    places = look.locator("img").evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().toJSON())")
    assert places[0] == places[1]
    page.keyboard.press("ArrowRight")
    expect(look.locator("[data-look-name]")).not_to_have_text(name or "")
    expect(heat).to_be_hidden()
    page.keyboard.press("Escape")
    expect(look).to_be_hidden()
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Back to one picture").click()
    expect(page.locator("[data-workbench]")).to_be_visible()


def answer_all(route: Route) -> None:
    number = (route.request.post_data_buffer or b"").count(b"filename=")
    answer = {"class": "china", "confidence": 0.9, "probabilities": {"china": 0.9, "japan": 0.1}, "verdict": "sure"}
    events = [("picture", {"index": index, "name": "", "answer": answer}) for index in range(number)]
    events.append(("summary", {"complete": True}))
    body = "".join(f"event: {kind}\ndata: {json.dumps(data)}\n\n" for kind, data in events)
    route.fulfill(status=200, content_type="text/event-stream", body=body)


def test_thousands_of_pictures_are_as_light_as_dozens(desk: Page) -> None:
    sizes: list[int] = []

    def reply(route: Route) -> None:
        sizes.append((route.request.post_data_buffer or b"").count(b"filename="))
        answer_all(route)

    desk.route("**/batch", reply)
    dropped = desk.evaluate_handle(
        """() => {
            const transfer = new DataTransfer();
            for (let number = 0; number < 5000; number++) transfer.items.add(new File([`${number}`], `${number}.png`));
            return transfer;
        }"""
    )
    desk.dispatch_event("main", "drop", {"dataTransfer": dropped})
    expect(desk.locator("[data-filter=sure] [data-count]")).to_have_text("5,000", timeout=60_000)
    assert (sum(sizes), max(sizes)) == (5000, 48)
    assert desk.locator(TILE).count() < 150
    desk.locator("[data-grid]").focus()
    desk.keyboard.press("End")
    expect(desk.locator(TILE).and_(desk.locator("[aria-selected=true]"))).to_have_attribute("aria-posinset", "5000")
    assert desk.locator(TILE).count() < 150
