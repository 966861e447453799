"""Pictures that EXIF turns: a box lies on what it was drawn around, whichever way the tool showed the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from model_training.detection.formats import read_scenes
from model_training.runtime.image import decode
from tests.model_training.datasets.real_folders.labelled_folder import lay

STORED = (120, 80)
#: Of a black rectangle on the picture as it is stored.
BLACK = (24, 8, 72, 32)
TURNED = "pictures turned by EXIF, whose boxes are turned along"
TAKEN = "pictures turned by EXIF, whose boxes are taken as drawn on the upright picture"


def save(path: Path, orientation: int, size: tuple[int, int] = STORED) -> tuple[float, float, float, float]:
    """And the rectangle's corners on the upright picture, by its pixels."""
    image = Image.new("RGB", size, "white")
    image.paste("black", BLACK)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(path, exif=exif, **({"quality": 95, "subsampling": 0} if path.suffix == ".jpg" else {}))
    return find_black(np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("L")))


def find_black(grey: np.ndarray) -> tuple[float, float, float, float]:
    rows, columns = np.nonzero(grey < 128)
    return float(columns.min()), float(rows.min()), float(columns.max()) + 1, float(rows.max()) + 1


def coco(box: tuple[float, float, float, float], size: tuple[int, int] | None) -> dict[str, object]:
    x0, y0, x1, y1 = box
    image = {"id": 1, "file_name": "a.jpg"} | ({"width": size[0], "height": size[1]} if size else {})
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0]}
    return {"images": [image], "categories": [{"id": 1, "name": "x"}], "annotations": [annotation]}


def check(folder: Path, said: str | None) -> None:
    """The box is read where the decoder sees the rectangle."""
    read = read_scenes(folder)
    [scene] = read.scenes
    upright = decode(scene.path.read_bytes())
    assert (scene.width, scene.height) == upright.size
    np.testing.assert_allclose(scene.boxes, [find_black(np.asarray(upright.convert("L")))], atol=1)
    assert [each.what for each in read.findings] == ([said] if said else [])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_labels_of_the_upright_picture(tmp_path: Path, orientation: int) -> None:
    box = save(tmp_path / "a.jpg", orientation)
    size = STORED[::-1] if orientation > 4 else STORED
    lay(tmp_path, {"labels.json": coco(box, size)})
    check(tmp_path, TAKEN if orientation in (2, 3, 4) else None)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_labels_of_the_stored_picture_are_turned_along(tmp_path: Path, orientation: int) -> None:
    save(tmp_path / "a.jpg", orientation)
    lay(tmp_path, {"labels.json": coco(BLACK, STORED)})
    check(tmp_path, TURNED)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_labels_of_a_smaller_stored_picture_are_turned_and_scaled(tmp_path: Path, orientation: int) -> None:
    save(tmp_path / "a.jpg", orientation)
    x0, y0, x1, y1 = (each / 4 for each in BLACK)
    lay(tmp_path, {"labels.json": coco((x0, y0, x1, y1), (30, 20))})
    assert TURNED in {each.what for each in read_scenes(tmp_path).findings}
    [scene] = read_scenes(tmp_path).scenes
    np.testing.assert_allclose(
        scene.boxes, [find_black(np.asarray(decode(scene.path.read_bytes()).convert("L")))], atol=1
    )


@pytest.mark.parametrize("orientation", range(2, 9))
def test_yolos_parts_are_of_what_people_see(tmp_path: Path, orientation: int) -> None:
    x0, y0, x1, y1 = save(tmp_path / "a.jpg", orientation)
    width, height = STORED[::-1] if orientation > 4 else STORED
    line = f"0 {(x0 + x1) / 2 / width} {(y0 + y1) / 2 / height} {(x1 - x0) / width} {(y1 - y0) / height}"
    lay(tmp_path, {"classes.txt": "x\n", "a.txt": line})
    check(tmp_path, TAKEN)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "avif"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_every_format_that_has_exif(tmp_path: Path, suffix: str, orientation: int) -> None:
    box = save(tmp_path / f"a.{suffix}", orientation)
    lay(tmp_path, {"labels.json": coco(box, None)})
    check(tmp_path, TAKEN)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_square_is_taken_as_people_see_it(tmp_path: Path, orientation: int) -> None:
    box = save(tmp_path / "a.jpg", orientation, (120, 120))
    lay(tmp_path, {"labels.json": coco(box, (120, 120))})
    check(tmp_path, TAKEN if orientation > 1 else None)


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_orientation_that_there_is_not_turns_nothing(tmp_path: Path, orientation: int) -> None:
    box = save(tmp_path / "a.jpg", orientation)
    lay(tmp_path, {"labels.json": coco(box, STORED)})
    check(tmp_path, None)
