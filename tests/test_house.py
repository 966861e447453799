"""What holds for the whole house: what is imported can be, and is named by the requirements."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.conftest import ROOT

OURS = {"model_training", "torchserve", "frontend", "analysis", "tests", "hwapung", "zips"}


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
EXTRAS = ("sources", "spreadsheets", "parquet", "ray", "onnx", "tensorboard", "mlflow", "detector")


@pytest.mark.parametrize(
    ("folder", "requirements"),
    [
        ("model_training/runtime", (*RUNTIME, "heif")),
        ("model_training", (*TRAINING, *EXTRAS, "heif")),
        ("torchserve", SERVING),
        ("frontend", ("frontend",)),
        ("zips", ()),
        ("analysis", (*TRAINING, "analysis")),
        ("hwapung", (*APPLICATION, "parquet", "ray")),
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


def read_locked(name: str) -> dict[str, tuple[str, int]]:
    """What a lock installs: distribution → version and number of hashes."""
    text = (ROOT / "requirements" / "locked" / f"{name}.txt").read_text()
    entries = [entry.splitlines() for entry in re.split(r"\n(?=\S)", text.strip())]
    heads = [(re.split(r"==| ", first), sum("--hash=sha256:" in line for line in rest)) for first, *rest in entries]
    return {normalise(name): (version, hashes) for (name, version, *_), hashes in heads}


#: An image → the requirements that it meets, and the locks that it installs.
IMAGES = {
    "frontend": (("frontend",), ("frontend",)),
    "serving": (SERVING, ("torch", "serving")),
    "training": ((*TRAINING, "serving"), ("torch", "serving", "training")),
}


@pytest.mark.parametrize("image", IMAGES)
def test_what_the_images_install_is_locked_with_hashes(image: str) -> None:
    """`make lock` writes them anew after constraints.txt has changed."""
    requirements, locks = IMAGES[image]
    locked = {name: found for lock in locks for name, found in read_locked(lock).items()}
    lines = (ROOT / "requirements" / "constraints.txt").read_text().splitlines()[1:]
    pinned = {normalise(name): version for name, _, version in (line.partition("==") for line in lines)}
    assert {name: version for name, (version, _) in locked.items()} == {name: pinned[name] for name in locked}
    assert not [name for name, (_, hashes) in locked.items() if not hashes]
    assert not named(*requirements) - locked.keys()
    assert sum(len(read_locked(lock)) for lock in locks) == len(locked)  # nothing is installed twice


def test_a_bill_of_materials_names_every_package_of_an_image(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([ROOT / "requirements" / "sbom.sh", tmp_path], env=os.environ | {"PATH": path}, check=True)
    for image, (_, locks) in IMAGES.items():
        bill = json.loads((tmp_path / f"{image}.cdx.json").read_text("utf-8"))
        assert bill["bomFormat"] == "CycloneDX"
        listed = {normalise(each["name"]): each["version"] for each in bill["components"]}
        assert listed == {name: found[0] for lock in locks for name, found in read_locked(lock).items()}


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_a_benchmark_finds_what_it_measures(path: Path) -> None:
    """None of them runs in the tests, so a name that has moved would be noticed by nobody."""
    importlib.import_module(f"tests.benchmarks.{path.stem}")
