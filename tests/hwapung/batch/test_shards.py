"""A table as a folder of files, of which each is whole or not there. tests/cluster has Ray itself."""

from __future__ import annotations

import pickle
import re
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyarrow import fs, parquet

from hwapung.batch import holding
from hwapung.batch.cluster import Cluster
from hwapung.batch.rows import list_columns
from hwapung.batch.shards import Shards
from hwapung.batch.sources import open_source
from model_training.datasets.findings import Findings
from model_training.runtime.errors import OutputError, ServingError
from tests.cards import make_card
from tests.waiting import PATIENCE, wait_until

ASKED = {"model": "landscape 1.0", "weights": "a", "pictures": "scans", "paths": "b"}
COLUMNS = list_columns(make_card())
FINE = {"path": "a.jpg", "class": "china", "confidence": 0.9, "verdict": "sure", "probabilities": {"china": 0.9}}
BROKEN = {"path": "b.jpg", "error": "broken_picture", "message": "It is broken."}


def test_shards_are_one_table_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    shards = Shards(str(tmp_path / "a.parquet"))
    with shards.begin(ASKED):
        second = shards.write(1, COLUMNS, [BROKEN])
        first = shards.write(0, COLUMNS, [FINE])
        assert shards.write(0, COLUMNS, [FINE]) == first  # a machine that was taken for lost
    assert shards.list() == [first, second]
    assert list(shards.read(first)) == [{"path": "a.jpg", "verdict": "sure"}]
    assert list(shards.read(second)) == [{"path": "b.jpg", "error": "broken_picture"}]
    (tmp_path / "a.parquet" / "_part-left").write_bytes(b"half a")
    with shards.begin(ASKED):  # goes on
        shards.write(2, COLUMNS, [FINE])  # an actor of the run before, whose picture this one has in another shard
        shards.finish({first, second})
    assert sorted(each.name for each in (tmp_path / "a.parquet").iterdir()) == [first, second]
    rows = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert [(row["path"], row["p:china"], row["message"]) for row in rows] == [
        ("a.jpg", 0.9, None),
        ("b.jpg", None, "It is broken."),
    ]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"weights": "c"}, "the rows so far are of another model (landscape 1.0, scans)."),
        ({"paths": "c"}, "the rows so far are of other pictures (landscape 1.0, scans)."),
    ],
)
def test_shards_of_something_else_are_refused(tmp_path: Path, other: dict[str, str], said: str) -> None:
    shards = Shards(str(tmp_path / "a.parquet"))
    with shards.begin(ASKED):
        pass
    with pytest.raises(OutputError, match=r"_begun\.json: ") as refused, shards.begin(ASKED | other):
        pass
    assert said in refused.value.message
    with shards.begin(ASKED):
        shards.finish({shards.write(0, COLUMNS, [FINE])})
    with pytest.raises(OutputError, match="is there already"), shards.begin(ASKED):
        pass
    assert [each.name[:5] for each in (tmp_path / "a.parquet").iterdir()] == ["part-"]


def test_two_can_not_write_one_folder(tmp_path: Path) -> None:
    shards = Shards(str(tmp_path / "a.parquet"))
    said = re.escape(f"{shards.name}: another process is writing this table. Wait for it, or end it.")
    with shards.begin(ASKED), pytest.raises(OutputError, match=said), shards.begin(ASKED):
        pass
    with shards.begin(ASKED):
        pass


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> fs.FileSystem:
    """One that can't lock. Marks in it move every few milliseconds; none counts as dead on a busy machine."""
    for name, seconds in (("_BEAT_S", 0.02), ("_DEAD_S", PATIENCE), ("_SETTLE_S", 0.02)):
        monkeypatch.setattr(holding, name, seconds)
    return fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())


def test_a_bucket_is_held_as_long_as_its_mark_moves(
    bucket: fs.FileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with holding.hold(bucket, "_held", "s3://a") as is_held:
        with pytest.raises(OutputError, match="s3://a: another process"), holding.hold(bucket, "_held", "s3://a"):
            pass
        assert is_held()

        def write() -> bool:  # again and again: the mark may move just then
            (tmp_path / "_held").write_bytes(b"of another")
            return not is_held()

        wait_until(write)
    assert (tmp_path / "_held").read_bytes() == b"of another"
    monkeypatch.setattr(holding, "_DEAD_S", 0.1)
    with holding.hold(bucket, "_held", "s3://a") as is_held:  # which stands still
        assert is_held()
    assert not (tmp_path / "_held").exists()


def test_of_two_that_begin_at_once_one_holds_a_bucket(bucket: fs.FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = holding._Mark(bucket, "_held"), holding._Mark(bucket, "_held")
    looked, written, move = threading.Barrier(2), threading.Barrier(2), holding._Mark._move

    def move_together(mark: holding._Mark) -> None:
        looked.wait(PATIENCE)
        move(mark)

    monkeypatch.setattr(holding._Mark, "_move", move_together)
    monkeypatch.setattr(holding.time, "sleep", lambda seconds: written.wait(PATIENCE))
    with ThreadPoolExecutor(2) as threads:
        took = list(threads.map(holding._Mark.take, (first, second)))
    assert sorted(took) == [False, True]


def test_a_place_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"can't be written \(.*Give a place that can be written to"):
        Shards(str(tmp_path / "file" / "a.parquet")).begin(ASKED).__enter__()


def test_another_process_reads_the_same_pictures(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/a.jpg", b"zipped")
        archive.writestr("in/b.jpg", b"too")
    (tmp_path / "c.jpg").write_bytes(b"plain")
    items = list(open_source([tmp_path / "a.zip", tmp_path / "c.jpg"]).walk(Findings()))
    again = pickle.loads(pickle.dumps(items))
    assert [each.read() for each in again] == [b"zipped", b"too", b"plain"]
    archives = {id(each.read.func.__self__) for each in again[:2]}
    assert len(archives) == 1  # opened once


def test_a_cluster_without_ray_or_without_a_head_gets_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(OutputError, match=r"Ray is not installed\. Install hwapung\[ray\]"),
        Cluster(None, "cpu").connect(),
    ):
        pass
    monkeypatch.undo()
    pytest.importorskip("ray", reason="needs hwapung[ray]")
    with pytest.raises(ServingError, match="No Ray cluster answers at nowhere"), Cluster("nowhere", "cpu").connect():
        pass
