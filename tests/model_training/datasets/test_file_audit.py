from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_training.datasets.file_audit import audit_files, phrase_audit, read_facts
from model_training.datasets.folders import check_classes, list_folder
from model_training.runtime.card import FileAudit

Save = Callable[[Image.Image, Path], None]


def audit(root: Path, save: dict[str, Save], count: int = 30) -> FileAudit:
    """The same kind of pictures in both classes, saved each in its own way."""
    generator = np.random.default_rng(0)
    for label, write in save.items():
        (root / label).mkdir()
        for number in range(count):
            image = Image.fromarray(generator.integers(0, 256, (16, 16, 3), np.uint8))
            write(image, root / label / str(number))
    found = audit_files(check_classes(list_folder(root)))
    assert found is not None
    return found


def png(image: Image.Image, path: Path) -> None:
    image.save(path.with_suffix(".png"))


def jpeg(image: Image.Image, path: Path) -> None:
    image.save(path.with_suffix(".jpg"), quality=80)


def worse_jpeg(image: Image.Image, path: Path) -> None:
    image.save(path.with_suffix(".jpg"), quality=79)


def with_exif(image: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    image.save(path.with_suffix(".jpg"), quality=80, exif=exif)


def named(found: FileAudit) -> set[str]:
    return {each.fact for each in found.given_away if not each.of_content}


def test_one_class_in_png_the_other_in_jpeg_is_named(tmp_path: Path) -> None:
    found = audit(tmp_path, {"ai": png, "real": jpeg})
    assert found.accuracy == 1.0
    assert found.warns
    assert "format" in named(found)
    words = phrase_audit(found)
    assert words.en.startswith("Warning")
    assert "file format (100%)" in words.en
    assert "파일 형식(100%)" in words.ko


@pytest.mark.parametrize(("other", "fact"), [(worse_jpeg, "jpeg_tables"), (with_exif, "exif")])
def test_other_traces_are_named(tmp_path: Path, other: Save, fact: str) -> None:
    found = audit(tmp_path, {"ai": other, "real": jpeg})
    assert fact in named(found)
    assert "format" not in named(found)


def test_files_alike_give_nothing_away(tmp_path: Path) -> None:
    found = audit(tmp_path, {"ai": jpeg, "real": jpeg})
    assert not found.warns
    assert found.low < 0.5 < found.high
    assert "no warning" in phrase_audit(found).en


def test_too_few_files_are_not_judged(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in range(5):
            png(Image.new("RGB", (8, 8)), tmp_path / label / str(number))
    dataset = check_classes(list_folder(tmp_path))
    assert audit_files(dataset) is not None
    assert audit_files(dataset.keep(["a"])) is None


def test_a_broken_file_has_facts_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8 nothing")
    assert read_facts(path)["format"] == "unreadable"
    assert read_facts(path)["bytes"] == 10
