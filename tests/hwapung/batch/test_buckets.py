"""Google's storage, by an emulator of it. tests/cluster has S3, and the actors of Ray."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pyarrow import fs, parquet

from hwapung.batch import buckets
from hwapung.batch.rows import list_columns
from hwapung.batch.shards import Shards
from model_training.runtime.errors import DatasetError, OutputError
from tests.cards import make_card
from tests.hwapung.batch.asked import Asked, predict
from tests.hwapung.batch.test_run import rows
from tests.hwapung.batch.test_shards import ASKED, FINE


@pytest.fixture(scope="module")
def google() -> Iterator[fs.FileSystem]:
    """With a bucket `pictures`; this process asks it."""
    server = pytest.importorskip("gcp_storage_emulator.server").create_server(
        "127.0.0.1", 0, in_memory=True, default_bucket="pictures"
    )
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOUD_STORAGE_EMULATOR_ENDPOINT", "http://{}:{}".format(*server._api._httpd.server_address))
        buckets._connect.cache_clear()
        yield buckets.open_files("gs://pictures")[0]
    server.stop()
    buckets._connect.cache_clear()


def put(files: fs.FileSystem, path: str, content: bytes) -> None:
    with files.open_output_stream(path) as stream:
        stream.write(content)


def test_pictures_of_a_bucket_have_a_row_each(google: fs.FileSystem, tmp_path: Path) -> None:
    for name in ("b.jpg", "a/한 글.jpg", "__MACOSX/b.jpg", "notes.txt"):
        put(google, f"pictures/in/{name}", b"x" * 300_000)
    (tmp_path / "list.txt").write_text("gs://pictures/in/b.jpg\ngs://pictures/in/gone.jpg\n")
    summary = predict(Asked(), ["gs://pictures/in", tmp_path / "list.txt"], tmp_path / "a.jsonl")
    found = [(row["path"], row["error"], row["message"]) for row in rows(tmp_path / "a.jsonl")]
    gone = "The file can't be read (No such file or directory). Give the path of a picture."
    assert found == [
        ("gs://pictures/in/a/한 글.jpg", None, None),
        ("gs://pictures/in/b.jpg", None, None),
        ("gs://pictures/in/b.jpg", None, None),
        ("gs://pictures/in/gone.jpg", "bad_picture", gone),
    ]
    assert {each.what for each in summary.left_out} == {
        "files in folders of the system, left out", "other files left out"
    }  # fmt: skip


def test_a_bucket_that_is_not_there_is_said(google: fs.FileSystem, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gs://nowhere/in: can't be read \(No such file or directory\)"):
        predict(Asked(), ["gs://nowhere/in"], tmp_path / "a.csv")
    with (
        pytest.raises(OutputError, match=r"gs://nowhere/a: can't be written \("),
        Shards("gs://nowhere/a").begin(ASKED),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_who_has_no_key_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """And soon: by itself the client asks again for a quarter of an hour."""
    said = (
        "google::cloud::Status(UNAVAILABLE: Retry policy exhausted, with a last message of Could not create a OAuth2 "
        "access token to authenticate the request. The request was not sent, as such an access token is required to "
        "complete the request successfully. error_info={reason=, domain=})"
    )
    assert buckets.phrase(OSError(said)).startswith("UNAVAILABLE: Could not create a OAuth2 access token")
    made = []
    monkeypatch.delenv("CLOUD_STORAGE_EMULATOR_ENDPOINT", raising=False)
    monkeypatch.setattr(fs, "GcsFileSystem", lambda **given: made.append(given))
    buckets._connect.__wrapped__("gs")
    assert made == [{"anonymous": False, "retry_time_limit": timedelta(seconds=30)}]


def test_shards_go_into_a_bucket(google: fs.FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hwapung.batch.holding._SETTLE_S", 0)
    shards, columns = Shards("gs://pictures/out/a.parquet"), list_columns(make_card())
    with shards.begin(ASKED) as check_held:
        first = shards.write(0, columns, [FINE])
        shards.write(7, columns, [FINE])
        check_held()
        shards.finish({first})
    assert parquet.read_table("pictures/out/a.parquet", filesystem=google).to_pylist()[0]["path"] == "a.jpg"
    assert [each.base_name for each in google.get_file_info(fs.FileSelector("pictures/out/a.parquet"))] == [first]
    with pytest.raises(OutputError, match="is there already"), shards.begin(ASKED):
        pass
