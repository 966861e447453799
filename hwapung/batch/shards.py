"""A table as a folder of Parquet files, each whole or not there: what many machines write, here or in a bucket."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_training.runtime.errors import OutputError, StoppedError

from .buckets import is_bucket, open_files, phrase
from .holding import hold
from .journal import check_asked
from .rows import Column, Row
from .tables import check_parquet, refuse, write_parquet

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

#: Names that begin with a line are none of the table's to whoever reads the folder.
_HEAD, _HELD, _UNFINISHED = "_begun.json", "_held", "_part-"
_SHARD = "part-"
#: What is read again of a row.
_READ = ["path", "verdict", "error"]


@dataclass(frozen=True)
class Shards:
    """`name`: the folder as it was named, a path or a bucket's address. Any process may write to it."""

    name: str

    @contextmanager
    def begin(self, asked: Mapping[str, str]) -> Iterator[Callable[[], None]]:
        """Hold the folder, and note what is asked of what, or see that the same was asked before. Gives what raises
        `StoppedError` where the folder is held no more.

        Raises `OutputError` for a folder that can't be written, that another process writes, that is whole already, or
        that was begun by another model or for other pictures.
        """
        from pyarrow import fs

        check_parquet(self.name)
        with ExitStack() as stack:
            try:
                files, folder = self._open()
                found = self._list_names(files, folder)
                if files.get_file_info(folder).type == fs.FileType.File or (found and not found & {_HEAD, _HELD}):
                    raise refuse(self.name)
                files.create_dir(folder)
                is_held = stack.enter_context(hold(files, f"{folder}/{_HELD}", self.name))
                found = self._list_names(files, folder)
                if _HEAD in found:
                    with files.open_input_stream(f"{folder}/{_HEAD}") as stream:
                        check_asked(f"{self.name}/{_HEAD}", _read_head(stream.read(2**20)), asked)
                elif found - {_HELD}:
                    raise refuse(self.name)  # since this moment
                else:
                    self._put(_HEAD, json.dumps(dict(asked), ensure_ascii=False).encode("utf-8", "surrogatepass"))
            except (OSError, ValueError) as error:
                raise OutputError(
                    f"{self.name}: can't be written ({phrase(error)}).", "Give a place that can be written to."
                ) from None

            def check_held() -> None:
                if not is_held():
                    raise StoppedError(f"{self.name}: another process writes this table now.", "Wait for it.")

            yield check_held

    def list(self) -> list[str]:
        """The files that are whole, in the order of their rows. Raises `OSError`."""
        files, folder = self._open()
        return sorted(each for each in self._list_names(files, folder) if each.startswith(_SHARD))

    def read(self, shard: str) -> Iterator[Row]:
        """Of its rows the path, and the verdict or the error. Raises `OSError`."""
        from pyarrow import parquet

        files, folder = self._open()
        for row in parquet.read_table(f"{folder}/{shard}", columns=_READ, filesystem=files).to_pylist():
            yield {key: value for key, value in row.items() if value is not None}

    def write(self, number: int, columns: Sequence[Column], rows: Sequence[Row]) -> str:
        """A file of these rows, and its name. Rows that are written twice, because a machine was taken for lost, have
        one name. Raises `OSError`."""
        names = "\n".join(row["path"] for row in rows).encode("utf-8", "surrogatepass")
        shard = f"{_SHARD}{number:06d}-{hashlib.sha256(names).hexdigest()[:12]}.parquet"
        buffer = io.BytesIO()
        write_parquet(buffer, columns, rows)
        self._put(shard, buffer.getvalue())
        return shard

    def finish(self, shards: Set[str]) -> None:
        """Take away what is none of these shards: the note, and what an actor wrote whose run was killed before it.
        Raises `OSError`."""
        files, folder = self._open()
        for name in self._list_names(files, folder) - shards - {_HEAD, _HELD}:
            if name.startswith((_SHARD, _UNFINISHED)):
                files.delete_file(f"{folder}/{name}")
        files.delete_file(f"{folder}/{_HEAD}")  # last: whatever ends this, the same run goes on

    def remove(self) -> None:
        """The folder, where it holds no rows. Raises `OSError`."""
        files, folder = self._open()
        files.delete_dir(folder)

    def _put(self, name: str, data: bytes) -> None:
        """Whole or not at all: an object appears when it is, a file of the disk gets its name then."""
        files, folder = self._open()
        if is_bucket(self.name):
            with files.open_output_stream(f"{folder}/{name}") as stream:
                stream.write(data)
            return
        part = f"{folder}/{_UNFINISHED}{uuid.uuid4().hex}"
        try:
            with files.open_output_stream(part) as stream:
                stream.write(data)
            files.move(part, f"{folder}/{name}")
        except OSError:
            Path(part).unlink(missing_ok=True)  # on a full disk it is in the way
            raise

    def _list_names(self, files: FileSystem, folder: str) -> set[str]:
        from pyarrow import fs

        return {each.base_name for each in files.get_file_info(fs.FileSelector(folder, allow_not_found=True))}

    def _open(self) -> tuple[FileSystem, str]:
        if is_bucket(self.name):
            return open_files(self.name)
        from pyarrow import fs

        return fs.LocalFileSystem(), str(Path(self.name).absolute())


def _read_head(data: bytes) -> dict[str, str]:
    try:
        return dict(json.loads(data))
    except ValueError:
        return {}
