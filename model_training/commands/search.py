"""`hwapung search RECIPE --data FOLDER [key=value …]`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..progress import console
from ..runtime.errors import RecipeError


def search(
    recipe: Annotated[str, typer.Argument(help="a name under model_training/recipes, or a YAML file")],
    data: Annotated[Path, typer.Option(help="folder of pictures, or a manifest")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, for example search.sampler=tpe")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
    build: Annotated[Path, typer.Option(help="where studies, caches and bundles go")] = Path("build"),
    storage: Annotated[
        str | None,
        typer.Option(help="journal file, or postgresql://user:password@host/database; shared by all who join"),
    ] = None,
    study: Annotated[str | None, typer.Option(help="the study's name; the recipe's if not given")] = None,
    name: Annotated[
        str | None, typer.Option(help="what the winner's bundle is called; the recipe's if not given")
    ] = None,
    workers: Annotated[int, typer.Option(help="processes on this machine", min=1)] = 1,
    features: Annotated[bool, typer.Option(help="keep the frozen layers' features on disk")] = True,
    winner: Annotated[bool, typer.Option(help="retrain the best and leave its bundle")] = True,
) -> None:
    """Try the recipe's search.space, and train the best again. Run it on several machines to share one study."""
    # Heavy imports wait until they are needed: --help and wrong arguments answer at once.
    from ..datasets.prepare import prepare
    from ..datasets.summary import summarise, summarise_division
    from ..recipe import load_recipe
    from ..search.board import shorten
    from ..search.run import train_winner, work, write_results
    from ..search.space import check_space
    from ..search.storage import open_study
    from ..training.loop import start_fabric

    chosen = load_recipe(recipe, overrides or [])
    check_space(chosen)
    if ":" in device:
        raise RecipeError(
            f"A search gives each trial one device, not {device!r}.",
            "Start one search for each device, on the same study, with CUDA_VISIBLE_DEVICES=0, 1, and so on.",
        )
    fabric = start_fabric(device, chosen.training.precision)
    study = study or chosen.name
    folder = build / "search" / study
    place = storage or str(folder / "journal.log")
    prepared = prepare(chosen, data, build / "cache")
    for line in (*summarise(prepared.dataset), *summarise_division(prepared)):
        console.print(line.en, markup=False)
    shared = open_study(study, place, chosen, prepared)
    others = [_start_another() for _ in range(workers - 1)]
    try:
        work(shared, place, chosen, prepared, fabric, build / "cache" if features else None)
        for other in others:
            other.wait()
    finally:
        for other in others:
            other.terminate()
    lines, stopped = write_results(shared, chosen, prepared, folder)
    best = lines[0]
    console.print(f"Best of {len(lines)}: {shorten(best.point)}")
    console.print(f"  validation {best.metric} {best.value:.4f} (95% {best.low:.4f} to {best.high:.4f})")
    if stopped:
        console.print(
            f"Stopped early: {len(stopped)} of {shared.total} (search.prune={chosen.search.prune}). What starts slowly "
            "and would have ended best may be among them."
        )
    console.print(f"Leaderboard: {folder / 'leaderboard.html'}")
    if winner:
        console.print(f"Bundle: {train_winner(chosen, best, data, name or chosen.name, build, fabric)}")


def _start_another() -> subprocess.Popen[bytes]:
    """The same command once more, as one worker that leaves results and winner to this one."""
    command = [sys.executable, *sys.orig_argv[1:], "--workers", "1", "--no-winner"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
