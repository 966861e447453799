"""Drawn pages → answers with objects: what a detector and a sketch model have in common."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from .budget import WHOLE, Budget
from .card import Card
from .drawing import Box
from .errors import ImageError
from .image import ImageWarning, decode_with_warnings
from .model import Answer, Bytes, Readers
from .paper import SIDE, clean

#: Pages are looked at in no more pixels than this a side: strokes stay, a telephone's 12 megapixels do not.
_LARGEST = 1280

#: An object as an answer has it; its `box` is in the pixels of the page that was looked at.
Object = dict[str, Any]
#: RGB pages → the objects on each, best first; None where there is no drawing.
Describe = Callable[[Sequence[Image.Image]], Sequence[Sequence[Object] | None]]


@dataclass(frozen=True)
class Page:
    """An upright page in RGB, shrunk where it is large, and its own size in pixels: the file's, or of a photographed
    sheet that of its cleaned page. `cleaned` is that page as a grey PNG; one that is no drawing on paper has no image.
    `warnings`: as the decoder gives them.
    """

    image: Image.Image | None
    width: int
    height: int
    cleaned: bytes | None = None
    warnings: tuple[ImageWarning, ...] = ()

    def enlarge(self, found: Object) -> Object:
        """An object with its box in the shrunken image → with its box in the page's own pixels."""
        box: Box | None = found["box"]
        if box is None or self.image is None:
            return found
        scale = (self.width / self.image.width, self.height / self.image.height) * 2
        return found | {"box": [round(value * factor, 1) for value, factor in zip(box, scale, strict=True)]}


def read_page(data: Bytes, paper: bool = False, *, budget: Budget = WHOLE) -> Page:
    """`paper`: whether it is a photograph of a sheet, which is cleaned first. Raises as `decode_with_warnings` does."""
    if paper:
        decoded = decode_with_warnings(data, at_least=2 * SIDE, budget=budget)
        cleaned = clean(decoded.image)
        buffer = io.BytesIO()
        cleaned.image.save(buffer, "PNG", compress_level=1)
        image = cleaned.image.convert("RGB") if cleaned.is_drawing else None
        return Page(image, *cleaned.image.size, buffer.getvalue(), decoded.warnings)
    decoded = decode_with_warnings(data, at_least=2 * _LARGEST, budget=budget)
    image = decoded.image
    image.thumbnail((_LARGEST, _LARGEST), Image.Resampling.BOX)
    return Page(image, *decoded.size, warnings=decoded.warnings)


def answer_pages(
    card: Card,
    readers: Readers,
    describe: Describe,
    images: Sequence[Bytes],
    paper: Sequence[bool] | None,
    patience: float | None,
) -> list[Answer | ImageError]:
    """`Model.answer` for models that describe pages; the pages of all images are described as one batch."""
    started = time.perf_counter()
    sheets = paper if paper is not None else [False] * len(images)
    read = readers.read_within(patience)
    reading = [read(read_page, data, sheet) for data, sheet in zip(images, sheets, strict=True)]
    pages = [each.result() for each in reading]
    described = iter(describe([page.image for page in pages if isinstance(page, Page) and page.image is not None]))
    found = [next(described) if isinstance(page, Page) and page.image is not None else None for page in pages]
    elapsed = round((time.perf_counter() - started) * 1000, 2)
    return [
        page if isinstance(page, ImageError) else _phrase(card, page, objects, elapsed)
        for page, objects in zip(pages, found, strict=True)
    ]


def _phrase(card: Card, page: Page, objects: Sequence[Object] | None, elapsed_ms: float) -> Answer:
    verdict = "no_drawing" if objects is None else "recognised" if objects else "nothing_found"
    answer: Answer = {
        "objects": [page.enlarge(each) for each in objects or ()],
        "verdict": verdict,
        "width": page.width,
        "height": page.height,
        "processing_time_ms": elapsed_ms,
        "model": card.name,
        "version": card.version,
    }
    if page.cleaned is not None:
        data = base64.b64encode(page.cleaned).decode("ascii")
        answer["page"] = {"media_type": "image/png", "width": page.width, "height": page.height, "data": data}
    if page.warnings:
        answer["warnings"] = list(page.warnings)
    return answer
