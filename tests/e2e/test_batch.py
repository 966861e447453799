"""Many pictures on the model's page, in a real browser: dropped, answered, sorted, corrected, saved, cancelled."""

from __future__ import annotations

import base64
import csv
import io
import json
import random
import stat
import struct
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from tests.conftest import shared_folder
from tests.e2e.conftest import SCREENS, draw_mountains, drop
from tests.e2e.test_accessibility import findings
from tests.frontend.gunicorns import gunicorn
from tests.frontend.model_server_stub import ModelServerStub, Reply, answer
from tests.waiting import PATIENCE

pytestmark = pytest.mark.slow

BROKEN = {"broken.jpg": "broken_picture", "notes.jpg": "not_a_picture"}
TILE = "[data-grid] [role=option]"
FILES = "[data-batch] [data-many-files]"


def add_broken(files: dict[str, bytes]) -> dict[str, bytes]:
    return files | {"broken.jpg": files[next(iter(files))][:2000], "notes.jpg": b"not a picture"}


@pytest.fixture(scope="module")
def paintings() -> dict[str, bytes]:
    """40 real paintings, and two files that are no pictures."""
    found = sorted(shared_folder("data/landscape").rglob("*.jpg"))
    return add_broken({f"{number:02d} {path.name}": path.read_bytes() for number, path in enumerate(found[::9][:40])})


@pytest.fixture(scope="module")
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


def count(page: Page, verdict: str) -> int:
    return int(page.locator(f"[data-filter='{verdict}'] [data-count]").text_content() or 0)


def shown(page: Page) -> list[str]:
    """The names of the tiles that are there, in order."""
    places = page.locator(TILE).evaluate_all(
        "(tiles) => tiles.map((tile) => [Number(tile.ariaPosInSet), tile.querySelector('.tile-name').textContent])"
    )
    return [name for _, name in sorted(places)]


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


class Gate:
    """A model server that answers only what it is let, and the real front end before it, at `address`."""

    def __init__(self) -> None:
        self.model_server = ModelServerStub()
        self.model_server.reply = self._answer
        self.address = ""
        self._open = threading.Event()
        self._let = threading.Semaphore(0)

    def let(self, count: int) -> None:
        """So many more."""
        self._let.release(count)

    def open(self) -> None:
        """All, from now on."""
        self._open.set()

    def close(self) -> None:
        self._open.clear()

    def _answer(self, request: BaseHTTPRequestHandler, body: bytes) -> Reply:
        until = time.monotonic() + 2 * PATIENCE
        while not self._open.is_set() and not self._let.acquire(timeout=0.05) and time.monotonic() < until:
            pass
        return 200, json.dumps(answer()).encode()


@pytest.fixture(scope="module")
def behind_gate() -> Iterator[Gate]:
    gate = Gate()
    with gunicorn(gate.model_server, workers=1) as port:
        gate.address = f"http://127.0.0.1:{port}"
        yield gate
        gate.open()
    gate.model_server.close()


@pytest.fixture
def gate(behind_gate: Gate) -> Iterator[Gate]:
    behind_gate.close()
    yield behind_gate
    behind_gate.open()


def test_a_cancelled_second_batch_ends_the_servers_work(
    browser: Browser, screen: str, gate: Gate, many: dict[str, bytes]
) -> None:
    context = browser.new_context(base_url=gate.address, locale="en-US", **SCREENS[screen])  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/")
    gate.let(6)
    drop(page, dict(list(many.items())[:6]))
    expect(page.locator("[data-filter=sure] [data-count]")).to_have_text("6")
    expect(page.locator("[data-batch] [data-cancel]")).to_be_hidden()
    stub = gate.model_server
    first = len(stub.seen)
    gate.let(5)
    drop(page, {f"{number:03d}.jpg": many[next(iter(many))] for number in range(400)})
    expect(page.locator("#batch-title")).to_have_text("406 pictures")
    expect(page.locator("[data-filter=sure] [data-count]")).to_have_text("11")
    page.locator("[data-batch] [data-cancel]").click()
    expect(page.locator("[data-said]")).to_have_text("Cancelled. What was answered stays.")
    gate.open()
    asked = -1
    while asked != len(stub.seen):  # what had its turn is still answered
        asked = len(stub.seen)
        page.wait_for_timeout(600)
    assert first < asked < first + 400
    context.close()


def test_a_cancelled_batch_ends_and_can_go_on(
    browser: Browser, screen: str, gate: Gate, many: dict[str, bytes]
) -> None:
    context = browser.new_context(base_url=gate.address, locale="en-US", **SCREENS[screen])  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/")
    content = many[next(iter(many))]
    gate.let(20)
    drop(page, {f"{number:03d}.jpg": content for number in range(400)})
    expect(page.locator("[data-batch] [data-progress-text]")).to_contain_text("of 400")
    expect(page.locator("[data-filter=sure] [data-count]")).to_have_text("20")
    page.locator("[data-batch] [data-cancel]").click()
    expect(page.locator("[data-said]")).to_have_text("Cancelled. What was answered stays.")
    gate.open()
    page.wait_for_timeout(700)  # nothing comes any more
    assert (count(page, "sure"), count(page, "failed")) == (20, 0)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("[data-filter=sure] [data-count]")).to_have_text("400")
    expect(page.locator("[data-batch] [data-resume]")).to_be_hidden()
    expect(page.locator("[data-batch] [data-cancel]")).to_be_hidden()
    assert (count(page, "sure"), count(page, "failed")) == (400, 0)
    context.close()


