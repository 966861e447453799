"""`python hwapung.py demo` and `python hwapung.py serve`: the whole house on one machine, without containers.

Starts TorchServe and the front end on free ports of the loopback address, waits, and ends both on Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import requests
import typer

from model_training.progress import console
from model_training.runtime.card import read_card
from model_training.runtime.errors import HwapungError, ServingError
from torchserve.archive import build_archive
from torchserve.process import ProcessGroup
from torchserve.server import TorchServe
from torchserve.settings import read_settings

HERE = Path(__file__).resolve().parent
STORE = Path("torchserve/model_store")
GALLERY = HERE / "build" / "gallery"
PORT = 8000

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def demo(
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, for example training.epochs=3")] = None,
    data: Annotated[Path | None, typer.Option(help="folder of pictures; drawn by program if not given")] = None,
    device: str = "auto",
    build: Path = Path("build"),
    port: Annotated[int, typer.Option(help="of the front end; another free one where it is taken")] = PORT,
    once: Annotated[bool, typer.Option(help="end after the example instead of waiting")] = False,
) -> None:
    """Train, archive, serve and classify an example; print the address and wait."""
    recipe = "landscape" if data else "landscape_demo"
    if data is None:
        console.print("No DATA given: the pictures are drawn by a program. They are not paintings.")
    command = [sys.executable, "-m", "model_training", "train", recipe, *(overrides or [])]
    command += ["--device", device, "--build", str(build), *(["--data", str(data)] if data else [])]
    _run(command)
    bundle = build / "bundles" / recipe
    store = build / "demo" / "model_store"
    console.print(f"Archive: {build_archive(bundle, store)}")
    with serving(store, port) as address:
        _classify_example(bundle, address)
        console.print(f"\n  Open {address} in a browser. Ctrl-C ends everything.\n", style="bold")
        if not once:
            _wait()


@app.command()
def serve(
    store: Annotated[Path, typer.Option(help="folder of .mar files")] = STORE,
    port: Annotated[int, typer.Option(help="of the front end; another free one where it is taken")] = PORT,
) -> None:
    """Serve every archive of the store, with the front end before them."""
    with serving(store, port) as address:
        console.print(f"\n  Open {address} in a browser. Ctrl-C ends everything.\n", style="bold")
        _wait()


@contextmanager
def serving(store: Path, port: int = 0) -> Iterator[str]:
    """TorchServe and the front end, both answering; yields the front end's address. Raises `ServingError`."""
    settings = read_settings(port=0, metrics_port=0, management_port=0)
    with TorchServe(store, settings) as server:
        started = time.monotonic()
        with console.status("Loading the models …"):
            for name in server.models:
                server.wait_until_ready(name)
                seconds = time.monotonic() - started
                console.print(f"TorchServe: {server.inference_url}/predictions/{name} ({seconds:.0f} s)")
        with front_end(server.inference_url, list(server.models), port) as address:
            yield address


@contextmanager
def front_end(model_server: str, models: list[str], port: int) -> Iterator[str]:
    """gunicorn before a TorchServe; yields its address once it answers. Raises `ServingError`."""
    address = f"127.0.0.1:{_free_port(port)}"
    environment = os.environ | {
        "HWAPUNG_MODEL_SERVER_URL": model_server,
        "HWAPUNG_MODELS": ",".join(models),
        "HWAPUNG_BIND": address,
        "HWAPUNG_REPORTS": os.environ.get("HWAPUNG_REPORTS", str(HERE / "analysis" / "reports")),
        "HWAPUNG_GALLERY": os.environ.get("HWAPUNG_GALLERY", str(GALLERY) if GALLERY.is_dir() else ""),
        "PYTHONPATH": str(HERE),
    }
    folder = Path(tempfile.mkdtemp(prefix="hwapung-front-"))
    group = ProcessGroup([sys.executable, "-m", "frontend"], folder=folder, env=environment, echo=None)
    try:
        deadline = time.monotonic() + 60
        while not _answers(f"http://{address}/readyz"):
            if not group.running or time.monotonic() > deadline:
                said = next((line for line in reversed(group.lines()) if line.strip()), "no word")
                raise ServingError(f"The front end did not start: {said.strip()}.", "See frontend/README.md.")
            time.sleep(0.1)
        yield f"http://{address}"
    finally:
        group.stop(5)
        folder.rmdir()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServingError("There is no free port.", "End some programs.")


def _classify_example(bundle: Path, address: str) -> None:
    card = read_card(bundle / "card.json")
    example = card.examples[0]
    image = bundle / "examples" / example.image
    answer = requests.post(
        f"{address}/api/v1/models/{card.name}/predict", data=image.read_bytes(), timeout=60
    ).json()  # fmt: skip
    console.print(f"\nAn example, {image} (in truth {example.label}):")
    console.print(f"  {answer['class']}, confidence {answer['confidence']:.3f}, {answer['processing_time_ms']} ms")
    accuracy = next(each for each in card.metrics if each.name == "accuracy" and each.split == "test")
    console.print(
        f"  Test accuracy {accuracy.value:.3f} (95% interval {accuracy.low:.3f} to {accuracy.high:.3f}, "
        f"{accuracy.images} {'procedurally drawn ' if card.data.procedural else ''}pictures)."
    )


def _run(command: list[str]) -> None:
    """Run a step in its own process; it has said what was wrong where it failed."""
    process = subprocess.Popen(command, cwd=HERE)
    try:
        status = process.wait()
    except BaseException:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise
    if status:
        raise typer.Exit(status)


def _wait() -> None:
    while True:
        time.sleep(3600)


def _leave(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    signal.signal(signal.SIGTERM, _leave)
    try:
        app()
    except HwapungError as error:
        console.print(f"error: {error}", style="red", markup=False)
        sys.exit(2)
    except SystemExit as ending:
        if ending.code == 130:  # what typer makes of Ctrl-C
            console.print("Ended.")
        raise


if __name__ == "__main__":
    main()
