"""The sections that audit data and model, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model_training.runtime.card import Text

from . import charts
from .alterations import CORRUPTIONS, SHORTCUTS
from .audits import Shortcut, find_label_errors, find_leaks, frozen_features, predict_altered, probe_shortcut, slices
from .compare import Comparison, compare
from .document import CannotComputeError, Chart, LabelReview, Section, Table, both, file_name
from .material import Material, describe_images
from .metrics import Score, grouped_share
from .predictions import Evaluated, Predictions
from .projections import sample

#: Images of each split that are altered and predicted again.
ALTERED = 200
REVIEWED = 60
_SPLITS = {
    "train": both("train", "학습"),
    "validation": both("validation", "검증"),
    "test": both("test", "평가"),
    "aside": both("set aside", "제외"),
}


def leaks(found: Evaluated) -> Section:
    section = Section("leaks", both("Copies across the splits", "분할을 넘나드는 중복"))
    pairs = find_leaks(found.predictions.places, found.predictions.split, found.copies)
    aside = sum("aside" in (pair.first_split, pair.second_split) for pair in pairs)
    if not pairs:
        section.words.append(
            both(
                "No picture lies in two splits, exactly or nearly.",
                "같거나 거의 같은 그림이 두 분할에 걸쳐 있지 않습니다.",
            )
        )
        return section
    section.words.append(
        both(
            f"{len(pairs)} pictures have a copy in another split; {aside} of them were set aside before training, "
            "so that "
            f"{len(pairs) - aside} remain.",
            f"다른 분할에 중복이 있는 그림이 {len(pairs)}장 있습니다. 그중 {aside}장은 학습 전에 제외했고 "
            f"{len(pairs) - aside}장이 남아 있습니다.",
        )
    )
    section.parts.append(
        Table(
            "leaks",
            both("Copies", "중복된 그림"),
            (
                both("picture", "그림"),
                both("split", "분할"),
                both("its copy", "중복"),
                both("split of the copy", "중복의 분할"),
            ),
            [(pair.first, _SPLITS[pair.first_split], pair.second, _SPLITS[pair.second_split]) for pair in pairs],
        )
    )
    return section


def label_errors(material: Material, evaluated: Evaluated) -> Section:
    everything = material.all
    frozen = frozen_features(evaluated, everything)
    features = everything.features if frozen is None else frozen
    try:
        found = find_label_errors(features, everything.targets, everything.group)
    except ValueError as error:
        raise CannotComputeError(
            f"Doubtful labels can't be looked for: {error}.",
            "다섯 장 이상인 클래스가 둘 이상 있어야 의심스러운 라벨을 찾을 수 있습니다.",
        ) from None
    section = Section("labels", both("Doubtful labels", "의심스러운 라벨"))
    count = int(found.probable.sum())
    agreed = float((found.suggested == everything.targets[found.rows]).mean())
    seen = both(
        "The network was trained on the training labels, so that it may hide their errors.",
        "신경망은 학습 라벨을 이미 보았으므로 학습 그림의 오류는 가려질 수 있습니다.",
    )
    if frozen is not None:
        seen = both(
            "The features are those of the network before training, which had seen none of these labels.",
            "특징은 이 라벨을 하나도 보지 않은, 학습하기 전의 신경망에서 얻었습니다.",
        )
    section.words.append(
        both(
            f"{count} of {len(found.rows)} labels are doubtful: a classifier that had not seen the label (logistic "
            "regression on the network's features, five folds) is as sure of another class as of that class's own "
            f"pictures. It agrees with {agreed:.0%} of all labels; the fewer, the more doubts are its own errors."
            f" {seen.en}",
            f"라벨 {len(found.rows)}개 가운데 {count}개가 의심스럽습니다. 그 라벨을 보지 않은 분류기(신경망 특징에 대한"
            " 로지스틱 회귀, 5겹 교차 검증)가 다른 클래스를, 그 클래스의 그림을 볼 때만큼 확신하는 경우입니다. 이 "
            f"분류기는 전체 라벨의 {agreed:.0%}에 동의합니다. 이 비율이 낮을수록 분류기 쪽이 틀렸을 가능성이 "
            f"큽니다. {seen.ko}",
        )
    )
    names = material.names
    section.parts.append(
        Table(
            "label_errors",
            both("All labels, the most doubtful first", "모든 라벨(의심스러운 것부터)"),
            (
                both("path", "경로"),
                both("label", "라벨"),
                both("suggested", "제안"),
                both("belief in the label", "라벨을 믿는 정도"),
                both("doubtful", "의심스러움"),
            ),
            [
                (
                    everything.places[row],
                    everything.labels[everything.targets[row]],
                    everything.labels[suggested],
                    float(belief),
                    both("yes", "예") if probable else both("no", "아니요"),
                )
                for row, suggested, belief, probable in zip(
                    found.rows.tolist(), found.suggested.tolist(), found.belief, found.probable.tolist(), strict=True
                )
            ],
        )
    )
    doubted = found.suggested != everything.targets[found.rows]
    first = found.rows[doubted][:REVIEWED]
    if len(first):
        section.parts.append(
            LabelReview(
                "label_review",
                both("Review", "검토"),
                describe_images(everything.take(first), names),
                [everything.labels[each] for each in found.suggested[doubted][:REVIEWED]],
                list(zip(everything.places, [everything.labels[each] for each in everything.targets], strict=True)),
            )
        )
    return section


def shortcuts(material: Material, found: Evaluated) -> Section:
    train, test = _some(material.train), _some(material.test)
    if len(np.unique(train.targets)) < 2 or not len(test):
        raise CannotComputeError(
            "The probes need training pictures of two classes and test pictures.",
            "지름길을 살피려면 두 클래스 이상의 학습 그림과 평가 그림이 있어야 합니다.",
        )
    section = Section("shortcuts", both("Shortcuts", "지름길"))
    chance = float(np.bincount(test.targets).max() / len(test))
    results = [probe_shortcut(found, train, test, name, alter) for name, alter in SHORTCUTS]
    section.words.append(
        both(
            f"What can still be told when most of a picture is taken away: measured on {len(test)} test pictures, "
            "a fresh "
            f"linear classifier trained on {len(train)}. Always saying the commonest class is right in {chance:.0%}.",
            f"그림의 대부분을 지우고도 알아맞히는지 평가 그림 {len(test)}장으로 살폈습니다. 선형 분류기는 학습 "
            f"그림 {len(train)}장으로 "
            f"새로 학습했습니다. 늘 가장 흔한 클래스라고 답하면 {chance:.0%}를 맞힙니다.",
        )
    )
    section.words += [phrase_shortcut(each, chance) for each in results]
    section.parts.append(
        Table(
            "shortcuts",
            both("Accuracy on what is left", "남은 정보로 낸 정확도"),
            (both("what is left", "남긴 것"), both("the model", "모델"), both("a linear classifier", "선형 분류기")),
            [(each.name, each.model, each.probe) for each in results],
        )
    )
    return section


def corruptions(material: Material, found: Evaluated) -> Section:
    test = _some(material.test)
    if not len(test):
        raise CannotComputeError("There is no test picture.", "평가 그림이 없습니다.")
    plain = grouped_share(test.predicted == test.targets, test.group)
    curves: list[tuple[Text, list[Score]]] = []
    for name, strengths in CORRUPTIONS:
        scores = [plain]
        for strength, alter in enumerate(strengths, 1):
            altered = predict_altered(found, test, f"{name.en} {strength}", alter)
            scores.append(grouped_share(altered.predicted == test.targets, test.group))
        curves.append((name, scores))
    chance = float(np.bincount(test.targets).max() / len(test))
    section = Section("corruptions", both("Worse pictures", "상태가 나쁜 그림"))
    words = both(
        f"On {len(test)} test pictures; 0 is the picture as it is.", f"평가 그림 {len(test)}장, 0은 원래 그림입니다."
    )
    section.parts = [
        Chart(
            "corruption_curves",
            both("Accuracy as pictures get worse", "그림 상태에 따른 정확도"),
            lambda style: charts.corruption_curves(curves, chance, style),
            words,
        ),
        Table(
            "corruptions",
            both("Accuracy by strength", "강도별 정확도"),
            (both("what happens", "변화"), *(both(f"strength {n}", f"강도 {n}") for n in range(4))),
            [(name, *scores) for name, scores in curves],
        ),
    ]
    return section


def by_column(material: Material) -> Section:
    found = slices(material.test)
    if not found:
        raise CannotComputeError(
            "The dataset has no further columns, so there are no slices.",
            "데이터에 다른 열이 없어 나누어 볼 수 없습니다.",
        )
    section = Section("slices", both("Slices", "나누어 보기"))
    for name, scores in found.items():
        section.parts.append(
            Table(
                f"slice_{file_name(name)}",
                both(name, name),
                (both("value", "값"), both("accuracy", "정확도"), both("pictures", "그림 수")),
                [(value, score, score.images) for value, score in scores],
            )
        )
    return section


def comparison(material: Material, name: str, other: Predictions) -> Section:
    """`other`: another model's predictions on the same folder; compared where both see a test image."""
    test = material.test
    rows = {place: row for row, place in enumerate(other.places)}
    shared = [place in rows and other.split[rows[place]] == "test" for place in test.places]
    mine = test.where(np.array(shared, bool))
    if not len(mine) or other.labels != mine.labels:
        raise CannotComputeError(
            f"{name} does not share test pictures and classes with this model.",
            f"{name}와(과)는 평가 그림이나 클래스가 같지 않습니다.",
        )
    theirs = other.take(np.array([rows[place] for place in mine.places]))
    found = compare(mine.predicted == mine.targets, theirs.predicted == theirs.targets, mine.group)
    section = Section("comparison", both(f"Against {name}", f"{name}와(과) 비교"))
    section.words.append(found.words)
    section.parts.append(_list_comparison(found))
    return section


