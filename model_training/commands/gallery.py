"""`hwapung gallery`: reference pictures to search by embedding."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..progress import console, follow
from ..runtime.errors import DatasetError


def gallery(
    data: Annotated[Path, typer.Option(help="folder of pictures, with an optional manifest.csv")],
    bundle: Annotated[Path, typer.Option(help="whose embeddings are compared")] = Path("build/bundles/sketch"),
    out: Annotated[Path, typer.Option(help="folder of the index")] = Path("build/gallery"),
) -> None:
    """Index the images of a folder as references for sketches; again, only what is new or changed."""
    from ..runtime.load import load_bundle
    from ..runtime.sketch import Sketch
    from ..sketch.gallery import index_gallery

    model = load_bundle(bundle)
    if not isinstance(model, Sketch):
        raise DatasetError(f"{bundle}: this bundle makes no embeddings of sketches.", "Give build/bundles/sketch.")
    with follow("Indexing pictures") as step:
        done = index_gallery(model, data, out, step.update)
    console.print(f"{done.images} pictures, {done.embedded} of them new or changed, {done.skipped} unreadable: {out}")
