"""`hwapung predict`: a few pictures line by line, or many into a table."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from model_training.progress import console
from model_training.runtime.errors import DatasetError, OutputError

from .commands import NEWEST, Build, Device, Json, print_json
from .places import BUILD, find_bundle

if TYPE_CHECKING:
    from model_training.runtime.card import Reason

    from .client import Client
    from .model import Answer, Model, SketchedObject

#: What answers many pictures, where no server does.
EngineName = Literal["local", "ray"]
#: Why a picture is unknown.
REASONS: dict[Reason, str] = {
    "unlike": "no training picture comes close",
    "blank": "one colour, or almost",
    "tiny": "a side under 32 pixels",
    "long": "more than eight times as long as wide",
    "text": "a page of text",
    "finer": "much more detail than in any training picture",
    "coarser": "fewer pixels than any training picture",
    "softer": "blurrier than any training picture",
    "compressed": "compressed more strongly than any training picture",
}
#: Pictures that are answered before the next lines are printed.
BATCH = 16


def predict(
    images: Annotated[
        list[str],
        typer.Argument(
            help="files of pictures; with --to also folders, zips, lists of paths (.txt), s3:// and gs:// addresses"
        ),
    ],
    bundle: Annotated[str | None, typer.Option(help=NEWEST)] = None,
    to: Annotated[
        str | None, typer.Option(help="a table of them: .csv, .jsonl, .json or .parquet; goes on where it was ended")
    ] = None,
    sort_into: Annotated[
        Path | None, typer.Option(help="with --to: folder for links to the pictures, by class and verdict")
    ] = None,
    copy: Annotated[bool, typer.Option("--copy", help="with --sort-into: copies in place of links")] = False,
    explain: Annotated[
        Path | None,
        typer.Option(help="folder for copies of the pictures under a heatmap of what decided; none of unknown ones"),
    ] = None,
    server: Annotated[
        str | None, typer.Option(help="address of hwapung serve or TorchServe, which answers in place of a bundle")
    ] = None,
    model: Annotated[str | None, typer.Option(help="with --server: which of its models")] = None,
    engine: Annotated[
        EngineName, typer.Option(help="with --to: this process, or Ray, whose actors write a folder of Parquet files")
    ] = "local",
    address: Annotated[
        str | None, typer.Option(help="with --engine ray: the cluster's head, HOST:PORT; if not given, this machine")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(help="of the network on a CPU: float32, bf16, int8 or fastest; if not given, the one measured"),
    ] = None,
    device: Device = "auto",
    build: Build = BUILD,
    as_json: Json = False,
) -> None:
    """Say what pictures are, here or by a server. Status 1 if one can't be read; the others are answered."""
    if server is not None and (bundle is not None or form is not None):
        raise OutputError("A server answers by its own bundle and form.", "Leave --bundle and --form out, or --server.")
    if server is None and model is not None:
        raise OutputError("--model names a model of a server.", "Give --server, too, or --bundle in its place.")
    if copy and sort_into is None:
        raise OutputError("--copy says how pictures are sorted.", "Give --sort-into FOLDER, too.")
    if address is not None and engine != "ray":
        raise OutputError("--address is of a Ray cluster.", "Give --engine ray, too.")
    if engine == "ray":
        _check_shards(to, server or sort_into or explain)
    if to is None:
        _check_few(images, sort_into)
        from .batch.copies import check_explains
        from .client import Client
        from .model import load

        asked = Client(server, model) if server is not None else load(find_bundle(bundle, build), device, form)
        if explain is not None:
            check_explains(asked.card)
        _predict_lines(asked, [Path(each) for each in images], explain, as_json)
        return
    from .batch.sources import open_source

    source = open_source(images)
    if engine == "ray":
        from .batch.cluster import Cluster, predict_on_cluster
        from .batch.shards import Shards

        summary = predict_on_cluster(Cluster(address, device), find_bundle(bundle, build), form, source, Shards(to))
    else:
        from .batch.engines import LocalEngine, ServerEngine
        from .batch.run import Extras, predict_many
        from .batch.tables import open_table
        from .client import Client

        # What is cheap to find wrong is looked at before a model is loaded.
        table = open_table(Path(to))
        local = LocalEngine(find_bundle(bundle, build), device, form) if server is None else None
        summary = predict_many(
            local or ServerEngine(Client(server or "", model)), source, table, Extras(sort_into, copy, explain)
        )
    if as_json:
        print_json(summary.as_json())
    else:
        for line in summary.phrase():
            console.print(line, markup=False)
    if summary.has_failed:
        raise typer.Exit(1)


