"""Trained network → bundle: weights, fast form, figures, examples and the card that ties them together."""

from __future__ import annotations

import hashlib
import importlib.metadata
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel

from ..datasets.prepare import Prepared
from ..evaluation.calibration import choose_thresholds, fit_temperature
from ..evaluation.forms import Decided, class_regret, measure_cost
from ..evaluation.metrics import measure, measure_classes
from ..models.factory import depth_of
from ..models.freezing import count_untouched
from ..progress import follow
from ..recipe import Recipe
from ..runtime.architecture import Network
from ..runtime.card import (
    Card,
    Label,
    ModelCard,
    Probe,
    Provenance,
    write_card,
)
from ..runtime.classifier import softmax
from ..runtime.measures import UnseenSources
from ..runtime.network import ClassificationNetwork, count_parameters
from ..training.loop import Trained
from .examples import answer_examples, write_example_images
from .groundwork import Answered, lay_groundwork
from .model_card import write_model_card
from .neighbours import write_neighbours
from .promises import Known, measure_calibration, phrase_verdicts, promise_sets
from .resistance import measure_resistance
from .sight import Untouched

LIBRARIES = ("torch", "torchvision", "timm", "openvino", "pillow", "numpy")
#: How the training went.
RECORDS = ("loss_accuracy.png", "metrics.json")
MEASURED: tuple[Literal["validation", "test"], ...] = ("validation", "test")


@dataclass(frozen=True)
class Product:
    """A network to be packed. `records`: the folder with its run's curves; None where nothing was trained.
    `untouched`: what of it is as pretraining left it, but for the head."""

    network: ClassificationNetwork
    architecture: Network
    provenance: Provenance
    records: Path | None
    probe: Probe | None = None
    untouched: Untouched = 0
    unseen: UnseenSources | None = None


def make_bundle(
    recipe: Recipe, prepared: Prepared, trained: Trained, bundles: Path, unseen: UnseenSources | None = None
) -> Path:
    """`pack` what training left, and what was measured of sources that it did without."""
    return pack(recipe, prepared, describe_product(recipe, trained, unseen), bundles)


def describe_product(recipe: Recipe, trained: Trained, unseen: UnseenSources | None = None) -> Product:
    """What training left, to be packed."""
    architecture = Network(
        backbone=recipe.network.backbone,
        head=trained.network.head,
        parameters=count_parameters(trained.network),
        clip=getattr(trained.network.backbone, "configuration", None),
    )
    seconds = round(sum(each.seconds for each in trained.epochs), 1)
    provenance = record_making(recipe, seconds, trained.device)
    untouched = _find_untouched(recipe, trained)
    return Product(trained.network, architecture, provenance, trained.folder, trained.probe, untouched, unseen)


def _find_untouched(recipe: Recipe, trained: Trained) -> Untouched:
    network = recipe.network
    if network.pretrained is False or network.adapter is not None:
        return 0
    if network.unfreeze == 0 or (trained.probe is not None and trained.probe.kept == "probe"):
        return "all"
    return count_untouched(trained.network, depth_of(recipe))


def pack(recipe: Recipe, prepared: Prepared, product: Product, bundles: Path) -> Path:
    """Write `bundles/<name>/`. Returns its folder."""
    with staged(bundles / recipe.name) as stage:
        _fill(stage, recipe, prepared, product)
    return bundles / recipe.name


