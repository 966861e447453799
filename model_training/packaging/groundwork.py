"""What every classifier's bundle begins with: the weights, the forms that may serve, their logits and their gates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.folders import SplitName
from ..datasets.prepare import Prepared
from ..evaluation.predict import predict_logits
from ..progress import Step
from ..recipe import Recipe
from ..runtime.card import Form, FormCost, OpenVINOModel
from ..runtime.execution import Execution, OpenVINOExecution, TorchExecution
from ..runtime.measures import Precision
from ..runtime.network import MEAN_IMAGE, ClassificationNetwork, save_mean_image, save_weights
from .gate import Gate, fit_gate, sample_rows
from .quantise import Tolerance
from .served_form import INT8_MODEL, OPENVINO_MODEL, make_int8, make_others, make_served, measure_agreement
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


Weigh = Callable[[Answered, dict[str, Any], Answered, dict[str, Any]], FormCost]


@dataclass(frozen=True)
class Groundwork:
    """`own`: the network's own form, which the card's figures are of; `others`: those made beside it. `requantise`
    makes the 8-bit one anew so that what its logits of the images of `own` cost (train, then validation) is within the
    recipe's bound; None where the recipe does not ask for it."""

    own: Answered
    others: tuple[Answered, ...]
    requantise: Callable[[Callable[[np.ndarray], float]], Answered] | None = None

    def describe(
        self,
        stage: Path,
        fit: Callable[[Answered], dict[str, Any]],
        weigh: Weigh,
    ) -> dict[str, Any]:
        """The parts of a card that depend on the form that answers: what `fit` makes of the own one, and beside it the
        others with their costs, which `weigh` tells from both and what `fit` made of them. Where 8 bits cost too much,
        some of the layers may stay in float32. Of a form that costs too much even so the cost alone is left, and no
        file in `stage`."""
        fitted = fit(self.own)
        forms: list[Form] = []
        costs: dict[str, FormCost] = {}
        kept, dropped = _list_files(self.own), set[str]()
        for each in self.others:
            assert each.openvino_model is not None
            precision = each.openvino_model.precision
            other = fit(each)
            cost = weigh(self.own, fitted, each, other)
            if not cost.holds and precision == "int8" and self.requantise:
                each = self.requantise(partial(self._measure_loss, weigh, fitted, each, other))
                other = fit(each)
                cost = weigh(self.own, fitted, each, other)
            costs[precision] = cost
            if cost.holds:
                forms.append(Form(**{name: value for name, value in other.items() if name in Form.model_fields}))
                kept |= _list_files(each)
            else:
                dropped |= _list_files(each)
        for name in dropped - kept:
            (stage / name).unlink(missing_ok=True)
        return fitted | {"forms": tuple(forms), "form_costs": costs}

    def _measure_loss(
        self, weigh: Weigh, fitted: dict[str, Any], other: Answered, other_fitted: dict[str, Any], logits: np.ndarray
    ) -> float:
        train, validation = np.split(logits, [len(self.own.logits["train"])])
        answered = replace(other, logits=other.logits | {"train": train, "validation": validation})
        return weigh(self.own, fitted, answered, other_fitted).loss_bound


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

    def answer(file: str, execute: OpenVINOExecution, gate: Gate | None = None) -> Answered:
        """`gate`: of another form beside the own one, which does where it looks by a companion."""
        if sight.companion is None or gate is None:
            seen = execute.precision if sight.companion is None else "int8"
            gate = fit_gate(stage, recipe, prepared, execute, sight, f"gate-{seen}.npz", seen, own.gate.ood.limits)
        return _ask(execute, prepared, execute.precision, file, exact, gate)

    others: list[Answered] = []
    for file, execute in make_others(stage, recipe, prepared):
        others.append(answer(file, execute, others[0].gate if others else None))

    def requantise(loss: Callable[[np.ndarray], float]) -> Answered:
        rows = np.concatenate([sample_rows(prepared.rows["train"]), prepared.rows["validation"]])
        tolerance = Tolerance(rows, loss, recipe.serving.agreement / 100, recipe.serving.exact_layers)
        return answer(INT8_MODEL, make_int8(stage, prepared, tolerance), others[0].gate)

    step.update(STEPS, total, "figures")
    return Groundwork(own, tuple(others), requantise if recipe.serving.exact_layers else None)


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
