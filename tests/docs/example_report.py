"""docs/example-report anew: the report on the demonstration's model, on the pictures that a program draws for it.

    python -m tests.docs.example_report

What is in build/ already is taken from there. Sheets, which the page itself doesn't show, are left out.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from analysis.report import Sources, make_report
from model_training.datasets.procedural import write_dataset

from .generate import DOCS

BUILD = Path("build")
FOLDER = DOCS / "example-report"
RECIPE = "landscape_demo"
CLASSES, STRANGERS = ("china", "japan"), ("korea",)


def main() -> None:
    data, unlike = BUILD / "data" / "procedural", BUILD / "data" / "korea"
    write_dataset(data, CLASSES, 120)
    write_dataset(unlike, STRANGERS, 40)
    bundle = BUILD / "bundles" / RECIPE
    if not bundle.is_dir():
        train = [sys.executable, "-m", "hwapung", "train", RECIPE, "--data", str(data), "--device", "cpu"]
        subprocess.run([*train, "--build", str(BUILD)], check=True)
    with TemporaryDirectory() as reports:
        made, failed = make_report(Sources(bundle, data, unlike=(unlike,)), Path(reports), BUILD, "cpu")
        assert not failed, failed
        page = (made / "index.html").read_text("utf-8")
        shutil.rmtree(FOLDER, ignore_errors=True)
        sheets = [path.name for path in made.glob("*.png") if f'src="{path.name}"' not in page]
        shutil.copytree(made, FOLDER, ignore=shutil.ignore_patterns(*sheets))


if __name__ == "__main__":
    main()
