"""What a person asks of a trained model: evaluate, convert, archive, serve. Each is thin over the rooms."""

from __future__ import annotations

import json
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model_training.progress import console
from model_training.runtime.errors import DatasetError

from . import __version__
from .places import BUILD, default_reports, default_store, find_bundle

if TYPE_CHECKING:
    from analysis.metrics import Score

PORT = 8000
NEWEST = "a bundle: its folder, or its name in BUILD/bundles; the newest if not given"
TRAINED_ON = "folder of pictures that the bundle was trained on, or its manifest"

Bundle = Annotated[str, typer.Argument(help="a bundle: its folder, or its name in BUILD/bundles")]
Data = Annotated[Path, typer.Option(help=TRAINED_ON)]
Device = Annotated[str, typer.Option(help="cpu, cuda or auto")]
Build = Annotated[Path, typer.Option(help="where bundles and caches are")]
Json = Annotated[bool, typer.Option("--json", help="print JSON on standard output")]
Store = Annotated[
    Path | None,
    typer.Option(help="folder of archives (.mar); torchserve/model_store in a checkout, else build/model_store"),
]
Port = Annotated[int, typer.Option(help="of the front end; another free one where it is taken")]


def evaluate(
    bundle: Bundle,
    data: Annotated[Path | None, typer.Option(help=TRAINED_ON)] = None,
    test: Annotated[Path | None, typer.Option(help="instead: a folder of which each picture is a test picture")] = None,
    unlike: Annotated[list[Path] | None, typer.Option(help="pictures that it is not made for; repeatable")] = None,
    against: Annotated[str | None, typer.Option(help="another bundle to compare with, picture by picture")] = None,
    device: Device = "auto",
    build: Build = BUILD,
    reports: Annotated[
        Path | None, typer.Option(help="where reports go; analysis/reports in a checkout, else build/reports")
    ] = None,
    zipped: Annotated[
        bool, typer.Option("--zip", help="pack the report's folder into one file beside it, too")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure a bundle and write a report on it: figures with intervals, charts, heatmaps, doubtful labels."""
    if data is None and test is None:
        raise DatasetError(
            "There are no pictures to evaluate on.",
            "Give --data with those of its training, or --test with others.",
        )
    from analysis.metrics import accuracy
    from analysis.predictions import evaluate as evaluate_split
    from analysis.predictions import evaluate_test
    from analysis.report import Sources, make_report
    from model_training.runtime.card import Card, read_card
    from model_training.runtime.device import choose_device

    device = choose_device(device)
    folder = find_bundle(bundle, build)
    if read_card(folder / "card.json", Card).task == "multi_label":
        if data is None or test or unlike or against:
            raise DatasetError(
                f"{folder} names several labels of a picture.", "Give --data alone, the pictures of its training."
            )
        _evaluate_labels(folder, data, device, build, reports or default_reports(), zipped, as_json)
        return
    other = find_bundle(against, build) if against else None
    sources = Sources(folder, data or Path(), test, tuple(unlike or ()), other)
    report, failed = make_report(sources, reports or default_reports(), build, device)
    # The report has left its predictions in the cache.
    found = evaluate_test(folder, test, build, device) if test else evaluate_split(folder, sources.data, build, device)
    answers = found.predictions.where(found.predictions.answered).of("test")
    score = accuracy(answers.targets, answers.predicted, answers.group)
    _say_report(folder, "accuracy", score, report, failed, zipped, as_json)


def _evaluate_labels(
    folder: Path, data: Path, device: str, build: Path, reports: Path, zipped: bool, as_json: bool
) -> None:
    from analysis.multi_label import answer_test_images, make_label_report

    answers = answer_test_images(folder, data, build, device)
    report, failed = make_label_report(answers, folder, reports)
    _say_report(folder, "macro_average_precision", answers.headline()[0][1], report, failed, zipped, as_json)


def _say_report(
    folder: Path, name: str, score: Score, report: Path, failed: list[str], zipped: bool, as_json: bool
) -> None:
    page = report / "index.html"
    packed = shutil.make_archive(str(report), "zip", report.parent, report.name) if zipped else None
    if as_json:
        figures = {"value": score.value, "low": score.low, "high": score.high, "images": score.images}
        print_json({"bundle": str(folder), name: figures, "report": str(page), "zip": packed, "failed": failed})
    else:
        said = f"{score.value:.3f} (95% interval {score.low:.3f} to {score.high:.3f}, {score.images} test pictures)"
        print(f"{name.replace('_', ' ').capitalize()} {said}")
        print(f"Report: {page}")
        if packed:
            print(f"Packed: {packed}")
    if failed:
        console.print(f"Failed unexpectedly: {', '.join(failed)}.", style="red", markup=False)
        raise typer.Exit(1)


def convert(
    bundle: Bundle,
    precision: Annotated[str, typer.Option(help="what serves on a CPU: float32, int8 or torch")],
    data: Data,
    build: Build = BUILD,
) -> None:
    """Make a bundle in another precision, in BUILD/forms, with thresholds and figures of its own."""
    from model_training.packaging.convert import convert_bundle, parse_precision

    wanted = parse_precision(precision)
    print(convert_bundle(find_bundle(bundle, build), wanted, data, build))


def compare_precisions(
    bundles: Annotated[list[str], typer.Argument(help="bundles; the first is what the others are held to")],
    data: Data,
    build: Build = BUILD,
    seconds: Annotated[float, typer.Option(help="how long each throughput is measured")] = 3.0,
) -> None:
    """Bundles in torch, float32 and int8: accuracy, agreement, size, latency, throughput."""
    from analysis.forms import measure

    measure([find_bundle(each, build) for each in bundles], data, build, seconds)


def archive(
    bundle: Annotated[str | None, typer.Argument(help=NEWEST)] = None, out: Store = None, build: Build = BUILD
) -> None:
    """Put a bundle into the model store as a .mar, for `hwapung serve`."""
    from torchserve.archive import build_archive

    print(build_archive(find_bundle(bundle, build), out or default_store()))


def serve(store: Store = None, port: Port = PORT) -> None:
    """Serve every archive of the store, with the web pages before them, until Ctrl-C."""
    from .local import keep_serving, serving, until_interrupted

    with until_interrupted(), serving(store or default_store(), port) as address:
        keep_serving(address)


def version(as_json: Json = False) -> None:
    """Name the versions of Hwapung, of Python and of the libraries that decide what a model answers."""
    found = {"hwapung": __version__, "python": platform.python_version()}
    found |= {name: metadata.version(name) for name in ("torch", "torchvision", "timm", "openvino", "torchserve")}
    if as_json:
        print_json(found)
    else:
        print("\n".join(f"{name} {number}" for name, number in found.items()))


def print_json(content: object) -> None:
    """On standard output, where a program reads; what people are told goes to standard error."""
    print(json.dumps(content, ensure_ascii=False, indent=2))
