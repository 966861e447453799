"""The sections on how good the answers are: class by class, as a ranking, and over the training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model_training.runtime.card import Text
from model_training.translation import join, plain

from . import charts
from .document import CannotComputeError, Chart, Section, Table
from .material import Material
from .metrics import (
    Score,
    accuracy,
    auc,
    average_precision,
    classification_report,
    confusion,
    macro_auc,
    macro_f1,
    precision_recall,
    roc_curve,
)
from .predictions import Predictions
from .translation import _

#: Bootstrap draws × images × classes: beyond, fewer draws.
_BUDGET = 400_000_000


def measure_headline(test: Predictions) -> list[tuple[Text, Score]]:
    """Accuracy, macro-F1 and AUC of the test images; NaN where they can't be had."""
    classes = len(test.labels)
    probabilities = test.probabilities
    area = auc(probabilities[:, 1], test.targets == 1, test.group) if classes == 2 else _macro_auc(test)
    return [
        (_("accuracy"), accuracy(test.targets, test.predicted, test.group)),
        (_("macro-F1"), macro_f1(test.targets, test.predicted, test.group, classes)),
        (plain("AUC"), area),
    ]


def sum_up(test: Predictions, names: Sequence[Text], sure: float | None) -> list[Text]:
    """What the answers on the test images come to, in a few sentences; none without images. `sure`: the threshold from
    which an answer counts as sure."""
    if not len(test):
        return []
    right = accuracy(test.targets, test.predicted, test.group)
    told = [
        _(
            "Of {tested:,} test pictures it recognises {right}; of as many others of the same kind it would most "
            "likely be {low} to {high}.",
            tested=len(test),
            right=f"{right.value:.1%}",
            low=f"{right.low:.1%}",
            high=f"{right.high:.1%}",
        )
    ]
    matrix = confusion(test.targets, test.predicted, len(names))
    shares = np.diag(matrix) / np.maximum(matrix.sum(axis=1), 1)
    present = np.flatnonzero(matrix.sum(axis=1))
    weakest = int(present[np.argmin(shares[present])])
    if len(present) > 1 and shares[weakest] < 1:
        others = matrix[weakest].copy()
        others[weakest] = 0
        told.append(
            _(
                "It does worst with {weakest}, of which it recognises {share}; most of the others it takes for "
                "{other}.",
                weakest=names[weakest],
                share=f"{shares[weakest]:.1%}",
                other=names[int(others.argmax())],
            )
        )
    certain = test.probabilities.max(axis=1) >= sure if sure is not None else np.zeros(len(test), bool)
    if certain.any():
        told.append(
            _(
                "It is sure of {share} of the pictures, and of these {right} are right.",
                share=f"{certain.mean():.1%}",
                right=f"{(test.predicted == test.targets)[certain].mean():.1%}",
            )
        )
    return told


def scores(material: Material) -> Section:
    test, names = material.test, material.names
    report = classification_report(test.targets, test.predicted, test.group, len(names))
    section = Section("scores", _("Class by class"))
    _say_absent(section, test, names)
    if len(np.unique(test.predicted)) == 1 and len(np.unique(test.targets)) > 1:
        only = names[int(test.predicted[0])]
        section.words.append(_("Every picture got the answer {answer}.", answer=only))
    matrix = confusion(test.targets, test.predicted, len(names))
    section.parts.append(
        Table(
            "classification_report",
            _("Precision, recall and F1"),
            (_("class"), _("precision"), _("recall"), plain("F1"), _("pictures")),
            [
                (name, each.precision, each.recall, each.f1, each.support)
                for name, each in zip(names, report, strict=True)
            ],
        )
    )
    section.parts.append(
        Chart(
            "confusion_matrix",
            _("Confusion matrix"),
            lambda style: charts.confusion_matrix(matrix, names, style),
            _("Rows are the true classes, columns the answers. Numbers count test pictures; errors are red."),
        )
    )
    if np.trace(matrix) < matrix.sum():
        section.parts.append(_list_confusions(matrix, names))
    section.parts.append(_list_predictions(test, names))
    return section


