"""Where a picture's time goes: each step alone on one core, and what each process takes of a picture under load."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model_training.runtime.card import ModelCard
from model_training.runtime.classifier import Classifier
from model_training.runtime.facts import find_reason, read_file_facts
from model_training.runtime.image import decode
from model_training.runtime.preprocess import choose_decoded_side, fit
from tests.benchmarks.results import Table
from tests.benchmarks.serving_material import KINDS

#: Step → how a table calls it.
STEPS = {
    "decode": "decode",
    "fit": "fit to the network's size",
    "facts": "what the picture is like",
    "network": "network, a picture alone",
    "network_full": "network, of a full batch (core-ms)",
    "companion": "gate's companion",
    "distance": "gate's distance",
    "words": "answer and JSON",
}
GROUPS = {
    "worker": "model worker",
    "java": "TorchServe (Java)",
    "front_end": "front end",
    "load": "the load itself",
}


def profile_steps(bundle: Path, images: Sequence[Path]) -> dict[str, float]:
    """Milliseconds of each of `STEPS` for a picture, the median over `images`."""
    model = Classifier.load(bundle)
    card: ModelCard = model.card
    preprocessing, ood = card.preprocessing, card.ood
    assert ood is not None, "a bundle without a gate has no facts to profile"
    at_least = choose_decoded_side(preprocessing)
    sees_itself = model.observe.distance is not None and model.observe.companion is None
    run: Callable[[Any], tuple[Any, ...]] = (
        model.execute.observe if sees_itself else model.execute.forward_with_features
    )
    taken: dict[str, list[float]] = {step: [] for step in STEPS}

    def take(step: str, call: Callable[..., Any], *arguments: Any) -> Any:
        started = time.perf_counter()
        result = call(*arguments)
        taken[step].append((time.perf_counter() - started) * 1000)
        return result

    def look(data: bytes, pixels: np.ndarray) -> None:
        find_reason(ood.limits, read_file_facts(data), pixels, preprocessing)

    def phrase(shares: np.ndarray) -> str:
        return json.dumps(model._phrase(shares, None, 0.0), ensure_ascii=False)

    encoded = [path.read_bytes() for path in images]
    model.answer(encoded)
    batch = []
    for data in encoded:
        image = take("decode", partial(decode, at_least=at_least), data)
        pixels = take("fit", fit, image, preprocessing)
        batch.append(pixels)
        take("facts", look, data, pixels)
        *_, seen = take("network", run, pixels[None])
        if model.observe.companion is not None:
            (seen,) = take("companion", model.observe.companion.run, pixels[None])
        if model.observe.distance is not None:
            take("distance", model.observe.distance, seen)
        take("words", phrase, model.probabilities(pixels[None])[0])
    for _ in range(5):
        take("network_full", model.execute, np.stack(batch))
    taken["network_full"] = [each * torch.get_num_threads() / len(batch) for each in taken["network_full"]]
    return {step: statistics.median(times) if times else 0.0 for step, times in taken.items()}


def make_tables() -> tuple[Table, Table]:
    """Of the figures `{kind}_{step}_ms`, `{kind}_http_ms`, `{kind}_front_ms` and `{kind}_{group}_core_ms`."""
    kinds = ("800 pixels", "12 megapixels")

    def row(words: str, key: str, form: str = ".2f") -> tuple[str, ...]:
        return (words, *(f"{{{kind}_{key}:{form}}}" for kind in KINDS))

    alone = (
        *(row(words, f"{step}_ms") for step, words in STEPS.items()),
        row("TorchServe and HTTP, at one connection", "http_ms"),
        row("front end, at one connection", "front_ms"),
    )
    loaded = (
        *(row(words, f"{group}_core_ms") for group, words in GROUPS.items()),
        row("cores idle", "idle", ".0%"),
    )
    return (
        Table(("a picture alone, ms", *kinds), alone, "Where a picture's time goes"),
        Table(("at 16 connections, ms of a core", *kinds), loaded, "What a picture costs under load"),
    )
