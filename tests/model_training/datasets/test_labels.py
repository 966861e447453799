from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_training.datasets.folders import Dataset, Entry
from model_training.datasets.labels import choose_labels
from model_training.datasets.prepare import prepare
from model_training.datasets.summary import summarise_division
from model_training.recipe import Data, load_recipe
from model_training.runtime.errors import DatasetError


def make_dataset(*labels: str, manifest: bool = False) -> Dataset:
    entries = tuple(
        Entry(Path(f"{n}.jpg"), label, None, {"path": f"{n}.jpg", "artist": "x"} if manifest else {}, n + 2)
        for n, label in enumerate(labels)
    )
    return Dataset(Path(), entries, tuple(sorted(set(labels))), False, Path("manifest.csv") if manifest else None)


def labels_of(dataset: Dataset) -> list[str]:
    return [entry.label for entry in dataset.entries]


def test_nothing_asked_nothing_changed() -> None:
    dataset = make_dataset("b", "a", "b")
    assert choose_labels(dataset, Data(), ()) == dataset


def test_kept_in_the_order_asked_for() -> None:
    chosen = choose_labels(make_dataset("a", "b", "c"), Data(labels=("c", "a")), ())
    assert chosen.labels == ("c", "a")
    assert labels_of(chosen) == ["a", "", "c"]


def test_the_recipes_order_comes_first_then_names() -> None:
    assert choose_labels(make_dataset("a", "b", "c", "d"), Data(), ("d", "x", "b")).labels == ("d", "b", "a", "c")


def test_merge_then_keep() -> None:
    data = Data(merge={"east": ("china", "japan")}, labels=("east", "france"))
    chosen = choose_labels(make_dataset("china", "japan", "france", "italy"), data, ())
    assert chosen.labels == ("east", "france")
    assert labels_of(chosen) == ["east", "east", "france", ""]


def test_merge_into_a_class_that_is_there() -> None:
    chosen = choose_labels(make_dataset("cat", "cats"), Data(merge={"cat": ("cats",)}), ())
    assert (chosen.labels, labels_of(chosen)) == (("cat",), ["cat", "cat"])


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (Data(labels=("chna",)), r"data\.labels asks for the class 'chna'.*Did you mean 'china'"),
        (Data(labels=("xyz",)), r"There is china, japan\."),
        (Data(labels=("china", "china")), "names a class twice"),
        (Data(merge={"east": ("jpan",)}), r"data\.merge\.east names the class 'jpan'.*Did you mean 'japan'"),
        (Data(merge={"a": ("china",), "b": ("china",)}), "'china' is in 'a' and in 'b'"),
        (Data(label="artist"), r"data\.label asks for the column 'artist', but there is no manifest\.csv"),
        (Data(group="artist"), r"data\.group asks for the column 'artist', but there is no manifest\.csv"),
    ],
)
def test_unknown_names_are_errors_with_the_nearest(data: Data, named: str) -> None:
    with pytest.raises(DatasetError, match=named):
        choose_labels(make_dataset("china", "japan"), data, ())


def test_unknown_group_column() -> None:
    with pytest.raises(DatasetError, match=r"there is no column 'artst'\. Did you mean 'artist'"):
        choose_labels(make_dataset("a", "b", manifest=True), Data(group="artst"), ())


def test_a_choice_of_classes_is_prepared_from_one_cache(tmp_path: Path) -> None:
    """Merged, kept, grouped and dropped, from manifest to targets; a broken file of an unused class is no matter."""
    generator = np.random.default_rng(0)
    lines = ["path,label,artist"]
    for label, painters in {"china": 4, "japan": 4, "korea": 4, "france": 1}.items():
        for number in range(8):
            name = f"{label}{number}.png"
            Image.fromarray(generator.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(tmp_path / name)
            lines.append(f"{name},{label},{label} {number % painters}")
    (tmp_path / "korea3.png").write_bytes(b"broken")
    (tmp_path / "manifest.csv").write_text("\n".join(lines), "utf-8")
    settings = ["data.group=artist", "data.too_few=drop", "preprocessing.height=16", "preprocessing.width=16"]
    recipe = load_recipe("landscape", [*settings, "data.merge.west=[france]", "data.labels=[west, japan, china]"])
    prepared = prepare(recipe, tmp_path, tmp_path / "cache")
    assert prepared.dataset.labels == ("japan", "china")
    assert "classes left out because they are too small: west" in [line.en for line in summarise_division(prepared)]
    names = [entry.path.name[:5] for entry in prepared.dataset.entries]
    assert prepared.targets.tolist() == [{"japan": 0, "china": 1}.get(name, -1) for name in names]
    used = np.sort(np.concatenate(list(prepared.rows.values())))
    assert [names[row] for row in used] == ["china"] * 8 + ["japan"] * 8
    both = load_recipe("landscape", [*settings, "data.labels=[china, japan]"])
    prepare(both, tmp_path, tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_folder_may_spell_a_class_in_other_letters() -> None:
    chosen = choose_labels(make_dataset("AI", "Real", "AI"), Data(), ("ai", "real"))
    assert chosen.labels == ("ai", "real")
    assert labels_of(chosen) == ["ai", "real", "ai"]
    assert choose_labels(make_dataset("AI", "ai"), Data(), ("ai", "real")).labels == ("ai", "AI")
