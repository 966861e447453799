"""Which files are images that can be read: the content decides, and the name only what is to be left out."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Literal

from ..runtime.image import HEIF, SUFFIXES
from .findings import Findings

#: `media` shows something, or holds what does, but is not read; `other` shows nothing: notes, tables, programs.
Kind = Literal["image", "media", "other", "system"]

HEAD = 64  # bytes that tell a format

#: Folders that systems and storage boxes make inside every other one, in small letters.
_SYSTEM_FOLDERS = frozenset(
    {
        "@eadir",
        "@tmp",
        "#recycle",
        "#snapshot",
        "@recycle",
        "@recently-snapshot",
        "@__thumb",
        "__macosx",
        "__pycache__",
        "lost+found",
        "$recycle.bin",
        "recycler",
        "system volume information",
        "found.000",
        "network trash folder",
        "temporary items",
    }
)
_SYSTEM_FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "picasa.ini"})


def suffixes(names: str) -> frozenset[str]:
    """`jpg png` → `.jpg`, `.png`."""
    return frozenset(f".{name}" for name in names.split())


_HEIC = suffixes("heic heif hif")
#: A camera's raw files are TIFF by content, of which a reader would see the small preview at best.
_RAW = suffixes(
    "3fr arw cr2 cr3 crw dcr dng erf iiq k25 kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl sr2 srf srw x3f"
)
_OTHER_IMAGES = suffixes(
    "ai cdr clip dcm dds emf eps exr hdr ico j2k jp2 jxl jxr kra nii pbm pcx pgm ppm procreate psb psd qoi svg svgz "
    "svs tga wmf xcf"
)
_FILMS = suffixes("3gp avi flv m2ts m4v mkv mov mp4 mpeg mpg mts ogv webm wmv")
_ARCHIVES = suffixes("7z bz2 egg gz rar tar tgz xz zip zst")
_UNFINISHED = suffixes("crdownload download part partial tmp")
#: Suffixes of what is no image to us by its name.
LEFT_OUT = _RAW | _OTHER_IMAGES | _FILMS | _ARCHIVES | _UNFINISHED


def is_system(folder: str) -> bool:
    """Whether a folder of this name is the system's, or hidden."""
    return folder.startswith(".") or folder.lower() in _SYSTEM_FOLDERS


def _is_left_alone(name: str) -> bool:
    """Whether a file of this name is hidden or the system's, whatever it is."""
    return name.startswith(".") or name.lower() in _SYSTEM_FILES


def judge_file(path: Path, left_out: Findings) -> Kind:
    """`image` for a file that is an image, or was meant to be one by its suffix. Any other is counted in `left_out`
    with the reason, but for `other`: whether it says something about the images is its reader's to know."""
    if not _is_left_alone(path.name):
        if not path.exists():
            left_out.add("links that lead nowhere, left out", path.name)
            return "media"
        if not path.is_file():
            left_out.add("pipes and devices left out", path.name)
            return "system"
    return judge_name(path.name, lambda: sniff(path), left_out)


def judge_name(name: str, sniff_it: Callable[[], str | None], left_out: Findings) -> Kind:
    """The same of a file that is there, wherever it lies. `sniff_it`: its format, as `sniff` says it."""
    suffix = PurePath(name).suffix.lower()
    kind: Kind = "media"
    if name.startswith("."):
        left_out.add("hidden files left out", name)
        kind = "system"
    elif name.lower() in _SYSTEM_FILES:
        left_out.add("files of the system left out", name)
        kind = "system"
    elif suffix in SUFFIXES:
        kind = "image"
    elif suffix == ".thm":
        left_out.add("thumbnails of films left out", name)
    elif suffix in _UNFINISHED:
        left_out.add("unfinished downloads left out", name)
    elif suffix in _RAW:
        left_out.add("camera raw files left out", name)
    elif (content := sniff_it()) is not None and (HEIF or content != "HEIF"):
        kind = "image"
    elif content == "HEIF" or suffix in _HEIC:
        left_out.add("HEIC pictures left out (pip install pi-heif reads them)", name)
    elif suffix in _OTHER_IMAGES:
        left_out.add("pictures of formats that are not read, left out", name)
    elif suffix in _FILMS:
        left_out.add("films left out", name)
    elif suffix in _ARCHIVES:
        left_out.add("archives left out (unpack them first)", name)
    else:
        kind = "other"
    return kind


def sniff(path: Path) -> str | None:
    """Pillow's name of an image file's format, by its first bytes; None for what is no image that we know."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return None
    return read_format(head)


def read_format(head: bytes) -> str | None:
    """`sniff` of a file's first bytes, `HEAD` of them."""
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if head[4:8] == b"ftyp":
        return _read_brands(head)
    # Two letters are little evidence: a text may begin with BM. A header's length is one of a few.
    if re.match(rb"BM.{4}\0{4}", head, re.DOTALL) and len(head) >= 18:
        return "BMP" if struct.unpack_from("<I", head, 14)[0] in (12, 40, 52, 56, 64, 108, 124) else None
    return None


def _read_brands(head: bytes) -> str | None:
    """An ISO base media file: its brands say what it holds."""
    (length,) = struct.unpack_from(">I", head)
    brands = {head[8:12], *(head[start : start + 4] for start in range(16, min(length, len(head)) - 3, 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}:
        return "HEIF"
    return None
