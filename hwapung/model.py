"""A bundle in Python: `load(bundle).predict(images)`. Answers are the dictionaries that the HTTP API sends as JSON."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict, cast

from model_training.runtime.card import Card, Reason, Verdict
from model_training.runtime.errors import ImageError

if TYPE_CHECKING:
    from PIL import Image

    ImageLike = str | PathLike[str] | bytes | Image.Image

#: Images that are decoded and answered together; more would only take more memory.
_BATCH = 16


class PredictionSet(TypedDict):
    """The true class is among `classes` (best first) for the share `coverage` of images like those of the training;
    among those of `class_conditional` it is so in each class by itself. Of a multi-label model: `classes` miss, on
    average, no more than the share `risk` of an image's labels."""

    coverage: NotRequired[float]
    risk: NotRequired[float]
    classes: list[str]
    class_conditional: NotRequired[list[str]]


class Provenance(TypedDict):
    """What an image's file states of its origin, and how far that may be trusted; each statement has `source`, `says`,
    `level` and, where known, `name`, `signer` and `problem` (ARCHITECTURE.md)."""

    says: Literal["ai", "ai_edited", "camera", "software", "nothing"]
    level: Literal["signed", "signed_by_unknown", "claimed", "invalid"] | None
    statements: list[dict[str, object]]
    unread: list[dict[str, str]]


#: A heatmap: base64 of an RGBA PNG, `width` by `height` pixels, which lies over the whole upright image.
Explanation = TypedDict(
    "Explanation",
    {"method": str, "class": str, "media_type": str, "width": int, "height": int, "data": str},
)

#: One object of a drawing. `box` is left, top, right, bottom in pixels of the upright image, None for the whole of it.
#: `verdict` is there where the model can tell strange drawings.
SketchedObject = TypedDict(
    "SketchedObject",
    {
        "class": str,
        "title": dict[str, str],
        "confidence": float,
        "probabilities": dict[str, float],
        "box": list[float] | None,
        "score": float | None,
        "verdict": NotRequired[Verdict],
        "reason": NotRequired[Reason],
        "embedding": NotRequired[str],
    },
)

#: One panel of a strip. `box` is left, top, right, bottom in pixels of the upright image.
Panel = TypedDict(
    "Panel",
    {
        "box": list[int],
        "class": NotRequired[str],
        "labels": NotRequired[list[str]],
        "confidence": NotRequired[float],
        "probabilities": dict[str, float],
        "verdict": Verdict,
        "reason": NotRequired[Reason],
    },
)

#: What a model says of one image. A classifier's answer has `class`, `confidence` (0 to 1), `probabilities` (class →
#: 0 to 1) and `prediction_set`, or, of an unknown image, `reason`: the class is then only the nearest. A multi-label
#: model's has `labels`, best first, instead of the first two, and each label's probability by itself; a sketch model's
#: has `objects`, best first, and the image's `width` and `height` in pixels. `explanation` is there where it was asked
#: for, `provenance` where the card says `reads_provenance`. `warnings` has `truncated` where the file ends early. Of a
#: strip, `panels` are what it was cut into, the rest is their mean, and `interval` the 95% interval of its confidence.
#: `version` is the bundle's; it also names the form that was asked for where that is another: 1.0+int8.
Answer = TypedDict(
    "Answer",
    {
        "verdict": Literal["sure", "unsure", "unknown", "recognised", "nothing_found", "no_drawing"],
        "model": str,
        "version": str,
        "processing_time_ms": float,
        "class": NotRequired[str],
        "labels": NotRequired[list[str]],
        "confidence": NotRequired[float],
        "probabilities": NotRequired[dict[str, float]],
        "reason": NotRequired[Reason],
        "prediction_set": NotRequired[PredictionSet],
        "explanation": NotRequired[Explanation],
        "provenance": NotRequired[Provenance],
        "warnings": NotRequired[list[Literal["truncated"]]],
        "panels": NotRequired[list[Panel]],
        "interval": NotRequired[list[float] | None],
        "objects": NotRequired[list[SketchedObject]],
        "width": NotRequired[int],
        "height": NotRequired[int],
    },
)


class Model:
    """A bundle, ready to answer. Made by `load`."""

    def __init__(self, bundle: Path, device: str, form: str | None) -> None:
        # torch takes seconds to import, which whoever only asks for a type or for --help need not wait for.
        from model_training.runtime.device import choose_device
        from model_training.runtime.forms import parse_wish
        from model_training.runtime.load import load_bundle

        self._model = load_bundle(bundle, choose_device(device), parse_wish(form))

    @property
    def card(self) -> Card:
        """What is known of the model: labels with their titles, preprocessing, thresholds, measured figures."""
        return self._model.card

    def predict(self, images: Iterable[ImageLike], *, explain: bool = False) -> list[Answer | ImageError]:
        """Judge each image by itself.

        `images`: paths, encoded files as bytes, or Pillow images. `explain`: answers get a heatmap.
        Returns one answer for each in order; in place of an answer the `ImageError` of an image that can't be read,
        returned and not raised, so that one bad file costs none of the others.
        """
        if isinstance(images, str | bytes | PathLike):
            raise TypeError("predict takes a list of images: predict([image])")
        answers: list[Answer | ImageError] = []
        waiting = iter(images)
        while batch := [read_image(image) for image in itertools.islice(waiting, _BATCH)]:
            good = [each for each in batch if isinstance(each, bytes)]
            judged = iter(self._model.answer(good, [explain] * len(good)) if good else ())
            answers += [
                each if isinstance(each, ImageError) else cast("Answer | ImageError", next(judged)) for each in batch
            ]
        return answers


def load(bundle: str | PathLike[str], device: str = "auto", form: str | None = None) -> Model:
    """Open the folder that training left. `device`: `cpu`, `cuda`, `cuda:1`, or `auto`: CUDA where there is any.
    `form`: how the network computes on a CPU, one of the card's `forms` or `fastest` of them here; if not given, the
    one that the card's figures are of, so that answers are the same on every machine.

    Raises `CardError` or `BundleError` for what is no whole bundle, `RecipeError` for a device that is not there,
    `FormError` for a form that the bundle has not.
    """
    return Model(Path(bundle), device, form)


def overlay(image: ImageLike, explanation: Explanation) -> Image.Image:
    """The upright image, RGB, with an answer's `explanation` over it. Raises `ImageError`."""
    from PIL import Image

    from model_training.runtime.image import decode

    data = read_image(image)
    if isinstance(data, ImageError):
        raise data
    page = decode(data).convert("RGBA")
    heatmap = Image.open(io.BytesIO(base64.b64decode(explanation["data"])))
    return Image.alpha_composite(page, heatmap.resize(page.size)).convert("RGB")


def read_image(image: ImageLike) -> bytes | ImageError:
    if isinstance(image, bytes):
        return image
    if isinstance(image, str | PathLike):
        try:
            return Path(image).read_bytes()
        except OSError as error:
            return ImageError(f"The file can't be read ({error.strerror}).", "Give the path of a picture.")
    buffer = io.BytesIO()
    drawable = image.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")  # what PNG, which loses nothing, can hold
    (image if drawable else image.convert("RGB")).save(buffer, "PNG", exif=image.getexif())
    return buffer.getvalue()
