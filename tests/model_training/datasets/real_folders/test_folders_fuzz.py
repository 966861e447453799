"""Random trees from people's habits: never a traceback, and each file is read, or counted with its reason."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from hypothesis import event, given, settings
from hypothesis import strategies as st

from model_training.datasets.listing import list_dataset
from model_training.runtime.errors import HwapungError

from .trees import plant

FOLDERS = ["train", "Training", "test", "TEST_set", "val", "images", "dataset", "cat", "Cat", "cat ", "ｃａｔ", "dog"]
FOLDERS += ["@eaDir", "__MACOSX", ".git", "lost+found", "$10_$20", "<b>", "%s", "{}", "..a", "🐈", "\u202egpj", "a\nb"]
FOLDERS += ["산수화", os.fsdecode("산수화".encode("cp949")), os.fsdecode(b"\xff\xfe"), " ", "seg_train", "학습데이터"]
FOLDERS += ["fold_1", "fold_2", "part_1", "part_2", "pets", "pets-test", "TS_cat", "VS_cat", "masks", "\u200bcat"]
FILES = ["1.jpg", "2.JPG", "cat.0.jpg", "dog.1.jpg", "IMG_0001.heic", "x", "3.jfif", "4.JPG.1", "._1.jpg", "Thumbs.db"]
FILES += ["notes.txt", "a.mp4", "b.zip", "c.nef", "d.crdownload", "e.psd", ".hidden", "", os.fsdecode(b"\xb0\xa1.jpg")]
TABLES = {
    "labels.csv": b"filename,label\n1.jpg,cat\n2.JPG,dog\n",
    "test.csv": b"filename,label\n1.jpg,cat\n",
    "val_annotations.txt": b"1.jpg\tcat\t0\t1\n",
    "train_list.txt": b"1.jpg 0\n2.JPG 1\n",
    "1.txt": b"1.jpg, 0",
    "metadata.jsonl": b'{"file_name": "1.jpg", "label": "cat"}\n',
    "classes.json": b'{"0": "cat", "1": "dog"}',
    "sample_submission.csv": b"id,label\n1,cat\n",
    "boxes.csv": b"filename,class,xmin,ymin,xmax,ymax\n1.jpg,cat,1,2,3,4\n",
}
#: Findings of tables that are read: each stands for a file, too.
READ = (
    "tables beside the pictures, read as the manifest",
    "tables that tell the classes of a split without class folders, read",
)

#: Whole sets, to which random files come.
SETS: list[list[str]] = [
    [],
    ["images/1.jpg", "images/2.JPG", "labels.csv"],
    ["train/1.jpg", "train/2.JPG", "train_list.txt", "test/1.jpg", "test.csv"],
    ["train/cat/1.jpg", "train/dog/2.JPG", "val/images/1.jpg", "val/val_annotations.txt"],
    ["Training/metadata.jsonl", "Training/1.jpg", "test/1.jpg"],
    ["part_1/1.jpg", "part_2/2.JPG", "labels.csv"],
    ["set/1.jpg", "set/1.txt"],
]

paths = st.builds(
    lambda folders, file: "/".join([*folders, file]).lstrip("/") or "1.jpg",
    st.lists(st.sampled_from(FOLDERS), max_size=3),
    st.sampled_from([*FILES, *FILES[:4], *TABLES]),
)


@settings(max_examples=150, deadline=None)
@given(
    st.builds(
        lambda known, more: list(dict.fromkeys((*known, *more))),
        st.sampled_from(SETS),
        st.lists(paths, max_size=10, unique=True),
    ),
    st.sampled_from([None, None, None, "{label}.{}.jpg", "{label}/{}"]),
    st.sampled_from([(), ("colour",)]),
)
def test_every_file_is_read_or_counted(files: list[str], label_from: str | None, attributes: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for file in files:
            with contextlib.suppress(OSError):  # a path that runs through another's file
                plant(root, {file: TABLES.get(file.rpartition("/")[2])})
        whole = {path for path in root.rglob("*") if path.is_file()}
        try:
            dataset = list_dataset(root, attributes=attributes, label_from=label_from)
        except HwapungError:
            event("refused")
            return
        told = {each.what: each.count for each in dataset.findings}
        tables = sum(told.get(each, 0) for each in READ) or int(dataset.manifest is not None)
        event("by a table" if tables else "by folders")
        read = {entry.path for entry in dataset.entries}
        assert len(read) == len(dataset.entries)
        assert read <= whole
        assert whole - read >= set(dataset.unlabelled)
        left_out = sum(count for what, count in told.items() if "left out" in what)
        assert len(read) + left_out + tables == len(whole)
        assert all(entry.label in dataset.labels and "\n" not in entry.label for entry in dataset.entries)
