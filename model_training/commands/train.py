"""`hwapung train | distil | ensemble`: from a recipe and a folder of images to a bundle."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..progress import console
from ..runtime.errors import DatasetError, RecipeError
from .detection import end_tracking, train_detection

if TYPE_CHECKING:
    from ..training.tracking import Tracker


def train(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RECIPE] [KEY=VALUE]…",
            help="a name under model_training/recipes or a YAML file, found by the folder's classes if not given; then "
            "overrides, for example training.epochs=3",
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="folder of pictures, or a manifest")] = None,
    title: Annotated[str | None, typer.Option(help="the question that the page asks, in any language")] = None,
    label: Annotated[list[str] | None, typer.Option(help='a class\'s title, key="Name"; repeatable')] = None,
    encoding: Annotated[str | None, typer.Option(help="of the manifest, if it is asked for: data.encoding")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto, with :N for N processes")] = "auto",
    tensorboard: Annotated[
        Path | None, typer.Option(help="folder for TensorBoard's event files: losses and figures by epoch")
    ] = None,
    mlflow: Annotated[str | None, typer.Option(help="address of an MLflow server, or of what it keeps runs in")] = None,
    build: Annotated[Path, typer.Option(help="where runs, caches and bundles go")] = Path("build"),
) -> None:
    """Train a recipe on a folder of images and leave its bundle in BUILD/bundles."""
    given = [*(words or []), *([f"data.encoding={encoding}"] if encoding else [])]
    recipe = given.pop(0) if given and "=" not in given[0] else _find_recipe(_require(data), given)
    titles, tracking = _read_titles(title, label or []), Tracking(tensorboard, mlflow)
    train_recipe(recipe, given, data, device, build, titles, tracking)


def _find_recipe(data: Path, overrides: Sequence[str]) -> str:
    recipe = find_recipe(data, overrides)
    console.print(f"Recipe: {recipe}", markup=False)
    return recipe


def find_recipe(data: Path, overrides: Sequence[str]) -> str:
    """The recipe for a folder's classes, or for those in the manifest's column that `data.label` names."""
    from ..datasets.prepare import list_images
    from ..recipe import choose_recipe, load_recipe

    settings = load_recipe("pictures", [each for each in overrides if each.startswith("data.")]).data
    return choose_recipe(list_images(settings, data).labels)


def _require(data: Path | None) -> Path:
    if data is None:
        raise DatasetError(
            "There are no pictures to train on.",
            "Give --data FOLDER (DATA=FOLDER with make); hwapung demo draws its own.",
        )
    return data


@dataclass(frozen=True)
class Titles:
    """What the pages call a model and its classes, in the place of the recipe's words."""

    title: str | None
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Tracking:
    """Where else a training's figures go: a folder for TensorBoard, MLflow's address."""

    tensorboard: Path | None = None
    mlflow: str | None = None

    def make(self) -> list[Tracker]:
        """Raises `OutputError` without an extra."""
        from ..training.tracking import make_trackers

        return make_trackers(self.tensorboard, self.mlflow)


def _read_titles(title: str | None, labels: Sequence[str]) -> Titles | None:
    pairs = [each.partition("=") for each in labels]
    if wrong := [each for each, (key, _, name) in zip(labels, pairs, strict=True) if not key or not name]:
        raise RecipeError(f"--label {wrong[0]!r} names no class.", 'Write --label key="Name".')
    return Titles(title, {key: name for key, _, name in pairs}) if title or pairs else None


def _check_titled(titled: Collection[str], known: Sequence[str], data: Path) -> None:
    if strange := [key for key in titled if key not in known]:
        raise RecipeError(f"--label {strange[0]}: {data} has no such class.", f"Name one of {', '.join(known)}.")


NO_TRACKING = Tracking()


