from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model_training.datasets.prepare import Prepared, prepare
from model_training.datasets.procedural import write_dataset
from model_training.experiments.leave_one_source_out import leave_each_out, without, write_table
from model_training.recipe import load_recipe
from model_training.runtime.errors import DatasetError
from model_training.training.loop import start_fabric
from tests.conftest import TINY

RECIPE = load_recipe(
    "landscape_demo", [*TINY, "training.epochs=1", "preprocessing.height=32", "preprocessing.width=32"]
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """China's pictures are of two sources, Japan's of two that differ in number; one of Japan's is hardly there."""
    folder = tmp_path_factory.mktemp("sources")
    write_dataset(folder, ("china", "japan"), 16, 3)
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "source"])
        for label, sources in (("china", ("met", "chicago")), ("japan", ("tokyo",))):
            for number, path in enumerate(sorted((folder / label).iterdir())):
                writer.writerow([path.relative_to(folder), label, sources[number % len(sources)]])
    return prepare(RECIPE, folder, tmp_path_factory.mktemp("cache"))


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


def test_each_source_is_measured_or_passed_over(prepared: Prepared, tmp_path: Path) -> None:
    found, passed_over = leave_each_out(RECIPE, prepared, "source", tmp_path, start_fabric("cpu"))
    assert {each.source for each in found} <= {"met", "chicago"}
    assert all((each.images, each.classes) == (8, "china") for each in found)
    assert found == sorted(found, key=lambda each: each.unseen)
    assert all(each.unseen_low <= each.unseen <= each.unseen_high for each in found)
    assert passed_over["tokyo"] == "the class 'japan' would have no picture left in test"
    with write_table(found, tmp_path / "a" / "source.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["source"] for row in rows] == [each.source for each in found]
    with pytest.raises(DatasetError, match="no column 'sauce'"):
        leave_each_out(RECIPE, prepared, "sauce", tmp_path, start_fabric("cpu"))
