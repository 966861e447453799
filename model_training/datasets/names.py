"""Names of folders as text: a class has one name, however its folder is spelt or an archive has garbled it."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from zips.names import is_hangul, mend_name

from ..runtime.errors import DatasetError
from .findings import Findings

#: Marks without width that a copied name has at its ends.
_INVISIBLE = "\u200b\u200e\u200f\u2060\ufeff"


def read_name(path: Path, encoding: str | None, findings: Findings) -> str:
    """The last part of `path` as text in Unicode NFC, in one line, without spaces around it.

    Bytes that are no UTF-8 are read in `encoding`, by default as the CP949 of a Korean Windows if that gives Hangul. So
    are names that an unpacker took for the CP437 of DOS (`╗Ω╝÷` for 산수). Raises `DatasetError` for others.
    """
    name = decode_name(path.name, encoding)
    if name is None:
        tried = encoding or "CP949, a Korean Windows' encoding"
        raise DatasetError(
            f"{os.fsdecode(path.parent)}: the name {os.fsencode(path.name)!r} is neither UTF-8 nor {tried}.",
            "Rename it, or name its encoding: data.encoding=shift_jis, for example.",
        )
    if not _is_text(path.name):
        findings.add("names that are no UTF-8, decoded", f"{os.fsencode(path.name)!r} → {name}")
    elif name != path.name:
        findings.add("names that an unpacker garbled, mended", f"{path.name} → {name}")
    shown = "".join(" " if unicodedata.category(each) == "Cc" else each for each in name)
    tidy = " ".join(unicodedata.normalize("NFC", shown).strip(_INVISIBLE).split())
    if not tidy:
        raise DatasetError(f"{path.parent}: the name {name!r} has no letter.", "Rename it.")
    return tidy


def decode_name(name: str, encoding: str | None = None) -> str | None:
    """A file's name as the system gives it → text, as `read_name` says; None for bytes in another encoding."""
    if _is_text(name):
        return mend_name(name) or name
    found = _decode(os.fsencode(name), encoding or "cp949")
    return found if found and (encoding is not None or is_hangul(found)) else None


def fold_name(name: str) -> str:
    """The same for names of files that differ in case or Unicode's normal form only, or in how an archive left them."""
    if name.isascii():  # most are, and a manifest may have a million
        return name.lower()
    return unicodedata.normalize("NFC", decode_name(name) or name).casefold()


def fold_path(path: str) -> str:
    """`fold_name` of each part, between slashes."""
    return "/".join(map(fold_name, path.split("/")))


def class_key(name: str) -> str:
    """The same for names that differ in case, width (`ＡＩ`), spaces or Unicode's normal form only."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).split())


def _is_text(name: str) -> bool:
    return not any("\udc80" <= each <= "\udcff" for each in name)


def _decode(raw: bytes, encoding: str) -> str:
    """Empty where the bytes are not in this encoding, or there is none of that name."""
    try:
        return raw.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return ""
