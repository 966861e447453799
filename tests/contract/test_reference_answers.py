"""An archive made today answers as archives always did: stored answers of earlier code, to the fourth decimal.

`python -m tests.contract.test_reference_answers` writes them anew. Do so only
where a change of the numbers is meant, and say so in the changelog (CONTRIBUTING.md).
"""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.tiny_sketch import draw_page, make_tiny_sketch_bundle
from tests.torchserve.tiny import draw_image, make_tiny_bundle
from torchserve.archive import build_archive

STORED = Path(__file__).with_name("reference_answers.json")

#: Runs with nothing of ours but what the archive holds.
ASK = """
import json, sys
from pathlib import Path
archive, files = Path(sys.argv[1]), sorted(Path(sys.argv[2]).iterdir())
sys.path.insert(0, str(archive))
from model_training.runtime.load import load_bundle
answers = load_bundle(archive).answer([file.read_bytes() for file in files], [True] * len(files))
print(json.dumps({file.name: answer for file, answer in zip(files, answers)}))
"""


def smooth(seed: int, width: int, height: int) -> Image.Image:
    """Slow waves of colour, which survive every encoder."""
    phases = np.random.default_rng(seed).uniform(0, 6, 6)
    y, x = np.mgrid[0:height, 0:width] / 40
    waves = [127 + 120 * np.sin(x * (1 + k / 3) + phases[k]) * np.cos(y + phases[k + 3]) for k in range(3)]
    return Image.fromarray(np.stack(waves, axis=2).clip(0, 255).astype(np.uint8))


def ask(kind: str, work: Path) -> dict[str, Any]:
    """Make a bundle and its archive, and ask the archive's own runtime."""
    files = work / "files"
    files.mkdir()
    if kind == "classifier":
        bundle = make_tiny_bundle(work / "tiny", sharpness=40.0)
        for seed, size in enumerate(((64, 64), (200, 90), (33, 300), (500, 400))):
            smooth(seed, *size).save(files / f"waves-{seed}.png")
        smooth(7, 640, 480).save(files / "waves.jpg", quality=95)
        (files / "noise.png").write_bytes(draw_image(3, 48, "PNG"))
    else:
        bundle = make_tiny_sketch_bundle(work / "sketch", sharpness=40.0)
        (files / "four.png").write_bytes(draw_page(0, 6, 9, 15))
        (files / "wide.png").write_bytes(draw_page(1, 2, size=(900, 500)))
        (files / "empty.png").write_bytes(draw_page())
        smooth(1, 300, 300).save(files / "waves.png")
    archive = work / "archive"
    with zipfile.ZipFile(build_archive(bundle, work / "store")) as packed:
        packed.extractall(archive)
    done = subprocess.run(
        [sys.executable, "-I", "-c", ASK, str(archive), str(files)],
        cwd=work, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def assert_same(found: Any, stored: Any, place: str = "") -> None:
    """The same keys and words; numbers to 1e-4; pictures and embeddings by what they hold."""
    if isinstance(stored, dict):
        assert found.keys() == stored.keys(), place
        for key in stored:
            if key == "processing_time_ms":
                continue
            if key == "data":
                assert np.abs(_pixels(found[key]) - _pixels(stored[key])).max() <= 6, place
            elif key == "embedding":
                assert np.abs(_floats(found[key]) - _floats(stored[key])).max() <= 1e-3, place
            else:
                assert_same(found[key], stored[key], f"{place}.{key}")
    elif isinstance(stored, list):
        assert len(found) == len(stored), place
        for number, (ours, theirs) in enumerate(zip(found, stored, strict=True)):
            assert_same(ours, theirs, f"{place}[{number}]")
    elif isinstance(stored, float):
        assert found == pytest.approx(stored, abs=2e-4), place
    else:
        assert found == stored, place


def _pixels(png: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png)))).astype(int)


def _floats(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


@pytest.mark.parametrize("kind", ["classifier", "sketch"])
def test_archives_answer_as_they_always_did(kind: str, tmp_path: Path) -> None:
    assert_same(ask(kind, tmp_path), json.loads(STORED.read_text("utf-8"))[kind], kind)


def main() -> None:
    stored = {}
    for kind in ("classifier", "sketch"):
        with tempfile.TemporaryDirectory() as work:
            stored[kind] = ask(kind, Path(work))
    STORED.write_text(json.dumps(stored, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
