"""What a run has come to: how many pictures were answered how, and which were not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from model_training.datasets.findings import Finding, Findings

from .rows import Row


@dataclass
class Summary:
    """`verdicts`: how many rows have each; `failed`: rows and copies that failed, by code or reason, with examples;
    `left_out`: what in the folders is no picture; `resumed`: rows that were there when the run began."""

    table: str
    resumed: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    failed: Findings = field(default_factory=Findings)
    left_out: Findings = field(default_factory=Findings)
    failed_rows: int = 0

    @property
    def rows(self) -> int:
        return self.verdicts.total() + self.failed_rows

    @property
    def has_failed(self) -> bool:
        return any(True for _ in self.failed)

    def add(self, row: Row) -> None:
        if "error" in row:
            self.failed_rows += 1
            self.failed.add(row["error"], row["path"])
        else:
            self.verdicts[row["verdict"]] += 1

    def phrase(self) -> Iterator[str]:
        """In lines: what there is, what failed, what was left out."""
        shares = ", ".join(f"{count:,} {verdict}" for verdict, count in self.verdicts.most_common())
        before = f", {self.resumed:,} of them before" if self.resumed else ""
        yield f"{self.table}: {self.rows:,} pictures{before}: {shares or 'none answered'}, {self.failed_rows:,} failed."
        for each in self.failed:
            yield f"Failed: {each}."
        for each in self.left_out:
            yield f"{str(each)[0].upper()}{str(each)[1:]}."

    def as_json(self) -> dict[str, object]:
        return {
            "table": self.table,
            "pictures": self.rows,
            "resumed": self.resumed,
            "verdicts": dict(self.verdicts),
            "failed": [_as_json(each) for each in self.failed],
            "left_out": [_as_json(each) for each in self.left_out],
        }


def _as_json(finding: Finding) -> dict[str, object]:
    return {"what": finding.what, "count": finding.count, "examples": list(finding.examples)}