def curves(material: Material) -> Section:
    test, names = material.test, material.names
    section = Section("curves", _("Ranking: ROC and precision–recall"))
    present = np.unique(test.targets)
    if len(present) < 2:
        raise CannotComputeError(_("The curves need test pictures of two classes at least."))
    # Of two classes one curve says all: the other's is its mirror image.
    shown = [1] if len(names) == 2 else [int(each) for each in present]
    probabilities = test.probabilities
    draws = _draws(len(test), len(shown))
    roc, recall = [], []
    for each in shown:
        positive = test.targets == each
        roc.append(
            charts.Curve(
                names[each],
                *roc_curve(probabilities[:, each], positive),
                auc(probabilities[:, each], positive, test.group),
            )
        )
        recall.append(
            charts.Curve(
                names[each],
                *precision_recall(probabilities[:, each], positive),
                average_precision(probabilities[:, each], positive, test.group, draws),
            )
        )
    against = _("each class against the rest")
    if len(names) == 2:
        against = _("{first} against {second}", first=names[1], second=names[0])
    section.parts = [
        Chart(
            "roc_curve",
            _("ROC curve"),
            lambda style: charts.roc_curve(roc, style),
            _("{against}, with the area under the curve.", against=against),
        ),
        Chart(
            "precision_recall",
            _("Precision and recall"),
            lambda style: charts.precision_recall(recall, style),
            _("{against}, with the average precision.", against=against),
        ),
        Table(
            "areas",
            _("Areas under the curves"),
            (_("class"), plain("AUC"), _("average precision")),
            [(a.name, a.score, b.score) for a, b in zip(roc, recall, strict=True)],
        ),
    ]
    return section


def training(bundle: Path) -> Section:
    try:
        epochs = json.loads((bundle / "metrics.json").read_text("utf-8"))["epochs"]
    except (OSError, ValueError, KeyError):
        raise CannotComputeError(
            _("The bundle has no metrics.json, so how the training went can't be drawn.")
        ) from None
    names = ("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds")
    section = Section("training", _("Training"))
    section.parts = [
        Chart(
            "loss_accuracy",
            _("Loss and accuracy"),
            lambda style: charts.loss_accuracy(epochs, style),
            _("Over {count} epochs, on train and validation.", count=len(epochs)),
        ),
        Table(
            "epochs",
            _("Epochs"),
            (
                _("epoch"),
                _("train loss"),
                _("train accuracy"),
                _("validation loss"),
                _("validation accuracy"),
                _("seconds"),
            ),
            [tuple(each[name] for name in names) for each in epochs],
        ),
    ]
    return section


def _macro_auc(test: Predictions) -> Score:
    return macro_auc(test.probabilities, test.targets, test.group, _draws(len(test), len(test.labels)))


def _draws(count: int, classes: int) -> int:
    return int(np.clip(_BUDGET // max(1, count * classes), 100, 1000))


def _say_absent(section: Section, test: Predictions, names: Sequence[Text]) -> None:
    counts = np.bincount(test.targets, minlength=len(names))
    absent = [names[number] for number in np.nonzero(counts == 0)[0].tolist()]
    single = [names[number] for number in np.nonzero(counts == 1)[0].tolist()]
    if absent:
        listed = join(absent)
        section.missing.append(_("No test picture, so no recall: {listed}.", listed=listed))
    if single:
        listed = join(single)
        section.missing.append(_("One test picture only, which says next to nothing: {listed}.", listed=listed))


def _list_confusions(matrix: np.ndarray, names: Sequence[Text]) -> Table:
    wrong = matrix - np.diag(np.diagonal(matrix))
    pairs: np.ndarray = np.argwhere(wrong > 0)
    pairs = pairs[np.argsort(-wrong[tuple(pairs.T)], kind="stable")]
    return Table(
        "confusions",
        _("What is taken for what"),
        (_("true class"), _("answer"), _("pictures")),
        [(names[row], names[column], int(wrong[row, column])) for row, column in pairs.tolist()],
    )


def _list_predictions(test: Predictions, names: Sequence[Text]) -> Table:
    probabilities = test.probabilities
    return Table(
        "predictions",
        _("Every test picture"),
        (_("picture"), _("true class"), _("answer"), _("confidence")),
        [
            (place, names[int(target)], names[int(answer)], float(row.max()))
            for place, target, answer, row in zip(test.places, test.targets, test.predicted, probabilities, strict=True)
        ],
    )
