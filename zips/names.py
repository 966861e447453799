"""Names that an archive garbled: DOS's letters in place of Hangul or of UTF-8."""

from __future__ import annotations


def mend_name(name: str) -> str | None:
    """Hangul in place of what DOS's letters (CP437) made of it (`╗Ω╝÷` for 산수); None where it makes no Hangul.

    The two bytes of a Hangul syllable of KS X 1001 are a frame's line or corner first, which no name has that is meant
    so.
    """
    try:
        found = name.encode("cp437").decode("euc_kr")
    except UnicodeError:
        return None
    return found if found != name and is_hangul(found) else None


def is_hangul(name: str) -> bool:
    """Whether all letters beyond ASCII are Hangul."""
    return all("가" <= each <= "힣" for each in name if not each.isascii())


def read_name(name: str, *, is_utf8: bool) -> str:
    """An entry's name, as `zipfile` gives it, as it was meant. `is_utf8`: the entry says so; else `zipfile` takes it
    for CP437, but macOS writes UTF-8 without saying so, and a Korean Windows CP949."""
    if is_utf8 or name.isascii():
        return name
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        return "/".join(mend_name(each) or each for each in name.split("/"))
