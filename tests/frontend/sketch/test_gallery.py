from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from frontend.sketch.gallery import Gallery

EMBEDDING = "e1" * 32


def write_gallery(folder: Path, embeddings: NDArray[np.float32], embedding: str = EMBEDDING) -> list[str]:
    """A gallery of one-coloured pictures; returns their thumbnails' names."""
    (folder / "thumbnails").mkdir(parents=True, exist_ok=True)
    names = [f"{row:016x}.jpg" for row in range(len(embeddings))]
    for row, name in enumerate(names):
        Image.new("RGB", (8, 8), (row % 256, 0, 0)).save(folder / "thumbnails" / name)
    pictures: list[dict[str, Any]] = [
        {
            "file": f"cats/{row}.jpg",
            "thumbnail": f"thumbnails/{name}",
            "label": "cat",
            "title": f"Cat {row}",
            "author": "Jane",
            "source": "The Met",
            "licence": "CC0",
            "url": "https://example.org/cat" if row % 2 else "javascript:alert(1)",
            "sha256": name[:16] * 4,
            "bytes": 1,
            "modified_ns": 1,
        }
        for row, name in enumerate(names)
    ]
    content = {"model": "sketch", "model_version": "1.0", "embedding": embedding, "dimension": embeddings.shape[1]}
    np.save(folder / "embeddings.npy", embeddings)
    (folder / "index.json").write_text(json.dumps(content | {"pictures": pictures}))
    return names


def unit_rows(count: int, dimension: int, seed: int = 0) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def touch_later(path: Path) -> None:
    later = path.stat().st_mtime_ns + 10**9
    os.utime(path, ns=(later, later))


def test_the_nearest_come_first_as_a_full_sort_has_them(tmp_path: Path) -> None:
    rows, queries = unit_rows(300, 16), unit_rows(3, 16, seed=1)
    names = write_gallery(tmp_path, rows)
    found = Gallery(tmp_path).nearest(queries, EMBEDDING, 5, "/g/")
    assert found.state.code == "ready"
    for query, group in zip(queries, found.groups, strict=True):
        order = np.argsort(-(rows @ query), kind="stable")[:5]
        assert [each.thumbnail for each in group] == [f"/g/{names[row]}" for row in order]
        assert [each.similarity for each in group] == pytest.approx((rows @ query)[order], abs=1e-4)
    assert (found.groups[0][0].author, found.groups[0][0].licence, found.groups[0][0].origin) == (
        "Jane",
        "CC0",
        "The Met",
    )


def test_only_web_addresses_are_linked(tmp_path: Path) -> None:
    write_gallery(tmp_path, np.eye(2, dtype=np.float32))
    found = Gallery(tmp_path).nearest(np.eye(2, dtype=np.float32), EMBEDDING, 1, "/g/")
    assert [group[0].page_url for group in found.groups] == ["", "https://example.org/cat"]


def test_fewer_pictures_than_wanted_are_all_found(tmp_path: Path) -> None:
    write_gallery(tmp_path, np.eye(3, dtype=np.float32))
    found = Gallery(tmp_path).nearest(np.eye(3, dtype=np.float32)[:1], EMBEDDING, 5, "/g/")
    assert len(found.groups[0]) == 3


def test_a_gallery_of_another_model_is_refused(tmp_path: Path) -> None:
    write_gallery(tmp_path, np.eye(3, dtype=np.float32), "another")
    found = Gallery(tmp_path).nearest(np.eye(3, dtype=np.float32), EMBEDDING, 2, "/g/")
    assert (found.state.code, found.groups) == ("other_model", ((), (), ()))
    assert "hwapung gallery" in found.state.remedy


def test_embeddings_of_another_length_are_refused(tmp_path: Path) -> None:
    write_gallery(tmp_path, np.eye(3, dtype=np.float32))
    assert Gallery(tmp_path).nearest(np.eye(4, dtype=np.float32), EMBEDDING, 2, "/g/").state.code == "other_model"


def test_a_gallery_that_is_indexed_again_is_read_anew(tmp_path: Path) -> None:
    query = np.eye(3, dtype=np.float32)[:1]
    write_gallery(tmp_path, np.eye(3, dtype=np.float32)[1:])
    gallery = Gallery(tmp_path)
    assert gallery.nearest(query, EMBEDDING, 1, "").groups[0][0].similarity == 0
    write_gallery(tmp_path, np.eye(3, dtype=np.float32))
    touch_later(tmp_path / "index.json")
    assert gallery.nearest(query, EMBEDDING, 1, "").groups[0][0].similarity == 1


def test_pictures_that_are_gone_are_passed_over(tmp_path: Path) -> None:
    rows = unit_rows(20, 8)
    names = write_gallery(tmp_path, rows)
    gallery = Gallery(tmp_path)
    order = np.argsort(-(rows @ rows[0]), kind="stable")
    for row in order[:3]:
        (tmp_path / "thumbnails" / names[row]).unlink()
    found = gallery.nearest(rows[:1], EMBEDDING, 4, "")
    assert [each.thumbnail for each in found.groups[0]] == [names[row] for row in order[3:7]]
    assert gallery.thumbnail(names[order[0]]) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "index.json").write_text("{"),
        lambda folder: (folder / "index.json").write_text("[]"),
        lambda folder: (folder / "embeddings.npy").write_bytes(b"not an array"),
        lambda folder: np.save(folder / "embeddings.npy", np.eye(2, dtype=np.float32)),  # half written
        lambda folder: np.save(folder / "embeddings.npy", np.eye(3)),  # float64
    ],
)
def test_a_spoiled_index_is_named_and_mended_by_indexing_again(tmp_path: Path, spoil: Any) -> None:
    write_gallery(tmp_path, np.eye(3, dtype=np.float32))
    spoil(tmp_path)
    gallery = Gallery(tmp_path)
    assert gallery.nearest(np.eye(3, dtype=np.float32), EMBEDDING, 1, "").state.code == "broken"
    write_gallery(tmp_path, np.eye(3, dtype=np.float32))
    assert gallery.nearest(np.eye(3, dtype=np.float32), EMBEDDING, 1, "").state.code == "ready"


def test_no_folder_and_an_empty_one_are_told_apart(tmp_path: Path) -> None:
    nothing = np.empty((0, 0), np.float32)
    assert Gallery(None).nearest(nothing, EMBEDDING, 1, "").state.code == "unset"
    assert Gallery(tmp_path).nearest(nothing, EMBEDDING, 1, "").state.code == "missing"


@pytest.mark.parametrize("name", ["../index.json", "index.json", "0000000000000000.png", "%2e%2e"])
def test_only_thumbnails_are_given_out(tmp_path: Path, name: str) -> None:
    names = write_gallery(tmp_path, np.eye(3, dtype=np.float32))
    gallery = Gallery(tmp_path)
    assert gallery.thumbnail(names[0]) == tmp_path / "thumbnails" / names[0]
    assert gallery.thumbnail(name) is None
