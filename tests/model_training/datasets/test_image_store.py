from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_training.datasets import image_store
from model_training.datasets.folders import Dataset, check_classes, list_folder
from model_training.datasets.image_store import average, check_readable, open_store
from model_training.datasets.pixel_files import Form
from model_training.runtime.architecture import Preprocessing
from model_training.runtime.errors import DatasetError
from model_training.runtime.preprocess import read

PREPROCESSING = Preprocessing(height=16, width=24, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    generator = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(6):
            image = Image.fromarray(generator.integers(0, 256, (40, 30, 3), dtype=np.uint8))
            image.save(tmp_path / "data" / label / f"{number}.png")
    return check_classes(list_folder(tmp_path / "data"))


FORMS: tuple[Form, Form] = ("raw", "compressed")


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Form:
    kind: Form = request.param
    return kind


def silent(done: int, total: int) -> None: ...


def test_rows_are_what_the_runtime_reads(dataset: Dataset, form: Form, tmp_path: Path) -> None:
    store = open_store(dataset, PREPROCESSING, tmp_path / "cache", silent, form)
    assert store.pixels.shape == (12, 16, 24, 3)
    for row, entry in enumerate(dataset.entries):
        np.testing.assert_array_equal(store.pixels[row], read(entry.path.read_bytes(), PREPROCESSING))


def test_the_second_time_nothing_is_decoded(
    dataset: Dataset, form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_store(dataset, PREPROCESSING, tmp_path / "cache", silent, form)
    monkeypatch.setattr(image_store, "decode_with_warnings", None)
    second = open_store(dataset, PREPROCESSING, tmp_path / "cache", silent)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert first.sha256 == second.sha256


def test_a_changed_file_is_read_again(dataset: Dataset, form: Form, tmp_path: Path) -> None:
    open_store(dataset, PREPROCESSING, tmp_path / "cache", silent, form)
    Image.new("RGB", (40, 30), (200, 0, 0)).save(dataset.entries[3].path)
    store = open_store(dataset, PREPROCESSING, tmp_path / "cache", silent)
    assert (store.pixels[3] == (200, 0, 0)).all()


def test_an_interrupted_scan_goes_on(
    dataset: Dataset, form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_store, "_CHUNK", 4)

    def stop_at_seven(done: int, total: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_store(dataset, PREPROCESSING, tmp_path / "cache", stop_at_seven, form)
    seen: list[int] = []
    store = open_store(dataset, PREPROCESSING, tmp_path / "cache", lambda done, total: seen.append(done))
    assert seen[0] == 4  # the whole chunk that was flushed
    for row, entry in enumerate(dataset.entries):
        np.testing.assert_array_equal(store.pixels[row], read(entry.path.read_bytes(), PREPROCESSING))


def test_an_unreadable_file_is_named_or_skipped(dataset: Dataset, form: Form, tmp_path: Path) -> None:
    dataset.entries[5].path.write_bytes(b"no picture")
    store = open_store(dataset, PREPROCESSING, tmp_path / "cache", silent, form)
    assert not store.pixels[5].any()
    with pytest.raises(DatasetError, match=r"5\.png: This is not a picture.*data\.unreadable=skip"):
        check_readable(dataset, store, "error")
    assert check_readable(dataset, store, "skip").tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]


def test_a_full_disk_is_said_in_one_line(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(image_store.os, "posix_fallocate", full)
    with pytest.raises(DatasetError, match="the disk is full"):
        open_store(dataset, PREPROCESSING, tmp_path / "cache", silent)
    monkeypatch.undo()
    assert open_store(dataset, PREPROCESSING, tmp_path / "cache", silent).pixels.any()


def test_a_line_that_was_cut_off_is_read_again(
    dataset: Dataset, form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_store, "_CHUNK", 4)

    def stop_at_seven(done: int, total: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_store(dataset, PREPROCESSING, tmp_path / "cache", stop_at_seven, form)
    (index,) = (tmp_path / "cache").rglob("*.jsonl")
    index.write_bytes(index.read_bytes()[:-9])
    seen: list[int] = []
    store = open_store(dataset, PREPROCESSING, tmp_path / "cache", lambda done, total: seen.append(done))
    assert seen[0] == 3
    for row, entry in enumerate(dataset.entries):
        np.testing.assert_array_equal(store.pixels[row], read(entry.path.read_bytes(), PREPROCESSING))


@pytest.mark.parametrize(
    ("name", "form"),
    [("pixels.npy", "raw"), ("index.jsonl", "raw"), ("pixels.webps", "compressed"), ("compressed.jsonl", "compressed")],
)
def test_a_damaged_cache_is_named(name: str, form: Form, dataset: Dataset, tmp_path: Path) -> None:
    open_store(dataset, PREPROCESSING, tmp_path / "cache", silent, form)
    (file,) = (tmp_path / "cache").rglob(name)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DatasetError, match=r"this cache of pictures is damaged\. Remove "):
        open_store(dataset, PREPROCESSING, tmp_path / "cache", silent)


@pytest.mark.parametrize(
    "rows",
    [3, -1, np.int64(7), slice(2, 9, 3), slice(None), [4, 4, 0], np.array([11, -12, 5]), np.array([], np.int64)],
    ids=str,
)
def test_both_forms_are_indexed_alike(rows: object, dataset: Dataset, tmp_path: Path) -> None:
    raw, compressed = (open_store(dataset, PREPROCESSING, tmp_path, silent, each).pixels for each in FORMS)
    assert raw.shape == compressed.shape == (12, 16, 24, 3)
    assert len(compressed) == 12
    assert compressed[rows].dtype == np.uint8  # type: ignore[index]
    np.testing.assert_array_equal(raw[rows], compressed[rows])  # type: ignore[index]


def test_what_is_made_of_compressed_images_is_the_same(dataset: Dataset, tmp_path: Path) -> None:
    raw, compressed = (open_store(dataset, PREPROCESSING, tmp_path, silent, each).pixels for each in FORMS)
    np.testing.assert_array_equal(average(raw, np.arange(7)), average(compressed, np.arange(7)))
    np.testing.assert_array_equal(np.array(raw), np.array(compressed))
    with pytest.raises(IndexError):
        compressed[12]


@pytest.mark.parametrize(("free", "kept"), [(2 * 12 * 16 * 24 * 3, "pixels.npy"), (9_000, "pixels.webps")])
def test_the_disk_decides_which_form_there_is(
    free: int,
    kept: str,
    dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
    open_store(dataset, PREPROCESSING, tmp_path / "cache", silent)
    said = " ".join(capsys.readouterr().err.split())
    assert ("they are kept compressed, without loss" in said) == (kept == "pixels.webps")
    # What is there is used, however much of the disk is free later.
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**12 if free < 10_000 else 0))
    monkeypatch.setattr(image_store, "decode_with_warnings", None)
    open_store(dataset, PREPROCESSING, tmp_path / "cache", silent)
    assert [file.name for file in (tmp_path / "cache").rglob("pixels.*")] == [kept]


def test_a_form_that_was_begun_is_ended(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_store, "_CHUNK", 4)

    def stop_at_seven(done: int, total: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_store(dataset, PREPROCESSING, tmp_path / "cache", stop_at_seven, "compressed")
    seen: list[int] = []
    open_store(dataset, PREPROCESSING, tmp_path / "cache", lambda done, total: seen.append(done))
    assert seen[0] == 4
    assert [file.name for file in (tmp_path / "cache").rglob("pixels.*")] == ["pixels.webps"]
