"""What a tool writes of a picture's file → what the file may be called here: addresses, uploads, Windows' paths."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

#: Label Studio puts eight hexadecimal digits before the name of each file that it is given.
UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")


def spell_path(name: str) -> Iterable[str]:
    """As it is, with slashes for backslashes, as an address or with one in its query, without an upload's prefix."""
    yield name
    slashed = name.replace("\\", "/")
    yield slashed
    try:
        address = urlsplit(slashed)
        if address.scheme or address.query or "%" in slashed:
            for inside in parse_qs(address.query).get("d", []):
                yield unquote(inside)
            yield unquote(address.path).lstrip("/")
    except ValueError:
        address = urlsplit("")
    last = PurePosixPath(unquote(address.path) or slashed).name
    if UPLOADED.match(last):
        yield UPLOADED.sub("", last)
