"""A run that is ended in any way and gone on with leaves the table of one that was not."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest
from PIL import Image

from hwapung.batch import run as running
from hwapung.batch.copies import make_safe
from hwapung.batch.journal import Journal
from hwapung.batch.run import Extras, predict_many
from hwapung.batch.sources import open_source
from hwapung.batch.summary import Summary
from hwapung.batch.tables import open_table
from model_training.runtime.errors import DatasetError, OutputError, StoppedError
from tests.alike import are_alike
from tests.cards import make_card
from tests.conftest import ROOT
from tests.hwapung.batch.asked import Asked, predict
from tests.running import run

PICTURES = 60


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Sixty of them, every tenth broken."""
    folder = tmp_path / "그림"
    for number in range(PICTURES):
        path = folder / f"{number % 3}" / f"{number:03d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%s %d" % (b"broken" if number % 10 == 3 else b"fine", number))
    return folder


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def phrase(summary: Summary) -> list[str]:
    return list(summary.phrase())


def test_a_row_a_picture(pictures: Path, tmp_path: Path) -> None:
    summary = predict(Asked(), [pictures], tmp_path / "a.jsonl")
    found = rows(tmp_path / "a.jsonl")
    wanted = sorted(str(path) for path in pictures.rglob("*.jpg"))
    assert [row["path"] for row in found] == wanted
    assert [row["error"] for row in found].count("broken_picture") == 6
    assert {row["verdict"] for row in found} == {"sure", None}
    assert not (tmp_path / "a.jsonl.journal").exists()
    shown = ", ".join(path for path in wanted if int(Path(path).stem) % 10 == 3).split(", ")[:3]
    assert phrase(summary) == [
        f"{tmp_path / 'a.jsonl'}: 60 pictures: 54 sure, 6 failed.",
        f"Failed: broken_picture: 6 ({', '.join(shown)}, …).",
    ]
    assert summary.has_failed


def test_a_killed_run_goes_on_without_a_lost_or_a_doubled_row(pictures: Path, tmp_path: Path) -> None:
    for number in range(PICTURES, 400):
        (pictures / "2" / f"{number:03d}.jpg").write_bytes(b"%d" % number)
    predict(Asked(), [pictures], tmp_path / "whole.jsonl")
    table, journal = tmp_path / "killed.jsonl", tmp_path / "killed.jsonl.journal"
    for kills in (1, 2):
        command = [sys.executable, "-m", "tests.hwapung.batch.asked", str(pictures), str(table)]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        before = count_lines(journal)
        while count_lines(journal) <= max(before, 1):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not table.exists()
        assert kills < 400 / count_lines(journal)
    with journal.open("ab") as file:
        file.write(b'{"path": "half a r')
    engine, there = Asked(), count_lines(journal) - 1
    summary = predict(engine, [pictures], table)
    assert (len(engine.seen), summary.resumed, summary.rows) == (400 - there, there, 400)
    assert table.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_a_journal_that_was_cut_anywhere_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.jpg").write_bytes(b"%d" % number)
    predict(Asked(), [folder], tmp_path / "whole.jsonl")
    table, journal = tmp_path / "a.jsonl", tmp_path / "a.jsonl.journal"
    with pytest.raises(KeyboardInterrupt):
        predict(Asked(stop_after=3), [folder], table)
    kept = journal.read_bytes()
    assert kept.count(b"\n") == 4
    for end in range(len(kept)):
        journal.write_bytes(kept[:end])
        engine = Asked()
        predict(engine, [folder], table)
        assert len(engine.seen) == 4 - max(kept[:end].count(b"\n") - 1, 0)
        assert table.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
        table.unlink()


