"""`python -m model_training COMMAND`: what trains and measures. `hwapung` is the command for people."""

from __future__ import annotations

import sys

import typer

from .commands.compare import app as compare
from .commands.data import audit, draw, fetch
from .commands.search import search
from .commands.sketch import gallery, sketch
from .commands.train import distil, ensemble, train
from .progress import console
from .runtime.errors import HwapungError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(fetch, name="fetch")
app.add_typer(compare, name="compare")
for command in (train, distil, ensemble, search, gallery, sketch, audit, draw):
    app.command()(command)


def main() -> None:
    try:
        app()
    except HwapungError as error:
        console.print(f"error: {error}", style="red", markup=False)
        sys.exit(2)
    except SystemExit as ending:
        if ending.code == 130:  # what typer makes of Ctrl-C
            console.print("Interrupted. Run the same command to go on from the last whole epoch or picture.")
        raise


if __name__ == "__main__":
    main()
