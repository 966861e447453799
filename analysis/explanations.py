"""Where the network looked: heatmaps of right and wrong answers, class by class."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np

from model_training.runtime.card import Text
from model_training.runtime.classifier import softmax
from model_training.runtime.execution import TorchExecution
from model_training.runtime.explain import Explainer
from model_training.runtime.network import ClassificationNetwork

from .document import CannotComputeError, CaptionedImage, Section, Sheet, both, file_name
from .faithfulness import measure_faithfulness
from .material import Material, describe_images
from .predictions import Predictions
from .projections import sample

EXAMPLES = 3
#: Images whose maps are checked.
MEASURED = 16
#: With more classes, those with the most wrong answers are shown.
MOST_CLASSES = 20


def heatmaps(material: Material, network: ClassificationNetwork, device: str) -> Section:
    """`gradcam_<class>`: up to three right and three wrong answers for images of each class."""
    test, names = material.test, material.names
    section = Section("heatmaps", both("Where it looked", "어디를 보고 판단했나"))
    chosen = {number: _choose(test, number) for number in _choose_classes(test, len(names))}
    if not any(len(rows) for rows in chosen.values()):
        raise CannotComputeError("There is no test picture.", "평가 그림이 없습니다.")
    try:
        explainer = Explainer(network, device)
        for number, rows in chosen.items():
            some = test.take(rows)
            pixels = np.ascontiguousarray(some.pixels[some.rows])
            maps = explainer.heatmaps(pixels, [int(answer) for answer in some.predicted])
            described = describe_images(some, names)
            images = [
                CaptionedImage(overlay(each, heat), image.caption, image.wrong, image.place)
                for each, heat, image in zip(pixels, maps, described, strict=True)
            ]
            section.parts.append(Sheet(f"gradcam_{file_name(test.labels[number])}", names[number], images))
    except (ValueError, TypeError, AttributeError, RuntimeError) as error:
        # Which networks have maps to weigh is the library's knowledge, and it says so in many ways.
        raise CannotComputeError(
            f"Grad-CAM does not work on this network ({error}).", f"이 신경망에는 Grad-CAM을 쓸 수 없습니다({error})."
        ) from error
    section.words.append(
        both(
            "Grad-CAM: bright is what spoke for the answer that was given. Red frames are wrong answers.",
            "Grad-CAM 그림입니다. 밝은 곳이 그 답을 내린 근거이고, 붉은 테두리는 틀린 답입니다.",
        )
    )
    section.words.append(_measure(material, network, explainer))
    if len(names) > MOST_CLASSES:
        section.missing.append(
            both(
                f"{MOST_CLASSES} of {len(names)} classes are shown: those with the most wrong answers.",
                f"클래스 {len(names)}개 가운데 틀린 답이 많은 {MOST_CLASSES}개만 보여 드립니다.",
            )
        )
    if absent := [names[number] for number, rows in chosen.items() if not len(rows)]:
        section.missing.append(_say_absent(absent))
    return section


def _measure(material: Material, network: ClassificationNetwork, explainer: Explainer) -> Text:
    """Whether the maps show more than random ones, by deletion and insertion."""
    test = material.test
    some = test.take(sample(len(test), MEASURED))
    pixels = np.ascontiguousarray(some.pixels[some.rows])
    execute = TorchExecution(network, str(explainer.device))

    def probability(altered: np.ndarray, classes: np.ndarray) -> np.ndarray:
        return softmax(execute(altered), some.temperature)[np.arange(len(classes)), classes]

    maps = explainer.heatmaps(pixels, [int(answer) for answer in some.predicted])
    found = measure_faithfulness(probability, pixels, maps, some.predicted, some.group)
    told = found.gain.low > 0
    figures = f"{found.map.value:.2f}", f"{found.random.value:.2f}", f"{found.gain.low:.2f}–{found.gain.high:.2f}"
    return both(
        f"Checked on {len(some)} test pictures by deletion and insertion (blurring the brightest places first, and "
        f"restoring them first): the maps reach {figures[0]}, random maps {figures[1]} (difference {figures[2]}, "
        f"higher is better). "
        + ("They show what the network used." if told else "They can't be told from random maps here."),
        f"평가 그림 {len(some)}장에서 밝은 곳부터 흐리게 하거나 되살리며 확인했습니다(삭제·삽입 점수, 높을수록 좋음). "
        f"이 그림은 {figures[0]}, 무작위 그림은 {figures[1]}(차이 {figures[2]})입니다. "
        + ("신경망이 실제로 쓴 곳을 보여 줍니다." if told else "여기서는 무작위 그림과 다르다고 할 수 없습니다."),
    )


def _choose_classes(test: Predictions, classes: int) -> Sequence[int]:
    if classes <= MOST_CLASSES:
        return range(classes)
    wrong = np.bincount(test.targets[test.targets != test.predicted], minlength=classes)
    return sorted(np.argsort(-wrong, kind="stable")[:MOST_CLASSES].tolist())


def _choose(test: Predictions, number: int) -> np.ndarray:
    """The first right and the surest wrong answers."""
    of_class = test.targets == number
    right = np.nonzero(of_class & (test.predicted == number))[0][:EXAMPLES]
    wrong = np.nonzero(of_class & (test.predicted != number))[0]
    confidence = test.probabilities.max(axis=1)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:EXAMPLES]
    return np.concatenate([right, wrong])


def overlay(pixels: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """`pixels`: uint8 (height, width, 3); `heat`: float (height, width), 0…1, its own opacity. Returns uint8."""
    colours = np.asarray(matplotlib.colormaps["inferno"](heat))[..., :3] * 255
    opacity = 0.75 * np.clip(heat, 0, 1)[..., None]
    return (pixels * (1 - opacity) + colours * opacity).round().astype(np.uint8)


def _say_absent(absent: Sequence[Text]) -> Text:
    return both(
        f"No test picture to show: {', '.join(each.en for each in absent)}.",
        f"보여 드릴 평가 그림이 없는 클래스: {', '.join(each.ko for each in absent)}.",
    )