def test_what_comes_and_goes_meanwhile_shifts_nothing(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        predict(Asked(stop_after=30), [pictures], tmp_path / "a.jsonl")
    (pictures / "0" / "000.jpg").unlink()  # which has a row
    (pictures / "2" / "059.jpg").unlink()  # which has none
    (pictures / "0" / "0000.jpg").write_bytes(b"new")
    predict(Asked(), [pictures], tmp_path / "a.jsonl")
    found = [Path(str(row["path"])).name for row in rows(tmp_path / "a.jsonl")]
    wanted = [f"{number:03d}.jpg" for number in range(59)] + ["0000.jpg"]
    assert sorted(found) == sorted(wanted)


def test_names_of_any_bytes_keep_their_rows(tmp_path: Path) -> None:
    """Also where one is spelt as the other is written in the table."""
    folder = tmp_path / "bytes"
    folder.mkdir()
    for name in (b"\xb0\xa1.jpg", b"\\xb0\\xa1.jpg", b"a\nb.jpg", "한.jpg".encode()):
        (folder / os.fsdecode(name)).write_bytes(name)
    with pytest.raises(KeyboardInterrupt):
        predict(Asked(stop_after=2), [folder], tmp_path / "a.jsonl")
    engine = Asked()
    predict(engine, [folder], tmp_path / "a.jsonl")
    assert len(engine.seen) == 2
    found = [Path(str(row["path"])).name for row in rows(tmp_path / "a.jsonl")]
    assert found == ["\\xb0\\xa1.jpg", "a\nb.jpg", "\\xb0\\xa1.jpg", "한.jpg"]


def test_a_picture_that_is_named_twice_has_two_rows(pictures: Path, tmp_path: Path) -> None:
    paths = sorted(pictures.rglob("*.jpg"))[:3]
    (tmp_path / "list.txt").write_text("\n".join(str(path) for path in [*paths, *paths]))
    with pytest.raises(KeyboardInterrupt):
        predict(Asked(stop_after=4), [tmp_path / "list.txt"], tmp_path / "a.jsonl")
    predict(Asked(), [tmp_path / "list.txt"], tmp_path / "a.jsonl")
    assert [row["path"] for row in rows(tmp_path / "a.jsonl")] == [str(path) for path in [*paths, *paths]]


def test_what_was_begun_otherwise_is_refused(pictures: Path, tmp_path: Path) -> None:
    table, journal = tmp_path / "a.csv", tmp_path / "a.csv.journal"
    with pytest.raises(KeyboardInterrupt):
        predict(Asked(stop_after=3), [pictures], table)
    kept = journal.read_bytes()
    for card in (make_card(version="2.0"), make_card(name="other"), make_card(files={"network.xml": "0"})):
        with pytest.raises(
            OutputError, match=r"of another model \(tiny 1\.0, .*Name another table, or remove this file"
        ):
            predict(Asked(card), [pictures], table)
    with pytest.raises(OutputError, match="of other pictures"):
        predict(Asked(), [pictures / "0"], table)
    assert journal.read_bytes() == kept
    journal.write_text("my diary\n")
    with pytest.raises(OutputError, match="this is no list of predictions"):
        predict(Asked(), [pictures], table)
    assert journal.read_text() == "my diary\n"


def test_two_can_not_write_one_table(pictures: Path, tmp_path: Path) -> None:
    asked = {"model": "m", "weights": "w", "pictures": "p", "paths": "q"}
    with Journal(tmp_path / "a.csv.journal", asked), pytest.raises(OutputError, match="another process is writing"):
        predict(Asked(), [pictures], tmp_path / "a.csv")


def test_a_table_that_was_done_meanwhile_is_left(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a process that held the journal when this one opened it, or that began and ended since this one looked."""
    table, flock = open_table(tmp_path / "a.jsonl"), fcntl.flock
    predict(Asked(), [pictures], tmp_path / "a.jsonl")
    wanted = (tmp_path / "a.jsonl").read_bytes()
    with pytest.raises(OutputError, match="is there already"):
        predict_many(engine := Asked(), open_source([pictures]), table, Extras())
    assert not engine.seen

    def lock_late(file: IO[bytes], how: int) -> None:
        (tmp_path / "a.jsonl.journal").unlink()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    with pytest.raises(OutputError, match="another process is writing this table"):
        predict_many(Asked(), open_source([pictures]), table, Extras())
    assert (tmp_path / "a.jsonl").read_bytes() == wanted
    assert not (tmp_path / "a.jsonl.journal").exists()


def test_a_place_that_can_not_be_written_is_said(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "a.csv", Path("/proc/a.csv")):
        with pytest.raises(OutputError, match=r"can't be written \("):
            predict(Asked(), [pictures], place)
    for place in (tmp_path / "file" / "sorted", Path("/proc")):
        with pytest.raises(OutputError, match=r"can't be written \("):
            predict(engine := Asked(), [pictures], tmp_path / "a.csv", Extras(place))
        assert not engine.seen
    assert not (tmp_path / "a.csv.journal").exists()


def test_a_folder_without_pictures_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="there is no picture"):
        predict(Asked(), [tmp_path / "empty"], tmp_path / "a.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


@pytest.mark.parametrize("place", ["rows", "table"])
def test_a_full_disk_costs_nothing(place: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for some of the rows, or for all of them but not for the table, which is larger."""
    monkeypatch.setattr(running, "_SECONDS_BETWEEN_WRITES", 0)
    predict(Asked(), [pictures], tmp_path / "whole.jsonl")
    room = 1500 if place == "rows" else (tmp_path / "whole.jsonl").stat().st_size - 1
    table = tmp_path / "a.jsonl"
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, kept[1]))
        with pytest.raises(StoppedError, match="there is no room left on the disk"):
            predict(Asked(), [pictures], table)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
        signal.signal(signal.SIGXFSZ, ignored)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["a.jsonl.journal", "whole.jsonl"]
    assert (tmp_path / "a.jsonl.journal").read_bytes().endswith(b"\n")
    engine = Asked()
    predict(engine, [pictures], table)
    assert (len(engine.seen) == 0) == (place == "table")
    assert table.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.parametrize("copy", [False, True])
