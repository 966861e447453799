from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from model_training.datasets.duplicates import Duplicates, find_duplicates
from model_training.datasets.folders import Dataset, Entry, SplitName, read_folder
from model_training.datasets.pictures import open_store
from model_training.datasets.procedural import draw
from model_training.datasets.splits import split
from model_training.recipe import Split
from model_training.runtime.card import Preprocessing
from model_training.runtime.errors import DatasetError

PREPROCESSING = Preprocessing(height=64, width=64, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def make_dataset(labels: list[str], splits: list[SplitName | None] | None = None) -> Dataset:
    given_splits = splits or [None] * len(labels)
    entries = tuple(
        Entry(Path(f"{n}.jpg"), label, s) for n, (label, s) in enumerate(zip(labels, given_splits, strict=True))
    )
    return Dataset(Path(), entries, tuple(sorted(set(labels))), False)


def apart(count: int) -> Duplicates:
    return Duplicates(np.arange(count), 0, 0)


def test_sixty_twenty_twenty_of_each_class() -> None:
    dataset = make_dataset(["a"] * 100 + ["b"] * 50)
    splits = split(dataset, np.arange(150), apart(150), Split())
    labels = np.array([entry.label for entry in dataset.entries])
    counted = {name: [(labels[rows] == label).sum() for label in "ab"] for name, rows in splits.rows.items()}
    assert counted == {"train": [60, 30], "validation": [20, 10], "test": [20, 10]}


def test_the_seed_decides() -> None:
    dataset = make_dataset(["a", "b"] * 30)
    first, again, other = (split(dataset, np.arange(60), apart(60), Split(seed=seed)) for seed in (1, 1, 2))
    assert first.rows["test"].tolist() == again.rows["test"].tolist()
    assert first.rows["test"].tolist() != other.rows["test"].tolist()


@given(
    groups=st.lists(st.integers(0, 40), min_size=60, max_size=80),
    seed=st.integers(0, 1000),
)
def test_no_group_is_on_two_sides_and_none_is_lost(groups: list[int], seed: int) -> None:
    labels = ["ab"[number % 2] for number in range(len(groups))]
    group = np.array(groups)
    try:
        splits = split(make_dataset(labels), np.arange(len(groups)), Duplicates(group, 0, 0), Split(seed=seed))
    except DatasetError:
        return  # a class whose pictures are nearly all the same
    sides = [set(group[rows]) for rows in splits.rows.values()]
    assert sum(len(side) for side in sides) == len(set.union(*sides))
    assert sorted(np.concatenate(list(splits.rows.values()))) == list(range(len(groups)))


def test_given_folders_stay_but_duplicates_of_test_leave_train() -> None:
    order: list[SplitName | None] = ["train"] * 4 + ["validation"] * 2 + ["test"] * 2
    dataset = make_dataset(["a", "b"] * 4, order)
    group = np.array([0, 1, 2, 3, 4, 5, 0, 6])  # row 6, in test, is the picture of row 0, in train
    duplicates = Duplicates(group, 1, 0)
    splits = split(dataset, np.arange(8), duplicates, Split())
    assert {name: rows.tolist() for name, rows in splits.rows.items()} == {
        "train": [1, 2, 3],
        "validation": [4, 5],
        "test": [6, 7],
    }
    assert splits.set_aside == 1


def test_validation_is_cut_from_train_and_never_is_the_test_set() -> None:
    dataset = make_dataset(["a", "b"] * 50, ["train"] * 80 + ["test"] * 20)
    splits = split(dataset, np.arange(100), apart(100), Split())
    assert splits.rows["test"].tolist() == list(range(80, 100))
    assert len(splits.rows["validation"]) == 16
    assert not set(splits.rows["validation"]) & set(splits.rows["test"])


def test_a_class_of_one_picture_many_times_over_is_named() -> None:
    dataset = make_dataset(["a"] * 10 + ["b"] * 10)
    group = np.array([0] * 10 + list(range(1, 11)))
    with pytest.raises(DatasetError, match="'a' has no picture left for"):
        split(dataset, np.arange(20), Duplicates(group, 9, 0), Split())


def test_copies_are_found_and_neighbours_are_not(tmp_path: Path) -> None:
    """Five landscapes, of three an exact copy, a re-encoded smaller one and a brighter one: five groups."""
    for label in ("a", "b"):
        (tmp_path / "data" / label).mkdir(parents=True)
    folder = tmp_path / "data" / "a"
    pictures = [draw("china", seed, 192) for seed in range(5)]
    for number, picture in enumerate(pictures):
        picture.save(folder / f"{number}.png")
    (tmp_path / "data" / "b" / "exact.png").write_bytes((folder / "0.png").read_bytes())
    width, height = pictures[1].size
    pictures[1].resize((width // 2, height // 2)).save(tmp_path / "data" / "b" / "smaller.jpg", quality=60)
    ImageEnhance.Brightness(pictures[2]).enhance(1.15).save(tmp_path / "data" / "b" / "brighter.jpg")
    for number in range(2):
        Image.new("RGB", (64, 64), (50 * number, 9, 9)).save(tmp_path / "data" / "b" / f"page{number}.png")
    dataset = read_folder(tmp_path / "data")
    store = open_store(dataset, PREPROCESSING, tmp_path / "cache", lambda done, total: None)
    found = find_duplicates(store, np.arange(10), 8)
    names = [entry.path.name for entry in dataset.entries]
    group = dict(zip(names, found.group.tolist(), strict=True))
    assert (found.exact, found.near) == (1, 2)
    assert group["exact.png"] == group["0.png"]
    assert group["smaller.jpg"] == group["1.png"]
    assert group["brighter.jpg"] == group["2.png"]
    assert len(set(group.values())) == 7
