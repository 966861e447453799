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
Store = Annotated[Path, typer.Option(help="Folder of model archives (.mar).")]


@app.command()
def archive(
    bundle: Annotated[Path, typer.Option(help="Folder that training left.")] = Path("build/bundles/landscape"),
    out: Annotated[Path, typer.Option(help="Folder for the archive.")] = MODEL_STORE,
) -> None:
    """Make a bundle's model archive."""
    from torchserve.archive import build_archive

    print(build_archive(bundle, out))


@app.command()
def serve(
    model_store: Store = MODEL_STORE,
    host: Annotated[str | None, typer.Option(help="Address of the inference API.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the inference API; 0 picks a free one.")] = None,
) -> None:
    """Serve every archive of a model store until Ctrl-C or SIGTERM."""
    from torchserve.server import TorchServe
    from torchserve.settings import read_settings

    signal.signal(signal.SIGTERM, _leave)
    given = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    with TorchServe(model_store, read_settings(**given), log=sys.stdout) as server:
        for name in server.models:
            server.wait_until_ready(name)
            print(f"Ready: {server.inference_url}/predictions/{name}", flush=True)
        server.wait()


@app.command()
def ready(
    model_store: Store = MODEL_STORE,
    url: Annotated[str, typer.Option(help="Address of the inference API.")] = "http://127.0.0.1:8080",
) -> None:
    """Ask every model of the store for a real prediction; exit with status 1 if one does not answer."""
    from torchserve.server import try_prediction
    from torchserve.store import list_models

    silent = [model.name for model in list_models(model_store) if not try_prediction(url, model.name)]
    if silent:
        print(f"not ready: {', '.join(silent)}", file=sys.stderr)
        raise typer.Exit(1)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def main() -> None:
    try:
        app()
    except HwapungError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
