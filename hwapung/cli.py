"""`hwapung`: every command, its place in the help, and the one way in which faults are told."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from typing import NoReturn

import typer

from model_training.commands.compare import ablation, balance, pairs, sources, splits
from model_training.commands.data import audit, check, compose, draw, fetch
from model_training.commands.data import convert as convert_scenes
from model_training.commands.gallery import gallery
from model_training.commands.search import search
from model_training.commands.train import distil, ensemble, train
from model_training.progress import console
from model_training.runtime.errors import HwapungError, ServingError, StoppedError

from .commands import archive, compare_precisions, convert, evaluate, serve, version
from .demo import demo
from .exporting import onnx, page
from .prediction import predict

Commands = Sequence[tuple[str, Callable[..., None], str]]

START, IMPROVE, DATA = "From pictures to a service", "Better, smaller, compared", "Pictures"
PANELS: dict[str, Commands] = {
    START: (
        ("demo", demo, "hwapung demo --data paintings"),
        ("train", train, "hwapung train landscape training.epochs=3 --data paintings"),
        ("predict", predict, "hwapung predict pictures --to answers.csv --bundle landscape --sort-into sorted"),
        ("evaluate", evaluate, "hwapung evaluate landscape --data paintings"),
        ("archive", archive, "hwapung archive landscape"),
        ("serve", serve, "hwapung serve --port 8000"),
        ("version", version, "hwapung version --json"),
    ),
    IMPROVE: (
        ("search", search, "hwapung search webtoon_paper --data thumbnails --workers 2"),
        ("ensemble", ensemble, "hwapung ensemble build/bundles/one build/bundles/two --data paintings"),
        ("distil", distil, "hwapung distil landscape --teacher build/bundles/large --data paintings"),
        ("convert", convert, "hwapung convert landscape --precision int8 --data paintings"),
    ),
    DATA: (("gallery", gallery, "hwapung gallery --data photographs"),),
}
COMPARE: Commands = (
    ("balance", balance, "hwapung compare balance webtoon --data thumbnails"),
    ("splits", splits, "hwapung compare splits webtoon data.group=artist --data thumbnails"),
    ("pairs", pairs, "hwapung compare pairs webtoon --data thumbnails --classes 4"),
    ("ablation", ablation, "hwapung compare ablation sketch_clip --data drawings --seeds 3"),
    ("sources", sources, "hwapung compare sources ai_vs_real data.source=generator --data pictures"),
    ("precisions", compare_precisions, "hwapung compare precisions landscape --data paintings"),
)
MAKE_DATA: Commands = (
    ("draw", draw, "hwapung data draw pictures --kinds china,japan,korea"),
    ("compose", compose, "hwapung data compose --data drawings --out scenes --group title"),
    ("check", check, "hwapung data check pictures"),
    ("convert", convert_scenes, "hwapung data convert --data export --to coco --out scenes"),
    ("audit", audit, "hwapung data audit --data pictures"),
)

EXPORT: Commands = (
    ("onnx", onnx, "hwapung export onnx landscape --to model.onnx"),
    ("page", page, "hwapung export page landscape --to page"),
)


def _add(app: typer.Typer, commands: Commands, panel: str | None = None) -> None:
    for name, command, example in commands:
        app.command(name, rich_help_panel=panel, epilog=f"Example: {example}")(command)


app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A folder of pictures becomes an explained, calibrated web service.",
    epilog="hwapung COMMAND --help has each command's options and an example.",
)
compare = typer.Typer(no_args_is_help=True, help="Compare ways to train on your pictures, in one table.")
export = typer.Typer(no_args_is_help=True, help="A trained model for other runtimes: ONNX, and a page for browsers.")
data = typer.Typer(no_args_is_help=True, help="Fetch, draw, check and audit pictures.")
for panel, commands in PANELS.items():
    _add(app, commands, panel)
_add(compare, COMPARE)
_add(data, MAKE_DATA)
_add(export, EXPORT)
data.add_typer(fetch, name="fetch")
app.add_typer(compare, name="compare", rich_help_panel=IMPROVE)
app.add_typer(export, name="export", rich_help_panel=IMPROVE)
app.add_typer(data, name="data", rich_help_panel=DATA)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0; 1 for a miss or a failure; 2 for wrong input; 130 for Ctrl-C. A fault is one line."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name need not be text
    warnings.formatwarning = lambda message, *place, **line: f"warning: {message}\n"
    try:
        status = app(arguments, prog_name="hwapung", standalone_mode=False)
    except HwapungError as error:
        _fail(str(error), 1 if isinstance(error, ServingError | StoppedError) else 2)
    except typer.TyperException as error:
        _fail(_phrase(error), error.exit_code)
    if status == 130:  # what typer makes of Ctrl-C
        console.print("Interrupted. What was whole is kept: run the same command to go on from there.")
    sys.exit(status if isinstance(status, int) else 0)


def _phrase(error: typer.TyperException) -> str:
    """What was typed wrongly, in one line; empty where typer has shown the help instead."""
    said = " ".join(error.format_message().split()).rstrip(".")
    parameter, context = getattr(error, "param", None), getattr(error, "ctx", None)
    if said.startswith("Missing") and parameter and parameter.help:
        said += f" ({parameter.help})"
    if said and not said.endswith("?"):
        said += "."
    return f"{said} See {context.command_path} --help." if said and context else said


def _fail(message: str, status: int) -> NoReturn:
    if message:
        console.print(f"error: {message}", style="red", markup=False)
    sys.exit(status)
