"""TorchServe's worker without torch, which it imports only to ask whether an answer is a tensor. Ours never are.

`launch.py` puts a copy of this file where the server looks for its worker. Whoever needs torch, a heatmap or a GPU,
imports it for the first time and gets the real one.
"""

import runpy
import sys
from types import ModuleType

stand_in = ModuleType("torch")
stand_in.Tensor = type("Tensor", (), {})  # type: ignore[attr-defined]
sys.modules["torch"] = stand_in
import ts.protocol.otf_message_handler  # noqa: E402, F401

del sys.modules["torch"]
runpy.run_module("ts.model_service_worker", run_name="__main__", alter_sys=True)
