"""Four classes of flat colour and noise, and a network small enough to train on them in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_training.experiments import runner as runner_module
from model_training.experiments.runner import Run, Runner
from model_training.recipe import Recipe, load_recipe
from model_training.training.loop import start_fabric

COLOURS = {"blue": (0, 0, 220), "cyan": (0, 90, 220), "red": (220, 0, 0), "lone": (0, 220, 0)}


def draw_colours(place: Path) -> Path:
    """Two classes are alike; `cyan` is by two artists, `lone` by one, the others by four."""
    lines = ["path,label,artist"]
    for label, colour in COLOURS.items():
        artists = {"cyan": 2, "lone": 1}.get(label, 4)
        for number in range(16):
            noise = np.random.default_rng([len(label), number]).integers(0, 35, (32, 32, 3))
            name = f"{label}-{number}.png"
            Image.fromarray((noise + colour).astype(np.uint8)).save(place / name)
            lines.append(f"{name},{label},{label}{number % artists}")
    (place / "manifest.csv").write_text("\n".join(lines) + "\n")
    return place


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_colours(tmp_path_factory.mktemp("colours"))


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    settings = ["network.backbone=test_resnet", "network.pretrained=false", "network.unfreeze=all"]
    settings += ["preprocessing.height=32", "preprocessing.width=32", "preprocessing.mean=[0.5, 0.5, 0.5]"]
    settings += ["training.epochs=1", "training.batch_size=16", "data.group=artist", "data.too_few=drop"]
    settings += ["data.near_duplicate_distance=0"]
    return load_recipe("webtoon", settings)


@pytest.fixture(scope="module")
def runner(colours: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner(colours, tmp_path_factory.mktemp("build"), start_fabric("cpu"))


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs that are trained while the test lasts."""
    names: list[str] = []
    train = Runner._train

    def note(self: Runner, run: Run, file: Path) -> None:
        names.append(run.name)
        train(self, run, file)

    monkeypatch.setattr(runner_module.Runner, "_train", note)
    return names
