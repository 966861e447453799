"""Predictions that are kept on disk, so that a report made again predicts nothing twice."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

import numpy as np

from model_training.datasets.image_store import ImageStore
from model_training.evaluation.predict import Forward, predict_batches
from model_training.progress import follow
from model_training.runtime.card import ModelCard


def predict_kept(forward: Forward, pixels: np.ndarray, rows: np.ndarray, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Logits and features of the images in `rows`, batch by batch into memory-mapped files under `cache`.

    The folder appears when it is whole; what an interrupted run left does not count.
    """
    if not cache.is_dir():
        cache.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".predict-", dir=cache.parent))
        try:
            _write(forward, pixels, rows, stage)
            stage.rename(cache)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    return np.load(cache / "logits.npy", mmap_mode="r"), np.load(cache / "features.npy", mmap_mode="r")


def _write(forward: Forward, pixels: np.ndarray, rows: np.ndarray, stage: Path) -> None:
    done = 0
    logits, features = np.empty((0, 0)), np.empty((0, 0))
    with follow("Predicting") as step:
        for some_logits, some_features in predict_batches(forward, pixels, rows):
            if not done:
                logits = _create(stage / "logits.npy", (len(rows), some_logits.shape[1]))
                features = _create(stage / "features.npy", (len(rows), some_features.shape[1]))
            following = done + len(some_logits)
            logits[done:following], features[done:following] = some_logits, some_features
            done = following
            step.update(done, len(rows))


def _create(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)


def name_predictions(bundle: Path, card: ModelCard, device: str, store: ImageStore, rows: np.ndarray) -> str:
    """Names what decides the numbers: the network in all its forms, the device, the preprocessing and the images'
    bytes, in order."""
    digest = hashlib.sha256(f"{device} {card.network.backbone} {card.preprocessing.model_dump_json()}".encode())
    served = [card.openvino_model.file] if card.openvino_model else []
    for name in ["weights.safetensors", *served, *(str(Path(each).with_suffix(".bin")) for each in served)]:
        digest.update((bundle / name).read_bytes())
    for row in rows:
        digest.update(store.sha256[row].encode())
    return digest.hexdigest()[:20]
