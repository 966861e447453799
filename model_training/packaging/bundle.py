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

import numpy as np
from pydantic import BaseModel

from ..datasets.prepare import Prepared
from ..evaluation.calibration import choose_thresholds, fit_temperature
from ..evaluation.conformal import (
    ALPHA,
    conformal_sets,
    expected_calibration_error,
    fit_conformal,
    measure_class_bounds,
)
from ..evaluation.metrics import measure, measure_classes
from ..evaluation.ood import choose_references, fit_ood
from ..evaluation.predict import predict, predict_logits
from ..progress import follow
from ..recipe import Precision, Recipe, Verdicts
from ..runtime.architecture import Network
from ..runtime.card import (
    Agreement,
    Calibration,
    Card,
    Conformal,
    Label,
    ModelCard,
    OpenVINOModel,
    OutOfDistribution,
    Probe,
    Provenance,
    Text,
    Verdict,
    VerdictWords,
    write_card,
)
from ..runtime.classifier import softmax
from ..runtime.execution import Execution, OpenVINOExecution, TorchExecution, export_openvino
from ..runtime.network import MEAN_IMAGE, ClassificationNetwork, count_parameters, save_mean_image, save_weights
from ..runtime.ood import REFERENCES, normalise
from ..training.loop import Trained
from .examples import answer_examples, write_example_images
from .model_card import write_model_card
from .quantise import quantise

LIBRARIES = ("torch", "torchvision", "timm", "openvino", "pillow", "numpy")
OPENVINO_MODEL = "network.xml"
#: How the training went.
RECORDS = ("loss_accuracy.png", "metrics.json")
_AGREEMENT_IMAGES = 256


@dataclass(frozen=True)
class Product:
    """A network to be packed. `records`: the folder with its run's curves; None where nothing was trained."""

    network: ClassificationNetwork
    architecture: Network
    provenance: Provenance
    records: Path | None
    probe: Probe | None = None


def make_bundle(recipe: Recipe, prepared: Prepared, trained: Trained, bundles: Path) -> Path:
    """`pack` what training left."""
    return pack(recipe, prepared, describe_product(recipe, trained), bundles)


def describe_product(recipe: Recipe, trained: Trained) -> Product:
    """What training left, to be packed."""
    architecture = Network(
        backbone=recipe.network.backbone,
        head=trained.network.head,
        parameters=count_parameters(trained.network),
        clip=getattr(trained.network.backbone, "configuration", None),
    )
    seconds = round(sum(each.seconds for each in trained.epochs), 1)
    provenance = record_making(recipe, seconds, trained.device)
    return Product(trained.network, architecture, provenance, trained.folder, trained.probe)


def pack(recipe: Recipe, prepared: Prepared, product: Product, bundles: Path) -> Path:
    """Write `bundles/<name>/`. Returns its folder."""
    with staged(bundles / recipe.name) as stage:
        _fill(stage, recipe, prepared, product)
    return bundles / recipe.name


def _fill(stage: Path, recipe: Recipe, prepared: Prepared, product: Product) -> None:
    validation, test = prepared.rows["validation"], prepared.rows["test"]
    network = product.network
    torch_form = TorchExecution(network, "cpu")
    with follow("Packing") as step:
        total = 5
        save_weights(network, stage / "weights.safetensors")
        if recipe.preprocessing.mean == "image":
            save_mean_image(network, stage / MEAN_IMAGE)
        step.update(1, total, "weights")
        served = (
            torch_form
            if recipe.precision == "torch"
            else export_form(stage / OPENVINO_MODEL, recipe.precision, prepared, network)
        )
        step.update(2, total, "OpenVINO form")
        seen = {rows: predict(served, prepared.pixels, prepared.rows[rows]) for rows in ("validation", "test")}
        logits = {name: each[0] for name, each in seen.items()}
        step.update(3, total, "figures")
        calibration = _measure_calibration(
            fit_temperature(logits["validation"], prepared.targets[validation]), logits["test"], prepared.targets[test]
        )
        thresholds = choose_thresholds(
            softmax(logits["validation"], calibration.temperature),
            prepared.targets[validation],
            recipe.verdicts.max_error_rate,
            recipe.verdicts.confidence_level,
        )
        keys = prepared.dataset.labels
        predicted = logits["test"].argmax(1)
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
            calibration=calibration,
            thresholds=thresholds,
            verdicts=phrase_verdicts(recipe.verdicts),
            conformal=_fit_conformal(logits, prepared, calibration.temperature),
            ood=_fit_ood(stage, served, prepared, seen["validation"], calibration.temperature),
            probe=product.probe,
            metrics=(
                *measure(logits["validation"].argmax(1), prepared.targets[validation], "validation", len(keys)),
                *measure(predicted, prepared.targets[test], "test", len(keys)),
            ),
            class_metrics=measure_classes(predicted, prepared.targets[test], keys),
            openvino_model=describe_form(recipe, prepared, torch_form, logits),
            data=prepared.provenance,
            provenance=product.provenance,
            examples=examples,
            files={},
        )
        step.update(4, total, "examples")
        finish(card, stage)
        step.update(5, total, "done")


