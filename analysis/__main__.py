"""`python -m analysis RECIPE --data FOLDER`: a report on a trained model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from model_training.progress import console
from model_training.runtime.errors import HwapungError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def analyse(
    recipe: Annotated[str, typer.Argument(help="the name of a bundle in BUILD/bundles, or a bundle's folder")],
    data: Annotated[
        Path | None, typer.Option(help="the pictures of the training; BUILD/data/procedural if not given")
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="instead: a folder of which every picture is a test picture")
    ] = None,
    unlike: Annotated[
        list[Path] | None, typer.Option(help="pictures that the model is not made for; repeatable")
    ] = None,
    against: Annotated[Path | None, typer.Option(help="another bundle to compare with, picture by picture")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
    build: Annotated[Path, typer.Option(help="where bundles, caches and predictions are")] = Path("build"),
    reports: Annotated[Path, typer.Option(help="where reports go")] = Path("analysis/reports"),
) -> None:
    """Write REPORTS/<recipe>/<version>/index.html with its charts and tables beside it."""
    # Heavy imports wait until they are needed: --help and wrong arguments answer at once.
    from .report import Sources, make_report

    bundle = Path(recipe) if (Path(recipe) / "card.json").is_file() else build / "bundles" / recipe
    sources = Sources(bundle, data or build / "data" / "procedural", test, tuple(unlike or ()), against)
    folder, failed = make_report(sources, reports, build, device)
    console.print(f"Report: {folder / 'index.html'}", markup=False)
    if failed:
        console.print(f"Failed unexpectedly: {', '.join(failed)}.", style="red", markup=False)
        sys.exit(1)


def main() -> None:
    try:
        app()
    except HwapungError as error:
        console.print(f"error: {error}", style="red", markup=False)
        sys.exit(2)
    except SystemExit as ending:
        if ending.code == 130:  # what typer makes of Ctrl-C
            console.print("Interrupted. Predictions that were whole are kept; the previous report is as it was.")
        raise


if __name__ == "__main__":
    main()
