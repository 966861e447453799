"""The sections on how good the answers are: class by class, as a ranking, and over the training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model_training.runtime.card import Text

from . import charts
from .document import CannotComputeError, Chart, Section, Table, both
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

#: Bootstrap draws × images × classes: beyond, fewer draws.
_BUDGET = 400_000_000


def measure_headline(test: Predictions) -> list[tuple[Text, Score]]:
    """Accuracy, macro-F1 and AUC of the test images; NaN where they can't be had."""
    classes = len(test.labels)
    probabilities = test.probabilities
    area = auc(probabilities[:, 1], test.targets == 1, test.group) if classes == 2 else _macro_auc(test)
    return [
        (both("accuracy", "정확도"), accuracy(test.targets, test.predicted, test.group)),
        (both("macro-F1", "매크로 F1"), macro_f1(test.targets, test.predicted, test.group, classes)),
        (both("AUC", "AUC"), area),
    ]


def scores(material: Material) -> Section:
    test, names = material.test, material.names
    report = classification_report(test.targets, test.predicted, test.group, len(names))
    section = Section("scores", both("Class by class", "클래스별 성적"))
    _say_absent(section, test, names)
    if len(np.unique(test.predicted)) == 1 and len(np.unique(test.targets)) > 1:
        only = names[int(test.predicted[0])]
        section.words.append(
            both(f"Every picture got the answer {only.en}.", f"모든 그림에 {only.ko}(이)라고 답했습니다.")
        )
    matrix = confusion(test.targets, test.predicted, len(names))
    section.parts.append(
        Table(
            "classification_report",
            both("Precision, recall and F1", "정밀도, 재현율, F1"),
            (
                both("class", "클래스"),
                both("precision", "정밀도"),
                both("recall", "재현율"),
                both("F1", "F1"),
                both("pictures", "그림 수"),
            ),
            [
                (name, each.precision, each.recall, each.f1, each.support)
                for name, each in zip(names, report, strict=True)
            ],
        )
    )
    section.parts.append(
        Chart(
            "confusion_matrix",
            both("Confusion matrix", "혼동 행렬"),
            lambda style: charts.confusion_matrix(matrix, names, style),
            both(
                "Rows are the true classes, columns the answers. Numbers count test pictures; errors are red.",
                "행은 실제 클래스, 열은 모델의 답입니다. 숫자는 평가 그림 수이고, 틀린 답은 붉은색입니다.",
            ),
        )
    )
    if np.trace(matrix) < matrix.sum():
        section.parts.append(_list_confusions(matrix, names))
    section.parts.append(_list_predictions(test, names))
    return section


def curves(material: Material) -> Section:
    test, names = material.test, material.names
    section = Section("curves", both("Ranking: ROC and precision–recall", "순위: ROC와 정밀도-재현율"))
    present = np.unique(test.targets)
    if len(present) < 2:
        raise CannotComputeError(
            "The curves need test pictures of two classes at least.",
            "평가 그림이 두 클래스 이상이어야 곡선을 그릴 수 있습니다.",
        )
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
    against = both("each class against the rest", "각 클래스와 나머지")
    if len(names) == 2:
        against = both(f"{names[1].en} against {names[0].en}", f"{names[1].ko} 대 {names[0].ko}")
    section.parts = [
        Chart(
            "roc_curve",
            both("ROC curve", "ROC 곡선"),
            lambda style: charts.roc_curve(roc, style),
            both(
                f"{against.en}, with the area under the curve.", f"{against.ko}의 ROC 곡선과 곡선 아래 넓이(AUC)입니다."
            ),
        ),
        Chart(
            "precision_recall",
            both("Precision and recall", "정밀도와 재현율"),
            lambda style: charts.precision_recall(recall, style),
            both(
                f"{against.en}, with the average precision.", f"{against.ko}의 정밀도-재현율 곡선과 평균 정밀도입니다."
            ),
        ),
        Table(
            "areas",
            both("Areas under the curves", "곡선 아래 넓이"),
            (both("class", "클래스"), both("AUC", "AUC"), both("average precision", "평균 정밀도")),
            [(a.name, a.score, b.score) for a, b in zip(roc, recall, strict=True)],
        ),
    ]
    return section


def training(bundle: Path) -> Section:
    try:
        epochs = json.loads((bundle / "metrics.json").read_text("utf-8"))["epochs"]
    except (OSError, ValueError, KeyError):
        raise CannotComputeError(
            "The bundle has no metrics.json, so how the training went can't be drawn.",
            "번들에 metrics.json이 없어 학습 과정을 그릴 수 없습니다.",
        ) from None
    names = ("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds")
    section = Section("training", both("Training", "학습 과정"))
    section.parts = [
        Chart(
            "loss_accuracy",
            both("Loss and accuracy", "손실과 정확도"),
            lambda style: charts.loss_accuracy(epochs, style),
            both(
                f"Over {len(epochs)} epochs, on train and validation.",
                f"에포크 {len(epochs)}번 동안의 학습·검증 수치입니다.",
            ),
        ),
        Table(
            "epochs",
            both("Epochs", "에포크"),
            tuple(
                both(name.replace("_", " "), korean)
                for name, korean in zip(
                    names, ("에포크", "학습 손실", "학습 정확도", "검증 손실", "검증 정확도", "초"), strict=True
                )
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
        section.missing.append(
            both(
                f"No test picture, so no recall: {_join([each.en for each in absent])}.",
                f"평가 그림이 없어 재현율을 알 수 없는 클래스: {_join([each.ko for each in absent])}.",
            )
        )
    if single:
        section.missing.append(
            both(
                f"One test picture only, which says next to nothing: {_join([each.en for each in single])}.",
                f"평가 그림이 한 장뿐이라 수치에 의미가 거의 없는 클래스: {_join([each.ko for each in single])}.",
            )
        )


def _join(words: Sequence[str], most: int = 10) -> str:
    return ", ".join(words[:most]) + (" …" if len(words) > most else "")


def _list_confusions(matrix: np.ndarray, names: Sequence[Text]) -> Table:
    wrong = matrix - np.diag(np.diagonal(matrix))
    pairs: np.ndarray = np.argwhere(wrong > 0)
    pairs = pairs[np.argsort(-wrong[tuple(pairs.T)], kind="stable")]
    return Table(
        "confusions",
        both("What is taken for what", "무엇을 무엇으로 잘못 보는가"),
        (both("true class", "실제 클래스"), both("answer", "답"), both("pictures", "그림 수")),
        [(names[row], names[column], int(wrong[row, column])) for row, column in pairs.tolist()],
    )


def _list_predictions(test: Predictions, names: Sequence[Text]) -> Table:
    probabilities = test.probabilities
    return Table(
        "predictions",
        both("Every test picture", "모든 평가 그림"),
        (
            both("picture", "그림"),
            both("true class", "실제 클래스"),
            both("answer", "답"),
            both("confidence", "확신도"),
        ),
        [
            (place, names[int(target)], names[int(answer)], float(row.max()))
            for place, target, answer, row in zip(test.places, test.targets, test.predicted, probabilities, strict=True)
        ],
    )
