"""The painter of stand-in landscapes: repeatable, varied, resumable, and not to be told apart by colour alone."""

from __future__ import annotations

import json
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from model_training.datasets.file_audit import MARGIN, guess
from model_training.datasets.procedural import KINDS, draw, write_dataset


@pytest.fixture(scope="module")
def images() -> dict[str, list[Image.Image]]:
    return {kind: [draw(kind, seed, 128) for seed in range(60 if kind == "korea" else 100)] for kind in KINDS}


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_image(kind: str) -> None:
    assert draw(kind, 7, 160).tobytes() == draw(kind, 7, 160).tobytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [64, 200, 384])
def test_long_side_is_the_size(kind: str, size: int) -> None:
    for seed in range(4):
        image = draw(kind, seed, size)
        assert image.mode == "RGB"
        assert max(image.size) == size
        assert min(image.size) >= 0.4 * size


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_images_are_near_duplicates(kind: str, images: dict[str, list[Image.Image]]) -> None:
    hashes = np.array([imagehash.phash(image).hash.ravel() for image in images[kind][:60]])
    distance = (hashes[:, None] != hashes[None, :]).sum(2)
    distance[np.diag_indices(60)] = 64
    assert distance.min() > 4


@pytest.mark.parametrize("kind", KINDS)
def test_no_image_is_empty_or_clipped(kind: str, images: dict[str, list[Image.Image]]) -> None:
    for seed, image in enumerate(images[kind]):
        grey = np.asarray(image.convert("L"), np.float32)
        assert grey.std() > 8, f"seed {seed} is nearly blank"
        assert np.mean((grey == 0) | (grey == 255)) < 0.02, f"seed {seed} is clipped"


def accuracy(features: np.ndarray, labels: np.ndarray) -> float:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=2000))
    return float(cross_val_score(model, features, labels, cv=5).mean())


def test_mean_colour_does_not_decide_but_manner_does(images: dict[str, list[Image.Image]]) -> None:
    both = [*images["china"], *images["japan"]]
    labels = np.repeat([0, 1], 100)
    colour = np.array([np.asarray(image).reshape(-1, 3).mean(0) for image in both])
    assert accuracy(colour, labels) < 0.95
    # Flat printed areas against wash and bare paper: how much of an image is filled shows in small grey thumbnails.
    manner = np.array([np.asarray(image.convert("L").resize((12, 12))).ravel() / 255 for image in both])
    assert accuracy(manner, labels) > 0.93


@pytest.mark.parametrize("kinds", [("china", "japan"), KINDS])
def test_the_shape_does_not_give_a_class_away(kinds: tuple[str, ...], images: dict[str, list[Image.Image]]) -> None:
    """A newcomer's first training would begin with a warning about the pictures of the demonstration."""
    sizes = [(row, image.size) for row, kind in enumerate(kinds) for image in images[kind]]
    facts = [{"width": width, "height": height, "aspect": width / height} for _, (width, height) in sizes]
    targets = np.array([row for row, _ in sizes])
    for names in (["aspect"], ["width", "height", "aspect"]):
        assert guess(facts, names, targets, 0).low < 1 / len(kinds) + MARGIN


def test_rejects_unknown_kind_and_bad_numbers(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no painter for 'france': choose one of china, japan, korea"):
        draw("france", 0)
    with pytest.raises(ValueError, match=r"seed must be 0 or more"):
        draw("china", -1)
    with pytest.raises(ValueError, match=r"size 64 or more"):
        draw("china", 0, 10)
    with pytest.raises(ValueError, match=r"no painter for 'france'"):
        write_dataset(tmp_path / "new", kinds=("china", "france"))
    assert not (tmp_path / "new").exists()


def test_dataset_has_images_marker_and_a_plain_word(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_dataset(tmp_path, ("japan", "korea"), 3, seed=5, progress=lambda *step: seen.append(step), workers=1)
    names = {f"{kind}/{kind}-000{n}.jpg" for kind in ("japan", "korea") for n in (1, 2, 3)}
    assert files(tmp_path) == names | {"README.txt", "procedural.json"}
    assert seen == [(done, 6) for done in range(7)]
    marker = json.loads((tmp_path / "procedural.json").read_text())
    assert marker == {"procedural": True, "kinds": ["japan", "korea"], "count": 3, "seed": 5}
    assert "drawn by a program" in (tmp_path / "README.txt").read_text()
    with Image.open(tmp_path / "japan" / "japan-0001.jpg") as image:
        assert image.format == "JPEG"
        assert max(image.size) == 384


def test_resume_draws_only_what_is_missing(tmp_path: Path) -> None:
    write_dataset(tmp_path, ("china",), 3, workers=1)
    kept, lost = tmp_path / "china" / "china-0001.jpg", tmp_path / "china" / "china-0002.jpg"
    before = lost.read_bytes()
    kept.write_bytes(b"kept as it is")
    lost.unlink()
    seen: list[tuple[int, int]] = []
    write_dataset(tmp_path, ("china",), 3, progress=lambda *step: seen.append(step), workers=1)
    assert seen == [(2, 3), (3, 3)]
    assert kept.read_bytes() == b"kept as it is"
    assert lost.read_bytes() == before


def test_several_processes_draw_the_same_images(tmp_path: Path) -> None:
    write_dataset(tmp_path / "one", ("japan",), 9, workers=1)
    write_dataset(tmp_path / "two", ("japan",), 9, workers=2)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    for name in files(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_another_seed_gives_other_images(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_dataset(tmp_path / str(seed), ("china",), 2, seed=seed, workers=1)
    drawn = {(tmp_path / str(seed) / "china" / f"china-000{n}.jpg").read_bytes() for seed in (0, 1) for n in (1, 2)}
    assert len(drawn) == 4
