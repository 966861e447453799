"""`hwapung demo`: from nothing to an answer in a browser."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import requests
import typer

from model_training.commands.data import draw
from model_training.commands.train import find_recipe
from model_training.progress import console
from model_training.runtime.card import read_card

from .commands import PORT, Port
from .places import BUILD

Overrides = Annotated[list[str] | None, typer.Argument(help="key=value, for example training.epochs=3")]


def demo(
    overrides: Overrides = None,
    data: Annotated[Path | None, typer.Option(help="folder of pictures; drawn by a program if not given")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto")] = "auto",
    build: Annotated[Path, typer.Option(help="where all goes that is made")] = BUILD,
    port: Port = PORT,
    once: Annotated[bool, typer.Option("--once", help="end after the example instead of waiting")] = False,
) -> None:
    """Train, archive, serve and classify an example; print the address and wait."""
    from model_training.recipe import load_recipe
    from torchserve.archive import build_archive

    from .local import keep_serving, serving, until_interrupted

    recipe = find_recipe(data, overrides or []) if data else "landscape_demo"
    name = load_recipe(recipe, overrides or []).name  # a wrong override is told before anything is drawn
    with until_interrupted():
        if data is None:
            console.print("No --data given: the pictures are drawn by a program. They are not paintings.")
            data = build / "data" / "procedural"
            draw(data)
        _train([recipe, *(overrides or []), "--data", str(data), "--device", device, "--build", str(build)])
        bundle = build / "bundles" / name
        store = build / "demo" / "model_store"
        console.print(f"Archive: {build_archive(bundle, store)}")
        with serving(store, port) as address:
            _classify_example(bundle, address)
            if not once:
                keep_serving(address)


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


def _classify_example(bundle: Path, address: str) -> None:
    card = read_card(bundle / "card.json")
    example = card.examples[0]
    image = bundle / "examples" / example.image
    url = f"{address}/api/v1/models/{card.name}/predict"
    answer = requests.post(url, data=image.read_bytes(), timeout=60).json()
    console.print(f"\nAn example, {image} (true label: {example.label}):")
    console.print(f"  {answer['class']}, confidence {answer['confidence']:.3f}, {answer['processing_time_ms']} ms")
    accuracy = next(each for each in card.metrics if each.is_headline)
    console.print(
        f"  Test accuracy {accuracy.value:.3f} (95% interval {accuracy.low:.3f} to {accuracy.high:.3f}, "
        f"{accuracy.images} {'procedurally drawn ' if card.data.procedural else ''}pictures)."
    )
