from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from model_training.datasets.prepare import Prepared
from model_training.datasets.procedural import write_dataset
from model_training.evaluation.calibration import choose_thresholds, fit_temperature
from model_training.experiments.leave_one_source_out import compare_sources, measure_held_out, without
from model_training.experiments.runner import Result, Run, Runner
from model_training.recipe import load_recipe
from model_training.runtime.classifier import softmax
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


def test_each_source_is_measured_or_passed_over(sources: Runner, prepared: Prepared, trained: list[str]) -> None:
    table = compare_sources(RECIPE, sources, "source")
    assert trained == ["chicago", "met"]
    assert {row[0] for row in table.rows} == {"chicago", "met"}
    assert all((row[1], row[2]) == ("china", "8") for row in table.rows)
    assert [each["unseen"] for each in table.results] == sorted(each["unseen"] for each in table.results)
    for row, each in zip(table.rows, table.results, strict=True):
        assert each["unseen_low"] <= each["unseen"] <= each["unseen_high"]
        assert row[3] == f"{each['unseen']:.3f} ({each['unseen_low']:.3f} … {each['unseen_high']:.3f})"
        assert each["seen_images"] < len(prepared.rows["test"])
    assert table.notes == ("tokyo: passed over, the class 'japan' would have no picture left in test",)
    again = compare_sources(RECIPE, Runner(sources.data, sources.build, sources.fabric), "source")
    assert (again, len(trained)) == (table, 2)
    with pytest.raises(DatasetError, match="no column 'sauce'"):
        compare_sources(RECIPE, sources, "sauce")


def test_the_error_rate_of_sure_answers_is_a_share_of_them(prepared: Prepared) -> None:
    """Of eight images six are answered for sure, and three of these are wrong."""
    held_out = np.flatnonzero(prepared.targets == 0)[:8]
    validation = prepared.targets[prepared.rows["validation"]]
    certain = np.where(np.arange(2) == validation[:, None], 4.0, 0.0).astype(np.float32)
    unseen = np.zeros((8, 2), np.float32)
    unseen[:3, 0], unseen[3:6, 1] = 8.0, 8.0
    logits = {"validation": certain, "test": certain, "held_out": unseen}
    prepared = replace(prepared, rows=prepared.rows | {"test": prepared.rows["validation"]})
    found = measure_held_out(Result(Run("met", RECIPE, prepared, held_out), logits, 1, 0.0))
    temperature = fit_temperature(certain, validation).temperature
    assert softmax(unseen, temperature).max(1)[6] < choose_thresholds(softmax(certain, temperature), validation).sure
    assert (found.sure, found.sure_error_rate) == (6 / 8, 3 / 6)
    assert (found.unseen, found.seen) == (5 / 8, 1.0)  # a tie is answered with the first class