def train_recipe(
    recipe: str,
    overrides: Sequence[str],
    data: Path | None,
    device: str,
    build: Path,
    titles: Titles | None = None,
    tracking: Tracking = NO_TRACKING,
) -> None:
    """Train any recipe; a sketch recipe, whose parts are trained already, needs no `data`."""
    # Heavy imports wait until they are needed: --help and wrong arguments answer at once.
    from ..datasets.file_audit import audit_files, phrase_audit
    from ..datasets.prepare import prepare, read_dataset, with_audit
    from ..datasets.summary import summarise, summarise_division
    from ..experiments.leave_one_source_out import describe_unseen, find_unseen_sources
    from ..experiments.runner import Runner
    from ..models.factory import ensure_weights
    from ..packaging.bundle import make_bundle
    from ..packaging.model_card import phrase_probe
    from ..packaging.multi_label import make_multi_label_bundle
    from ..recipe import find_task, load_recipe, override
    from ..runtime.card import read_card
    from ..training.classification import train as run_training
    from ..training.loop import start_fabric
    from ..training.multi_label import train_labels

    task = find_task(recipe)
    if titles and task != "classification":
        raise RecipeError(f"{recipe} takes neither --title nor --label.", "Change its YAML file.")
    if task == "sketch":
        if tracking != NO_TRACKING:
            raise RecipeError(f"{recipe} trains nothing.", "Leave --tensorboard and --mlflow out.")
        _compose(recipe, overrides, build)
        return
    data, trackers = _require(data), tracking.make()
    if task == "detection":
        left = train_detection(recipe, overrides, data, device, build, trackers)
        if left is not None:
            _point_on(*left)
        return
    chosen = load_recipe(recipe, overrides)
    added = dict(titles.labels) if titles else {}
    if titles:
        values: dict[str, object] = {"labels": {**chosen.labels, **added}}
        chosen = override(chosen, values | ({"title": titles.title} if titles.title else {}))
    fabric = start_fabric(device, chosen.training.precision, trackers)
    fabric.launch()
    first = fabric.is_global_zero
    with fabric.rank_zero_first():  # the others find the cache filled
        # A folder that can't be used is named before anything is downloaded.
        _check_titled(added, read_dataset(chosen, data).labels, data)
        ensure_weights(chosen)
        prepared = prepare(chosen, data, build / "cache", quiet=not first)
    if first:
        for line in (*summarise(prepared.dataset), *summarise_division(prepared)):
            console.print(line.en, markup=False)
        audited = audit_files(prepared.dataset)
        prepared = with_audit(prepared, audited)
        if audited is not None:
            said = phrase_audit(audited)
            console.print(said.en, style="yellow" if audited.warns else None, markup=False)
        for tracker in trackers:
            tracker.begin(chosen.name, chosen.model_dump(mode="json"))
    # What is frozen to its last layer leaves a few numbers a picture; of less, the maps would fill the disk.
    cache = build / "cache" if chosen.network.unfreeze == 0 else None
    if chosen.data.multi_label:
        trained = train_labels(chosen, prepared, build / "runs", fabric)
        if first:
            bundle = make_multi_label_bundle(chosen, prepared, trained, build / "bundles")
            end_tracking(trackers, bundle, trained.best.epoch)
            _report_labels(bundle, len(trained.epochs), trained.best.epoch)
            _point_on(trained.folder, bundle)
        return
    trained = run_training(chosen, prepared, build / "runs", fabric, cache)
    unseen = find_unseen_sources(chosen, prepared, Runner(data, build, fabric))
    if first:
        bundle = make_bundle(chosen, prepared, trained, build / "bundles", unseen)
        best, epochs = trained.best, len(trained.epochs)
        end_tracking(trackers, bundle, best.epoch)
        console.print(f"Best epoch {best.epoch} of {epochs}: validation accuracy {best.validation_accuracy:.1%}.")
        if trained.probe is not None:
            console.print(phrase_probe(trained.probe).en)
        (accuracy,) = (each for each in read_card(bundle / "card.json").metrics if each.is_headline)
        console.print(
            f"Test accuracy {accuracy.value:.1%} (95% interval {accuracy.low:.1%}–{accuracy.high:.1%}), on "
            f"{accuracy.images} pictures that took no part in the training. Of 100 new pictures like these, expect "
            f"about {accuracy.value * 100:.0f} right answers; with this few tested, {accuracy.low * 100:.0f} to "
            f"{accuracy.high * 100:.0f} are plausible."
        )
        if unseen is not None:
            for sentence in describe_unseen(unseen):
                console.print(sentence, markup=False)
        elif column := chosen.data.source:
            console.print(f"No column {column!r}: how well pictures of unseen sources are told was not measured.")
        _point_on(trained.folder, bundle)


def _report_labels(bundle: Path, epochs: int, best: int) -> None:
    from ..runtime.card import MultiLabelCard, read_card

    card = read_card(bundle / "card.json", MultiLabelCard)
    (precision,) = (each for each in card.metrics if each.is_headline)
    console.print(f"Best epoch {best} of {epochs}.")
    console.print(
        f"Test macro-average precision {precision.value:.3f} (95% interval {precision.low:.3f}–{precision.high:.3f}), "
        f"on {precision.images} pictures that took no part in the training."
    )
    if card.risk is not None:
        console.print(
            f"Sets of labels made to miss {card.risk.target_risk:.0%} of a picture's own missed {card.risk.risk:.1%}, "
            f"with {card.risk.mean_size:.1f} labels on average."
        )


def _compose(recipe: str, overrides: Sequence[str], build: Path) -> None:
    """A sketch model is put together from a detector and a classifier that are trained already."""
    from ..sketch.bundle import compose_sketch
    from ..sketch.recipe import load_sketch_recipe

    bundle = compose_sketch(load_sketch_recipe(recipe, overrides), build / "bundles")
    console.print(f"Bundle: {bundle}", markup=False)
    console.print(f"Next: hwapung archive {bundle}, then hwapung serve", markup=False)


def _point_on(run: Path, bundle: Path) -> None:
    console.print(f"Run: {run}", markup=False)
    console.print(f"Bundle: {bundle}", markup=False)
    console.print(f"Next: hwapung archive {bundle}, then hwapung serve", markup=False)


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
    train_recipe(recipe, [*(overrides or []), *settings], data, device, build)


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