def _check_shards(to: str | None, extra: str | Path | None) -> None:
    """Raises `OutputError` for what Ray's actors don't do."""
    if to is None or Path(to).suffix.lower() != ".parquet":
        raise OutputError(
            f"Ray writes a folder of Parquet files, and no {to or 'lines'}.", "Give --to answers.parquet."
        )
    if extra is not None:
        raise OutputError(
            "With --engine ray there is a table alone.", "Leave --server, --sort-into and --explain out, or --engine."
        )


def _check_few(images: Sequence[str], sort_into: Path | None) -> None:
    """Raises `DatasetError` or `OutputError` for what is only done with a table."""
    from .batch.sources import holds_many

    if many := [name for name in images if holds_many(name)]:
        raise DatasetError(f"{many[0]} is no picture, but holds some.", "Give --to answers.csv for a row of each.")
    if sort_into is not None:
        raise OutputError("Pictures are sorted beside a table.", "Give --to answers.csv, too.")


def _predict_lines(model: Model | Client, images: Sequence[Path], explain: Path | None, as_json: bool) -> None:
    from .model import ImageError, overlay

    titles = {label.key: label.title.en for label in model.card.labels}
    answered: list[dict[str, object]] = []
    failed = False
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        for path, answer in zip(batch, model.predict(batch, explain=explain is not None), strict=True):
            if isinstance(answer, ImageError):
                failed = True
                answered.append({"path": str(path), **answer.as_answer()})
                console.print(f"error: {path}: {answer}", style="red", markup=False)
                continue
            answered.append({"path": str(path), **answer})
            if explain is not None and "explanation" in answer and answer["verdict"] != "unknown":
                explain.mkdir(parents=True, exist_ok=True)
                overlay(path, answer["explanation"]).save(_free_name(explain, path.stem))
            if not as_json:
                print(f"{path}: {_phrase(answer, titles)}{_remark(answer)}")
    if as_json:
        print_json(answered)
    if failed:
        raise typer.Exit(1)


def _phrase(answer: Answer, titles: dict[str, str]) -> str:
    """An answer in one line."""
    if "objects" in answer:
        return ", ".join(_name(each, titles) for each in answer["objects"]) or "no drawing"
    if answer["verdict"] == "unknown":
        likely = answer["probabilities"]
        nearest = max(likely, key=lambda key: likely[key])
        return f"unlike anything learned: {REASONS[answer['reason']]} (nearest: {titles[nearest]})"
    if "labels" in answer:
        return _phrase_labels(answer["labels"], answer, titles)
    said = f"{titles[answer['class']]}, confidence {answer['confidence']:.3f}, {answer['verdict']}"
    if "prediction_set" in answer and len(answer["prediction_set"]["classes"]) > 1:
        chosen = answer["prediction_set"]
        said += f" ({chosen['coverage']:.0%} set: {', '.join(titles[key] for key in chosen['classes'])})"
    if "provenance" in answer and answer["provenance"]["level"] is not None:
        said += f"; the file says: {answer['provenance']['says']}, {answer['provenance']['level']}"
    return said


def _remark(answer: Answer) -> str:
    """What else is to be said of the file itself."""
    said = f"; a strip of {len(answer['panels'])} panels" if "panels" in answer else ""
    return said + ("; the file ends early" if "truncated" in answer.get("warnings", ()) else "")


def _name(found: SketchedObject, titles: dict[str, str]) -> str:
    title = titles[found["class"]]
    return f"? (nearest: {title})" if found.get("verdict") == "unknown" else f"{title} {found['confidence']:.3f}"


def _phrase_labels(labels: list[str], answer: Answer, titles: dict[str, str]) -> str:
    probabilities = answer["probabilities"]
    named = ", ".join(f"{titles[key]} {probabilities[key]:.3f}" for key in labels) or "no label"
    said = f"{named}, {answer['verdict']}"
    chosen = answer.get("prediction_set")
    if chosen is not None and len(chosen["classes"]) > len(labels):
        said += f" (misses {chosen['risk']:.0%} at most: {', '.join(titles[key] for key in chosen['classes'])})"
    return said


def _free_name(folder: Path, stem: str) -> Path:
    """`stem.png`, or with a number where pictures of several folders have one name."""
    names = (folder / f"{stem}{suffix}.png" for suffix in itertools.chain([""], (f"-{n}" for n in itertools.count(2))))
    return next(path for path in names if not path.exists())
