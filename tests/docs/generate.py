"""The pages of docs/ that are made from code and from measurements: recipe.md, cli.md and results.md.

    python -m tests.docs.generate              after a change of a recipe's schema, of a command or of docs/results
    python -m tests.docs.generate --measured   first takes over what the benchmarks left in build/bench

A test holds the pages to what this writes.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from .command_page import describe_commands
from .recipe_page import describe_recipes
from .results_page import describe_results

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MEASURED = DOCS / "results"
BENCH = ROOT / "build" / "bench"


def main() -> None:
    if "--measured" in sys.argv[1:]:
        for path in sorted(BENCH.glob("*.json")):
            shutil.copyfile(path, MEASURED / path.name)
    for name, text in make_pages().items():
        (DOCS / name).write_text(text, "utf-8")


def make_pages() -> dict[str, str]:
    """File name under docs/ → content."""
    return {"recipe.md": describe_recipes(), "cli.md": describe_commands(), "results.md": describe_results(MEASURED)}


if __name__ == "__main__":
    main()
