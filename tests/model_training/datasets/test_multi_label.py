from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_training.datasets.duplicates import Duplicates
from model_training.datasets.folders import Dataset, Entry
from model_training.datasets.labels import choose_labels
from model_training.datasets.manifest import read_manifest
from model_training.datasets.multi_label import mark_labels, share_labels
from model_training.datasets.prepare import prepare
from model_training.datasets.splits import read_groups, split
from model_training.recipe import Data, Split, load_recipe
from model_training.runtime.errors import DatasetError, RecipeError
from tests.tiny_labels import write_labels

KEYS = ("a", "b", "c", "d")
SHARES = (0.5, 0.4, 0.2, 0.06)


def write(folder: Path, *cells: str, header: str = "path,label") -> Path:
    for number in range(len(cells)):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    path = folder / "manifest.csv"
    path.write_text("\n".join([header, *(f"{number}.png,{cell}" for number, cell in enumerate(cells))]) + "\n", "utf-8")
    return path


def draw_dataset(count: int, seed: int, groups: int | None = None) -> Dataset:
    """Images of one to four labels; the rarest is in about one of fifteen."""
    generator = np.random.default_rng(seed)
    member = generator.random((count, 4)) < SHARES
    member[~member.any(1), 0] = True
    series = generator.integers(0, groups or count, count)
    entries = tuple(
        Entry(Path(f"{row:05d}.jpg"), "", None, {"series": str(series[row])}).relabel(
            key for key, inside in zip(KEYS, member[row], strict=True) if inside
        )
        for row in range(count)
    )
    return Dataset(Path(), entries, KEYS, procedural=False)


def test_a_cell_holds_several_labels(tmp_path: Path) -> None:
    dataset = read_manifest(write(tmp_path, "daily; comic", "comic", "comic;comic"), multi_label=True)
    assert [entry.labels for entry in dataset.entries] == [("daily", "comic"), ("comic",), ("comic",)]
    assert dataset.labels == ("comic", "daily")
    assert mark_labels(dataset).tolist() == [[1, 1], [1, 0], [1, 0]]


def test_a_cell_of_several_is_refused_with_the_remedy_where_one_is_meant(tmp_path: Path) -> None:
    path = write(tmp_path, "daily", "daily;comic")
    with pytest.raises(DatasetError, match=r"line 3: 'daily;comic' holds several classes.*data\.multi_label=true"):
        read_manifest(path)
    with pytest.raises(DatasetError, match="line 3: 'daily;' holds a class without a name"):
        read_manifest(write(tmp_path, "daily", "daily;"), multi_label=True)


def test_labels_are_merged_kept_and_checked_one_by_one(tmp_path: Path) -> None:
    dataset = read_manifest(write(tmp_path, "daily;comic", "comic;drama", "Drama", "pure;drama"), multi_label=True)
    merged = choose_labels(dataset, Data(merge={"light": ("daily", "comic")}, labels=("light", "drama")), ("drama",))
    assert [entry.labels for entry in merged.entries] == [("light",), ("light", "drama"), (), ("drama",)]
    with pytest.raises(DatasetError, match="line 5: the label 'pure' is not in the recipe"):
        choose_labels(dataset, Data(), ("daily", "comic", "drama", "Drama"))


@pytest.mark.parametrize("groups", [None, 150])
def test_every_split_has_its_share_of_every_label(groups: int | None) -> None:
    """Closer than chance, which leaves a label of 60 images anywhere from 6 to 18 of its 12 in the test."""
    for seed in range(5):
        dataset = draw_dataset(1000, seed, groups)
        rows = np.arange(1000)
        found = split(dataset, rows, Duplicates(rows, 0, 0), Split(seed=seed), "series" if groups else None)
        member = mark_labels(dataset)
        for name, share in (("train", 0.6), ("validation", 0.2), ("test", 0.2)):
            had = member[found.rows[name]].sum(0) / member.sum(0)  # type: ignore[index]
            np.testing.assert_allclose(had, share, atol=0.03 if groups is None else 0.06)
        assert sorted(np.concatenate(list(found.rows.values()))) == list(range(1000))
        if groups:
            number = read_groups(dataset, rows, "series")
            sides = [set(number[each]) for each in found.rows.values()]
            assert sum(map(len, sides)) == len(set.union(*sides))


def test_copies_stay_on_one_side_and_the_seed_decides() -> None:
    dataset, rows = draw_dataset(200, 0), np.arange(200)
    copies = Duplicates(rows // 2, 100, 0)
    first, again, other = (split(dataset, rows, copies, Split(seed=seed)) for seed in (1, 1, 2))
    assert all(set(each // 2 * 2) | set(each // 2 * 2 + 1) == set(each) for each in first.rows.values())
    assert first.rows["test"].tolist() == again.rows["test"].tolist() != other.rows["test"].tolist()


def test_copies_of_one_file_share_their_labels(tmp_path: Path) -> None:
    entries = tuple(Entry(Path(f"{label}/1.png"), label, None) for label in ("b", "a", "c"))
    dataset = Dataset(tmp_path, entries, ("a", "b", "c"), procedural=False)
    shared = share_labels(dataset, ("x", "x", "y"), np.array([0, 1, 2]))
    assert [entry.labels for entry in shared.entries] == [("a", "b"), ("a", "b"), ("c",)]
    apart = share_labels(dataset, ("x", "x", "y"), np.array([0, 2]))  # the second can't be read
    assert [entry.labels for entry in apart.entries] == [("b",), ("a",), ("c",)]


def test_what_is_prepared_counts_each_label(tmp_path: Path) -> None:
    folder = write_labels(tmp_path / "data", 10)
    recipe = load_recipe("webtoon_genres", ["preprocessing.height=32", "preprocessing.width=32"])
    prepared = prepare(recipe, folder, tmp_path / "cache", quiet=True)
    assert prepared.targets.shape == (70, 3)
    assert prepared.targets.dtype == np.float32
    assert prepared.targets.sum() == 10 * (3 + 2 * 3 + 3)
    counts = prepared.provenance.counts
    assert {key: sum(each[key] for each in counts.values()) for key in prepared.dataset.labels} == dict.fromkeys(
        prepared.dataset.labels, 40
    )
    assert sum(len(rows) for rows in prepared.rows.values()) == 70


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("training.class_balancing=up_sampling", "training.class_balancing=up_sampling"),
        ("training.loss=focal", "training.loss=focal"),
        ("training.head_init=lda", "training.head_init=lda"),
        ("network.backbone=clip:folder", "CLIP"),
    ],
)
def test_what_compares_classes_is_refused(setting: str, said: str) -> None:
    clip = ["network.head={stages: null, hidden: null, standardise: false}", "network.unfreeze=all"]
    plain = ["network.head.hidden=null"] if "lda" in setting else clip if "clip" in setting else []
    with pytest.raises(RecipeError, match=said):
        load_recipe("webtoon_genres", [*plain, setting])
    with pytest.raises(RecipeError, match="average_precision is of pictures with several classes"):
        load_recipe("webtoon_genres", ["data.multi_label=false"])
