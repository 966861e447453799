"""What a person may have meant by a name that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Collection


def suggest(name: str, known: Collection[str]) -> str:
    """`Did you mean 'artist'?`, or all that there is where nothing is near."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    listed = ", ".join(list(known)[:20])
    return f"There is {listed}{', …' if len(known) > 20 else ''}."
