"""Random trees from people's habits: never a traceback, and each file is read, or counted with its reason."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from model_training.datasets.folders import list_folder
from model_training.runtime.errors import HwapungError

from .trees import plant

FOLDERS = ["train", "Training", "test", "TEST_set", "val", "images", "dataset", "cat", "Cat", "cat ", "ｃａｔ", "dog"]
FOLDERS += ["@eaDir", "__MACOSX", ".git", "lost+found", "$10_$20", "<b>", "%s", "{}", "..a", "🐈", "\u202egpj", "a\nb"]
FOLDERS += ["산수화", os.fsdecode("산수화".encode("cp949")), os.fsdecode(b"\xff\xfe"), " ", "seg_train", "학습데이터"]
FILES = ["1.jpg", "2.JPG", "cat.0.jpg", "dog.1.jpg", "IMG_0001.heic", "x", "3.jfif", "4.JPG.1", "._1.jpg", "Thumbs.db"]
FILES += ["notes.txt", "a.mp4", "b.zip", "c.nef", "d.crdownload", "e.psd", ".hidden", "", os.fsdecode(b"\xb0\xa1.jpg")]

paths = st.builds(
    lambda folders, file: "/".join([*folders, file]).lstrip("/") or "1.jpg",
    st.lists(st.sampled_from(FOLDERS), max_size=4),
    st.sampled_from(FILES),
)


@settings(max_examples=60)
@given(
    st.lists(paths, max_size=12, unique=True),
    st.sampled_from([None, "{label}.{}.jpg", "{label}/{}"]),
    st.sampled_from([(), ("colour",)]),
)
def test_every_file_is_read_or_counted(files: list[str], label_from: str | None, attributes: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for file in files:
            with contextlib.suppress(OSError):  # a path that runs through another's file
                plant(root, [file])
        whole = {path for path in root.rglob("*") if path.is_file()}
        try:
            dataset = list_folder(root, attributes, label_from)
        except HwapungError:
            return
        read = {entry.path for entry in dataset.entries}
        assert len(read) == len(dataset.entries)
        assert read <= whole
        assert whole - read >= set(dataset.unlabelled)
        assert len(read) + sum(each.count for each in dataset.findings if "left out" in each.what) == len(whole)
        assert all(entry.label in dataset.labels and "\n" not in entry.label for entry in dataset.entries)
