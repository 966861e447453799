"""What holds for the whole house: what is imported can be, and is named by the requirements."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.conftest import ROOT

OURS = {"model_training", "torchserve", "frontend", "analysis", "tests", "hwapung"}


def imported(folder: Path) -> set[str]:
    """Top-level names of the modules that the Python files of a folder import, without ours and Python's own."""
    names: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.partition(".")[0])
    return {name for name in names if name not in OURS and name not in sys.stdlib_module_names}


def named(*requirements: str) -> set[str]:
    """Distributions that requirements files name."""
    lines = [line for name in requirements for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()]
    return {normalise(re.split(r"[\[=<>~ ]", line)[0]) for line in lines if line and not line.startswith("#")}


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


RUNTIME = ("runtime",)
TRAINING = (*RUNTIME, "training")
SERVING = (*RUNTIME, "serving")
APPLICATION = (*TRAINING, "serving", "frontend", "analysis")
EXTRAS = ("sources", "spreadsheets", "detector")


@pytest.mark.parametrize(
    ("folder", "requirements"),
    [
        ("model_training/runtime", (*RUNTIME, "heif")),
        ("model_training", (*TRAINING, *EXTRAS, "heif")),
        ("torchserve", SERVING),
        ("frontend", ("frontend",)),
        ("analysis", (*TRAINING, "analysis")),
        ("hwapung", APPLICATION),
        ("tests", (*APPLICATION, *EXTRAS, "dev")),
    ],
)
def test_what_is_imported_is_required(folder: str, requirements: tuple[str, ...]) -> None:
    distributions = packages_distributions()
    allowed = named(*requirements)
    missing = {
        module
        for module in imported(ROOT / folder)
        if not {normalise(name) for name in distributions.get(module, [module])} & allowed
    }
    assert not missing


def test_every_requirement_is_pinned() -> None:
    pinned = {line.partition("==")[0] for line in (ROOT / "requirements/constraints.txt").read_text().splitlines()}
    assert not named(*APPLICATION, *EXTRAS, "dev") - {normalise(name) for name in pinned}


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_a_benchmark_finds_what_it_measures(path: Path) -> None:
    """None of them runs in the tests, so a name that has moved would be noticed by nobody."""
    importlib.import_module(f"tests.benchmarks.{path.stem}")
