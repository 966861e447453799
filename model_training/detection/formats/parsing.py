"""Label files → plain values: text in any usual encoding, JSON, XML, YAML, and numbers that may be anything at all.

What a tool writes is not to be trusted: every reader goes through these, so that damage is one line, never a traceback.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import yaml

from ...datasets.tables.encodings import detect_encoding
from ...runtime.errors import DatasetError

#: A number beyond this is damage: no image is as wide.
_LARGEST = 1e7
_DECLARED = re.compile(r"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([\w.:-]+)[\"'][^>]*\?>", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def read_text(path: Path) -> str:
    """In any encoding that a manifest may have; CP949 where few words leave it open. Raises `DatasetError`."""
    try:
        data = path.read_bytes()
        if data.isascii() and b"\0" not in data:  # nearly every label file, and nothing to find out
            return data.decode("ascii")
        return data.decode(detect_encoding(path, undecided="cp949")).removeprefix("\ufeff")
    except OSError as error:
        raise DatasetError(f"{path}: the file can't be read ({error.strerror}).", "Give another.") from None
    except ValueError:
        raise DatasetError(f"{path}: this is no text.", "Save it as UTF-8.") from None


def read_json(path: Path) -> object:
    """Raises `DatasetError`."""
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise DatasetError(f"{path}: this is no JSON ({error}).", "Export the labels again.") from None
    except RecursionError:
        raise DatasetError(f"{path}: this is nested too deeply.", "Export the labels again.") from None


def read_yaml(path: Path) -> object:
    """Lists and dictionaries of strings: a class called `no` stays one, and no date is looked for in a name.

    Raises `DatasetError`.
    """
    try:
        return yaml.load(_CONTROL.sub("", read_text(path)), yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise DatasetError(f"{path}: this is no YAML ({reason}).", "Correct it.") from None
    except RecursionError:
        raise DatasetError(f"{path}: this is nested too deeply.", "Correct it.") from None


def read_xml(path: Path) -> ElementTree.Element:
    """The root element. Raises `DatasetError`, also for a document with entities of its own: no tool writes any."""
    text = _decode_xml(path)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise DatasetError(f"{path}: the XML declares entities, which no labelling tool does.", "Export it again.")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise DatasetError(f"{path}: this is no XML ({error}).", "Export the labels again.") from None


def _decode_xml(path: Path) -> str:
    """By the encoding that it declares, which expat knows only a few of; without the declaration."""
    try:
        data = path.read_bytes()
        declared = _DECLARED.match(data[:200].decode("ascii", "ignore"))
        text = data.decode(declared[1]) if declared and not data.startswith((b"\xff\xfe", b"\xfe\xff")) else ""
    except (OSError, LookupError, ValueError):
        text = ""
    text = (text or read_text(path)).removeprefix("\ufeff").lstrip()
    return re.sub(r"^<\?xml[^>]*\?>", "", text)


def number(value: object) -> float | None:
    """A finite number, also of a string; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and abs(found) <= _LARGEST else None


def numbers(values: object) -> list[float] | None:
    """All of a list's numbers; None where one of them is none."""
    if not isinstance(values, list | tuple):
        return None
    found = [number(each) for each in values]
    return None if None in found else [each for each in found if each is not None]


def size_of(width: object, height: object) -> tuple[float, float] | None:
    """None where a tool has left it empty or 0."""
    found = number(width), number(height)
    return (found[0], found[1]) if found[0] and found[1] and min(found[0], found[1]) > 0 else None


def key_of(value: object) -> str | None:
    """An id as a key: 1, 1.0 and "1" are one. None for what can't be an id."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    found = number(value)
    return str(int(found)) if found is not None and found == int(found) else str(value)


def name_of(value: object) -> str:
    """A class's name in Unicode NFC, in one line, without spaces around it; empty where there is none."""
    return " ".join(unicodedata.normalize("NFC", str(value)).split()) if isinstance(value, str | int | float) else ""


def dictionary(value: object) -> dict[str, object]:
    """An empty one for anything else."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[object]:
    """An empty one for anything else."""
    return value if isinstance(value, list) else []
