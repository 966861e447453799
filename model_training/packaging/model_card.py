"""`MODEL_CARD.md`: what the card says, for people (Mitchell et al. 2019), in English and then in Korean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ..runtime.card import Card, DetectorCard, Metric, ModelCard, Text
from ..runtime.files import write_text

NAME = "MODEL_CARD.md"


def both(en: str, ko: str) -> Text:
    return Text(en=en, ko=ko)


_FIGURES = {
    "accuracy": both("accuracy", "정확도"),
    "macro_f1": both("macro-F1", "매크로 F1"),
    "map50": both("mAP50 of the boxes", "상자의 mAP50"),
    "map50_95": both("mAP50-95 of the boxes", "상자의 mAP50-95"),
}
_SPLITS = {"train": both("train", "학습"), "validation": both("validation", "검증"), "test": both("test", "평가")}
_METHODS = {
    "wilson": both("Wilson", "윌슨"),
    "resampling": both("resampling", "재표집"),
    "bootstrap": both("bootstrap", "부트스트랩"),
}


def write_model_card(card: Card, folder: Path) -> Path:
    """Write `folder/MODEL_CARD.md` by way of a temporary name."""
    path = folder / NAME
    write_text(path, describe_model(card))
    return path


def describe_model(card: Card) -> str:
    """Markdown; nothing in it that the card does not say."""
    english = _describe(card, lambda text: text.en)
    korean = _describe(card, lambda text: text.ko)
    return f"{english}\n---\n\n{korean}\n{_cite(card)}"


def _describe(card: Card, say: Callable[[Text], str]) -> str:
    titles = {label.key: say(label.title) for label in card.labels}
    classes = ", ".join(title if title == key else f"{title} (`{key}`)" for key, title in titles.items())
    sections: list[tuple[Text, Sequence[str]]] = [
        (both("What it does", "하는 일"), [say(card.summary), "", f"{say(both('Classes', '클래스'))}: {classes}."]),
        (both("What it can't do", "한계"), [say(card.limits)]),
        (both("Data", "데이터"), _describe_data(card, titles, say)),
        (both("How good it is", "성능"), _describe_figures(card, titles, say)),
        *([(both("Confidence", "확신도"), _describe_confidence(card, say))] if isinstance(card, ModelCard) else []),
        *([(both("Boxes", "상자"), [say(_describe_boxes(card))])] if isinstance(card, DetectorCard) else []),
        (both("How it was made", "만든 방법"), [" ".join(say(each) for each in _describe_making(card))]),
    ]
    parts = [f"# {say(card.title)}", "", f"{card.name} {card.version}", ""]
    for title, lines in sections:
        parts += [f"## {say(title)}", "", *lines, ""]
    return "\n".join(parts)


def _describe_data(card: Card, titles: dict[str, str], say: Callable[[Text], str]) -> list[str]:
    data = card.data
    counted = [name for name in _SPLITS if name in data.counts]
    rows = [[title, *(str(data.counts[name].get(key, 0)) for name in counted)] for key, title in titles.items()]
    origin = both(
        "Every picture was drawn by a program; it is free to use under this project's licence.",
        "모든 그림을 프로그램이 그렸으며, 이 프로젝트의 라이선스에 따라 자유롭게 쓸 수 있습니다.",
    )
    if not data.procedural:
        origin = both(
            "The card does not record the pictures' licences: whoever publishes the model must look into them.",
            "그림의 이용 조건은 기록되어 있지 않으므로, 모델을 공개하려면 먼저 확인해야 합니다.",
        )
    copies = both(
        f"{data.exact_duplicates} exact and {data.near_duplicates} near duplicates were kept on one side of the split. "
        "Test pictures had no part in training or in the choice of anything.",
        f"같은 그림 {data.exact_duplicates}장과 거의 같은 그림 {data.near_duplicates}장은 한 분할에만 두었습니다. "
        "평가 그림은 학습에도, 무엇을 고르는 데에도 쓰지 않았습니다.",
    )
    header = [say(_name_classes(card)), *(say(_SPLITS[name]) for name in counted)]
    return [f"{say(data.name)}. {say(origin)}", "", *_table(header, rows), "", say(copies)]


def _describe_figures(card: Card, titles: dict[str, str], say: Callable[[Text], str]) -> list[str]:
    if not card.metrics:
        return [say(both("The card has no figures.", "기록된 수치가 없습니다."))]
    intervals = [_describe_figure(each, say) for each in card.metrics]
    header = [
        say(each)
        for each in (
            both("figure", "지표"),
            both("value", "값"),
            both("95% interval", "95% 구간"),
            both("pictures", "그림 수"),
            both("split", "분할"),
            both("method", "방법"),
        )
    ]
    lines = _table(header, intervals)
    if card.class_metrics:
        header = [
            say(each)
            for each in (
                both("class, test", "클래스(평가)"),
                both("precision", "정밀도"),
                both("recall", "재현율"),
                both("F1", "F1"),
                both("objects", "사물 수") if isinstance(card, DetectorCard) else both("pictures", "그림 수"),
            )
        ]
        rows = [
            [titles[each.key], f"{each.precision:.3f}", f"{each.recall:.3f}", f"{each.f1:.3f}", str(each.support)]
            for each in card.class_metrics
        ]
        lines += ["", *_table(header, rows)]
    return lines


def _name_classes(card: Card) -> Text:
    return both("class (objects)", "클래스(사물 수)") if isinstance(card, DetectorCard) else both("class", "클래스")


def _describe_boxes(card: DetectorCard) -> Text:
    part = card.detector
    return both(
        f"Boxes with a score below {part.score:g} are dropped, and of two that overlap by an IoU of more than "
        f"{part.iou:g} the worse.",
        f"점수가 {part.score:g}보다 낮은 상자는 버리고, 두 상자가 IoU {part.iou:g}보다 많이 겹치면 점수가 낮은 쪽을 "
        "버립니다.",
    )


def _describe_figure(figure: Metric, say: Callable[[Text], str]) -> list[str]:
    return [
        say(_FIGURES.get(figure.name, both(figure.name, figure.name))),
        f"{figure.value:.3f}",
        f"{figure.low:.3f}–{figure.high:.3f}",
        str(figure.images),
        say(_SPLITS[figure.split]),
        say(_METHODS.get(figure.interval, both(figure.interval, figure.interval))),
    ]


def _describe_confidence(card: ModelCard, say: Callable[[Text], str]) -> list[str]:
    """The temperature and the threshold; then, as far as the card has them, what they and the sets are worth."""
    told = [_describe_thresholds(card)]
    calibration, conformal, unknown = card.calibration, card.conformal, card.ood
    if calibration.ece_after is not None and calibration.ece_before is not None:
        told.append(
            both(
                f"On {calibration.ece_images} test pictures its confidence was off by "
                f"{calibration.ece_after:.3f} on average (expected calibration error; "
                f"{calibration.ece_before:.3f} before scaling).",
                f"평가 그림 {calibration.ece_images}장에서 확신도는 정확도와 평균 "
                f"{calibration.ece_after:.3f}만큼 어긋났습니다(기대 보정 오차, 보정 전 "
                f"{calibration.ece_before:.3f}).",
            )
        )
    if conformal is not None:
        told.append(
            both(
                f"The sets of classes that are meant to hold the true one in {conformal.target_coverage:.0%} of cases: "
                f"they did in {conformal.coverage:.1%} of {conformal.images} test pictures.",
                f"예측 집합은 {conformal.target_coverage:.0%}의 그림에서 정답을 담도록 정했고, "
                f"평가 그림 {conformal.images}장 가운데 {conformal.coverage:.1%}에서 그러했습니다.",
            )
        )
    if unknown is not None:
        told.append(
            both(
                f"The verdict `unknown`, for pictures unlike those of the training, refuses {unknown.rejected:.1%} of "
                "the validation pictures, too. It does not catch every strange picture.",
                f"학습한 그림과 다른 그림에 내리는 `unknown` 판정은 검증 그림의 {unknown.rejected:.1%}도 거부합니다. "
                "낯선 그림을 모두 걸러 내지는 못합니다.",
            )
        )
    return [" ".join(say(each) for each in told)]


def _describe_thresholds(card: ModelCard) -> Text:
    temperature, fitted = card.calibration.temperature, card.calibration.fitted_on
    sure, above = card.thresholds.sure, card.thresholds.precision_above
    reached = both("", "")
    if above is not None:
        reached = both(
            f" Of the validation pictures above it, {above:.1%} were right.",
            f" 그 이상인 검증 그림에서는 {above:.1%}를 맞혔습니다.",
        )
    return both(
        f"Logits are divided by {temperature:.3g}, which was fitted on {fitted} validation pictures. An answer "
        "counts as sure "
        f"from a confidence of {sure:.3g}.{reached.en}",
        f"로짓을 {temperature:.3g}(검증 그림 {fitted}장으로 맞춘 온도)로 나눕니다. 확신도가 {sure:.3g} 이상이면 "
        "확실한 답으로 "
        f"봅니다.{reached.ko}",
    )


def _describe_making(card: Card) -> list[Text]:
    network, made = card.network, card.provenance
    minutes = made.seconds / 60
    size = f"{network.parameters / 1e6:.1f}"
    told = [
        both(
            f"{network.backbone} with {size} million parameters, trained in {minutes:.0f} minutes on {made.device} on "
            f"{made.created[:10]}, by code {made.code}. The recipe and the versions of all libraries stand in "
            f"card.json; the pictures' fingerprint is {card.data.fingerprint[:16]}.",
            f"매개변수 {size}백만 개의 {network.backbone}을(를) {made.created[:10]}에 {made.device}에서 "
            f"{minutes:.0f}분 동안 학습했습니다(코드 {made.code}). 레시피와 라이브러리 버전은 card.json에 있고, 그림의 "
            f"지문은 {card.data.fingerprint[:16]}입니다.",
        )
    ]
    if network.members:
        members = ", ".join(f"{each.name} {each.version} ({each.backbone})" for each in network.members)
        told.append(
            both(
                "It answers with the mean of the calibrated probabilities of "
                f"{len(network.members)} networks: {members}.",
                f"신경망 {len(network.members)}개가 보정한 확률의 평균으로 답합니다: {members}.",
            )
        )
    if teachers := _list_teachers(made.recipe):
        told.append(
            both(
                f"Besides the labels it learned the softened answers of {teachers} (distillation).",
                f"라벨과 함께 {teachers}의 부드러운 답을 배웠습니다(지식 증류).",
            )
        )
    return told


def _list_teachers(recipe: dict[str, object]) -> str:
    training = recipe.get("training")
    distillation = training.get("distillation") if isinstance(training, dict) else None
    return ", ".join(Path(each).name for each in distillation["teachers"]) if distillation else ""


def _cite(card: Card) -> str:
    year = card.provenance.created[:4]
    return (
        "## How to cite · 인용\n\n```bibtex\n"
        f"@misc{{hwapung_{card.name}_{year},\n"
        f"  title = {{{card.title.en} {card.name} {card.version}}},\n"
        f"  author = {{{{Hwapung}}}},\n"
        f"  year = {{{year}}},\n"
        f"  note = {{code {card.provenance.code}, data {card.data.fingerprint[:16]}}}\n}}\n```\n"
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table; a bar in a class's name would start a new cell."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    first, *rest = [f"| {' | '.join(row)} |" for row in cells]
    return [first, "|" + "---|" * len(header), *rest]
