"""`hwapung compare … RECIPE --data FOLDER [key=value …]`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..progress import console, print_whole

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from ..experiments.comparisons import Comparison
    from ..recipe import Recipe

RecipeName = Annotated[str, typer.Argument(help="a name under model_training/recipes, or a YAML file")]
Overrides = Annotated[list[str] | None, typer.Argument(help="key=value, for example data.group=artist")]
Data = Annotated[Path, typer.Option(help="folder of pictures, or a manifest")]
Device = Annotated[str, typer.Option(help="cpu, cuda or auto")]
Build = Annotated[Path, typer.Option(help="where results are kept; the same command goes on from them")]
Repeats = Annotated[int, typer.Option(help="splits, which differ by their seed", min=1)]


def compare_balance(
    recipe: RecipeName,
    data: Data,
    overrides: Overrides = None,
    repeats: Repeats = 5,
    device: Device = "auto",
    build: Build = Path("build"),
) -> None:
    """Every way to treat unequal classes, on the same splits and by class."""
    from ..experiments import comparisons

    _run("balance", recipe, overrides, data, device, build, comparisons.compare_balance, repeats)


def compare_splits(
    recipe: RecipeName,
    data: Data,
    overrides: Overrides = None,
    repeats: Repeats = 5,
    device: Device = "auto",
    build: Build = Path("build"),
) -> None:
    """Split by data.group against split at random: the leak in points."""
    from ..experiments import comparisons

    _run("splits", recipe, overrides, data, device, build, comparisons.compare_splits, repeats)


def pairs(
    recipe: RecipeName,
    data: Data,
    overrides: Overrides = None,
    classes: Annotated[int, typer.Option(help="how many of the classes that are mixed up most", min=2)] = 4,
    device: Device = "auto",
    build: Build = Path("build"),
) -> None:
    """The classes that are mixed up most, two by two."""
    from ..experiments import comparisons

    _run("pairs", recipe, overrides, data, device, build, comparisons.compare_pairs, classes)


def leave_one_out(
    recipe: RecipeName,
    data: Data,
    overrides: Overrides = None,
    column: Annotated[str, typer.Option(help="the column or attribute that names the source")] = "source",
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
    build: Annotated[Path, typer.Option(help="where runs, caches and the table go")] = Path("build"),
) -> None:
    """Train without one source at a time, and say how well the network does on what it never saw."""
    from ..datasets.prepare import prepare
    from ..experiments.leave_one_source_out import describe_sources, leave_each_out, write_table
    from ..recipe import load_recipe
    from ..training.loop import start_fabric

    chosen = load_recipe(recipe, overrides or [])
    prepared = prepare(chosen, data, build / "cache")
    found, passed_over = leave_each_out(chosen, prepared, column, build / "runs", start_fabric(device))
    path = write_table(found, build / "leave_one_out" / chosen.name / f"{column}.csv")
    print_whole(describe_sources(found, column))
    for source, reason in passed_over.items():
        console.print(f"{source}: passed over, {reason}", markup=False)
    console.print(f"Table: {path}", markup=False)


def _run(
    name: str,
    recipe: str,
    overrides: list[str] | None,
    data: Path,
    device: str,
    build: Path,
    compare: Callable[[Recipe, Path, Path, Fabric, int], Comparison],
    count: int,
) -> None:
    from ..recipe import load_recipe
    from ..training.loop import start_fabric

    chosen = load_recipe(recipe, overrides or [])
    table = compare(chosen, data, build, start_fabric(device), count)
    table.show()
    path = build / "comparisons" / f"{chosen.name}-{name}.csv"
    table.write(path)
    console.print(f"Table: {path}", markup=False)
