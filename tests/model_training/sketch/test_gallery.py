from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from model_training.runtime.errors import DatasetError
from model_training.runtime.load import load_bundle
from model_training.runtime.sketch import Sketch
from model_training.sketch.gallery import index_gallery
from tests.tiny_sketch import draw_page


@pytest.fixture(scope="module")
def model(tiny_sketch_bundle: Path) -> Sketch:
    loaded = load_bundle(tiny_sketch_bundle)
    assert isinstance(loaded, Sketch)
    return loaded


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "cat").mkdir(parents=True)
    for cell in range(3):
        (folder / "cat" / f"{cell}.png").write_bytes(draw_page(cell, size=(400, 400)))
    (folder / "manifest.csv").write_text("path,author,license\ncat/0.png,Kim Hongdo,CC0\n")
    return folder


def quiet(done: int, total: int) -> None:
    """Progress is not what is tested here."""


def read(out: Path) -> tuple[dict, np.ndarray]:  # type: ignore[type-arg]
    return json.loads((out / "index.json").read_text("utf-8")), np.load(out / "embeddings.npy")


def test_the_index_is_what_the_front_end_reads(model: Sketch, data: Path, tmp_path: Path) -> None:
    index_gallery(model, data, tmp_path / "out", quiet)
    index, rows = read(tmp_path / "out")
    assert (index["model"], index["embedding"]) == ("sketch", model.card.embedding)
    assert rows.shape == (3, index["dimension"])
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    first = index["pictures"][0]
    assert (first["file"], first["label"], first["author"], first["licence"]) == (
        "cat/0.png",
        "cat",
        "Kim Hongdo",
        "CC0",
    )
    assert first["thumbnail"] == f"thumbnails/{first['sha256'][:16]}.jpg"
    assert (tmp_path / "out" / first["thumbnail"]).is_file()


def test_a_drawing_is_nearest_to_itself(model: Sketch, data: Path, tmp_path: Path) -> None:
    from model_training.runtime.image import decode

    index_gallery(model, data, tmp_path / "out", quiet)
    _, rows = read(tmp_path / "out")
    query = model.embed([decode((data / "cat/1.png").read_bytes())])[0]
    assert float(rows[1] @ query) == pytest.approx(1, abs=1e-4)


def test_only_what_is_new_or_changed_is_looked_at_again(model: Sketch, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert index_gallery(model, data, out, quiet).embedded == 3
    assert index_gallery(model, data, out, quiet).embedded == 0
    before, rows = read(out)
    (data / "cat/0.png").unlink()
    (data / "cat/1.png").write_bytes(draw_page(9, 10, size=(400, 400)))
    os.utime(data / "cat/1.png", ns=(1, 1))
    (data / "cat/broken.jpg").write_bytes(b"no picture")
    done = index_gallery(model, data, out, quiet)
    assert (done.images, done.embedded, done.skipped) == (2, 1, 1)
    after, fresh = read(out)
    assert [each["file"] for each in after["pictures"]] == ["cat/1.png", "cat/2.png"]
    assert after["pictures"][0]["sha256"] != before["pictures"][1]["sha256"]
    np.testing.assert_array_equal(fresh[1], rows[2])
    assert len(list((out / "thumbnails").iterdir())) == 2


def test_an_index_of_another_model_is_made_anew(model: Sketch, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    index_gallery(model, data, out, quiet)
    index, _ = read(out)
    (out / "index.json").write_text(json.dumps(index | {"embedding": "another"}))
    assert index_gallery(model, data, out, quiet).embedded == 3


def test_a_folder_without_images(model: Sketch, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no readable picture"):
        index_gallery(model, tmp_path / "empty", tmp_path / "out", quiet)
    with pytest.raises(DatasetError, match="no such folder"):
        index_gallery(model, tmp_path / "gone", tmp_path / "out", quiet)
