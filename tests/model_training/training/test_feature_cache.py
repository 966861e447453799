from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from model_training.datasets.prepare import Prepared, prepare
from model_training.models.frozen_prefix import Halves, cut_at_freeze
from model_training.recipe import Recipe, override
from model_training.runtime.errors import DatasetError
from model_training.search.trial import Trials
from model_training.training.feature_cache import Features, open_features
from model_training.training.loop import start_fabric
from model_training.training.start import build_network

CPU = torch.device("cpu")


def at_depth(recipe: Recipe, depth: int, seed: int = 0) -> Recipe:
    return override(recipe, {"network.unfreeze": depth, "training.seed": seed})


def halves_of(recipe: Recipe, prepared: Prepared) -> Halves:
    network = build_network(recipe, prepared).eval()
    halves = cut_at_freeze(network, torch.from_numpy(prepared.pixels[:2]))
    assert halves is not None
    network.eval()
    return halves


def open_at(recipe: Recipe, prepared: Prepared, cache: Path) -> Features:
    return open_features(halves_of(recipe, prepared), recipe, prepared, cache, CPU, quiet=True)


@pytest.mark.parametrize("depth", [0, 3])
def test_features_are_what_the_frozen_half_gives(
    depth: int, tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path
) -> None:
    recipe = at_depth(tiny_recipe, depth)
    features = open_at(recipe, tiny_prepared, tmp_path)
    rows = tiny_prepared.rows["train"][:4]
    mirrored = np.array([False, True, True, False])
    given = torch.from_numpy(tiny_prepared.pixels[rows])
    given[1:3] = given[1:3].flip(2)
    with torch.no_grad():
        expected = halves_of(recipe, tiny_prepared).frozen(given)
    for ours, theirs in zip(features.load(rows, mirrored, CPU), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert (features.places[tiny_prepared.rows["validation"], 1] == -1).all()  # never mirrored
    assert (features.places[tiny_prepared.rows["test"]] == -1).all()  # never looked at


def test_a_cached_trial_ends_as_one_without(tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path) -> None:
    recipe = at_depth(tiny_recipe, 3)
    fabric = start_fabric("cpu")
    reports: list[list[tuple[int, float]]] = []
    outcomes = []
    again = Trials(tiny_prepared, fabric, tmp_path)  # used twice: the second time from the first one's network
    for trials in (Trials(tiny_prepared, fabric, None), again, again):
        reports.append([])
        outcomes.append(trials.run(recipe, lambda *each: reports[-1].append(each)))
    assert [each.cached for each in outcomes] == [False, True, True]
    assert reports[0] == reports[1] == reports[2]
    assert outcomes[1].loss == pytest.approx(outcomes[0].loss, abs=1e-4)
    assert outcomes[2].loss == outcomes[1].loss
    assert outcomes[0].accuracy == outcomes[1].accuracy


def test_what_is_there_is_not_computed_again(
    tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = at_depth(tiny_recipe, 0)
    first = open_at(recipe, tiny_prepared, tmp_path)
    monkeypatch.setattr("model_training.training.feature_cache._compute", None)
    again = open_at(at_depth(override(tiny_recipe, {"training.learning_rate": 0.5}), 0), tiny_prepared, tmp_path)
    assert np.array_equal(first.records, again.records)


def test_weights_depth_and_transform_have_caches_of_their_own(
    tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path
) -> None:
    other_mean = tiny_recipe.model_copy(
        update={"preprocessing": tiny_recipe.preprocessing.model_copy(update={"mean": (0.1, 0.1, 0.1)})}
    )
    variants = [
        at_depth(tiny_recipe, 0),
        at_depth(tiny_recipe, 3),
        at_depth(tiny_recipe, 0, 1),
        at_depth(other_mean, 0),
    ]
    for recipe in variants:
        open_at(recipe, tiny_prepared, tmp_path)
    assert len(list((tmp_path / "features").iterdir())) == 4


def test_a_cut_off_file_is_gone_on_with(tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path) -> None:
    recipe = at_depth(tiny_recipe, 0)
    whole = open_at(recipe, tiny_prepared, tmp_path)
    expected = np.array(whole.records)
    (folder,) = (tmp_path / "features").iterdir()
    index, records = folder / "index.bin", folder / "records.bin"
    index.write_bytes(index.read_bytes()[: 33 * 5 + 7])  # in the middle of the sixth entry
    records.write_bytes(records.read_bytes()[: expected.shape[1] * 4 * 5 + 100])
    again = open_at(recipe, tiny_prepared, tmp_path)
    assert again.records.shape == expected.shape
    np.testing.assert_allclose(again.records, expected, atol=1e-4)


def test_another_versions_files_are_named_and_left_alone(
    tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path
) -> None:
    recipe = at_depth(tiny_recipe, 0)
    open_at(recipe, tiny_prepared, tmp_path)
    (folder,) = (tmp_path / "features").iterdir()
    (folder / "about.json").write_text(json.dumps({"version": 99}))
    before = (folder / "records.bin").read_bytes()
    with pytest.raises(DatasetError, match="written by another version"):
        open_at(recipe, tiny_prepared, tmp_path)
    assert (folder / "records.bin").read_bytes() == before


def test_records_that_are_missing_are_noticed(tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path) -> None:
    recipe = at_depth(tiny_recipe, 0)
    open_at(recipe, tiny_prepared, tmp_path)
    (folder,) = (tmp_path / "features").iterdir()
    (folder / "records.bin").write_bytes(b"")
    with pytest.raises(DatasetError, match="shorter than its index says"):
        open_at(recipe, tiny_prepared, tmp_path)


def test_a_full_disk_leaves_what_was_written(tiny_recipe: Recipe, tiny_prepared: Prepared, tmp_path: Path) -> None:
    """The largest file that this process may write stands in for the disk."""
    recipe = at_depth(tiny_recipe, 3)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(DatasetError, match="the disk is full; the frozen layers' features need"):
            open_at(recipe, tiny_prepared, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    whole = open_at(recipe, tiny_prepared, tmp_path)
    images = 2 * len(tiny_prepared.rows["train"]) + len(tiny_prepared.rows["validation"])
    assert len(whole.records) == images
    assert np.isfinite(whole.records).all()


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="mounting a small disk needs root on Linux")
def test_the_images_cache_on_a_full_disk(
    tiny_recipe: Recipe, tiny_prepared: Prepared, procedural_folder: Path, tmp_path: Path
) -> None:
    """A real full disk: nothing is corrupt, and with more room the same command goes on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(DatasetError, match="the disk is full; the prepared pictures need"):
            prepare(tiny_recipe, procedural_folder, disk, quiet=True)
        assert not list(disk.rglob("pixels.npy"))
        subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True)
        again = prepare(tiny_recipe, procedural_folder, disk, quiet=True)
        assert np.array_equal(again.pixels, tiny_prepared.pixels)
        del again
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
