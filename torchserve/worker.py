"""TorchServe's worker without torch, which it imports only to ask whether an answer is a tensor. Ours never are.

`launch.py` puts a copy of this file where the server looks for its worker. Whoever needs torch, a heatmap or a GPU,
imports it for the first time and gets the real one.
"""

import os
import runpy
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import ModuleType


def show_life(file: Path) -> None:
    """Touch a file once a second, as long as its folder is there (`heartbeat.py`)."""
    with suppress(OSError):
        while True:
            file.touch()
            time.sleep(1)


if folder := os.environ.get("HWAPUNG_HEARTBEATS"):
    threading.Thread(target=show_life, args=[Path(folder) / str(os.getpid())], name="heartbeat", daemon=True).start()

stand_in = ModuleType("torch")
stand_in.Tensor = type("Tensor", (), {})  # type: ignore[attr-defined]
sys.modules["torch"] = stand_in
import ts.protocol.otf_message_handler  # noqa: E402, F401

del sys.modules["torch"]
runpy.run_module("ts.model_service_worker", run_name="__main__", alter_sys=True)
