"""`hwapung compare balance | splits | pairs | ablation | sources RECIPE --data FOLDER [key=value …]`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..progress import console
from ..runtime.errors import RecipeError

if TYPE_CHECKING:
    from ..experiments.runner import Runner
    from ..experiments.table import Comparison
    from ..recipe import Recipe

RecipeName = Annotated[str, typer.Argument(help="a name under model_training/recipes, or a YAML file")]
Overrides = Annotated[list[str] | None, typer.Argument(help="key=value, for example data.group=artist")]
Data = Annotated[Path, typer.Option(help="folder of pictures, or a manifest")]
Device = Annotated[str, typer.Option(help="cpu, cuda or auto")]
Build = Annotated[Path, typer.Option(help="where results are kept; the same command goes on from them")]
AsJson = Annotated[bool, typer.Option("--json", help="print the table and each run's figures as JSON")]
Repeats = Annotated[int, typer.Option(help="splits, which differ by their seed", min=1)]

AUTO, BUILD = "auto", Path("build")


def balance(
    recipe: RecipeName,
    data: Data,
    overrides: Overrides = None,
    repeats: Repeats = 5,
    device: Device = AUTO,
    build: Build = BUILD,
    as_json: AsJson = False,
) -> None:
    """Every way to treat unequal classes, on the same splits and by class."""
    from ..experiments.comparisons import compare_balance

    _compare("balance", partial(compare_balance, repeats=repeats), recipe, overrides, data, device, build, as_json)


def splits(
    recipe: RecipeName,
    data: Data,
    overrides: Overrides = None,
    repeats: Repeats = 5,
    device: Device = AUTO,
    build: Build = BUILD,
    as_json: AsJson = False,
) -> None:
    """Split by data.group against split at random: the leak in points."""
    from ..experiments.comparisons import compare_splits

    _compare("splits", partial(compare_splits, repeats=repeats), recipe, overrides, data, device, build, as_json)


def pairs(
    recipe: RecipeName,
    data: Data,
    overrides: Overrides = None,
    classes: Annotated[int, typer.Option(help="how many of the classes that are mixed up most", min=2)] = 4,
    device: Device = AUTO,
    build: Build = BUILD,
    as_json: AsJson = False,
) -> None:
    """The classes that are mixed up most, two by two."""
    from ..experiments.comparisons import compare_pairs

    _compare("pairs", partial(compare_pairs, classes=classes), recipe, overrides, data, device, build, as_json)


def ablation(
    recipe: RecipeName,
    data: Data,
    overrides: Overrides = None,
    seeds: Annotated[int, typer.Option(help="splits and starts", min=1)] = 3,
    device: Device = AUTO,
    build: Build = BUILD,
    as_json: AsJson = False,
) -> None:
    """Adaptations (none, full, LoRA) × losses, with a chart."""
    from ..experiments.ablation import compare_ablation

    _compare("ablation", partial(compare_ablation, seeds=seeds), recipe, overrides, data, device, build, as_json)


def sources(
    recipe: RecipeName,
    data: Data,
    overrides: Overrides = None,
    device: Device = AUTO,
    build: Build = BUILD,
    as_json: AsJson = False,
) -> None:
    """Without one source (data.source: camera, generator) at a time: how well the network does on what it never saw."""
    from ..experiments.leave_one_source_out import compare_sources

    _compare("sources", compare_sources, recipe, overrides, data, device, build, as_json)


def _compare(
    name: str,
    compare: Callable[[Recipe, Runner], Comparison],
    recipe: str,
    overrides: list[str] | None,
    data: Path,
    device: str,
    build: Path,
    as_json: bool,
) -> None:
    from ..experiments.runner import Runner
    from ..recipe import load_recipe
    from ..training.loop import start_fabric

    if ":" in device:
        raise RecipeError(f"A comparison gives each run one device, not {device!r}.", "Use cpu, cuda or auto.")
    chosen = load_recipe(recipe, overrides or [])
    comparison = compare(chosen, Runner(data, build, start_fabric(device, chosen.training.precision)))
    files = comparison.write(build / "comparisons" / f"{chosen.name}-{name}")
    if as_json:
        typer.echo(comparison.as_json(), nl=False)
    else:
        comparison.show()
    console.print(f"Written: {', '.join(map(str, files))}", markup=False)
