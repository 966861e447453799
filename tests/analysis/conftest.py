"""A bundle that was never trained and a folder of made-up pictures: enough to run everything, made in a second."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from model_training.datasets.prepare import prepare
from model_training.evaluation.ood import fit_distance
from model_training.recipe import Recipe, load_recipe
from model_training.runtime.architecture import Network
from model_training.runtime.card import (
    Calibration,
    Label,
    ModelCard,
    OutOfDistribution,
    Provenance,
    Text,
    Thresholds,
    write_card,
)
from model_training.runtime.network import ClassificationNetwork, count_parameters, save_weights
from model_training.runtime.ood import GATE

LABELS = ("먹", "판화")


def draw_images(folder: Path, counts: dict[str, int], seed: int = 0) -> Path:
    """Noise over a ground whose colour belongs to the class: no two are near duplicates."""
    generator = np.random.default_rng(seed)
    for number, (label, count) in enumerate(counts.items()):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            coarse = generator.integers(0, 200, (8, 8, 3), dtype=np.uint8)
            coarse[..., number % 3] //= 3
            Image.fromarray(coarse).resize((48, 40), Image.Resampling.BICUBIC).save(folder / label / f"{index:03d}.png")
    return folder


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_images(tmp_path_factory.mktemp("pictures") / "그림", {LABELS[0]: 20, LABELS[1]: 20})


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return load_recipe(
        "landscape",
        [
            "network.backbone=mobilenetv3_small_050",
            "network.pretrained=false",
            "preprocessing.height=32",
            "preprocessing.width=32",
        ],
    )


@pytest.fixture(scope="session")
def bundle(recipe: Recipe, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "landscape"
    folder.mkdir()
    prepared = prepare(recipe, images, tmp_path_factory.mktemp("cache"))
    torch.manual_seed(0)
    network = ClassificationNetwork(recipe.network.backbone, len(LABELS), recipe.preprocessing)
    save_weights(network, folder / "weights.safetensors")
    with torch.inference_mode():
        seen = network.eval().observe(torch.from_numpy(prepared.pixels[prepared.rows["train"]]))[2]
    fitted = fit_distance(seen.numpy())
    assert fitted is not None
    fitted.save(folder / GATE)
    epochs = [
        {
            "epoch": number,
            "train_loss": 1 / number,
            "train_accuracy": 0.5,
            "validation_loss": 1.1 / number,
            "validation_accuracy": 0.5,
            "seconds": 1.0,
        }
        for number in (1, 2, 3)
    ]
    (folder / "metrics.json").write_text(json.dumps({"epochs": epochs}), "utf-8")
    card = ModelCard(
        name=recipe.name,
        version=recipe.version,
        title=recipe.title,
        summary=recipe.summary,
        limits=recipe.limits,
        labels=tuple(Label(key=key, title=Text(en=key, ko=key)) for key in LABELS),
        preprocessing=recipe.preprocessing,
        network=Network(backbone=recipe.network.backbone, parameters=count_parameters(network)),
        calibration=Calibration(temperature=2.0, fitted_on=8),
        thresholds=Thresholds(sure=0.9),
        ood=OutOfDistribution(
            threshold=float(np.quantile(fitted(seen.numpy()), 0.9)), rejected=0.0, fitted_on=8, caught={"blank": 0.75}
        ),
        metrics=(),
        class_metrics=(),
        openvino_model=None,
        data=prepared.provenance,
        provenance=Provenance(
            created="2026-11-01T00:00:00+00:00",
            code="unknown",
            libraries={},
            recipe=recipe.model_dump(mode="json"),
            seconds=1.0,
            device="cpu",
        ),
        examples=(),
        files={},
    )
    write_card(card, folder / "card.json")
    return folder
