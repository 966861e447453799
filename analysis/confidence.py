"""The sections on what confidence means and on images of another kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model_training.evaluation.conformal import BINS
from model_training.runtime.card import OutOfDistribution, Text
from model_training.runtime.classifier import softmax
from model_training.runtime.ood import energy, load_nearest_neighbours

from . import charts
from .calibration import Calibrated, ConformalSets, measure_calibration, measure_conformal
from .document import CannotComputeError, Chart, Section, Table, both
from .material import Material
from .metrics import Score
from .ood import Refusal, measure_ood
from .predictions import Evaluated, Predictions


def calibration(material: Material) -> Section:
    test, validation = material.test, material.validation
    if not len(test):
        raise CannotComputeError("There is no test picture.", "평가 그림이 없습니다.")
    before = measure_calibration(softmax(test.logits), test.targets, test.group)
    after = measure_calibration(test.probabilities, test.targets, test.group)
    section = Section("calibration", both("What confidence means", "확신도의 의미"))
    section.words.append(_phrase_calibration(before, after, len(test), test.temperature))
    section.parts = [
        Chart(
            "reliability",
            both("Reliability diagram", "신뢰도 도표"),
            lambda style: charts.reliability(before, after, style),
            both(
                "On the dashed line an answer is as often right as it is confident. Bars are 95% intervals.",
                "점선 위에 있으면 확신하는 만큼 맞힌다는 뜻입니다. 세로 막대는 95% 구간입니다.",
            ),
        ),
        _list_bins(after),
    ]
    if not len(validation):
        section.missing.append(
            both(
                "Sets of classes with a stated coverage need validation pictures, and there are none.",
                "포함률을 보장하는 예측 집합을 만들려면 검증 그림이 필요한데, 하나도 없습니다.",
            )
        )
        return section
    found = measure_conformal(
        (validation.probabilities, validation.targets), (test.probabilities, test.targets), test.group
    )
    section.words.append(_phrase_conformal(found, len(validation)))
    section.parts.append(
        Table(
            "conformal_sets",
            both("Sizes of the prediction sets", "예측 집합의 크기"),
            (both("classes in the set", "집합에 든 클래스 수"), both("test pictures", "평가 그림 수")),
            list(found.sizes.items()),
        )
    )
    return section


def unknown(material: Material, found: Evaluated, unlike: Sequence[tuple[str, Predictions]]) -> Section:
    """`unlike`: name → images that the model is not made for."""
    served = found.card.ood
    if served is None:
        raise CannotComputeError(
            "The bundle knows no verdict “unknown”: make it again (make train).",
            "이 모델은 ‘모르는 그림’ 판정을 하지 않습니다. 모델을 다시 만들어 주세요(make train).",
        )
    section = Section("unknown", both("Pictures of another kind", "다른 종류의 그림"))
    section.words.append(_phrase_served(served))
    test = material.test
    if not unlike or not len(test):
        section.missing.append(
            both(
                "No unlike pictures were given (--unlike FOLDER), so how well the model refuses them was not measured.",
                "모델과 무관한 그림을 주지 않아(--unlike 폴더) 얼마나 잘 거절하는지 재지 못했습니다.",
            )
            if not unlike
            else both("There is no test picture.", "평가 그림이 없습니다.")
        )
        return section
    neighbours = load_nearest_neighbours(found.bundle)

    def measure(some: Predictions) -> dict[str, np.ndarray]:
        return {"energy": energy(some.logits, some.temperature), "knn": neighbours(some.features)}

    rows: list[tuple[str, Score, Score, Score, Score]] = []
    for name, images in unlike:
        if not len(images):
            section.missing.append(both(f"{name}: no picture got an answer.", f"{name}: 답을 얻은 그림이 없습니다."))
            continue
        result = measure_ood(served, measure(test), measure(images), test.group)
        section.words.append(_phrase_unknown(name, len(images), result))
        rows.append((name, result.auroc["energy"], result.auroc["knn"], result.rejected, result.caught))
    section.parts.append(
        Table(
            "unknown",
            both("Test pictures against unlike ones", "평가 그림과 다른 종류의 그림"),
            (
                both("pictures", "그림"),
                both("AUROC, energy", "AUROC(에너지)"),
                both("AUROC, neighbours", "AUROC(최근접)"),
                both("test pictures refused", "거절한 평가 그림"),
                both("unlike pictures caught", "걸러 낸 다른 그림"),
            ),
            rows,
        )
    )
    return section


def _list_bins(measured: Calibrated) -> Table:
    return Table(
        "reliability",
        both("Reliability after scaling", "보정 후 신뢰도"),
        (
            both("confidence from", "확신도 하한"),
            both("to", "상한"),
            both("mean", "평균"),
            both("accuracy", "정확도"),
            both("pictures", "그림 수"),
        ),
        [(each.low, each.high, each.confidence, each.accuracy, each.images) for each in measured.bins],
    )


def _phrase_calibration(before: Calibrated, after: Calibrated, count: int, temperature: float) -> Text:
    mean, limit = after.by_chance
    fine = after.error.value <= limit
    en = (
        f"Over {count} test pictures the expected calibration error ({BINS} bins of equal width) is "
        f"{before.error.value:.3f} before and {after.error.value:.3f} after scaling (temperature {temperature:.2f}). "
        f"A perfectly calibrated model would show {mean:.3f} on as many pictures, and up to {limit:.3f}: "
    )
    ko = (
        f"평가 그림 {count}장에서 기대 보정 오차(ECE, 같은 너비의 구간 {BINS}개)는 보정 전 {before.error.value:.3f}, "
        f"보정 후 {after.error.value:.3f}입니다(온도 {temperature:.2f}). 완벽하게 보정된 모델이라도 "
        f"이만한 수의 그림에서는 {mean:.3f}, 많게는 {limit:.3f}까지 나옵니다. "
    )
    return both(
        en
        + ("nothing speaks against the confidences." if fine else "the confidences are not to be taken at their word."),
        ko + ("확신도를 의심할 근거가 없습니다." if fine else "확신도를 그대로 믿어서는 안 됩니다."),
    )


def _phrase_conformal(found: ConformalSets, validation: int) -> Text:
    share, low, high = found.coverage.value, *found.expected
    return both(
        f"Sets of classes made to hold the true one in {found.wanted:.0%} of cases (split conformal prediction from "
        f"{validation} validation pictures: every class with a probability of at least "
        f"{found.min_probability:.3f}) hold it in {share:.1%} of the test pictures, where {low:.1%}–{high:.1%} "
        "is to be "
        f"expected. "
        f"A set has {found.mean_size:.2f} classes on average.",
        f"정답이 {found.wanted:.0%}의 경우에 들어가도록 만든 예측 집합(검증 그림 {validation}장으로 만든 "
        f"분할 컨포멀 예측, 확률 {found.min_probability:.3f} 이상인 클래스 모두)에는 평가 그림의 {share:.1%}에서 "
        f"정답이 들어 있었습니다. "
        f"기대 범위는 {low:.1%}–{high:.1%}입니다. 집합 하나에 든 클래스는 평균 {found.mean_size:.2f}개입니다.",
    )


_METHODS = {
    "energy": both("the energy score", "에너지 점수"),
    "knn": both("the distance to training pictures", "학습 그림까지의 거리"),
}


def _phrase_served(served: OutOfDistribution) -> Text:
    method, told = _METHODS[served.method], served.auroc_spoiled
    return both(
        f"A picture is called unknown by {method.en}. It was chosen because it best told the {served.fitted_on} "
        f"validation pictures from spoiled copies of them (AUROC: energy {told['energy']:.3f}, neighbours "
        f"{told['knn']:.3f}); its bound refuses {served.rejected:.1%} of them.",
        f"모르는 그림인지는 {method.ko}로 판정합니다. 검증 그림 {served.fitted_on}장과 그 그림을 일부러 망가뜨린 "
        f"사본을 가장 잘 구별한 점수이며(AUROC: 에너지 {told['energy']:.3f}, 최근접 {told['knn']:.3f}), "
        f"문턱값을 넘는 검증 그림은 {served.rejected:.1%}입니다.",
    )


def _phrase_unknown(name: str, count: int, found: Refusal) -> Text:
    score, caught, rejected = found.auroc[found.method], found.caught, found.rejected
    method = _METHODS[found.method]
    return both(
        f"{name} ({count} pictures): by {method.en} test pictures are told from these with an AUROC of "
        f"{score.value:.3f} ({score.low:.3f}–{score.high:.3f}). {caught.value:.1%} of them are called unknown, and "
        f"{rejected.value:.1%} ({rejected.low:.1%}–{rejected.high:.1%}) of the test pictures.",
        f"{name} 그림 {count}장: {method.ko}로 평가 그림과 구별한 AUROC는 "
        f"{score.value:.3f}({score.low:.3f}–{score.high:.3f})입니다. 이 그림의 {caught.value:.1%}, 평가 그림의 "
        f"{rejected.value:.1%}({rejected.low:.1%}–{rejected.high:.1%})를 모르는 그림이라고 판정합니다.",
    )
