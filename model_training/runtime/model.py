"""What a handler needs of a model, whatever its task; and what the models have in common."""

from __future__ import annotations

import base64
import json
import mimetypes
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

import torch

from .card import Card
from .errors import BundleError, ImageError

Answer = dict[str, object]
Bytes = bytes | bytearray
P = ParamSpec("P")
T = TypeVar("T")


class Model(Protocol):
    """A bundle, ready to answer."""

    @property
    def card(self) -> Card: ...

    def answer(
        self, images: Sequence[Bytes], explain: Sequence[bool] | None = None, paper: Sequence[bool] | None = None
    ) -> list[Answer | ImageError]:
        """Judge each image by itself.

        `images`: encoded files. For each, `explain`: whether a heatmap is wanted; `paper`: whether it is a photograph
        of a sheet, which is cleaned first. A model does what its task knows of: a classifier takes a photograph as it
        is, and boxes say where an object was seen. False where not given.
        Returns one answer for each image in order (see ARCHITECTURE.md); for one that can't be read its `ImageError`.
        `processing_time_ms` is the time that the image's batch took, from bytes to answer.
        """

    def warm_up(self) -> None:
        """Judge a blank image: what is compiled and allocated at first use should not cost a visitor seconds."""

    def examples(self) -> list[dict[str, object]]:
        """The bundle's example images with their answers, as the `describe: examples` call returns them."""


class Readers:
    """Threads that decode side by side: Pillow releases the interpreter's lock while it decodes and resizes."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(max_workers=torch.get_num_threads(), thread_name_prefix="read")

    def start(self, read: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Future[T | ImageError]:
        """What `read` returns, or the `ImageError` that it raises."""

        def attempt() -> T | ImageError:
            try:
                return read(*arguments, **named)
            except ImageError as error:
                return error

        return self.pool.submit(attempt)


def read_examples(card: Card, bundle: Path) -> list[dict[str, object]]:
    """`Model.examples`. Raises `BundleError` for a file that is missing or broken."""
    folder = bundle / "examples"
    listed: list[dict[str, object]] = []
    for example in card.examples:
        try:
            data = (folder / example.image).read_bytes()
            answer = json.loads((folder / f"{example.name}.json").read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise BundleError(f"{folder / example.name}: {error}.", "Make the bundle again: hwapung train.") from None
        listed.append(
            {
                "name": example.name,
                "label": example.label,
                "media_type": mimetypes.guess_type(example.image)[0] or "image/jpeg",
                "data": base64.b64encode(data).decode("ascii"),
                "answer": answer,
            }
        )
    return listed