def test_a_full_disk_ends_the_copies_and_is_named(
    copy: bool, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for twenty of them."""
    room, table, into = 20, tmp_path / "a.jsonl", tmp_path / "sorted"

    def write(path: Path, *content: object) -> None:
        nonlocal room
        if into in path.parents and (room := room - 1) < 0:
            raise OSError(errno.ENOSPC, "No space left on device", *(("source",) if not copy else ()))
        kept(path, *content)  # type: ignore[arg-type]

    name = "write_bytes" if copy else "symlink_to"
    with monkeypatch.context() as patch:
        kept = getattr(Path, name)
        patch.setattr(Path, name, write)
        with pytest.raises(StoppedError, match=re.escape(f"{into}: there is no room left on the disk. Make room.")):
            predict(Asked(), [pictures], table, Extras(into, copy=copy))
    assert len(list(into.rglob("*.*"))) == 20
    summary = predict(Asked(), [pictures], table, Extras(into, copy=copy))
    assert 20 <= summary.resumed < 25
    assert (len(list(into.rglob("*.jpg"))), summary.rows) == (54, 60)


def test_pictures_are_sorted_by_class_and_verdict(pictures: Path, tmp_path: Path) -> None:
    links, copies = tmp_path / "links", tmp_path / "copies"
    predict(Asked(), [pictures], tmp_path / "a.jsonl", Extras(links))
    predict(Asked(), [pictures], tmp_path / "b.jsonl", Extras(copies, copy=True))
    for row in rows(tmp_path / "a.jsonl"):
        path = Path(str(row["path"]))
        place = Path(str(row["class"]), "sure", path.relative_to(pictures))
        assert (links / place).is_symlink() == (copies / place).is_file() == (row["error"] is None)
        if row["error"] is None:
            assert (links / place).read_bytes() == (copies / place).read_bytes() == path.read_bytes()
            assert not (copies / place).is_symlink()
    for folder in (links, copies):
        assert sum(not path.is_dir() or path.is_symlink() for path in folder.rglob("*")) == 54


def test_several_labels_are_several_links(pictures: Path, tmp_path: Path) -> None:
    predict(Asked(make_card(task="multi_label")), [pictures / "0"], tmp_path / "a.jsonl", Extras(tmp_path / "sorted"))
    assert {path.name for path in (tmp_path / "sorted").iterdir()} == {"china", "한국 그림"}
    first = rows(tmp_path / "a.jsonl")[0]
    assert first["labels"] == ["china", "한국 그림"]


def test_objects_have_no_embedding_in_a_table(pictures: Path, tmp_path: Path) -> None:
    predict(Asked(make_card(task="sketch")), [pictures / "0"], tmp_path / "a.jsonl")
    first = rows(tmp_path / "a.jsonl")[0]
    (found,) = first["objects"]  # type: ignore[misc]
    assert found.keys() == {"class", "score", "box"}  # type: ignore[attr-defined]
    assert (first["width"], first["height"]) == (8, 6)


@pytest.mark.parametrize("inside", ["", "sorted", ".."])
def test_nothing_is_written_where_pictures_are_read(inside: str, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="Give a folder beside it"):
        predict(Asked(), [pictures], tmp_path / "a.csv", Extras(explain=pictures / inside))
    assert not (pictures / "sorted").exists()


def test_a_copy_stays_below_its_folder() -> None:
    hostile = [
        "../../etc/passwd",
        "/etc/passwd",
        "a/./b.jpg",
        "..",
        "",
        "a//b",
        "x" * 5000 + ".jpg",
        "y/" * 3000 + "z.png",
    ]
    made = [make_safe(place) for place in hostile]
    assert len(set(made)) == len(made)
    for each in made:
        assert not each.is_absolute()
        assert not {"..", "."} & set(each.parts)
        assert all(len(os.fsencode(part)) <= 200 for part in each.parts)
    assert str(make_safe("a/b c/한글.jpg")) == "a/b c/한글.jpg"
    assert make_safe("a/../b.jpg") != make_safe("a/b.jpg")


def test_the_command_writes_a_table(
    tiny_bundle: Path, procedural_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answers are those that pictures get line by line."""
    bundle = ["--bundle", str(tiny_bundle), "--device", "cpu"]
    table, heatmaps = tmp_path / "a.json", tmp_path / "heatmaps"
    status, _, err = run(capsys, "predict", str(procedural_folder), *bundle, "--to", str(table))
    assert status == 0
    assert f"{table}: 30 pictures: " in err
    found = json.loads(table.read_text("utf-8"))
    status, out, _ = run(capsys, "predict", *(row["path"] for row in found), *bundle, "--json")
    for row, answer in zip(found, json.loads(out), strict=True):
        for key in ("path", "class", "confidence", "verdict", "probabilities"):
            assert are_alike(row[key], answer[key]), (row["path"], key)
    few = [row["path"] for row in found[:2]] + [str(tmp_path / "gone.jpg")]
    more = ["--to", str(tmp_path / "b.csv"), "--explain", str(heatmaps), "--json"]
    status, out, _ = run(capsys, "predict", *few, *bundle, *more)
    assert status == 1
    summary = json.loads(out)
    assert (summary["pictures"], summary["failed"]) == (
        3, [{"what": "bad_picture", "count": 1, "examples": [few[2]]}],
    )  # fmt: skip
    known = [row["path"] for row in found[:2] if row["verdict"] != "unknown"]
    assert sorted(path.name for path in heatmaps.rglob("*.png")) == [f"{Path(path).name}.png" for path in known]
    for path in heatmaps.rglob("*.png"):
        with Image.open(path) as image:
            assert image.mode == "RGB"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["."], "error: . is no picture, but holds some. Give --to answers.csv for a row of each.\n"),
        (["a.jpg", "--sort-into", "x"], "error: Pictures are sorted beside a table. Give --to answers.csv, too.\n"),
        (["a.jpg", "--model", "x"],
            "error: --model names a model of a server. Give --server, too, or --bundle in its place.\n"),
        (["a.jpg", "--copy"], "error: --copy says how pictures are sorted. Give --sort-into FOLDER, too.\n"),
        (["a.jpg", "--server", "x", "--form", "int8"],
            "error: A server answers by its own bundle and form. Leave --bundle and --form out, or --server.\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_does_not_go_together_is_said(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "predict", *arguments) == (2, "", said)
