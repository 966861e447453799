"""The text of all charts, shown as it is: a wheel carries the font with Hangul, so that none depends on the machine.

Importing koreanize_matplotlib would change matplotlib's settings for everyone; only its files are used.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib.metadata import distribution

import matplotlib
from matplotlib import font_manager

#: NanumGothic has Latin and Hangul; matplotlib takes letters that it lacks from the next.
FAMILIES = ["NanumGothic", "DejaVu Sans"]

font_manager.fontManager.addfont(
    str(distribution("koreanize-matplotlib").locate_file("koreanize_matplotlib/fonts/NanumGothic.ttf"))
)


def using_plain_text() -> AbstractContextManager[None]:
    """Draw and save charts inside: text finds its font, and a class's `$10_$20` is no mathematics."""
    return matplotlib.rc_context({"font.family": FAMILIES, "text.parse_math": False})


def find_missing_letters(text: str) -> str:
    """The letters that no font of ours has, each once and sorted: charts show boxes in their place."""
    fonts = [font_manager.get_font(font_manager.findfont(name)) for name in FAMILIES]
    letters = {letter for letter in text if not letter.isspace()}
    return "".join(sorted(each for each in letters if not any(font.get_char_index(ord(each)) for font in fonts)))
