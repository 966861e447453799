"""Pictures in buckets, `s3://BUCKET/PREFIX` or `gs://BUCKET/PREFIX`, through pyarrow's file systems.

Who asks, and where, is found where the services' own programs find it: AWS_ACCESS_KEY_ID, AWS_REGION,
AWS_ENDPOINT_URL, a profile, a machine's role, GOOGLE_APPLICATION_CREDENTIALS, CLOUD_STORAGE_EMULATOR_ENDPOINT.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from model_training.datasets.file_kinds import HEAD, is_system, judge_name, read_format
from model_training.datasets.findings import Findings
from model_training.datasets.tree import LEFT_OUT
from model_training.runtime.errors import DatasetError, ImageError, OutputError
from model_training.runtime.image import MAX_BYTES

from .items import Item

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_SCHEMES = ("s3://", "gs://")
#: Characters of a service's own words.
_MOST_SAID = 160
#: For so long Google's is asked again where it does not answer, or there is no key to ask with; its own program does so
#: for a quarter of an hour.
_RETRY = timedelta(seconds=30)
#: What Google's says: a code, the words of its client, and those of what was answered.
_GOOGLE = re.compile(r"Status\((\w+): .*?last message of (.*?)(?: error_info=.*)?\)*$")


def is_bucket(name: str) -> bool:
    return name.startswith(_SCHEMES)


def open_files(name: str) -> tuple[FileSystem, str]:
    """The file system that a bucket's address is of, and the path there.

    Raises `OutputError` without pyarrow, `OSError` or `ValueError` for what is no address.
    """
    try:
        import pyarrow.fs  # noqa: F401
    except ImportError:
        raise OutputError(f"{name}: buckets are read by pyarrow, which is not installed.", _INSTALL) from None
    scheme, _, path = name.partition("://")
    return _connect(scheme), path.rstrip("/")


_INSTALL = "Install hwapung[parquet]."


@lru_cache(maxsize=2)
def _connect(scheme: str) -> FileSystem:
    from pyarrow import fs

    if scheme == "gs":
        # An emulator takes no key, and none is looked for.
        return fs.GcsFileSystem(anonymous="CLOUD_STORAGE_EMULATOR_ENDPOINT" in os.environ, retry_time_limit=_RETRY)
    # The one of these that Arrow does not read.
    return fs.S3FileSystem(endpoint_override=os.environ.get("AWS_ENDPOINT_URL"))


def walk_bucket(name: str, above: str, left_out: Findings) -> Iterator[Item]:
    """The pictures below a prefix in the order of their names, or the one of this name, told as in a folder.

    Raises `DatasetError` for a bucket that is not there or may not be read.
    """
    from pyarrow import fs

    scheme = name.partition("://")[0]
    try:
        files, root = open_files(name)
        if files.get_file_info(root).type == fs.FileType.File:
            yield make_object(name, root)
            return
        found = files.get_file_info(fs.FileSelector(root, recursive=True))
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{name}: can't be read ({phrase(error)}).", "Check the name, and who may read it."
        ) from None
    for each in sorted(found, key=lambda each: each.path.encode()):
        if each.type != fs.FileType.File:
            continue
        inside = each.path.removeprefix(f"{root}/")
        *folders, last = inside.split("/")
        if any(is_system(folder) for folder in folders):
            left_out.add("files in folders of the system, left out", last)
            continue
        uri = f"{scheme}://{each.path}"
        kind = judge_name(last, partial(_sniff, uri), left_out)
        if kind == "image":
            yield make_object(uri, above + inside)
        elif kind == "other":
            left_out.add(LEFT_OUT, last)


def make_object(uri: str, place: str | None = None) -> Item:
    return Item(uri, place or uri.partition("://")[2], partial(read_object, uri))


def read_object(uri: str, most: int = MAX_BYTES + 1) -> bytes:
    """No more than `most` of its bytes. Raises `ImageError`."""
    try:
        files, path = open_files(uri)
        with files.open_input_stream(path) as stream:
            return bytes(stream.read(most))
    except (OSError, ValueError) as error:
        raise ImageError(f"The file can't be read ({phrase(error)}).", "Give the path of a picture.") from None


def phrase(error: Exception) -> str:
    """A service's words in one line: the first of them name what was asked for, the last what was answered."""
    said = " ".join(str(error).split())
    if isinstance(error, FileNotFoundError):
        return "No such file or directory"
    if google := _GOOGLE.search(said):
        said = ": ".join(google.groups())
    _, found, answered = said.partition("AWS Error ")
    return (answered if found else said)[:_MOST_SAID].rstrip(" .")


def _sniff(uri: str) -> str | None:
    try:
        return read_format(read_object(uri, HEAD))
    except ImageError:
        return None
