"""The class in a file's name: `cat.0.jpg` by the pattern `{label}.{}.jpg`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from string import Formatter

from ..runtime.errors import RecipeError
from .findings import Findings
from .names import read_name

_NUMBERED = re.compile(r"(?P<label>.*[^\W\d_])(?P<between>[\W_]+)\d+(?P<rest>\D*)\.(?P<suffix>\w+)")


class Pattern:
    """`{label}` is the class, `{}` anything, and any other `{name}` a column of that name. Each stands for one letter
    or more, as many as fit, the first place before the others. A `/` is a folder: the last parts of a path are
    compared, as many as the pattern has. Capital and small letters are the same. Raises `RecipeError`."""

    def __init__(self, pattern: str) -> None:
        fault = RecipeError(
            f"data.label_from={pattern!r} is no pattern.",
            "Write {label} once for the class and {} for what differs: {label}.{}.jpg.",
        )
        expression = ""
        self.columns: tuple[str, ...] = ()
        try:
            for literal, name, form, conversion in Formatter().parse(pattern):
                expression += re.escape(literal)
                if name is None:
                    continue
                if form or conversion or not (name == "" or name.isidentifier()):
                    raise fault
                expression += f"(?P<{name}>[^/]+)" if name else "[^/]+"
                self.columns += (name,) if name not in ("", "label") else ()
            self._expression = re.compile(expression, re.IGNORECASE)
        except (ValueError, re.error):  # a brace without its other, a name twice
            raise fault from None
        if "label" not in self._expression.groupindex:
            raise fault
        self._depth = pattern.count("/") + 1

    def read(self, path: Path, encoding: str | None, findings: Findings) -> tuple[str, dict[str, str]] | None:
        """The class that a path names, and its columns; None where the pattern does not fit."""
        parts = [read_name(each, encoding, findings) for each in (path, *path.parents)[: self._depth] if each.name]
        found = self._expression.fullmatch("/".join(reversed(parts)))
        if found is None or not found["label"].strip():
            return None
        return found["label"].strip(), {name: found[name].strip() for name in self.columns}


def guess_pattern(images: Sequence[Path]) -> str | None:
    """The pattern of names that end in numbers, where it tells two classes or more with two images or more each."""
    read = [found for path in images if (found := _NUMBERED.fullmatch(path.name))]
    if not read:
        return None
    between, rest = Counter((each["between"], each["rest"]) for each in read).most_common(1)[0][0]
    fitting = [each for each in read if (each["between"], each["rest"]) == (between, rest)]
    labels = Counter(each["label"].lower() for each in fitting)
    if len(labels) < 2 or min(labels.values()) < 2 or len(fitting) < 0.8 * len(images) or set(between + rest) & {*"{}"}:
        return None
    suffixes = {each["suffix"].lower() for each in fitting}
    return f"{{label}}{between}{{}}{rest}.{suffixes.pop() if len(suffixes) == 1 else '{}'}"
