"""`hwapung data …`: to have images, and to know what is read of them and what their files give away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..datasets.sources.commands import fetch
from ..progress import console, follow
from ..runtime.errors import DatasetError

if TYPE_CHECKING:
    from ..datasets.check import Checked
    from ..detection.annotations import Scenes

__all__ = ["audit", "check", "compose", "convert", "draw", "fetch"]


def check(
    data: Annotated[Path, typer.Argument(metavar="FOLDER", help="folder of pictures, or a manifest")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, for example data.label=artist")] = None,
    recipe: Annotated[str, typer.Option(help="whose classes and settings are meant")] = "pictures",
    encoding: Annotated[str | None, typer.Option(help="of names that are no UTF-8: data.encoding")] = None,
    build: Annotated[Path, typer.Option(help="where the cache goes, which a training then finds")] = Path("build"),
    drawn: Annotated[
        Path | None, typer.Option("--draw", help="folder for the first ten labelled pictures with their boxes drawn on")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON on standard output")] = False,
) -> None:
    """Say what a training would read: classes, splits, what is left out and why, labels that contradict, sizes."""
    from ..datasets.check import check_dataset, phrase_checked
    from ..detection.summary import list_scenes, summarise_scenes
    from ..recipe import load_recipe

    settings = [*(overrides or []), *([f"data.encoding={encoding}"] if encoding else [])]
    checked: Checked | None = None
    try:
        checked = check_dataset(load_recipe(recipe, settings), data, build / "cache")
        fault = checked.fault
    except DatasetError as error:
        fault = error
    scenes = _find_scenes(data, needed=checked is None or len(checked.dataset.labels) < 2)
    if scenes is not None and fault is not None:  # what is no class there is a part of the labels' folders
        checked, fault = None, None
    if as_json:
        told = (checked.as_json() if checked else {}) | ({"labelled": list_scenes(scenes)} if scenes else {})
        if told:
            print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        lines = [*(summarise_scenes(scenes, data) if scenes else []), *(phrase_checked(checked) if checked else [])]
        for line in lines:
            print(line.en)
    if drawn is not None:
        _draw_scenes(scenes, data, drawn)
    if fault is not None:
        raise fault


def _draw_scenes(scenes: Scenes | None, data: Path, folder: Path) -> None:
    from ..detection.proof import draw_pages

    if scenes is None:
        raise DatasetError(f"{data}: there are no labelled pictures to draw.", "Leave --draw out.")
    pages = draw_pages(scenes.scenes, scenes.classes, folder)
    console.print(f"{folder} has the first {len(pages)} pages with their boxes drawn on.", markup=False)


def _find_scenes(data: Path, *, needed: bool) -> Scenes | None:
    """Labelled scenes beside the classes or in their place; None without labels.

    Raises `DatasetError` for what is wrong with labels that are `needed`, since there are no classes.
    """
    from ..detection.formats import NoLabelsError, read_scenes

    try:
        return read_scenes(data)
    except NoLabelsError:
        return None
    except DatasetError:
        if needed and data.exists():
            raise
        return None


def audit(
    data: Annotated[Path, typer.Option(help="folder of pictures, or a manifest")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, for example data.label=artist")] = None,
    recipe: Annotated[str, typer.Option(help="whose classes are meant")] = "ai_vs_real",
    encoding: Annotated[str | None, typer.Option(help="of the manifest, if it is asked for: data.encoding")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON on standard output")] = False,
) -> None:
    """Say how well the classes can be told by the files alone: format, size, JPEG tables, EXIF, colour profile."""
    from ..datasets.file_audit import audit_files, phrase_audit
    from ..datasets.prepare import read_dataset
    from ..recipe import load_recipe

    settings = [*(overrides or []), *([f"data.encoding={encoding}"] if encoding else [])]
    found = audit_files(read_dataset(load_recipe(recipe, settings), data))
    if found is None:
        raise DatasetError(f"{data}: no class has five files to judge by.", "Add pictures of each class.")
    if as_json:
        print(found.model_dump_json(indent=2))
        return
    said = phrase_audit(found)
    console.print(said.en, said.ko, sep="\n", style="yellow" if found.warns else None, markup=False)


def draw(
    folder: Annotated[Path, typer.Argument(help="where the pictures go")],
    kinds: Annotated[str, typer.Option(help="comma-separated: china, japan, korea")] = "china,japan",
    count: Annotated[int, typer.Option(help="pictures of each kind", min=5)] = 120,
    seed: int = 0,
) -> None:
    """Draw a dataset of ink-wash and woodblock landscapes by program."""
    from ..datasets.procedural import KINDS, write_dataset

    wanted = tuple(kinds.split(","))
    if unknown := [kind for kind in wanted if kind not in KINDS]:
        raise DatasetError(f"Nothing draws {unknown[0]!r}.", f"Choose of {', '.join(KINDS)}.")
    with follow("Drawing landscapes") as step:
        write_dataset(folder, wanted, count, seed, step.update)


def compose(
    data: Annotated[Path, typer.Option(help="folder of drawings of one object each, or a manifest")],
    out: Annotated[Path, typer.Option(help="where the scenes go")],
    scenes: Annotated[int, typer.Option(help="pages to compose", min=10)] = 300,
    group: Annotated[
        str | None, typer.Option(help="the manifest's column whose drawings stay on one side of a split")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="of the manifest, if it is asked for")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Lay single drawings on pages, each with its box: labelled scenes to train a detector on."""
    from ..datasets.listing import list_dataset
    from ..detection.recipe import load_detection_recipe
    from ..detection.scene_files import write_scenes

    settings = load_detection_recipe("sketch_detector").composer.model_copy(update={"scenes": scenes})
    with follow("Composing scenes") as step:
        write_scenes(out, list_dataset(data, encoding=encoding), settings, (480, 480), seed, group, step.update)
    console.print(f"{out}: {scenes} scenes.", markup=False)


def convert(
    data: Annotated[Path, typer.Option(help="labelled scenes: a folder, or its label or dataset file")],
    out: Annotated[Path, typer.Option(help="a new folder for pictures and labels")],
    to: Annotated[Literal["yolo", "coco"], typer.Option(help="the format to write")] = "yolo",
) -> None:
    """Write labelled scenes of any format that is read as YOLO or COCO, for other tools."""
    from ..detection.exports import export_scenes
    from ..detection.formats import read_scenes

    scenes = read_scenes(data)
    for finding in scenes.findings:
        console.print(str(finding), markup=False)
    with follow("Copying pictures") as step:
        export_scenes(scenes, to, out, step.update)
    boxes = sum(len(scene.boxes) for scene in scenes.scenes)
    console.print(f"{out}: {len(scenes.scenes)} scenes, {boxes} boxes, {len(scenes.classes)} classes.", markup=False)
