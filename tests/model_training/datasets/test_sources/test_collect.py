from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from model_training.datasets.manifest import read_manifest
from model_training.datasets.sources.collect import COLUMNS, Candidate, Collected, SourceImage, collect
from model_training.progress import Step
from model_training.runtime.errors import DatasetError
from tests.model_training.datasets.test_sources.conftest import jpeg


@dataclass
class Shelf:
    """A source of pictures by number; `loaded` are those that were asked for."""

    images: dict[str, SourceImage | None]
    name: str = "shelf"
    total: int = 0
    loaded: list[str] = field(default_factory=list)

    def find(self) -> Iterator[Candidate]:
        self.total = len(self.images)
        for key in self.images:
            yield Candidate(key, self.load(key))

    def load(self, key: str) -> Callable[[], SourceImage | None]:
        def load() -> SourceImage | None:
            self.loaded.append(key)
            return self.images[key]

        return load


def image(number: int, label: str = "ink", title: str = "Rain") -> SourceImage:
    return SourceImage(jpeg(number), label, title, "Ni Zan", f"https://example.org/{number}", "CC0-1.0")


def shelf(count: int) -> Shelf:
    return Shelf({str(number): image(number) for number in range(count)})


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_files_and_their_records(tmp_path: Path, step: Step) -> None:
    assert collect(shelf(3), tmp_path, None, step) == Collected(3, 3, 0)
    first = rows(tmp_path)[0]
    assert tuple(first) == COLUMNS
    assert first == {
        "path": "ink/shelf-0.jpg",
        "label": "ink",
        "title": "Rain",
        "artist": "Ni Zan",
        "rating": "",
        "source": "shelf",
        "url": "https://example.org/0",
        "licence": "CC0-1.0",
        "sha256": hashlib.sha256(jpeg(0)).hexdigest(),
    }
    assert (tmp_path / first["path"]).read_bytes() == jpeg(0)
    assert len(read_manifest(tmp_path / "manifest.csv").entries) == 3


def test_a_second_call_asks_for_what_is_missing(tmp_path: Path, step: Step) -> None:
    collect(shelf(5), tmp_path, 2, step)
    (tmp_path / "ink" / "shelf-0.jpg").unlink()
    (tmp_path / "ink" / "shelf-1.jpg").write_bytes(b"damaged")
    source = shelf(5)
    assert collect(source, tmp_path, 4, step) == Collected(4, 4, 0)
    assert source.loaded == ["0", "1", "2", "3"]
    assert len(rows(tmp_path)) == 4
    again = shelf(5)
    assert collect(again, tmp_path, 4, step) == Collected(4, 0, 0)
    assert again.loaded == []


def test_a_line_that_was_cut_off_is_mended(tmp_path: Path, step: Step) -> None:
    collect(shelf(2), tmp_path, None, step)
    manifest = tmp_path / "manifest.csv"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-20])
    collect(shelf(2), tmp_path, None, step)
    assert manifest.read_bytes() == whole


def test_what_is_no_image_is_passed_over(tmp_path: Path, step: Step) -> None:
    page = SourceImage(b"<html>", "ink", "", "", "https://example.org/page", "CC0-1.0")
    source = Shelf({"0": page, "1": None, "2": image(2)})
    assert collect(source, tmp_path, 1, step) == Collected(1, 1, 2)
    assert [row["path"] for row in rows(tmp_path)] == ["ink/shelf-2.jpg"]


def test_another_image_under_a_known_address_is_said(tmp_path: Path, step: Step) -> None:
    collect(shelf(1), tmp_path, None, step)
    (tmp_path / "ink" / "shelf-0.jpg").unlink()
    with pytest.raises(DatasetError, match=r"shelf-0\.jpg: the picture at https://example\.org/9 is no longer"):
        collect(Shelf({"0": image(9)}), tmp_path, None, step)


def test_keys_and_labels_become_names_that_every_system_takes(tmp_path: Path, step: Step) -> None:
    keys = ["산수/1.jpg", "풍경/1.jpg", "a/b", "a_b", "../../up"]
    source = Shelf({key: image(n, "ink: wash/dry?", "two\nlines") for n, key in enumerate(keys)})
    assert collect(source, tmp_path, None, step).kept == 5
    written = [row["path"] for row in rows(tmp_path)]
    assert len(set(written)) == 5
    assert {Path(place).parent.as_posix() for place in written} == {"ink_ wash_dry_"}
    assert all((tmp_path / place).is_file() for place in written)
    assert {row["title"] for row in rows(tmp_path)} == {"two lines"}
    assert collect(source, tmp_path, None, step).new == 0


def test_a_manifest_of_ones_own_is_left_alone(tmp_path: Path, step: Step) -> None:
    (tmp_path / "manifest.csv").write_text("path,label\na.jpg,x\n")
    with pytest.raises(DatasetError, match="other columns"):
        collect(shelf(1), tmp_path, None, step)
    assert (tmp_path / "manifest.csv").read_text() == "path,label\na.jpg,x\n"


def test_two_sources_share_a_folder(tmp_path: Path, step: Step) -> None:
    collect(shelf(2), tmp_path, None, step)
    other = shelf(2)
    other.name = "drawer"
    assert collect(other, tmp_path, None, step) == Collected(2, 2, 0)
    assert len(rows(tmp_path)) == 4