def export_form(path: Path, precision: Precision, prepared: Prepared, network: ClassificationNetwork) -> Execution:
    """Write the network's OpenVINO form as `path` (.xml) and its .bin, and load it."""
    export_openvino(network, np.ascontiguousarray(prepared.pixels[prepared.rows["test"][:2]]), path)
    if precision == "int8":
        quantise(path, prepared.pixels, prepared.rows["train"])
    return OpenVINOExecution(path)


def describe_form(
    recipe: Recipe, prepared: Prepared, torch_form: Execution, logits: dict[str, np.ndarray]
) -> OpenVINOModel | None:
    """With its agreement with torch; `logits`: split → the served form's."""
    if recipe.precision == "torch":
        return None
    sample = np.concatenate([prepared.rows["test"], prepared.rows["validation"]])[:_AGREEMENT_IMAGES]
    ours = np.concatenate([logits["test"], logits["validation"]])[:_AGREEMENT_IMAGES]
    agreement = measure_agreement(predict_logits(torch_form, prepared.pixels, sample), ours)
    return OpenVINOModel(precision=recipe.precision, file=OPENVINO_MODEL, agreement=agreement)


def phrase_verdicts(verdicts: Verdicts) -> dict[Verdict, VerdictWords]:
    """The recipe's words with its error rate in the place of `{error}`: `2%`."""
    rate = f"{verdicts.max_error_rate * 100:g}%"

    def fill(text: Text) -> Text:
        return Text(en=text.en.replace("{error}", rate), ko=text.ko.replace("{error}", rate))

    return {verdict: words.model_copy(update={"text": fill(words.text)}) for verdict, words in verdicts.words.items()}


def _measure_calibration(calibration: Calibration, logits: np.ndarray, targets: np.ndarray) -> Calibration:
    """With its error on the test images, before and after."""
    before, after = (
        round(expected_calibration_error(softmax(logits, temperature), targets), 4)
        for temperature in (1.0, calibration.temperature)
    )
    return calibration.model_copy(update={"ece_before": before, "ece_after": after, "ece_images": len(targets)})


def _fit_conformal(logits: dict[str, np.ndarray], prepared: Prepared, temperature: float) -> Conformal:
    validation, test = prepared.targets[prepared.rows["validation"]], prepared.targets[prepared.rows["test"]]
    known, tested = (softmax(logits[name], temperature) for name in ("validation", "test"))
    least = fit_conformal(known, validation)
    sets = conformal_sets(tested, least)
    return Conformal(
        target_coverage=1 - ALPHA,
        min_probability=least,
        fitted_on=len(validation),
        coverage=round(float(sets[np.arange(len(test)), test].mean()), 4),
        images=len(test),
        class_conditional=measure_class_bounds((known, validation), (tested, test), prepared.dataset.labels),
    )


def _fit_ood(
    stage: Path, execution: Execution, prepared: Prepared, seen: tuple[np.ndarray, np.ndarray], temperature: float
) -> OutOfDistribution:
    """Also writes the training images' features, which the nearest are looked for among."""
    pixels = prepared.pixels
    references = normalise(predict(execution, pixels, choose_references(prepared.rows["train"]))[1]).astype(np.float16)
    np.save(stage / REFERENCES, references)

    def look(strange: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return predict(execution, strange, np.arange(len(strange)))

    return fit_ood(*seen, pixels[prepared.rows["validation"]], references, temperature, look)


def measure_agreement(reference: np.ndarray, other: np.ndarray) -> Agreement:
    """How far one form's logits (N, classes) are from the reference's."""
    return Agreement(
        images=len(reference),
        largest_logit_difference=float(np.abs(reference - other).max()),
        same_class=float((reference.argmax(1) == other.argmax(1)).mean()),
    )


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
