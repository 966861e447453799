"""Which decisions resizing and decoding change: of logistic regression on a frozen network's features of paintings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from model_training.runtime.architecture import Preprocessing
from model_training.runtime.image import decode
from model_training.runtime.normalise import Normalise
from model_training.runtime.preprocess import fit
from model_training.runtime.resize import Interpolation, resize

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
#: Pixels of a halved painting for one of the network's, along a side.
MARGINS = (2, 1.5, 1.25, 1)
#: Paintings are 224 pixels wide: networks that see more of them than that can't be asked.
WIDTH = 224
SMALL = 112
REPEATS, FOLDS = 3, 5


def count_changed(data: Path, weights: Path) -> dict[str, float]:
    paths = sorted((data / "painting_styles").glob("*/*.jpg"))
    files = [path.read_bytes() for path in paths]
    styles = np.array([path.parent.name for path in paths])
    backbone = timm.create_model("mobilenetv2_100", num_classes=0)
    backbone.load_state_dict(load_file(weights), strict=False)
    backbone.eval()
    return _compare_resizers(files, styles, backbone) | _compare_margins(files, styles, backbone)


def _compare_resizers(files: list[bytes], styles: np.ndarray, backbone: Any) -> dict[str, float]:
    """Decisions on half of the paintings, resized by either filter, that are another than with Pillow's resizing."""
    images = [decode(each) for each in files]
    asked = changed = old_right = new_right = 0
    fitted = np.arange(len(files)) % 2 == 0
    for name, interpolation in FILTERS.items():
        new_name: Interpolation = "bilinear" if name == "bilinear" else "bicubic"
        old = _extract(backbone, [np.asarray(each.resize((SMALL, SMALL), interpolation)) for each in images])
        new = _extract(backbone, [np.asarray(resize(each, (SMALL, SMALL), new_name)) for each in images])
        probe = _fit(old[fitted], styles[fitted])
        before, after = probe.predict(old[~fitted]), probe.predict(new[~fitted])
        asked += len(before)
        changed += int((before != after).sum())
        old_right += int((before == styles[~fitted]).sum())
        new_right += int((after == styles[~fitted]).sum())
    return {
        "decisions": asked,
        "decisions_changed": changed,
        "decisions_changed_share": changed / asked,
        "accuracy_old": old_right / asked,
        "accuracy_new": new_right / asked,
    }


def _compare_margins(files: list[bytes], styles: np.ndarray, backbone: Any) -> dict[str, float]:
    """Cross-validated accuracy where all paintings are decoded whole, and where all are halved; and decisions that
    change where only those asked about are: the worst case, a network that has seen none of the kind."""
    figures: dict[str, float] = {"margin_answers": REPEATS * len(files)}
    for margin in MARGINS:
        side = int(WIDTH / 2 / margin)
        whole, halved = (
            _extract(backbone, [fit(decode(each, at_least=least), _describe(side)) for each in files])
            for least in (None, WIDTH // 2)
        )
        changed = whole_right = halved_right = 0
        for known, asked in RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=0).split(
            whole, styles
        ):
            probe = _fit(whole[known], styles[known])
            before, after = probe.predict(whole[asked]), probe.predict(halved[asked])
            changed += int((before != after).sum())
            whole_right += int((before == styles[asked]).sum())
            halved_right += int((_fit(halved[known], styles[known]).predict(halved[asked]) == styles[asked]).sum())
        answers = figures["margin_answers"]
        figures |= {
            f"margin_{100 * margin:.0f}_changed": changed / answers,
            f"margin_{100 * margin:.0f}_whole": whole_right / answers,
            f"margin_{100 * margin:.0f}_halved": halved_right / answers,
        }
    return figures


def _describe(side: int) -> Preprocessing:
    return Preprocessing(height=side, width=side, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


@torch.inference_mode()
def _extract(backbone: Any, pixels: list[np.ndarray]) -> np.ndarray:
    network = torch.nn.Sequential(Normalise(_describe(pixels[0].shape[0])), backbone).eval()
    parts = [torch.from_numpy(np.stack(pixels[at : at + 32])) for at in range(0, len(pixels), 32)]
    return np.concatenate([network(part).numpy() for part in parts])


def _fit(features: np.ndarray, styles: np.ndarray) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000)).fit(features, styles)
