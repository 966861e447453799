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
from model_training.translation import join

from .document import CannotComputeError, CaptionedImage, Section, Sheet, file_name
from .faithfulness import measure_faithfulness
from .material import Material, describe_images
from .predictions import Predictions
from .projections import sample
from .translation import _

EXAMPLES = 3
#: Images whose maps are checked.
MEASURED = 16
#: With more classes, those with the most wrong answers are shown.
MOST_CLASSES = 20


def heatmaps(material: Material, network: ClassificationNetwork, device: str) -> Section:
    """`gradcam_<class>`: up to three right and three wrong answers for images of each class."""
    test, names = material.test, material.names
    section = Section("heatmaps", _("Where it looked"))
    chosen = {number: _choose(test, number) for number in _choose_classes(test, len(names))}
    if not any(len(rows) for rows in chosen.values()):
        raise CannotComputeError(_("There is no test picture."))
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
        raise CannotComputeError(_("Grad-CAM does not work on this network ({error}).", error=error)) from error
    section.words.append(_("Grad-CAM: bright places spoke for the answer. Red frames mark wrong answers."))
    section.words.append(_measure(material, network, explainer))
    if len(names) > MOST_CLASSES:
        section.missing.append(
            _(
                "{shown} of {total} classes are shown: those with the most wrong answers.",
                shown=MOST_CLASSES,
                total=len(names),
            )
        )
    if absent := [names[number] for number, rows in chosen.items() if not len(rows)]:
        listed = join(absent)
        section.missing.append(_("No test picture to show: {listed}.", listed=listed))
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
    verdict = _("They can't be told from random maps here.")
    if found.gain.low > 0:
        verdict = _("They show what the network used.")
    count, ours, chance, low, high = len(some), found.map.value, found.random.value, found.gain.low, found.gain.high
    return _(
        "Checked on {count} test pictures by deletion and insertion (blurring the brightest places "
        "first, and restoring them first): the maps reach {ours:z.2f}, random maps {chance:z.2f} "
        "(difference {low:z.2f} to {high:z.2f}, higher is better). {verdict}",
        count=count,
        ours=ours,
        chance=chance,
        low=low,
        high=high,
        verdict=verdict,
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
