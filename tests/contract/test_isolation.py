"""The runtime stands alone: whatever it imports is a library or a part of itself."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / "model_training" / "runtime"
OURS = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()} | {"hwapung"}


def imports(path: Path) -> list[str]:
    """Every module that a file imports, absolute; at any depth, in functions and under conditions too."""
    package = list(path.relative_to(ROOT).parent.parts)
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            found += [base] if node.module else [f"{base}.{alias.name}" for alias in node.names]
    return found


@pytest.mark.parametrize("path", sorted(RUNTIME.rglob("*.py")), ids=lambda path: path.name)
def test_a_module_imports_nothing_else_of_ours(path: Path) -> None:
    ours = [name for name in imports(path) if name.split(".")[0] in OURS]
    assert [name for name in ours if not name.startswith("model_training.runtime.")] == []


def test_the_package_around_it_imports_nothing() -> None:
    assert imports(ROOT / "model_training" / "__init__.py") == []


def test_what_it_imports_is_required() -> None:
    """Each library is named in `requirements/runtime.txt`, which is all that the serving image installs of ours; an
    optional one in `requirements/heif.txt`."""
    called = {"PIL": "pillow", "cykooz_resizer": "cykooz.resizer", "pi_heif": "pi-heif", "pytorch_grad_cam": "grad-cam"}
    required = "".join(
        (ROOT / "requirements" / name).read_text("utf-8").lower() for name in ("runtime.txt", "heif.txt")
    )
    names = {name.split(".")[0] for path in RUNTIME.rglob("*.py") for name in imports(path)}
    libraries = names - set(sys.stdlib_module_names) - OURS
    assert {"torch", "numpy", "PIL"} <= libraries
    lines = [line.split("#")[0].strip() for line in required.splitlines()]
    for library in sorted(libraries):
        name = called.get(library, library).lower()
        assert any(line.replace("_", "-").startswith(name) for line in lines), name
