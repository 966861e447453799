"""What the test pictures' files state is counted for each class, by what it comes to and by where it stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from analysis.declared import statements
from analysis.document import CannotComputeError, Table
from analysis.material import Material
from analysis.predictions import Evaluated, evaluate_test
from model_training.runtime.card import Text
from model_training.runtime.provenance.credentials import TRUST
from tests.analysis.conftest import LABELS
from tests.signing import Authority, created, picture

NAMES = [Text(en=label, ko=label) for label in LABELS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the first class: two signed as AI's, one with a generator's settings; of the second: a camera's and none."""
    folder = tmp_path_factory.mktemp("stating")
    first, second = (folder / label for label in LABELS)
    first.mkdir()
    second.mkdir()
    authority = Authority()
    maker = authority.certify("Signing desk", "Brush Co")
    for seed in (1, 2):
        (first / f"{seed}.jpg").write_bytes(maker.sign(picture(seed=seed), created()))
    settings = PngImagePlugin.PngInfo()
    settings.add_text("parameters", "a heron\nSteps: 20, Sampler: Euler, Seed: 1")
    (first / "3.png").write_bytes(picture("PNG", 3, pnginfo=settings))
    camera = Image.Exif()
    camera[0x0110] = "Z 8"
    (second / "4.jpg").write_bytes(picture(seed=4, exif=camera.tobytes()))
    (second / "5.jpg").write_bytes(picture(seed=5))
    authority.write_list(folder)
    return folder


@pytest.fixture(scope="module")
def found(bundle: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    return evaluate_test(bundle, folder, tmp_path_factory.mktemp("build"))


def test_what_files_state_by_class(found: Evaluated, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRUST, str(folder))
    section = statements(Material(found.predictions, NAMES), found)
    assert section.words[0].en.startswith("4 of 5 test pictures state where they come from")
    origins, kinds = section.parts
    assert isinstance(origins, Table)
    assert [title.en for title in origins.header][1:] == [
        "made by AI",
        "edited with AI",
        "taken with a camera",
        "saved by a program",
        "nothing",
    ]
    assert origins.rows == [(NAMES[0], 3, 0, 0, 0, 0), (NAMES[1], 0, 0, 1, 0, 1)]
    assert isinstance(kinds, Table)
    assert [tuple(cell.en if isinstance(cell, Text) else cell for cell in row) for row in kinds.rows] == [
        ("content credentials", "signed, trusted", "Brush AI", 2, 0),
        ("camera", "not signed", "Z 8", 0, 1),
        ("a generator's settings", "not signed", "Stable Diffusion", 1, 0),
    ]


def test_files_that_state_nothing(found: Evaluated) -> None:
    silent = found.predictions.where(np.array([place.endswith("5.jpg") for place in found.predictions.places]))
    section = statements(Material(silent, NAMES), found)
    assert section.words[0].en.startswith("0 of 1 test pictures")
    assert [part.name for part in section.parts] == ["origins"]
    with pytest.raises(CannotComputeError):
        statements(Material(found.predictions.take(np.array([], int)), NAMES), found)
