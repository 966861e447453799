"""A request's pictures, read one by one where they lie: in the form, or in a zip. Nothing is unpacked."""

from __future__ import annotations

import mimetypes
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import IO, NamedTuple

from flask import Request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, File, MultipartDecoder, NeedData

from zips.archive import Archive, Entry, EntryError, ZipError

from .. import errors
from ..settings import Settings
from ..uploads import explain

#: Of a form at a time. In larger pieces Werkzeug looks for each boundary in bytes that it has looked at already: a
#: mebibyte takes five times as long.
PIECE = 2**15
ZIPS = ("application/zip", "application/x-zip-compressed", "application/octet-stream")
SUFFIX = ".zip"
#: A zip has folders and what systems leave beside its pictures, and may become so many times as large as a request.
MORE_ENTRIES, GROWTH = 4, 4
#: Names of what is left out, in an answer.
MOST_EXAMPLES = 3
SYSTEM_FOLDERS = ("__macosx", "@eadir", "$recycle.bin")
SYSTEM_FILES = ("thumbs.db", "desktop.ini")


class Picture(NamedTuple):
    """`read` returns the picture's bytes, or raises the `FrontEndError` that it has instead of an answer."""

    name: str
    read: Callable[[], bytes]


@dataclass
class Sent:
    """`pictures`: an iterator over `count` of them, in order. `left_out`: reason → names of what is no picture."""

    pictures: Iterator[Picture]
    count: int
    left_out: dict[str, list[str]] = field(default_factory=dict)
    close: Callable[[], None] = lambda: None


def receive_pictures(request: Request, settings: Settings) -> Sent:
    """Look through a request: a form with a file for each picture, or a zip, as the body or as a form's only file.

    Raises `FrontEndError`: `batch_too_large`, `too_many_pictures`, `no_file`, `no_pictures`, `not_a_zip`,
    `zip_too_large`, `broken_upload`, `unsupported_body`, `no_room`.
    """
    if (request.content_length or 0) > settings.batch_max_bytes:
        raise errors.batch_too_large(settings.batch_max_bytes)
    try:
        body = _whole_body(request)
        if request.mimetype == "multipart/form-data":
            return _read_form(body, request.mimetype_params.get("boundary", "").encode(), settings)
        if request.mimetype in ZIPS:
            return _read_zip(body, settings)
    except (BadRequest, OSError) as error:
        raise explain(error) from None
    raise errors.unsupported_body(request.mimetype, "Send a multipart form with a file for each picture, or a zip.")


def _whole_body(request: Request) -> IO[bytes]:
    """Under our own server it is a file already (frontend/gathering.py)."""
    body: IO[bytes] = request.environ["wsgi.input"]
    if not body.seekable():
        body = tempfile.TemporaryFile(prefix="hwapung-batch-")  # noqa: SIM115  it goes with the request
        for piece in iter(lambda: request.stream.read(PIECE), b""):
            body.write(piece)
    if body.seek(0, 2) < (request.content_length or 0):
        raise errors.broken_upload()
    return body


# ---- a form


def _read_form(body: IO[bytes], boundary: bytes, settings: Settings) -> Sent:
    """It is looked through first: what can be said against it is said before anything is asked."""
    names = [name for name, _ in _files(body, boundary, 0)]
    if not names:
        raise errors.no_file()
    if len(names) > settings.batch_max_pictures:
        raise errors.too_many_pictures(settings.batch_max_pictures)
    if len(names) == 1 and names[0].lower().endswith(SUFFIX):
        file = _copy_only_file(body, boundary)
        sent = _read_zip(file, settings)
        sent.close = file.close
        return sent
    limit = settings.max_upload_bytes

    files = _files(body, boundary, limit + 1)
    return Sent((Picture(name, partial(_check, content, limit)) for name, content in files), len(names))


def _check(content: bytes, limit: int) -> bytes:
    if len(content) > limit:
        raise errors.picture_too_large(limit)
    if not content:
        raise errors.empty_body()
    return content


def _files(body: IO[bytes], boundary: bytes, most: int) -> Iterator[tuple[str, bytes]]:
    """The name and the content, `most` bytes of it at most, of each file of a form. Raises `RequestError`
    (`broken_upload`)."""
    name: str | None = None
    content = bytearray()
    for event in _events(body, boundary):
        if isinstance(event, File):
            name = event.filename or ""
            content = bytearray()
        elif isinstance(event, Data) and name is not None:
            content += event.data[: most - len(content)]
            if not event.more_data:
                yield name, bytes(content)
                name = None


def _events(body: IO[bytes], boundary: bytes) -> Iterator[object]:
    """Of the form's parts as Werkzeug finds them."""
    body.seek(0)
    decoder = MultipartDecoder(boundary)
    try:
        while True:
            event = decoder.next_event()
            if isinstance(event, Epilogue):
                return
            if isinstance(event, NeedData):
                decoder.receive_data(body.read(PIECE) or None)
            else:
                yield event
    except (ValueError, AttributeError, RequestEntityTooLarge):
        raise errors.broken_upload() from None


def _copy_only_file(body: IO[bytes], boundary: bytes) -> IO[bytes]:
    """The content of a form with one file, as a file of its own."""
    file = tempfile.TemporaryFile(prefix="hwapung-batch-")  # noqa: SIM115  the caller closes it
    is_file = False
    for event in _events(body, boundary):
        is_file = isinstance(event, File) or (is_file and isinstance(event, Data))
        if is_file and isinstance(event, Data):
            file.write(event.data)
    return file


# ---- a zip


def _read_zip(file: IO[bytes], settings: Settings) -> Sent:
    most = settings.batch_max_pictures
    try:
        archive = Archive(file, MORE_ENTRIES * most, GROWTH * settings.batch_max_bytes)
    except ZipError as error:
        if error.kind == "entries":
            raise errors.too_many_pictures(most) from None
        raise (errors.zip_too_large(str(error)) if error.kind == "size" else errors.not_a_zip()) from None
    entries: list[Entry] = []
    left_out: dict[str, list[str]] = defaultdict(list)
    for entry in archive:
        reason = judge_entry(entry)
        if reason:
            left_out[reason].append(entry.name)
        else:
            entries.append(entry)
    if len(entries) > most:
        raise errors.too_many_pictures(most)
    if not entries:
        raise errors.no_pictures()
    pictures = (Picture(each.name, partial(_read_entry, archive, each, settings.max_upload_bytes)) for each in entries)
    return Sent(pictures, len(entries), left_out)


def judge_entry(entry: Entry) -> str | None:
    """Why an entry is no picture, by its name: what it holds is the model's to say. None where it may be one."""
    *folders, last = entry.name.lower().split("/")
    if entry.is_link:
        return "link"
    if last.startswith(".") or last in SYSTEM_FILES or any(each in SYSTEM_FOLDERS for each in folders):
        return "system"
    if last.endswith(SUFFIX):
        return "archive"
    kind, packed = mimetypes.guess_type(last)
    return "other" if packed or (kind is not None and not kind.startswith("image/")) else None


def _read_entry(archive: Archive, entry: Entry, limit: int) -> bytes:
    try:
        content = archive.read(entry, limit + 1)
    except EntryError as error:
        raise (errors.encrypted_entry() if error.is_encrypted else errors.broken_entry(str(error))) from None
    return _check(content, limit)
