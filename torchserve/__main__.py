"""`python -m torchserve archive | serve | ready`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from model_training.runtime.errors import HwapungError

MODEL_STORE = Path("torchserve/model_store")

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


@app.command()
def archive(
    bundle: Annotated[Path, typer.Option(help="Folder that training left.")] = Path("build/bundles/landscape"),
    out: Annotated[Path, typer.Option(help="Folder for the archive.")] = MODEL_STORE,
    form: Annotated[
        str | None, typer.Option(help="What serves on a CPU: float32, int8 or torch; the bundle's own if unset.")
    ] = None,
    data: Annotated[
        Path, typer.Option(help="The pictures that it was trained on, which another form is calibrated and tested on.")
    ] = Path("build/data/procedural"),
    build: Annotated[Path, typer.Option(help="Where caches are and where bundles of another form go.")] = Path("build"),
) -> None:
    """Make a bundle's model archive."""
    from .archive import build_archive

    if form is not None:
        from model_training.packaging.convert import (  # training's libraries: serving goes without them
            convert_bundle,
            parse_precision,
        )

        bundle = convert_bundle(bundle, parse_precision(form), data, build)
    print(build_archive(bundle, out))


@app.command()
def serve(
    model_store: Annotated[
        list[Path] | None,
        typer.Option(help=f"Folder of archives, {MODEL_STORE} by default; may be given again. Newer archives win."),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address of the inference API.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the inference API; 0 picks a free one.")] = None,
) -> None:
    """Serve every archive of the model stores until Ctrl-C or SIGTERM."""
    from .server import TorchServe
    from .settings import read_settings

    signal.signal(signal.SIGTERM, _leave)
    given = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    with TorchServe(model_store or [MODEL_STORE], read_settings(**given), log=sys.stdout) as server:
        for name in server.models:
            server.wait_until_ready(name)
            print(f"Ready: {server.inference_url}/predictions/{name}", flush=True)
        server.wait()


@app.command()
def ready() -> None:
    """Ask every model of the server that runs here for a real prediction; status 1 if one does not answer."""
    import requests

    from .server import try_prediction
    from .settings import read_settings

    settings = read_settings()
    try:
        listed = requests.get(f"http://127.0.0.1:{settings.management_port}/models", timeout=5).json()["models"]
    except requests.RequestException:
        print("not ready: the server does not answer", file=sys.stderr)
        raise typer.Exit(1) from None
    inference_url = f"http://127.0.0.1:{settings.port}"
    silent = [model["modelName"] for model in listed if not try_prediction(inference_url, model["modelName"])]
    if silent or not listed:
        print(f"not ready: {', '.join(silent) or 'no model yet'}", file=sys.stderr)
        raise typer.Exit(1)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def main() -> None:
    try:
        app()
    except HwapungError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
