"""What every classifier's bundle begins with: the weights, the forms that may serve, their logits and their gates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.folders import SplitName
from ..datasets.prepare import Prepared
from ..evaluation.predict import predict_logits
from ..progress import Step
from ..recipe import Recipe
from ..runtime.card import Form, FormCost, OpenVINOModel
from ..runtime.execution import Execution, TorchExecution
from ..runtime.measures import Precision
from ..runtime.network import MEAN_IMAGE, ClassificationNetwork, save_mean_image, save_weights
from .gate import Gate, fit_gate, sample_rows
from .served_form import OPENVINO_MODEL, make_others, make_served, measure_agreement
from .sight import Untouched

#: Of the progress that is shown.
STEPS = 3
_AGREEMENT_IMAGES = 256


@dataclass(frozen=True)
class Answered:
    """One form and what it says. `logits`: split → float32 (N, classes), of training pictures those of `sample_rows`;
    `openvino_model`: None for torch."""

    openvino_model: OpenVINOModel | None
    logits: dict[SplitName, np.ndarray]
    gate: Gate


@dataclass(frozen=True)
class Groundwork:
    """`own`: the network's own form, which the card's figures are of; `others`: those made beside it."""

    own: Answered
    others: tuple[Answered, ...]

    def describe(
        self,
        stage: Path,
        fit: Callable[[Answered], dict[str, Any]],
        weigh: Callable[[Answered, dict[str, Any], Answered, dict[str, Any]], FormCost],
    ) -> dict[str, Any]:
        """The parts of a card that depend on the form that answers: what `fit` makes of the own one, and beside it the
        others with their costs, which `weigh` tells from both and what `fit` made of them. Of one that costs too much
        the cost alone is left, and no file in `stage`."""
        fitted = fit(self.own)
        forms: list[Form] = []
        costs: dict[str, FormCost] = {}
        kept, dropped = _list_files(self.own), set[str]()
        for each in self.others:
            assert each.openvino_model is not None
            other = fit(each)
            cost = costs[each.openvino_model.precision] = weigh(self.own, fitted, each, other)
            if cost.holds:
                forms.append(Form(**{name: value for name, value in other.items() if name in Form.model_fields}))
                kept |= _list_files(each)
            else:
                dropped |= _list_files(each)
        for name in dropped - kept:
            (stage / name).unlink(missing_ok=True)
        return fitted | {"forms": tuple(forms), "form_costs": costs}


def _list_files(form: Answered) -> set[str]:
    networks = [form.openvino_model.file] if form.openvino_model else []
    if form.gate.ood.companion is not None:
        networks.append(form.gate.ood.companion_file)
    return {form.gate.ood.file, *networks, *(str(Path(each).with_suffix(".bin")) for each in networks)}


def lay_groundwork(
    stage: Path,
    recipe: Recipe,
    prepared: Prepared,
    network: ClassificationNetwork,
    untouched: Untouched,
    step: Step,
    total: int,
) -> Groundwork:
    """Write it into `stage`, in the first `STEPS` of `total` steps."""
    save_weights(network, stage / "weights.safetensors")
    if recipe.preprocessing.mean == "image":
        save_mean_image(network, stage / MEAN_IMAGE)
    step.update(1, total, "weights")
    served, sight = make_served(stage, recipe, prepared, network, untouched)
    step.update(2, total, "OpenVINO form")
    exact = None if recipe.precision == "torch" else _answer_exactly(network, prepared)
    precision: Precision = "int8" if recipe.precision == "int8" else "float32"
    gate = fit_gate(stage, recipe, prepared, served, sight, precision=precision)
    own = _ask(served, prepared, precision, OPENVINO_MODEL, exact, gate)
    others: list[Answered] = []
    for file, execute in make_others(stage, recipe, prepared):
        if sight.companion is None or not others:  # one companion beside all of them, whatever form the network has
            seen = execute.precision if sight.companion is None else "int8"
            gate = fit_gate(stage, recipe, prepared, execute, sight, f"gate-{seen}.npz", seen, own.gate.ood.limits)
        others.append(_ask(execute, prepared, execute.precision, file, exact, gate))
    step.update(STEPS, total, "figures")
    return Groundwork(own, tuple(others))


def _answer_exactly(network: ClassificationNetwork, prepared: Prepared) -> np.ndarray:
    """Torch's logits of some test and validation images."""
    rows = np.concatenate([prepared.rows["test"], prepared.rows["validation"]])[:_AGREEMENT_IMAGES]
    return predict_logits(TorchExecution(network, "cpu"), prepared.pixels, rows)


def _ask(
    execute: Execution, prepared: Prepared, precision: Precision, file: str, exact: np.ndarray | None, gate: Gate
) -> Answered:
    """`exact`: torch's logits; None where torch itself answers."""
    rows = prepared.rows | {"train": sample_rows(prepared.rows["train"])}
    logits = {split: predict_logits(execute, prepared.pixels, chosen) for split, chosen in rows.items()}
    model = None
    if exact is not None:
        sample = np.concatenate([logits["test"], logits["validation"]])[:_AGREEMENT_IMAGES]
        model = OpenVINOModel(precision=precision, file=file, agreement=measure_agreement(exact, sample))
    return Answered(model, logits, gate)
