from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_training.datasets.prepare import Prepared
from model_training.packaging.neighbours import write_neighbours
from model_training.runtime.card import ModelCard, read_card, write_card
from model_training.runtime.classifier import Classifier
from model_training.runtime.errors import BundleError
from model_training.runtime.neighbours import NEIGHBOURS, SHOWN, Neighbours
from model_training.training.loop import Trained


@pytest.fixture(scope="module")
def bundle(
    tiny_bundle: Path, tiny_prepared: Prepared, tiny_trained: Trained, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The tiny bundle with thumbnails of its training images."""
    bundle = tmp_path_factory.mktemp("neighbours")
    for file in tiny_bundle.iterdir():
        (bundle / file.name).symlink_to(file)
    (bundle / "card.json").unlink()
    card = read_card(tiny_bundle / "card.json", ModelCard).model_copy(update={"neighbours": "pictures"})
    write_card(card, bundle / "card.json")
    write_neighbours(bundle, tiny_prepared, card, tiny_trained.network)
    return bundle


def test_a_training_image_is_most_like_itself(bundle: Path, tiny_prepared: Prepared) -> None:
    row = tiny_prepared.rows["train"][3]
    entry = tiny_prepared.dataset.entries[row]
    (answer,) = Classifier.load(bundle).answer([entry.path.read_bytes()], [True])
    assert not isinstance(answer, Exception)
    found = answer["neighbours"]
    assert len(found) == SHOWN
    assert found[0]["class"] == entry.label
    assert found[0]["similarity"] == pytest.approx(1, abs=1e-3)
    similarities = [each["similarity"] for each in found]
    assert similarities == sorted(similarities, reverse=True)
    thumbnail = Image.open(io.BytesIO(base64.b64decode(found[0]["thumbnail"]["data"])))
    assert (thumbnail.format, max(thumbnail.size)) == ("WEBP", 96)
    picture = Image.open(entry.path).convert("RGB").resize(thumbnail.size)
    assert np.abs(np.asarray(picture, float) - np.asarray(thumbnail.convert("RGB"), float)).mean() < 12


def test_only_explained_answers_have_them(bundle: Path, tiny_prepared: Prepared) -> None:
    picture = tiny_prepared.dataset.entries[0].path.read_bytes()
    plain, explained = Classifier.load(bundle).answer([picture, picture], [False, True])
    assert "neighbours" not in plain
    assert "neighbours" in explained


def test_without_leave_there_are_none(tiny_bundle: Path, tiny_prepared: Prepared) -> None:
    assert not (tiny_bundle / NEIGHBOURS).exists()
    (answer,) = Classifier.load(tiny_bundle).answer([tiny_prepared.dataset.entries[0].path.read_bytes()], [True])
    assert "neighbours" not in answer


def test_links_and_licences_stand_beside_names() -> None:
    kept = Neighbours(
        features=np.eye(2, dtype=np.float16),
        labels=np.array(["a", "b"]),
        links=np.array(["https://example.org/1", ""]),
        licences=np.array(["CC BY 4.0", ""]),
        thumbnails=np.zeros(0, np.uint8),
        ends=np.zeros(0, np.int64),
    )
    assert kept.find(np.array([2.0, 0.0])) == [
        {"class": "a", "similarity": 1.0, "link": "https://example.org/1", "licence": "CC BY 4.0"},
        {"class": "b", "similarity": 0.0},
    ]


def test_a_broken_file_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / NEIGHBOURS).write_bytes(b"PK")
    with pytest.raises(BundleError, match=r"neighbours\.npz"):
        Neighbours.load(tmp_path / NEIGHBOURS)