def _some(predictions: Predictions) -> Predictions:
    return predictions.take(sample(len(predictions), ALTERED))


def phrase_shortcut(found: Shortcut, chance: float) -> Text:
    """Whether the classes can be told, which the fresh classifier answers, and whether the model itself still does."""
    probe, model = (f"{each.value:.0%} ({each.low:.0%}–{each.high:.0%})" for each in (found.probe, found.model))
    told = found.probe.low > chance
    en = "the classes can be told" if told else "nothing shows that the classes can be told"
    ko = "클래스를 구별할 수 있습니다" if told else "클래스를 구별할 수 있다는 증거가 없습니다"
    return both(
        f"From {found.name.en}, {en}: a classifier trained on that is right in {probe}, the model as it is in {model}.",
        f"{found.name.ko}: {ko}. 여기에 맞춰 새로 학습한 분류기는 {probe}, 모델은 그대로 {model}를 맞힙니다.",
    )


def _list_comparison(found: Comparison) -> Table:
    rows: Sequence[tuple[Text, float | int | Score]] = [
        (both("difference of accuracy", "정확도 차이"), found.difference),
        (both("only this model is right", "이 모델만 맞힌 그림"), found.only_first),
        (both("only the other is right", "상대 모델만 맞힌 그림"), found.only_second),
        (both("p (McNemar, exact)", "p(맥니머 정확 검정)"), found.p_value),
    ]
    return Table("comparison", both("Paired comparison", "짝지은 비교"), (both("", ""), both("figure", "수치")), rows)
