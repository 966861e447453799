"""What was seen while a dataset was read: what was left out, taken as one, turned, or guessed, and how often.

Nothing is left out in silence: whoever skips a file, a row or a box says so here, and the summary shows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..runtime.errors import make_printable

#: Names that are shown of each kind.
EXAMPLES = 3


@dataclass(frozen=True)
class Finding:
    """`what`: a sentence's beginning in plain English, without a full stop ("hidden files left out"); `examples`: of
    the things that it holds of, up to `EXAMPLES`."""

    what: str
    count: int
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = ", ".join(self.examples) + (", …" if self.count > len(self.examples) else "")
        return f"{self.what}: {self.count:,}" + (f" ({shown})" if self.examples else "")


class Findings:
    """Collects them while reading."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def add(self, what: str, example: object = None, count: int = 1) -> None:
        """`what` is written out where this is called, from where the catalogue takes it."""
        self._counts[what] += count
        shown = self._examples.setdefault(what, [])
        if example is not None and len(shown) < EXAMPLES and (name := make_printable(str(example))) not in shown:
            shown.append(name)

    def withdraw(self, what: str, example: str, count: int = 1) -> None:
        """What was added, and holds no longer."""
        self._counts[what] -= count
        self._examples[what] = [each for each in self._examples.get(what, []) if each != make_printable(example)]
        if self._counts[what] <= 0:
            del self._counts[what], self._examples[what]

    def extend(self, others: Iterable[Finding]) -> None:
        for each in others:
            self.add(each.what, count=each.count)
            shown = self._examples[each.what]
            shown += [name for name in each.examples if name not in shown][: EXAMPLES - len(shown)]

    def __iter__(self) -> Iterator[Finding]:
        """In the order in which each was first added."""
        return (Finding(what, count, tuple(self._examples[what])) for what, count in self._counts.items())
