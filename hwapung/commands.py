"""What a person asks of a trained model: predict, evaluate, convert, archive, serve. Each is thin over the rooms."""

from __future__ import annotations

import itertools
import json
import platform
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
    from model_training.runtime.card import Reason

    from .model import Answer, SketchedObject

PORT = 8000
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


def predict(
    images: Annotated[list[Path], typer.Argument(help="files of pictures")],
    bundle: Annotated[str | None, typer.Option(help=NEWEST)] = None,
    explain: Annotated[
        Path | None,
        typer.Option(help="folder for copies of the pictures under a heatmap of what decided; none of unknown ones"),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(help="of the network on a CPU: float32, bf16, int8 or fastest; if not given, the one measured"),
    ] = None,
    device: Device = "auto",
    build: Build = BUILD,
    as_json: Json = False,
) -> None:
    """Say what pictures are, without a server. Status 1 if one can't be read; the others are answered."""
    from .model import ImageError, load, overlay

    model = load(find_bundle(bundle, build), device, form)
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
        _evaluate_labels(folder, data, device, build, reports or default_reports(), as_json)
        return
    other = find_bundle(against, build) if against else None
    sources = Sources(folder, data or Path(), test, tuple(unlike or ()), other)
    report, failed = make_report(sources, reports or default_reports(), build, device)
    # The report has left its predictions in the cache.
    found = evaluate_test(folder, test, build, device) if test else evaluate_split(folder, sources.data, build, device)
    answers = found.predictions.where(found.predictions.answered).of("test")
    score = accuracy(answers.targets, answers.predicted, answers.group)
    _say_report(folder, "accuracy", score, report, failed, as_json)


def _evaluate_labels(folder: Path, data: Path, device: str, build: Path, reports: Path, as_json: bool) -> None:
    from analysis.multi_label import answer_test_images, make_label_report

    answers = answer_test_images(folder, data, build, device)
    report, failed = make_label_report(answers, folder, reports)
    _say_report(folder, "macro_average_precision", answers.headline()[0][1], report, failed, as_json)


def _say_report(folder: Path, name: str, score: Score, report: Path, failed: list[str], as_json: bool) -> None:
    page = report / "index.html"
    if as_json:
        figures = {"value": score.value, "low": score.low, "high": score.high, "images": score.images}
        print_json({"bundle": str(folder), name: figures, "report": str(page), "failed": failed})
    else:
        said = f"{score.value:.3f} (95% interval {score.low:.3f} to {score.high:.3f}, {score.images} test pictures)"
        print(f"{name.replace('_', ' ').capitalize()} {said}")
        print(f"Report: {page}")
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
