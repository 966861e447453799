"""`python -m torchserve serve | ready`: TorchServe alone, as its container runs it; `hwapung serve` is for people."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from model_training.runtime.errors import HwapungError

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


@app.command()
def serve(
    model_store: Annotated[list[Path], typer.Option(help="folder of archives; repeatable, newer archives win")],
    host: Annotated[str | None, typer.Option(help="Address of the inference API.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the inference API; 0 picks a free one.")] = None,
) -> None:
    """Serve every archive of the model stores until Ctrl-C or SIGTERM."""
    from .process import heed_signals
    from .server import TorchServe
    from .settings import read_settings
    from .supervision import supervise

    heed_signals(_leave)
    given = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    with TorchServe(model_store, read_settings(**given), log=sys.stdout) as server:
        for name in server.models:
            server.wait_until_ready(name)
            print(f"Ready: {server.inference_url}/predictions/{name}", flush=True)
        with supervise(server, say=lambda line: print(line, file=sys.stderr, flush=True)):
            while True:
                signal.pause()


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


def _leave(number: int) -> NoReturn:
    raise SystemExit(0 if number == signal.SIGTERM else 128 + number)


def main() -> None:
    try:
        app()
    except HwapungError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
