"""Fine-tuning has to earn its place: it is kept only where it beats a linear probe on frozen features beyond noise."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import confusion_matrix

from ..datasets.prepare import Prepared
from ..evaluation.metrics import mean_f1
from ..evaluation.paired import measure_lead
from ..evaluation.predict import predict_logits
from ..models.linear_probe import LinearProbe
from ..recipe import Recipe
from ..runtime.execution import TorchExecution
from ..runtime.files import replacing
from ..runtime.measures import Probe, ProbeFigures
from ..runtime.network import ClassificationNetwork
from .loop import Trained
from .start import fit_on_features, make_probe_network


@dataclass(frozen=True)
class Probed:
    """A probe with its logits for the validation and the test images, float32 (N, classes)."""

    probe: LinearProbe
    validation: np.ndarray
    test: np.ndarray


def fit_once(recipe: Recipe, prepared: Prepared, folder: Path, device: torch.device) -> Probed:
    """Fit the probe, or read what an interrupted run left in `folder`."""
    kept = folder / "probe.npz"
    if not kept.exists():
        probe = fit_on_features(recipe, prepared, device)
        network = make_probe_network(recipe, prepared, probe)
        logits = {name: _answer(network, prepared, prepared.rows[name], device) for name in ("validation", "test")}
        with replacing(kept) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **dataclasses.asdict(probe), **logits)
    with np.load(kept) as read:
        probe = LinearProbe(read["weight"], read["bias"], read["method"].item())
        return Probed(probe, read["validation"], read["test"])


def remember_logits(folder: Path, epoch: int, logits: np.ndarray) -> None:
    """Keep what the network of an epoch said of the validation images: float32 (N, classes)."""
    place = folder / "validation"
    place.mkdir(exist_ok=True)
    with replacing(place / f"{epoch}.npy") as temporary, temporary.open("wb") as file:
        np.save(file, logits, allow_pickle=False)


def keep_better(
    recipe: Recipe,
    prepared: Prepared,
    outcome: Trained[ClassificationNetwork, Any],
    probed: Probed,
    device: torch.device,
) -> Trained[ClassificationNetwork, Any]:
    """`outcome` with the comparison on record, and with the probe's network where it is kept."""
    classes, targets = len(prepared.dataset.labels), prepared.targets
    validation, test = targets[prepared.rows["validation"]], targets[prepared.rows["test"]]
    epochs = [np.load(outcome.folder / "validation" / f"{each.epoch}.npy") for each in outcome.epochs]
    figure = recipe.training.monitor
    assert figure != "average_precision"  # of several labels, for which there is no probe
    # The best of many epochs looks better than it is on the images that chose it (Varma & Simon 2006). Nothing chose
    # the last one.
    lead = measure_lead(epochs[-1], probed.validation, validation, figure)
    best = epochs[outcome.best.epoch - 1]
    tested = _answer(outcome.network, prepared, prepared.rows["test"], device)
    found = Probe(
        method=probed.probe.method,
        kept="fine_tuned" if lead.is_beyond_noise else "probe",
        figure=figure,
        lead=round(lead.value, 4),
        low=round(lead.low, 4),
        high=round(lead.high, 4),
        loss_lead=round(lead.loss, 4),
        images=len(validation),
        probe=_measure(probed.validation, validation, probed.test, test, classes),
        fine_tuned=_measure(best, validation, tested, test, classes),
    )
    outcome = dataclasses.replace(outcome, probe=found)
    if found.kept == "fine_tuned":
        return outcome
    network = make_probe_network(recipe, prepared, probed.probe)
    return dataclasses.replace(outcome, network=network, trainable=probed.probe.weight.size + probed.probe.bias.size)


def _answer(network: ClassificationNetwork, prepared: Prepared, rows: np.ndarray, device: torch.device) -> np.ndarray:
    """Logits by `device`; leaves the network on the CPU."""
    logits = predict_logits(TorchExecution(network, device.type), prepared.pixels, rows)
    network.cpu()
    return logits


def _measure(
    logits: np.ndarray, targets: np.ndarray, tested: np.ndarray, test: np.ndarray, classes: int
) -> ProbeFigures:
    answers = logits.argmax(1)
    confusion = confusion_matrix(targets, answers, labels=np.arange(classes))
    return ProbeFigures(
        validation_accuracy=round(float((answers == targets).mean()), 4),
        validation_macro_f1=round(float(mean_f1(confusion)), 4),
        test_accuracy=round(float((tested.argmax(1) == test).mean()), 4),
    )
