"""What a worker on a processor loads: torch waits until a heatmap is asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
ASK = """
import json, sys
from pathlib import Path
from model_training.runtime.load import load_bundle

model = load_bundle(Path(sys.argv[1]))
model.warm_up()
image = Path(sys.argv[2]).read_bytes()
heavy = lambda: sorted({"torch", "timm", "matplotlib", "pytorch_grad_cam", "scipy"} & sys.modules.keys())
(answer,) = model.answer([image])
before = heavy()
(explained,) = model.answer([image], [True])
print(json.dumps([answer["verdict"], before, "explanation" in explained, heavy()]))
"""


def ask(bundle: Path) -> Any:
    image = next((bundle / "examples").glob("*.jpg"))
    command = [sys.executable, "-c", ASK, str(bundle), str(image)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_classifier_answers_without_torch_and_explains_with_it(tiny_bundle: Path) -> None:
    verdict, before, explained, after = ask(tiny_bundle)
    assert verdict in ("sure", "unsure", "unknown")
    assert before == []
    assert explained is True
    assert {"torch", "timm"} <= set(after)
