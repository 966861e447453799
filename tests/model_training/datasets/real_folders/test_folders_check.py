"""`hwapung data check`, and files that lie in two classes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model_training.datasets.prepare import prepare
from model_training.datasets.summary import summarise, summarise_division
from model_training.recipe import Recipe, load_recipe
from model_training.runtime.errors import DatasetError
from tests.running import run

from .trees import encode, plant

SMALL = ["preprocessing.height=8", "preprocessing.width=8", "data.near_duplicate_distance=0"]


def make_recipe(*overrides: str) -> Recipe:
    return load_recipe("pictures", [*SMALL, *overrides])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of six pictures each, one of them in both; a copy inside a class, and files of other kinds."""
    files = {}
    for k, label in enumerate("ab"):
        files |= {f"{label}/{n}.png": encode((25 * n, 90 * k, 40), "PNG", 8 + n) for n in range(6)}
    files |= {"b/same.png": files["a/0.png"], "a/copy.png": files["a/1.png"]}
    return plant(tmp_path / "pictures", files | {"a/notes.txt": b"x", "preview.jpg": encode()})


def test_a_file_in_two_classes_is_an_error_or_dropped_or_kept(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(DatasetError, match=r"'a' and 'b' hold the same picture \(a/0\.png, b/same\.png\)\. .*=drop"):
        prepare(make_recipe(), folder, cache, quiet=True)
    used = {}
    for wanted in ("drop", "keep"):
        prepared = prepare(make_recipe(f"data.contradictions={wanted}"), folder, cache, quiet=True)
        rows = [row for each in prepared.rows.values() for row in each]
        used[wanted] = {prepared.dataset.place(prepared.dataset.entries[row]) for row in rows}
        assert [each.places for each in prepared.contradictions] == [("a/0.png", "b/same.png")]
        assert "files that lie in several classes: 1" in [line.en for line in summarise_division(prepared)]
    assert used["keep"] - used["drop"] == {"a/0.png", "b/same.png"}
    assert len(used["keep"]) == 14


def test_several_labels_do_not_contradict(folder: Path, tmp_path: Path) -> None:
    prepared = prepare(make_recipe("data.multi_label=true"), folder, tmp_path / "cache", quiet=True)
    assert prepared.contradictions == ()


def test_the_summary_is_said_in_both_languages(folder: Path, tmp_path: Path) -> None:
    lines = summarise(prepare(make_recipe("data.contradictions=keep"), folder, tmp_path / "cache", quiet=True).dataset)
    assert [line.en for line in lines] == [
        f"{folder}: 14 pictures in 2 classes",
        "classes: a 7, b 7",
        "pictures beside the folders of classes, left out: 1 (pictures)",
        "other files left out: 1 (notes.txt)",
        f"A trained model says what the pictures without a class show: hwapung predict {folder}/*",
    ]
    assert [line.ko for line in lines][2:4] == [
        "클래스 폴더 밖에 있어 제외한 그림: 1 (pictures)",
        "제외한 그 밖의 파일: 1 (notes.txt)",
    ]


def test_check_prints_what_would_be_read(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["data", "check", str(folder), *SMALL, "--build", str(tmp_path / "build")]
    status, out, _ = run(capsys, *given)
    assert status == 0
    for line in (
        "classes: a 7, b 7",
        "other files left out: 1 (notes.txt)",
        "sizes: 8×8 to 13×13 pixels, the middle one 10×10; 0.0 MB",
        "duplicates, kept on one side: 2 exact, 0 near",
        "files that lie in several classes: 1",
        "  a, b: a/0.png, b/same.png",
        "a training wants data.contradictions=drop, or keep",
    ):
        assert line in out.splitlines()
    status, out, _ = run(capsys, *given, "--json")
    found = json.loads(out)
    assert found["pictures"]["b/same.png"] == {"classes": ["b"], "split": None}
    assert found["contradictions"] == [{"classes": ["a", "b"], "files": ["a/0.png", "b/same.png"]}]
    assert (found["exact_duplicates"], found["sizes"]["largest"], found["error"]) == (2, [13, 13], None)


def test_check_shows_what_is_there_before_it_says_why_that_will_not_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(tmp_path / "few", ["a/*6", "b/*2"])
    status, out, err = run(capsys, "data", "check", str(tmp_path / "few"), "--build", str(tmp_path / "build"))
    assert status == 2
    assert "classes: a 6, b 2" in out
    assert "the class 'b' has 2 pictures, fewer than 5" in " ".join(err.split())
