"""Sentences in English and Korean: gettext's catalogues fill the `Text` from which a document takes its language.

A sentence is written in English where it is said, with `{named}` places for its values. Its Korean stands in its
package's `translations/ko/LC_MESSAGES/messages.po`.
"""

from __future__ import annotations

import gettext
from collections.abc import Callable, Sequence
from pathlib import Path

from .runtime.card import Text


def open_catalogue(folder: Path) -> Callable[..., Text]:
    """`_` for a package whose translations are in `folder`: `_("{count} pictures of {name}", count=3, name=title)`.

    Values are formatted as by `str.format`; one that is a `Text` itself is put in by language.
    """
    korean = gettext.translation("messages", folder, languages=["ko"])

    def translate(message: str, **values: object) -> Text:
        return Text(en=_fill(message, values, "en"), ko=_fill(korean.gettext(message), values, "ko"))

    return translate


def _fill(message: str, values: dict[str, object], language: str) -> str:
    told = {name: getattr(each, language) if isinstance(each, Text) else each for name, each in values.items()}
    return message.format(**told) if told else message


def plain(word: str) -> Text:
    """What is the same in both languages: a name, a number."""
    return Text(en=word, ko=word)


def join(texts: Sequence[Text], most: int = 10) -> Text:
    """The first ten with commas, and a sign that there are more."""
    more = " …" if len(texts) > most else ""
    en, ko = ([getattr(each, language) for each in texts[:most]] for language in ("en", "ko"))
    return Text(en=", ".join(en) + more, ko=", ".join(ko) + more)


_ = open_catalogue(Path(__file__).parent / "translations")
