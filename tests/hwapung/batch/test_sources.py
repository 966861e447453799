"""What is read of a folder, a zip and a list, and what is said of the rest."""

from __future__ import annotations

import inspect
import os
import stat
import struct
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from hwapung.batch import folders
from hwapung.batch.engines import read
from hwapung.batch.items import Item
from hwapung.batch.sources import open_source
from model_training.datasets.findings import Findings
from model_training.runtime.errors import DatasetError, ImageError
from model_training.runtime.image import MAX_BYTES

PNG = b"\x89PNG\r\n\x1a\n"


def walk(*paths: Path) -> tuple[list[Item], dict[str, int]]:
    findings = Findings()
    items = list(open_source(paths).walk(findings))
    return items, {each.what: each.count for each in findings}


def names(items: Sequence[Item]) -> list[str]:
    return [each.place for each in items]


def code(item: Item) -> str:
    found = read(item)
    return str(found.message) if isinstance(found, ImageError) else "read"


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/z.png", "a/한글.webp", "c/d/e/f.gif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "picture without suffix").write_bytes(PNG)
    (tmp_path / "notes.md").write_text("no")
    (tmp_path / ".hidden.jpg").write_bytes(b"x")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "b.jpg").write_bytes(b"x")
    (tmp_path / "film.mp4").write_bytes(b"x")
    items, left_out = walk(tmp_path)
    assert names(items) == ["a/z.png", "a/한글.webp", "b.jpg", "c/d/e/f.gif", "picture without suffix"]
    assert items[0].name == str(tmp_path / "a/z.png")
    assert left_out == {
        "hidden files left out": 1,
        "files in folders of the system, left out": 1,
        "films left out": 1,
        "other files left out": 1,
    }


def test_what_can_not_be_read_is_a_row_and_never_waited_for(tmp_path: Path) -> None:
    (tmp_path / "dead.jpg").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "goes.jpg").write_bytes(b"x")
    items, left_out = walk(tmp_path)
    (tmp_path / "goes.jpg").unlink()
    assert {item.place: code(item) for item in items} == {
        "dead.jpg": "The file can't be read (No such file or directory).",
        "goes.jpg": "The file can't be read (No such file or directory).",
        "pipe.jpg": "This is no file.",
    }
    assert left_out == {"links to a folder above them, left out": 1, "other files left out": 1}


def test_a_folder_that_can_not_be_opened_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shut").mkdir()
    (tmp_path / "z.jpg").write_bytes(b"x")
    scandir = os.scandir

    def refuse(path: bytes) -> object:
        if path.endswith(b"shut"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(folders.os, "scandir", refuse)
    items, _ = walk(tmp_path)
    assert [(each.place, code(each)) for each in items] == [
        ("shut", "The folder can't be opened (Permission denied)."),
        ("z.jpg", "read"),
    ]


def test_folders_may_be_nested_deeper_than_calls(tmp_path: Path) -> None:
    """A real one of more levels than Python calls could not be removed by pytest."""
    (tmp_path / "/".join("d" * 60)).mkdir(parents=True)
    (tmp_path / "/".join("d" * 60) / "deep.jpg").write_bytes(b"x")
    depth = len(inspect.stack())
    sys.setrecursionlimit(depth + 50)
    try:
        items, _ = walk(tmp_path)
    finally:
        sys.setrecursionlimit(1000)
    assert [each.place.count("/") for each in items] == [60]


def test_names_of_a_large_folder_are_sorted_by_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_CHUNK", 500)
    wanted = sorted(f"{number * 7919 % 20011:05d}.jpg" for number in range(3000))
    for name in wanted:
        (tmp_path / name).touch()
    found = list(folders._sort_names(tmp_path))
    assert found == wanted


def test_a_large_file_is_not_read_as_a_whole(tmp_path: Path) -> None:
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(2**40)
    (item,), _ = walk(tmp_path)
    assert len(item.read()) == MAX_BYTES + 1


def test_a_zip_leads_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "mean.zip"
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        for name in (
            "../../up.jpg",
            "/root.jpg",
            "a/b.jpg",
            "a/b.jpg",
            "__MACOSX/b.jpg",
            "in.zip",
            "notes.txt",
            ".jpg",
        ):
            archive.writestr(name, name)
        archive.writestr(link, "/etc/passwd")
        archive.writestr("no suffix", PNG + b"rest")
    items, left_out = walk(path)
    assert names(items) == ["../../up.jpg", "/root.jpg", "a/b.jpg", "a/b.jpg", "no suffix"]
    assert items[0].name == f"{path}/../../up.jpg"
    assert [item.read() for item in items][:2] == [b"../../up.jpg", b"/root.jpg"]
    assert all(item.file is None for item in items)
    assert left_out == {
        "files in folders of the system, left out": 1,
        "archives left out (unpack them first)": 1,
        "other files left out": 1,
        "hidden files left out": 1,
        "links in an archive left out": 1,
    }


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("산수/가.jpg".encode("cp949"), "산수/가.jpg"),
        ("산수/가.jpg".encode(), "산수/가.jpg"),
        ("café.jpg".encode("cp437"), "café.jpg"),
    ],
    ids=["Korean Windows", "macOS", "DOS"],
)
def test_names_in_a_zip_are_what_they_were(tmp_path: Path, raw: bytes, name: str) -> None:
    path = tmp_path / "a.zip"
    placeholder = "x" * len(raw)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(placeholder, "content")
    path.write_bytes(path.read_bytes().replace(placeholder.encode(), raw))
    (item,), _ = walk(path)
    assert item.place == name
    assert item.read() == b"content"


