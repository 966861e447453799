"""`hwapung train | distil | ensemble`: from a recipe and a folder of images to a bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..progress import console
from ..runtime.errors import DatasetError
from .sketch import train_detection


def train(
    recipe: Annotated[str, typer.Argument(help="a name under model_training/recipes, or a YAML file")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, for example training.epochs=3")] = None,
    data: Annotated[Path | None, typer.Option(help="folder of pictures, or a manifest")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto, with :N for N processes")] = "auto",
    build: Annotated[Path, typer.Option(help="where runs, caches and bundles go")] = Path("build"),
) -> None:
    """Train a recipe on a folder of images and leave its bundle in BUILD/bundles."""
    # Heavy imports wait until they are needed: --help and wrong arguments answer at once.
    from ..datasets.file_audit import audit_files, phrase_audit
    from ..datasets.prepare import describe, prepare, with_audit
    from ..packaging.bundle import make_bundle
    from ..recipe import find_task, load_recipe
    from ..training.loop import start_fabric
    from ..training.loop import train as run_training

    if data is None:
        raise DatasetError(
            "There are no pictures to train on.",
            "Give --data FOLDER (DATA=FOLDER with make); hwapung demo draws its own.",
        )
    if find_task(recipe) == "detection":
        train_detection(recipe, overrides or [], data, build)
        return
    chosen = load_recipe(recipe, overrides or [])
    fabric = start_fabric(device)
    fabric.launch()
    first = fabric.is_global_zero
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
    from ..recipe import load_recipe

    called = name or f"{load_recipe(recipe, overrides or []).name}_distilled"
    teachers = json.dumps([str(each) for each in teacher])
    settings = [f"name={called}", f"training.distillation.teachers={teachers}"]
    train(recipe, [*(overrides or []), *settings], data, device, build)


def ensemble(
    bundles: Annotated[list[Path], typer.Argument(help="folders of bundles of one recipe's classes and pictures")],
    data: Annotated[Path, typer.Option(help="the pictures that they were trained on")],
    name: Annotated[str | None, typer.Option(help="of the ensemble; the first one's with _ensemble if unset")] = None,
    build: Annotated[Path, typer.Option(help="where caches and bundles go")] = Path("build"),
) -> None:
    """Average several bundles into one, which serves like every other."""
    from ..packaging.ensemble import make_ensemble
    from ..runtime.card import read_card

    made = make_ensemble(bundles, data, build, name)
    for bundle in (*bundles, made):
        (accuracy,) = (each for each in read_card(bundle / "card.json").metrics if each.is_headline)
        told = f"{accuracy.value:.4f} ({accuracy.low:.4f}–{accuracy.high:.4f}) of {accuracy.images} test pictures"
        console.print(f"{bundle}: {told}", markup=False)
    console.print(f"Bundle: {made}", markup=False)
