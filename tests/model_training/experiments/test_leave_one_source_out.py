from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from model_training.datasets.prepare import Prepared
from model_training.datasets.procedural import write_dataset
from model_training.experiments.leave_one_source_out import (
    compare_sources,
    describe_unseen,
    find_unseen_sources,
    measure_unseen_sources,
    plan_folds,
    without,
)
from model_training.experiments.runner import Runner
from model_training.recipe import load_recipe, override
from model_training.runtime.errors import DatasetError
from model_training.training.loop import start_fabric
from tests.conftest import TINY

RECIPE = load_recipe(
    "landscape_demo", [*TINY, "training.epochs=1", "preprocessing.height=32", "preprocessing.width=32"]
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """China's pictures are of two sources, Japan's of one."""
    folder = tmp_path_factory.mktemp("sources")
    write_dataset(folder, ("china", "japan"), 16, 3)
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "source"])
        for label, names in (("china", ("met", "chicago")), ("japan", ("tokyo",))):
            for number, path in enumerate(sorted((folder / label).iterdir())):
                writer.writerow([path.relative_to(folder), label, names[number % len(names)]])
    return Runner(folder, tmp_path_factory.mktemp("build"), start_fabric("cpu"))


@pytest.fixture(scope="module")
def prepared(sources: Runner) -> Prepared:
    return sources.prepare(RECIPE)


def test_a_source_is_held_out_whole_with_its_copies(prepared: Prepared) -> None:
    source = np.array([entry.columns["source"] for entry in prepared.dataset.entries])
    row, other = np.nonzero(source == "met")[0][0], np.nonzero(source == "chicago")[0][0]
    copies = prepared.copies.copy()
    copies[other] = copies[row]
    rest = without(replace(prepared, copies=copies), source == "met", "met")
    left = np.concatenate(list(rest.rows.values()))
    assert set(source[left]) == {"chicago", "tokyo"}
    assert other not in left
    assert len(left) == 16 + 8 - 1
    assert rest.provenance.fingerprint != prepared.provenance.fingerprint


def test_an_image_set_aside_counts_among_what_is_asked(prepared: Prepared) -> None:
    """It is in no split, so the fingerprint of the splits does not know it."""
    held_out = np.array([entry.columns["source"] == "met" for entry in prepared.dataset.entries])
    row = int(np.flatnonzero(held_out)[0])
    aside = replace(prepared, rows={split: rows[rows != row] for split, rows in prepared.rows.items()})
    edited = replace(aside, sha256=(*prepared.sha256[:row], "0" * 64, *prepared.sha256[row + 1 :]))
    prints = [without(each, held_out, "met").provenance.fingerprint for each in (aside, edited)]
    assert prints[0] != prints[1]


def test_each_source_is_measured_or_kept(sources: Runner, prepared: Prepared, trained: list[str]) -> None:
    found = measure_unseen_sources(RECIPE, prepared, sources)
    assert trained == ["without chicago", "without met"]
    assert {each.source for each in found.sources} == {"chicago", "met"}
    assert all((each.classes, each.images) == (("china",), 8) for each in found.sources)
    accuracies = [each.accuracy for each in found.sources]
    assert accuracies == sorted(accuracies)
    assert found.mean == pytest.approx(np.mean(accuracies), abs=1e-4)
    assert (found.kept, found.unnamed, found.trainings) == (("tokyo",), 0, 2)
    assert found.thresholds is not None
    assert found.thresholds.chosen_on == "unseen_sources"
    table = compare_sources(RECIPE, Runner(sources.data, sources.build, sources.fabric))
    assert len(trained) == 2  # the same runs
    assert table.results == tuple(each.model_dump() for each in found.sources)
    worst = found.sources[0]
    assert table.rows[0][3] == f"{worst.accuracy:.3f} ({worst.low:.3f} … {worst.high:.3f})"
    assert "Not left out, since a class would have no pictures left in a split: tokyo." in table.notes
    with pytest.raises(DatasetError, match="no column 'sauce'"):
        compare_sources(override(RECIPE, {"data.source": "sauce"}), sources)


def test_training_asks_only_for_a_column_that_is_there(sources: Runner, prepared: Prepared) -> None:
    for column in (None, "sauce"):
        assert find_unseen_sources(override(RECIPE, {"data.source": column}), prepared, sources) is None


def make_prepared(prepared: Prepared, counts: dict[str, tuple[int, int]]) -> tuple[Prepared, np.ndarray]:
    """Source → (class, images), a fifth of each in validation and in test; and each image's source."""
    targets = np.repeat([label for label, _ in counts.values()], [images for _, images in counts.values()])
    sources = np.repeat(list(counts), [images for _, images in counts.values()])
    part = np.concatenate([np.arange(images) % 5 for _, images in counts.values()])
    rows = {
        "train": np.flatnonzero(part > 1),
        "validation": np.flatnonzero(part == 0),
        "test": np.flatnonzero(part == 1),
    }
    return replace(prepared, targets=targets, rows=rows, copies=np.arange(len(targets))), sources


def test_many_sources_share_few_trainings_evenly_by_class(prepared: Prepared) -> None:
    counts = {f"generator {number}": (0, 40 - number) for number in range(4)}
    counts |= {f"camera {number}": (1, 30 - number) for number in range(4)}
    folds = plan_folds(*make_prepared(prepared, counts), 2)
    assert folds.kept == ()
    assert sorted(name for names in folds.left_out for name in names) == sorted(counts)
    for names in folds.left_out:
        assert [name.partition(" ")[0] for name in names] == ["camera", "camera", "generator", "generator"]


def test_what_no_training_can_do_without_is_kept(prepared: Prepared) -> None:
    """The only camera; and the only generator with an image in every split, unless nameless ones have that, too."""
    counts = {"camera": (1, 20), "large": (0, 20), "single": (0, 1), "": (0, 3)}
    folds = plan_folds(*make_prepared(prepared, counts), 5)
    assert (folds.left_out, folds.kept) == ((("large",), ("single",)), ("camera",))
    counts[""] = (0, 1)
    folds = plan_folds(*make_prepared(prepared, counts), 5)
    assert (folds.left_out, folds.kept) == ((("single",),), ("camera", "large"))


def test_nothing_can_be_left_out(sources: Runner, prepared: Prepared) -> None:
    """Each class is of one source."""
    entries = tuple(replace(entry, columns={"source": entry.label}) for entry in prepared.dataset.entries)
    alone = replace(prepared, dataset=replace(prepared.dataset, entries=entries))
    found = measure_unseen_sources(RECIPE, alone, sources)
    assert (found.sources, found.kept, found.mean, found.thresholds) == ((), ("china", "japan"), None, None)
    assert describe_unseen(found) == [
        "Not left out, since a class would have no pictures left in a split: china, japan."
    ]