@pytest.fixture
def desk(browser: Browser, live_site: str) -> Any:
    context = browser.new_context(base_url=live_site, locale="en-US", **SCREENS["desk"])  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/")
    yield page
    context.close()


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


def test_entries_that_can_not_be_read_are_named_and_the_others_asked(desk: Page) -> None:
    found = desk.evaluate(
        """async () => {
            const { walkDrop } = await import("/static/batch/files.js");
            const file = (name) => ({ fullPath: `/a/${name}`, file: (done) => done(new File(["x"], name)) });
            const bad = { fullPath: "/a/bad.jpg", file: (done, fail) => fail(new Error()) };
            const folder = (fullPath, entries) => {
                const readEntries = (done, fail) => (entries ? done(entries.splice(0, 2)) : fail(new Error()));
                return { isDirectory: true, fullPath, createReader: () => ({ readEntries }) };
            };
            const left = [file(".DS_Store"), file("b.txt")];
            const root = folder("/a", [file("1.jpg"), bad, folder("/a/shut", null), ...left, file("2.jpg")]);
            const items = [{ kind: "file", webkitGetAsEntry: () => root, getAsFile: () => null }];
            const said = [], leftOut = [];
            for await (const each of walkDrop({ items }, (name) => leftOut.push(name), 100)) {
                said.push([each.name, await each.read().then((blob) => blob.size, (error) => error.code)]);
            }
            return { said, leftOut };
        }"""
    )
    assert found == {
        "said": [["a/1.jpg", 1], ["a/bad.jpg", "unreadable"], ["a/shut/", "unreadable"], ["a/2.jpg", 1]],
        "leftOut": ["a/.DS_Store", "a/b.txt"],
    }


def test_a_zip_is_read_in_the_browser(desk: Page) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xxxxxx/xxxx.png", b"korean" * 20)
        archive.writestr("stored.png", b"plain", zipfile.ZIP_STORED)
        archive.writestr("../up.png", b"up")
        archive.writestr("large.png", bytes(5000))
        archive.writestr("folder/", b"")
        archive.writestr("inner.zip", b"x")
        archive.writestr("__MACOSX/._a.png", b"x")
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    whole = buffer.getvalue().replace(b"xxxxxx/xxxx", "산수화/그림".encode("cp949"))
    read = """async (data) => {
        const { openZip } = await import("/static/batch/zip.js");
        const said = [], leftOut = [];
        const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
        try {
            for (const each of await openZip(new Blob([bytes]), (name) => leftOut.push(name), 4000)) {
                said.push([each.name, await each.read().then((blob) => blob.text(), (error) => error.code)]);
            }
        } catch (error) {
            return error.code;
        }
        return { said, leftOut };
    }"""

    def ask(content: bytes) -> Any:
        return desk.evaluate(read, base64.b64encode(content).decode())

    assert ask(whole) == {
        "said": [
            ["산수화/그림.png", "korean" * 20],
            ["stored.png", "plain"],
            ["../up.png", "up"],
            ["large.png", "picture_too_large"],
        ],
        "leftOut": ["inner.zip", "__MACOSX/._a.png", "link.png"],
    }
    locked = bytearray(whole)
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    assert ask(bytes(locked))["said"][0][1] == "encrypted_entry"
    assert ask(whole[:-30]) == "not_a_zip"
    assert ask(b"") == "not_a_zip"


def test_a_zip_may_be_larger_than_the_old_form_holds(desk: Page, tmp_path: Path) -> None:
    """The end of one with more than 65,535 files; and one that begins beyond 4 GiB, in a file that is mostly a hole."""
    write = """async ({ count, size, place, far }) => {
        const { endZip, listEntry } = await import("/static/batch/zip.js");
        const line = listEntry(new TextEncoder().encode("한"), [0x8cdc1683, 1, 1], far); // the checksum of "x"
        const ends = [endZip(count, size, place), new Blob([line, endZip(1, line.size, far + 34)])];
        const encode = (bytes) => btoa(String.fromCharCode(...bytes));
        return Promise.all(ends.map(async (end) => encode(new Uint8Array(await end.arrayBuffer()))));
    }"""
    sizes = (0x8CDC1683, 1, 1, 5, 0)
    local = b"".join(
        struct.pack("<I5H3I2H5sc", 0x04034B50, 20, 0, 0, 0, 0x21, *sizes, b"%05d" % n, b"x") for n in range(65_600)
    )
    facts = (0x02014B50, 20, 20, 0, 0, 0, 0x21)
    table = b"".join(
        struct.pack("<I6H3I5H2I5s", *facts, *sizes, 0, 0, 0, 0, 36 * n, b"%05d" % n) for n in range(65_600)
    )
    given = {"count": 65_600, "size": len(table), "place": len(local), "far": 2**32 + 5}
    many, end = (base64.b64decode(each) for each in desk.evaluate(write, given))
    with zipfile.ZipFile(io.BytesIO(local + table + many)) as archive:
        assert archive.namelist() == [f"{number:05d}" for number in range(65_600)]
        assert archive.read("65599") == b"x"
    name = "한".encode()
    entry = struct.pack("<I5H3I2H", 0x04034B50, 20, 0x800, 0, 0, 0x21, 0x8CDC1683, 1, 1, len(name), 0) + name + b"x"
    with (tmp_path / "far.zip").open("wb") as file:
        file.seek(given["far"])
        file.write(entry + end)
    with zipfile.ZipFile(tmp_path / "far.zip") as archive:
        assert archive.infolist()[0].header_offset == given["far"]
        assert archive.testzip() is None
        assert archive.read("한") == b"x"
