"""Damaged and odd manifests: a dataset that accounts for every picture, or an error of one line; never a traceback."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from model_training.datasets.manifest import read_manifest
from model_training.runtime.errors import DatasetError

from .manifests import found, plant

FILES = ["cat/1.jpg", "cat/2.PNG", "산수.jpg"]
CELLS = st.sampled_from(
    [
        "path",
        "label",
        "split",
        "파일",
        "분류",
        "",
        "1",
        "train",
        "x;y",
        '"',
        "a\nb",
        "file:///산수.jpg",
        "file://[",
        *FILES,
    ]
)
TABLES = st.tuples(st.lists(st.lists(CELLS, max_size=4), max_size=6), st.sampled_from(",;|\t ")).map(
    lambda table: "\n".join(table[1].join(row) for row in table[0])
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | CELLS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(CELLS, inner, max_size=3),
    max_leaves=8,
).map(json.dumps)
TEXTS = st.tuples(TABLES | JSON, st.sampled_from(["utf-8", "utf-16", "utf-16-le", "cp949", "gb18030"])).map(
    lambda pair: pair[0].encode(pair[1])
)


@settings(max_examples=80, deadline=None)
@given(content=TEXTS | st.binary(max_size=60), suffix=st.sampled_from([".csv", ".json", ".jsonl"]))
@example(content=b'{"path": {"0": "\\ud800"}, "label": {"0": 1}}', suffix=".json")
@example(content="path,label\n산수.jpg,산수".encode("utf-16-le"), suffix=".csv")
def test_every_picture_is_listed_or_counted(content: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plant(Path(folder), FILES)
        path = Path(folder) / f"manifest{suffix}"
        path.write_bytes(content)
        try:
            dataset = read_manifest(path, multi_label=True)
        except DatasetError:
            return
        left_out = sum(count for what, count in found(dataset).items() if what.endswith("left out"))
        assert len(dataset.entries) + left_out >= len(FILES)