def test_entries_that_lie_cost_a_row_each(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.jpg", b"g" * 100)
        archive.writestr("large.jpg", bytes(MAX_BYTES + 5))
        archive.writestr("damaged.jpg", b"abcdefgh" * 20)
        archive.writestr("locked.jpg", b"z" * 9)
        archive.writestr("padding.bin", os.urandom(200_000))
        offset = archive.getinfo("damaged.jpg").header_offset + 30 + len("damaged.jpg")
    data = bytearray(path.read_bytes())
    data[offset : offset + 6] = b"\xff" * 6
    locked = data.rindex(b"locked.jpg") - 46
    data[locked + 8 : locked + 10] = struct.pack("<H", 1)
    path.write_bytes(data)
    items, _ = walk(path)
    read_of = {item.place: read(item) for item in items}
    assert read_of["good.jpg"] == b"g" * 100
    assert len(bytes(read_of["large.jpg"])) == MAX_BYTES + 1  # type: ignore[arg-type]
    assert str(read_of["damaged.jpg"]).startswith("The picture can't be taken from its archive (")
    assert str(read_of["locked.jpg"]).startswith("The picture is encrypted in its archive.")


def test_a_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"{number}.bmp", bytes(MAX_BYTES))
    with pytest.raises(DatasetError, match=r"would become 0\.1 GiB of pictures"):
        open_source([path])


def test_a_hundred_thousand_entries(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(100_000):
            archive.writestr(f"{number:06d}.jpg", b"x")
    items, left_out = walk(path)
    assert (len(items), items[99_999].read(), left_out) == (100_000, b"x", {})


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"no zip at all"])
def test_what_is_no_zip_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DatasetError, match="this is no whole zip"):
        open_source([tmp_path / "a.zip"])


def test_a_list_is_read_as_people_write_it(tmp_path: Path) -> None:
    for name in ("한글.jpg", "b c.jpg", "있음.jpg"):
        (tmp_path / name).write_bytes(b"x")
    lines = [
        "\ufeff한글.jpg".encode(),
        b"",
        b"b c.jpg\r",
        "있음.jpg".encode("cp949"),
        b"gone.jpg",
        b"b c.jpg",
        b"nul\0.jpg",
    ]
    (tmp_path / "list.txt").write_bytes(b"\n".join(lines))
    items, _ = walk(tmp_path / "list.txt")
    assert [Path(item.name).name for item in items] == [
        "한글.jpg",
        "b c.jpg",
        "있음.jpg",
        "gone.jpg",
        "b c.jpg",
        "nul\0.jpg",
    ]
    assert [code(item) for item in items] == [
        "read", "read", "read", "The file can't be read (No such file or directory).", "read",
        "There is no file of this name.",
    ]  # fmt: skip


def test_several_sources_keep_their_places_apart(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").write_bytes(b"x")
    items, _ = walk(tmp_path / "one", tmp_path / "two", tmp_path / "one" / "a.jpg")
    # A picture that is named itself lies within the root: its copy may not begin at it.
    assert names(items) == [f"{tmp_path}/one/a.jpg", f"{tmp_path}/two/a.jpg", f"{tmp_path}/one/a.jpg"[1:]]


def test_a_missing_source_is_said(tmp_path: Path) -> None:
    for name in ("list.txt", "a.zip"):
        with pytest.raises(DatasetError, match=r"can't be read \(No such file or directory\)"):
            open_source([tmp_path / name])
