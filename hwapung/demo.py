"""`hwapung demo`: from nothing to an answer in a browser."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import requests
import typer

from model_training.commands.data import compose, draw
from model_training.commands.train import find_recipe
from model_training.datasets.sources.commands import icons
from model_training.progress import console
from model_training.runtime.card import Card, read_card
from model_training.runtime.errors import RecipeError

from .commands import PORT, Port
from .places import BUILD

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PRODUCT] [KEY=VALUE]…",
        help="landscape or sketch, landscape if not given; then overrides, for example training.epochs=3",
    ),
]
PRODUCTS = ("landscape", "sketch")
#: Of each icon, and composed of them: what trains in minutes on two cores.
DRAWINGS, SCENES = 4, 100


def demo(
    words: Words = None,
    data: Annotated[Path | None, typer.Option(help="folder of pictures; drawn by a program if not given")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
    build: Annotated[Path, typer.Option(help="where all goes that is made")] = BUILD,
    port: Port = PORT,
    once: Annotated[bool, typer.Option("--once", help="end after the example instead of waiting")] = False,
) -> None:
    """Train, archive, serve and classify an example; print the address and wait."""
    from torchserve.archive import build_archive

    from .local import keep_serving, serving, until_interrupted

    overrides = list(words or [])
    product = overrides.pop(0) if overrides and "=" not in overrides[0] else PRODUCTS[0]
    if product not in PRODUCTS:
        raise RecipeError(f"There is no demonstration of {product!r}.", f"Choose one of {', '.join(PRODUCTS)}.")
    with until_interrupted():
        if product == "sketch":
            bundle, store = _make_sketch(overrides, data, device, build), build / "demo_sketch" / "model_store"
        else:
            bundle, store = _make_landscape(overrides, data, device, build), build / "demo" / "model_store"
        console.print(f"Archive: {build_archive(bundle, store)}")
        with serving(store, port) as address:
            _answer_example(bundle, address)
            if not once:
                keep_serving(f"{address}/models/sketch" if product == "sketch" else address)


def _make_landscape(overrides: list[str], data: Path | None, device: str, build: Path) -> Path:
    from model_training.recipe import load_recipe

    recipe = find_recipe(data, overrides) if data else "landscape_demo"
    name = load_recipe(recipe, overrides).name  # a wrong override is told before anything is drawn
    if data is None:
        console.print("No --data given: the pictures are drawn by a program. They are not paintings.")
        data = build / "data" / "procedural"
        draw(data)
    _train([recipe, *overrides, "--data", str(data), "--device", device, "--build", str(build)])
    return build / "bundles" / name


def _make_sketch(overrides: list[str], data: Path | None, device: str, build: Path) -> Path:
    """A classifier and a detector of drawings made after icons; `detector.key=value` is an override of the latter."""
    from model_training.detection.recipe import load_detection_recipe
    from model_training.recipe import load_recipe
    from model_training.sketch.recipe import load_sketch_recipe

    if data is not None:
        raise RecipeError(
            "The demonstration of sketches draws its own.", "Train on yours: hwapung train sketch_classifier --data."
        )
    own = [each for each in overrides if not each.startswith("detector.")]
    detectors = [each.removeprefix("detector.") for each in overrides if each.startswith("detector.")]
    chosen = load_sketch_recipe("sketch_demo")
    load_recipe(chosen.classifier, own)
    load_detection_recipe(chosen.detector, detectors)
    drawings, scenes = build / "data" / "icons", build / "data" / "icon_scenes"
    icons(drawings, each=DRAWINGS, cache=build / "downloads")
    compose(drawings, scenes, SCENES, group="title")
    place = ["--device", device, "--build", str(build)]
    _train([chosen.classifier, *own, "--data", str(drawings), *place])
    _train([chosen.detector, *detectors, "--data", str(scenes), *place])
    _train(["sketch_demo", *place])
    return build / "bundles" / chosen.name


def _train(arguments: list[str]) -> None:
    """In a process of its own, whose memory is free again when the model serves; it says itself what was wrong."""
    process = subprocess.Popen([sys.executable, "-m", "hwapung", "train", *arguments])
    try:
        status = process.wait()
    except BaseException:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise
    if status:
        raise typer.Exit(status)


def _answer_example(bundle: Path, address: str) -> None:
    card = read_card(bundle / "card.json", Card)
    example = card.examples[0]
    image = bundle / "examples" / example.image
    way = "recognise" if card.task == "sketch" else "predict"
    url = f"{address}/api/v1/models/{card.name}/{way}"
    answer = requests.post(url, data=image.read_bytes(), timeout=60).json()
    console.print(f"\nAn example, {image} (true label: {example.label}):")
    found = answer.get("objects", [answer])
    if not found:
        console.print("  nothing found")
    for each in found:
        console.print(f"  {each['class']}, confidence {each['confidence']:.3f}, {answer['processing_time_ms']} ms")
    accuracy = next(each for each in card.metrics if each.is_headline)
    console.print(
        f"  Test accuracy {accuracy.value:.3f} (95% interval {accuracy.low:.3f} to {accuracy.high:.3f}, "
        f"{accuracy.images} {'procedurally drawn ' if card.data.procedural else ''}pictures)."
    )
