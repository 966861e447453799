"""`hwapung export`: a trained model for runtimes that are not ours."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model_training.progress import console

from .commands import Build, Bundle
from .places import BUILD, find_bundle

if TYPE_CHECKING:
    from model_training.packaging.onnx_form import Parity


def onnx(
    bundle: Bundle,
    to: Annotated[Path, typer.Option(help="the file, .onnx; the card goes beside it, as .card.json")],
    build: Build = BUILD,
) -> None:
    """Write a classifier with its gate as ONNX, held to what the bundle itself says."""
    from model_training.packaging.onnx_form import export_onnx

    folder = find_bundle(bundle, build)
    _say(export_onnx(folder, to))
    shutil.copyfile(folder / "card.json", to.with_suffix(".card.json"))
    print(to)


def page(
    bundle: Bundle,
    to: Annotated[Path, typer.Option(help="a new folder, which any web server can serve")],
    build: Build = BUILD,
) -> None:
    """Write a page that classifies in the browser: no picture leaves the device."""
    from .browser_page import export_page

    _say(export_page(find_bundle(bundle, build), to, build / "cache" / "npm"))
    console.print(f"Serve it: python -m http.server --directory {to}", markup=False)
    print(to)


def _say(parity: Parity) -> None:
    console.print(
        f"Of {parity.pictures} pictures logits differ by {parity.logits:.1e} at most, distances by "
        f"{parity.distances:.1e} of the gate's bound.",
        markup=False,
    )