def _fill(stage: Path, recipe: Recipe, prepared: Prepared, product: Product) -> None:
    with follow("Packing") as step:
        total = 5
        begun = lay_groundwork(stage, recipe, prepared, product.network, product.untouched, step, total)
        fitted = begun.describe(
            stage,
            lambda each: _fit(each, recipe, prepared, product.unseen),
            lambda own, fitted, other, other_fitted: measure_cost(
                _decide(own, fitted),
                _decide(other, other_fitted),
                prepared.targets[prepared.rows["validation"]],
                class_regret(fitted["calibration"].temperature),
                recipe.serving.agreement / 100,
            ),
        )
        keys = prepared.dataset.labels
        copy_records(product.records, stage)
        examples = write_example_images(stage / "examples", prepared)
        card = ModelCard(
            name=recipe.name,
            version=recipe.version,
            title=recipe.title,
            summary=recipe.summary,
            limits=recipe.limits,
            labels=tuple(Label(key=key, title=recipe.name_class(key)) for key in keys),
            preprocessing=recipe.preprocessing,
            network=product.architecture,
            verdicts=phrase_verdicts(recipe.verdicts, product.unseen),
            reads_provenance=recipe.provenance,
            probe=product.probe,
            unseen_sources=product.unseen,
            data=prepared.provenance,
            provenance=product.provenance,
            examples=examples,
            files={},
            neighbours=None if recipe.serving.neighbours == "none" else recipe.serving.neighbours,
            **fitted,
        )
        write_neighbours(stage, prepared, card, product.network)
        if recipe.resistance:
            resistance = measure_resistance(card, stage, prepared)
            card = card.model_copy(update={"resistance": resistance})
        step.update(4, total, "examples")
        finish(card, stage)
        step.update(5, total, "done")


def _fit(form: Answered, recipe: Recipe, prepared: Prepared, unseen: UnseenSources | None) -> dict[str, Any]:
    """The parts of the card that depend on the form that answers."""
    logits, targets = form.logits, {split: prepared.targets[rows] for split, rows in prepared.rows.items()}
    keys = prepared.dataset.labels
    calibration = measure_calibration(
        fit_temperature(logits["validation"], targets["validation"]), logits["test"], targets["test"]
    )
    known = Known(logits, prepared, form.gate.passes, calibration.temperature)
    thresholds = choose_thresholds(
        *known.of("validation"), recipe.verdicts.max_error_rate, recipe.verdicts.confidence_level
    )
    if unseen is not None and unseen.thresholds is not None:
        # Sure only where both the seen and the unseen sources vouch for it.
        thresholds = max(thresholds, unseen.thresholds, key=lambda each: each.sure)
    predicted = {split: logits[split].argmax(1) for split in MEASURED}
    return {
        "calibration": calibration,
        "thresholds": thresholds,
        "conformal": promise_sets(known),
        "ood": form.gate.ood,
        "metrics": tuple(
            each for split in MEASURED for each in measure(predicted[split], targets[split], split, len(keys))
        ),
        "class_metrics": measure_classes(predicted["test"], targets["test"], keys),
        "openvino_model": form.openvino_model,
    }


def _decide(form: Answered, fitted: dict[str, Any]) -> Decided:
    logits = np.concatenate([form.logits["train"], form.logits["validation"]])
    return Decided(logits, softmax(logits, fitted["calibration"].temperature), logits.argmax(1))


def record_making(recipe: BaseModel, seconds: float, device: str) -> Provenance:
    """`seconds`: of training, on `device`; the time, the code and the libraries are those of now."""
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        code=_git_commit(),
        libraries={name: importlib.metadata.version(name) for name in LIBRARIES},
        recipe=recipe.model_dump(mode="json"),
        seconds=seconds,
        device=device,
    )


def _git_commit() -> str:
    here = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
            cwd=here, capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return described.stdout.strip()


def hash_files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "card.json"
    }


def copy_records(run: Path | None, stage: Path) -> None:
    """What a run's folder says of how the training went; None where nothing was trained."""
    for record in RECORDS:
        if run is not None and (run / record).is_file():
            shutil.copyfile(run / record, stage / record)


def finish(card: Card, stage: Path) -> None:
    """To the files of a bundle: MODEL_CARD.md, the examples' answers, and the card with the hashes of them all."""
    write_card(card, stage / "card.json")
    write_model_card(card, stage)
    answer_examples(stage)
    write_card(card.model_copy(update={"files": hash_files(stage)}), stage / "card.json")


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A folder beside `target` to fill, which takes its place where the block ends without an error; the previous one
    stays until then."""
    target.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield stage
        stage.chmod(0o755)
        previous = target.with_name(f".{target.name}-previous")
        shutil.rmtree(previous, ignore_errors=True)
        if target.exists():  # two renames: a folder can't be replaced in one
            target.rename(previous)
        stage.rename(target)
        shutil.rmtree(previous, ignore_errors=True)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
