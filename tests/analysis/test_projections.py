"""Maps keep clusters apart and come out the same each time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from analysis.document import CannotComputeError, Projection
from analysis.galleries import maps
from analysis.material import Material
from analysis.projections import FEWEST, keep, making_ahead, sample, tsne, umap
from model_training.runtime.card import Text
from tests.analysis.made_up import make_predictions

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("project", [tsne, umap])
def test_clusters_stay_apart_and_the_map_is_the_same_again(project: Callable[[np.ndarray], np.ndarray]) -> None:
    generator = np.random.default_rng(0)
    targets = np.repeat([0, 1, 2], 20)
    features = (generator.normal(size=(60, 70)) + 8 * np.eye(3, 70)[targets]).astype(np.float32)
    points = project(features)
    assert points.shape == (60, 2)
    assert np.isfinite(points).all()
    assert KNeighborsClassifier(5).fit(points, targets).score(points, targets) == 1
    assert (project(features) == points).all()


@pytest.mark.parametrize("project", [tsne, umap])
def test_the_fewest_images_and_copies_still_make_a_map(project: Callable[[np.ndarray], np.ndarray]) -> None:
    features = np.random.default_rng(1).normal(size=(FEWEST, 5))
    features[1] = features[0]
    assert np.isfinite(project(features)).all()


def test_a_sample_is_sorted_and_the_same_again() -> None:
    assert sample(5).tolist() == [0, 1, 2, 3, 4]
    chosen = sample(5000, 100)
    assert len(set(chosen.tolist())) == 100
    assert (np.diff(chosen) > 0).all()
    assert (sample(5000, 100) == chosen).all()


def test_a_section_has_both_maps_with_an_image_for_each_point(tmp_path: Path) -> None:
    predictions = make_predictions({"a": 8, "b": 8})
    names = [Text(en=label, ko=label) for label in predictions.labels]
    section = maps(Material(predictions, names), tmp_path)
    assert [part.chart.name for part in section.parts if isinstance(part, Projection)] == ["tsne", "umap"]
    assert all(len(part.images) == len(part.points) == 16 for part in section.parts if isinstance(part, Projection))
    with pytest.raises(CannotComputeError, match="there are 4"):
        maps(Material(make_predictions({"a": 2, "b": 2}), names), tmp_path)


def test_a_map_is_made_once(tmp_path: Path) -> None:
    calls: list[int] = []

    def project(features: np.ndarray) -> np.ndarray:
        calls.append(len(features))
        return features[:, :2]

    features = np.arange(12.0).reshape(4, 3)
    assert (keep(project, features, tmp_path) == features[:, :2]).all()
    assert (keep(project, features, tmp_path) == features[:, :2]).all()
    assert (keep(project, features + 1, tmp_path) == features[:, :2] + 1).all()
    assert calls == [4, 4]
    assert len(list(tmp_path.iterdir())) == 2


def test_another_process_makes_the_same_maps(tmp_path: Path) -> None:
    features = np.random.default_rng(2).normal(size=(FEWEST, 5)).astype(np.float32)
    with making_ahead(features, tmp_path) as wait:
        wait()
    assert len(list(tmp_path.iterdir())) == 2

    def fail(_: np.ndarray) -> np.ndarray:
        raise AssertionError("it should be there")

    for project in (tsne, umap):
        fail.__name__ = project.__name__
        np.testing.assert_array_equal(keep(fail, features, tmp_path), project(features))
    with making_ahead(features, tmp_path) as wait:  # no process for what is there
        assert wait() is None
