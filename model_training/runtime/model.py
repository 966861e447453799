"""What a handler needs of a model, whatever its task; and what the models have in common."""

from __future__ import annotations

import base64
import json
import mimetypes
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from .budget import CHEAP, SENT, DearError
from .card import Card
from .confined import Confined
from .errors import BundleError, ImageError
from .threads import count_threads

Answer = dict[str, object]
Bytes = bytes | bytearray
T = TypeVar("T")


class Model(Protocol):
    """A bundle, ready to answer."""

    @property
    def card(self) -> Card: ...

    def answer(
        self,
        images: Sequence[Bytes],
        explain: Sequence[bool] | None = None,
        paper: Sequence[bool] | None = None,
        patience: float | None = None,
    ) -> list[Answer | ImageError]:
        """Judge each image by itself.

        `images`: encoded files. For each, `explain`: whether a heatmap is wanted; `paper`: whether it is a photograph
        of a sheet, which is cleaned first. A model does what its task knows of: a classifier takes a photograph as it
        is, and boxes say where an object was seen. False where not given. `patience`: seconds after which no image is
        begun that takes a process of its own (`Readers`), so that its neighbours don't wait; None: each has its turn.
        Returns one answer for each image in order (see ARCHITECTURE.md); for one that can't be read its `ImageError`.
        `processing_time_ms` is the time that the image's batch took, from bytes to answer.
        """

    def warm_up(self) -> None:
        """Judge a blank image: what is compiled and allocated at first use should not cost a visitor seconds."""

    def load_explainer(self) -> None:
        """Load what only heatmaps need. The first of them does it otherwise; another thread may do it meanwhile."""

    def examples(self) -> list[dict[str, object]]:
        """The bundle's example images with their answers, as the `describe: examples` call returns them."""


BUSY = ImageError(
    "The model has other large pictures in its hands.", "Try again in a few seconds.", code="model_busy", status=503
)


class Readers:
    """Threads that decode side by side: Pillow releases the interpreter's lock while it decodes and resizes. A file
    that may cost more than they can bear goes to a process of its own, one after the other."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=count_threads(), thread_name_prefix="read")
        self._dear = ThreadPoolExecutor(max_workers=1, thread_name_prefix="confine")
        self._confined = Confined()

    def read_within(self, patience: float | None) -> Callable[..., Future[Any]]:
        """`start`, for a batch that may wait so many seconds for files of the second kind."""
        return partial(self.start, None if patience is None else time.monotonic() + patience)

    def start(self, until: float | None, read: Callable[..., T], *arguments: Any) -> Future[T | ImageError]:
        """What `read` returns, or the `ImageError` that it raises.

        `read` takes a `budget` by this name, and raises `DearError` where that is not enough. `until`: a time by the
        monotonic clock after which no dear file is begun: `model_busy`.
        """
        found: Future[T | ImageError] = Future()

        def attempt() -> None:
            try:
                found.set_result(_find(read, *arguments, budget=CHEAP))
            except DearError:
                self._dear.submit(confine)
            except BaseException as error:
                found.set_exception(error)

        def confine() -> None:
            try:
                late = until is not None and time.monotonic() > until
                found.set_result(BUSY if late else _find(self._confined.call, partial(read, budget=SENT), *arguments))
            except BaseException as error:
                found.set_exception(error)

        self._threads.submit(attempt)
        return found


def _find(call: Callable[..., T], *arguments: Any, **named: Any) -> T | ImageError:
    """What it returns, or the `ImageError` that it raises: without the calls that led to it, which hold the image, and
    would be held by it until the garbage collector comes by. Raises `DearError`."""
    try:
        return call(*arguments, **named)
    except DearError:
        raise
    except ImageError as error:
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)


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
