"""`python -m model_training train RECIPE --data FOLDER [key=value …]`, and `draw` and `fetch` to have images."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from .commands.compare import compare_balance, compare_splits, pairs
from .commands.search import search
from .commands.sketch import ablate, gallery, sketch, train_detection
from .datasets.sources.commands import fetch
from .progress import console, follow, print_whole
from .runtime.errors import DatasetError, HwapungError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(fetch, name="fetch")
for command in (compare_balance, compare_splits, pairs, search, ablate, gallery, sketch):
    app.command()(command)


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="a name under model_training/recipes, or a YAML file")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, for example training.epochs=3")] = None,
    data: Annotated[
        Path | None, typer.Option(help="folder of pictures, or a manifest; drawn by program if not given")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto, with :N for N processes")] = "auto",
    build: Annotated[Path, typer.Option(help="where runs, caches and bundles go")] = Path("build"),
) -> None:
    """Train a recipe on a folder of images and leave its bundle in BUILD/bundles."""
    # Heavy imports wait until they are needed: --help and wrong arguments answer at once.
    from .datasets.file_audit import audit_files, phrase_audit
    from .datasets.prepare import describe, prepare, with_audit
    from .packaging.bundle import make_bundle
    from .recipe import find_task, load_recipe
    from .training.loop import start_fabric
    from .training.loop import train as run_training

    if find_task(recipe) == "detection":
        train_detection(recipe, overrides or [], data, build)
        return
    chosen = load_recipe(recipe, overrides or [])
    fabric = start_fabric(device)
    fabric.launch()
    first = fabric.is_global_zero
    if data is None:
        data = build / "data" / "procedural"
        if first:
            draw(data)
    with fabric.rank_zero_first():  # the others find the cache filled
        prepared = prepare(chosen, data, build / "cache", quiet=not first)
    if first:
        console.print(describe(prepared))
        audited = audit_files(prepared.dataset)
        prepared = with_audit(prepared, audited)
        if audited is not None:
            said = phrase_audit(audited)
            console.print(said.en, style="yellow" if audited.warns else None, markup=False)
    trained = run_training(chosen, prepared, build / "runs", fabric)
    if first:
        bundle = make_bundle(chosen, prepared, trained, build / "bundles")
        console.print(f"Best epoch {trained.best.epoch}: validation accuracy {trained.best.validation_accuracy:.4f}.")
        console.print(f"Run: {trained.folder}")
        console.print(f"Bundle: {bundle}")


@app.command()
def distil(
    recipe: Annotated[str, typer.Argument(help="the student's: a name under model_training/recipes, or a YAML file")],
    teacher: Annotated[list[Path], typer.Option(help="a bundle to learn from; repeatable")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="key=value, for example training.distillation.temperature=2")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="the pictures that the teachers were trained on")] = None,
    name: Annotated[str | None, typer.Option(help="of the student; the recipe's with _distilled if unset")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto, with :N for N processes")] = "auto",
    build: Annotated[Path, typer.Option(help="where runs, caches and bundles go")] = Path("build"),
) -> None:
    """Train a recipe on the softened answers of one or several bundles besides the labels."""
    from .recipe import load_recipe

    called = name or f"{load_recipe(recipe, overrides or []).name}_distilled"
    teachers = json.dumps([str(each) for each in teacher])
    settings = [f"name={called}", f"training.distillation.teachers={teachers}"]
    train(recipe, [*(overrides or []), *settings], data, device, build)


@app.command()
def ensemble(
    bundles: Annotated[list[Path], typer.Argument(help="folders of bundles of one recipe's classes and pictures")],
    data: Annotated[Path, typer.Option(help="the pictures that they were trained on")],
    name: Annotated[str | None, typer.Option(help="of the ensemble; the first one's with _ensemble if unset")] = None,
    build: Annotated[Path, typer.Option(help="where caches and bundles go")] = Path("build"),
) -> None:
    """Average several bundles into one, which serves like every other."""
    from .packaging.ensemble import make_ensemble
    from .runtime.card import read_card

    made = make_ensemble(bundles, data, build, name)
    for bundle in (*bundles, made):
        (accuracy,) = (each for each in read_card(bundle / "card.json").metrics if each.is_headline)
        told = f"{accuracy.value:.4f} ({accuracy.low:.4f}–{accuracy.high:.4f}) of {accuracy.images} test pictures"
        console.print(f"{bundle}: {told}", markup=False)
    console.print(f"Bundle: {made}", markup=False)


@app.command(name="leave-one-out")
def leave_one_out(
    recipe: Annotated[str, typer.Argument(help="a name under model_training/recipes, or a YAML file")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, for example training.epochs=3")] = None,
    data: Annotated[Path, typer.Option(help="folder of pictures, or a manifest")] = Path("data"),
    column: Annotated[str, typer.Option(help="the column or attribute that names the source")] = "source",
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
    build: Annotated[Path, typer.Option(help="where runs, caches and the table go")] = Path("build"),
) -> None:
    """Train without one source at a time, and say how well the network does on what it never saw."""
    from .datasets.prepare import prepare
    from .experiments.leave_one_source_out import describe_sources, leave_each_out, write_table
    from .recipe import load_recipe
    from .training.loop import start_fabric

    chosen = load_recipe(recipe, overrides or [])
    prepared = prepare(chosen, data, build / "cache")
    found, passed_over = leave_each_out(chosen, prepared, column, build / "runs", start_fabric(device))
    path = write_table(found, build / "leave_one_out" / chosen.name / f"{column}.csv")
    print_whole(describe_sources(found, column))
    for source, reason in passed_over.items():
        console.print(f"{source}: passed over, {reason}", markup=False)
    console.print(f"Table: {path}", markup=False)


@app.command()
def audit(
    data: Annotated[Path, typer.Argument(help="folder of pictures, or a manifest")],
    recipe: Annotated[str, typer.Option(help="whose classes are meant")] = "ai_vs_real",
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, for example data.label=artist")] = None,
) -> None:
    """Say how well the classes can be told by the files alone: format, size, JPEG tables, EXIF, colour profile."""
    from .datasets.file_audit import audit_files, phrase_audit
    from .datasets.prepare import read_dataset
    from .recipe import load_recipe

    found = audit_files(read_dataset(load_recipe(recipe, overrides or []), data))
    if found is None:
        raise DatasetError(f"{data}: no class has five files to judge by.", "Add pictures of each class.")
    said = phrase_audit(found)
    console.print(said.en, said.ko, sep="\n", style="yellow" if found.warns else None, markup=False)


@app.command()
def draw(
    folder: Annotated[Path, typer.Argument(help="where the pictures go")],
    kinds: Annotated[str, typer.Option(help="comma-separated: china, japan, korea")] = "china,japan",
    count: Annotated[int, typer.Option(help="pictures of each kind", min=5)] = 120,
    seed: int = 0,
) -> None:
    """Draw a dataset of ink-wash and woodblock landscapes by program."""
    from .datasets.procedural import KINDS, write_dataset

    wanted = tuple(kinds.split(","))
    if unknown := [kind for kind in wanted if kind not in KINDS]:
        raise DatasetError(f"Nothing draws {unknown[0]!r}.", f"Choose of {', '.join(KINDS)}.")
    with follow("Drawing landscapes") as step:
        write_dataset(folder, wanted, count, seed, step.update)


def main() -> None:
    try:
        app()
    except HwapungError as error:
        console.print(f"error: {error}", style="red", markup=False)
        sys.exit(2)
    except SystemExit as ending:
        if ending.code == 130:  # what typer makes of Ctrl-C
            console.print("Interrupted. Run the same command to go on from the last whole epoch or picture.")
        raise


if __name__ == "__main__":
    main()
