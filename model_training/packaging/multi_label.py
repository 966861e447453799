"""Trained multi-label network → bundle: the same files as a classifier's, with a card of labels told one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.manifest import SEPARATOR
from ..datasets.prepare import Prepared
from ..evaluation.calibration import choose_sure
from ..evaluation.forms import Decided, label_regret, measure_cost
from ..evaluation.label_decisions import describe_calibration, fit_decisions, judge_answers, measure_risk
from ..evaluation.label_metrics import measure_each_label, measure_labels
from ..progress import follow
from ..recipe import Recipe
from ..runtime.card import Example, Label, MultiLabelCard
from ..runtime.multi_label import calibrate, decide
from ..training.loop import Trained
from .bundle import MEASURED, Product, copy_records, describe_product, finish, staged
from .examples import EXAMPLES_A_CLASS, write_example
from .groundwork import Answered, lay_groundwork
from .neighbours import write_neighbours
from .promises import phrase_verdicts


def make_multi_label_bundle(recipe: Recipe, prepared: Prepared, trained: Trained, bundles: Path) -> Path:
    """Write `bundles/<name>/`. Returns its folder."""
    with staged(bundles / recipe.name) as stage:
        _fill(stage, recipe, prepared, describe_product(recipe, trained))
    return bundles / recipe.name


def _fill(stage: Path, recipe: Recipe, prepared: Prepared, product: Product) -> None:
    keys = prepared.dataset.labels
    with follow("Packing") as step:
        total = 5
        begun = lay_groundwork(stage, recipe, prepared, product.network, product.untouched, step, total)
        fitted = begun.describe(
            stage,
            lambda each: _fit(each, recipe, prepared),
            lambda own, fitted, other, other_fitted: measure_cost(
                _decide(own, fitted),
                _decide(other, other_fitted),
                prepared.targets[prepared.rows["validation"]] > 0,
                label_regret(fitted["decisions"]),
                recipe.serving.agreement / 100,
            ),
        )
        copy_records(product.records, stage)
        card = MultiLabelCard(
            name=recipe.name,
            version=recipe.version,
            title=recipe.title,
            summary=recipe.summary,
            limits=recipe.limits,
            labels=tuple(Label(key=key, title=recipe.name_class(key)) for key in keys),
            preprocessing=recipe.preprocessing,
            network=product.architecture,
            verdicts=phrase_verdicts(recipe.verdicts),
            reads_provenance=recipe.provenance,
            data=prepared.provenance,
            provenance=product.provenance,
            examples=_write_examples(stage / "examples", prepared),
            files={},
            neighbours=None if recipe.serving.neighbours == "none" else recipe.serving.neighbours,
            **fitted,
        )
        write_neighbours(stage, prepared, card, product.network)
        step.update(4, total, "examples")
        finish(card, stage)
        step.update(5, total, "done")


def _fit(form: Answered, recipe: Recipe, prepared: Prepared) -> dict[str, Any]:
    """The parts of the card that depend on the form that answers."""
    logits, keys = form.logits, prepared.dataset.labels
    targets = {name: prepared.targets[prepared.rows[name]] for name in MEASURED}
    decisions = fit_decisions(logits["validation"], targets["validation"], keys)
    probabilities = {name: calibrate(logits[name], decisions) for name in MEASURED}
    chosen = {name: decide(each, decisions) for name, each in probabilities.items()}
    passes = {name: each if each.any() else slice(None) for name, each in form.gate.passes.items()}
    known, tested = ((probabilities[name][passes[name]], targets[name][passes[name]]) for name in MEASURED)
    confidence, right = judge_answers(*known, decisions)
    return {
        "calibration": describe_calibration(len(known[0]), logits["test"][passes["test"]], *tested),
        "decisions": decisions,
        "thresholds": choose_sure(confidence, right, recipe.verdicts.max_error_rate, recipe.verdicts.confidence_level),
        "risk": measure_risk(known, tested),
        "ood": form.gate.ood,
        "metrics": tuple(
            figure
            for name in MEASURED
            for figure in measure_labels(
                probabilities[name], chosen[name], targets[name], prepared.copies[prepared.rows[name]], name
            )
        ),
        "class_metrics": measure_each_label(probabilities["test"], chosen["test"], targets["test"], keys),
        "openvino_model": form.openvino_model,
    }


def _decide(form: Answered, fitted: dict[str, Any]) -> Decided:
    logits = np.concatenate([form.logits["train"], form.logits["validation"]])
    probabilities = calibrate(logits, fitted["decisions"])
    return Decided(logits, probabilities, decide(probabilities, fitted["decisions"]))


def _write_examples(folder: Path, prepared: Prepared) -> tuple[Example, ...]:
    """The first test images of each label that are not there yet for another; an example's `label` holds all that the
    image has, with `;` between them."""
    folder.mkdir()
    test = prepared.rows["test"]
    chosen: dict[int, None] = {}
    for number in range(len(prepared.dataset.labels)):
        others = [int(row) for row in test[prepared.targets[test, number] > 0] if int(row) not in chosen]
        chosen |= dict.fromkeys(others[:EXAMPLES_A_CLASS])
    entries = [prepared.dataset.entries[row] for row in chosen]
    return tuple(
        write_example(folder, number, entry.path, SEPARATOR.join(entry.labels))
        for number, entry in enumerate(entries, 1)
    )
