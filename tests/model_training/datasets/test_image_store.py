from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_training.datasets import image_store
from model_training.datasets.folders import Dataset, check_classes, list_folder
from model_training.datasets.image_store import check_readable, open_store
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


def silent(done: int, total: int) -> None: ...


def test_rows_are_what_the_runtime_reads(dataset: Dataset, tmp_path: Path) -> None:
    store = open_store(dataset, PREPROCESSING, tmp_path / "cache", silent)
    assert store.pixels.shape == (12, 16, 24, 3)
    for row, entry in enumerate(dataset.entries):
        np.testing.assert_array_equal(store.pixels[row], read(entry.path.read_bytes(), PREPROCESSING))


def test_the_second_time_nothing_is_decoded(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_store(dataset, PREPROCESSING, tmp_path / "cache", silent)
    monkeypatch.setattr(image_store, "decode_with_warnings", None)
    second = open_store(dataset, PREPROCESSING, tmp_path / "cache", silent)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert first.sha256 == second.sha256


def test_a_changed_file_is_read_again(dataset: Dataset, tmp_path: Path) -> None:
    open_store(dataset, PREPROCESSING, tmp_path / "cache", silent)
    Image.new("RGB", (40, 30), (200, 0, 0)).save(dataset.entries[3].path)
    store = open_store(dataset, PREPROCESSING, tmp_path / "cache", silent)
    assert (store.pixels[3] == (200, 0, 0)).all()


def test_an_interrupted_scan_goes_on(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_store, "_CHUNK", 4)

    def stop_at_seven(done: int, total: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_store(dataset, PREPROCESSING, tmp_path / "cache", stop_at_seven)
    seen: list[int] = []
    store = open_store(dataset, PREPROCESSING, tmp_path / "cache", lambda done, total: seen.append(done))
    assert seen[0] == 4  # the whole chunk that was flushed
    for row, entry in enumerate(dataset.entries):
        np.testing.assert_array_equal(store.pixels[row], read(entry.path.read_bytes(), PREPROCESSING))


def test_an_unreadable_file_is_named_or_skipped(dataset: Dataset, tmp_path: Path) -> None:
    dataset.entries[5].path.write_bytes(b"no picture")
    store = open_store(dataset, PREPROCESSING, tmp_path / "cache", silent)
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
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_store, "_CHUNK", 4)

    def stop_at_seven(done: int, total: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_store(dataset, PREPROCESSING, tmp_path / "cache", stop_at_seven)
    (index,) = (tmp_path / "cache").rglob("index.jsonl")
    index.write_bytes(index.read_bytes()[:-9])
    seen: list[int] = []
    store = open_store(dataset, PREPROCESSING, tmp_path / "cache", lambda done, total: seen.append(done))
    assert seen[0] == 3
    for row, entry in enumerate(dataset.entries):
        np.testing.assert_array_equal(store.pixels[row], read(entry.path.read_bytes(), PREPROCESSING))


@pytest.mark.parametrize("name", ["pixels.npy", "index.jsonl"])
def test_a_damaged_cache_is_named(name: str, dataset: Dataset, tmp_path: Path) -> None:
    open_store(dataset, PREPROCESSING, tmp_path / "cache", silent)
    (file,) = (tmp_path / "cache").rglob(name)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DatasetError, match=r"this cache of pictures is damaged\. Remove "):
        open_store(dataset, PREPROCESSING, tmp_path / "cache", silent)
