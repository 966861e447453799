from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from model_training.datasets.prepare import Prepared
from model_training.datasets.reopen import open_bundle
from model_training.runtime.card import read_card
from model_training.runtime.errors import BundleError, DatasetError


def test_the_images_of_the_training_are_divided_as_they_were(
    tiny_bundle: Path, tiny_prepared: Prepared, procedural_folder: Path, tmp_path: Path
) -> None:
    opened = open_bundle(tiny_bundle, procedural_folder, tmp_path)
    assert opened.same_images
    assert opened.prepared.provenance == read_card(tiny_bundle / "card.json").data
    for name, rows in tiny_prepared.rows.items():
        assert np.array_equal(opened.prepared.rows[name], rows)


def test_a_file_that_can_not_be_read_changes_nothing(
    tiny_bundle: Path, tiny_prepared: Prepared, procedural_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(procedural_folder, tmp_path / procedural_folder.name)
    (folder / "china" / "zz.png").write_bytes(b"no picture")
    opened = open_bundle(tiny_bundle, folder, tmp_path / "cache")
    assert opened.same_images
    assert len(opened.prepared.rows["test"]) == len(tiny_prepared.rows["test"])


def test_other_images_are_refused_unless_they_are_asked_for(
    tiny_bundle: Path, procedural_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(procedural_folder, tmp_path / "other")
    next((folder / "china").iterdir()).unlink()
    with pytest.raises(DatasetError, match="does not hold, split for split"):
        open_bundle(tiny_bundle, folder, tmp_path / "cache")
    opened = open_bundle(tiny_bundle, folder, tmp_path / "cache", others_too=True)
    assert not opened.same_images
    assert opened.prepared.provenance.fingerprint != opened.card.data.fingerprint


def test_a_sketch_bundle_is_refused(tiny_sketch_bundle: Path, procedural_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="holds a detector besides"):
        open_bundle(tiny_sketch_bundle, procedural_folder, tmp_path)
