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


def named(requirements: str) -> set[str]:
    """Distributions that a requirements file names, with those of the files that it includes."""
    found: set[str] = set()
    for line in (ROOT / "requirements" / requirements).read_text("utf-8").splitlines():
        if line.startswith("-r "):
            found |= named(line[3:].strip())
        elif line and not line.startswith(("#", "-")):
            found.add(normalise(re.split(r"[\[=<>~ ]", line)[0]))
    return found


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(
    ("folder", "requirements"),
    [
        ("model_training/runtime", "runtime.txt"),
        ("model_training", "sources.txt"),
        ("torchserve", "serving.txt"),
        ("frontend", "frontend.txt"),
        ("analysis", "analysis.txt"),
        ("tests", "dev.txt"),
    ],
)
def test_what_is_imported_is_required(folder: str, requirements: str) -> None:
    distributions = packages_distributions()
    further = {"model_training": ("training.txt", "detector.txt", "quantise.txt"), "tests": ("detector.txt",)}.get(
        folder, ()
    )
    allowed = named(requirements).union(*(named(each) for each in further))
    missing = {
        module
        for module in imported(ROOT / folder)
        if not {normalise(name) for name in distributions.get(module, [module])} & allowed
    }
    assert not missing


def test_every_requirement_is_pinned() -> None:
    pinned = {line.partition("==")[0] for line in (ROOT / "requirements/constraints.txt").read_text().splitlines()}
    assert not (named("dev.txt") | named("detector.txt")) - {normalise(name) for name in pinned}


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_a_benchmark_finds_what_it_measures(path: Path) -> None:
    """None of them runs in the tests, so a name that has moved would be noticed by nobody."""
    importlib.import_module(f"tests.benchmarks.{path.stem}")
