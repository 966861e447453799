"""What is dropped, and what is written, is read and written in the browser: folders' entries, zips of any size."""

from __future__ import annotations

import base64
import io
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from playwright.sync_api import Page


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


def test_a_zip_that_is_written_may_be_larger_than_the_old_form_holds(desk: Page, tmp_path: Path) -> None:
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


def list_zip(page: Page, path: Path) -> Any:
    """How many pictures the page finds in a zip, and the last one's name and content; or the fault's code."""
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<input type=file id=zip>')")
    page.set_input_files("#zip", path)
    return page.evaluate(
        """async () => {
            const { openZip } = await import("/static/batch/zip.js");
            const input = document.querySelector("#zip");
            try {
                const found = [...await openZip(input.files[0], () => {}, 4000)];
                return [found.length, found.at(-1).name, await (await found.at(-1).read()).text()];
            } catch (error) {
                return error.code ?? String(error);
            } finally {
                input.remove();
            }
        }"""
    )


def test_a_zip_that_is_read_may_be_larger_than_the_old_form_holds(desk: Page, tmp_path: Path) -> None:
    """More than 65,535 pictures; one picture beyond 4 GiB; and ends that say where there is nothing."""
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(65_600):
            archive.writestr(f"{number:05d}.png", b"%d" % number)
    assert list_zip(desk, tmp_path / "many.zip") == [65_600, "65599.png", "65599"]

    far, name, content = 2**32 + 5, "멀리.png".encode(), b"beyond"
    facts, none = (0x800, 0, 0, 0x21, zlib.crc32(content)), 2**32 - 1
    entry = struct.pack("<I5H3I2H", 0x04034B50, 45, *facts, len(content), len(content), len(name), 0) + name + content
    other = struct.pack("<2H5s", 0x5455, 5, b"\1time")  # a field of another kind goes before
    numbers = struct.pack("<2H3Q", 1, 24, len(content), len(content), far)
    lengths = (len(name), len(other + numbers), 0, 0, 0, 0, none)
    line = struct.pack("<I6H3I5H2I", 0x02014B50, 45, 45, *facts, none, none, *lengths) + name + other + numbers
    place = far + len(entry)

    def end(at: int) -> bytes:
        large = struct.pack("<IQ2H2I4Q", 0x06064B50, 44, 45, 45, 0, 0, 1, 1, len(line), place)
        where = struct.pack("<2IQI", 0x07064B50, 0, at, 1)
        return large + where + struct.pack("<I4H2IH", 0x06054B50, 0, 0, 1, 1, len(line), none, 0)

    with (tmp_path / "far.zip").open("wb") as file:
        file.seek(far)
        file.write(entry + line + end(place + len(line)))
    with zipfile.ZipFile(tmp_path / "far.zip") as archive:  # Python reads it, too
        assert archive.read("멀리.png") == content
    assert list_zip(desk, tmp_path / "far.zip") == [1, "멀리.png", "beyond"]
    for wrong in (0, 2**63):
        with (tmp_path / "far.zip").open("r+b") as file:
            file.seek(place + len(line))
            file.write(end(wrong))
        assert list_zip(desk, tmp_path / "far.zip") == "not_a_zip"
