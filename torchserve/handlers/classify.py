"""The TorchServe handler: a batch of requests in, one JSON answer with its own status for each.

TorchServe wants a module that defines exactly one class with `initialize` and `handle`. Its `BaseHandler` is not used:
that decides between predicting and explaining by the first request of a batch, and one bad image fails the others.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from http import HTTPStatus
from pathlib import Path
from threading import Thread
from typing import Any

from ts.context import Context
from ts.metrics.dimension import Dimension
from ts.metrics.metric_type_enum import MetricTypes

from model_training.runtime.card import Card, ClassifierCard
from model_training.runtime.errors import FormError, HwapungError
from model_training.runtime.load import load_bundle
from model_training.runtime.model import Model

logger = logging.getLogger(__name__)

#: The setting that names the form of a network (`torchserve/settings.py`).
FORM = "HWAPUNG_SERVING_FORM"

#: Seconds that a batch waits for pictures which are dear to decode; the rest of them are sent away (503).
PATIENCE = 3.0

#: Where the image is: a multipart part named `data` (or `file`), else the raw body.
IMAGE_KEYS = ("data", "file", "body")

INTERNAL = HwapungError(
    "The model failed on this picture.", "Try another picture; the server's log names the cause.", code="internal"
)

TOO_SLOW = HwapungError(
    "The answer would have come after the time that the caller wants to wait.",
    "Send the picture again when fewer are waiting.",
    code="model_too_slow",
    status=504,
)

LOADING = HwapungError(
    "The model loads what it explains answers by.", "Try again in a few seconds.", code="model_starting", status=503
)

Request = Mapping[str, object]
Answer = dict[str, Any]


class ClassifyHandler:
    """Answers `/predictions/<model>`, `/explanations/<model>` and describe calls, in any mixture within one batch."""

    def initialize(self, context: Context) -> None:
        """Load the bundle that the archive was unpacked to. Raises `RuntimeError`, which TorchServe reports by name."""
        properties = context.system_properties
        gpu = properties["gpu_id"]
        try:
            self.model = _load(Path(properties["model_dir"]), _name_device(gpu))
        except HwapungError as error:
            raise RuntimeError(str(error)) from error
        _tell_form(self.model.card, context)
        self.model.warm_up()
        self.explainer: Future[None] | None = None
        # What lives as long as the worker is no longer looked through for circles; those of requests are found sooner.
        gc.freeze()
        # TorchServe's worker logs a line for each batch, which the server then parses; only metrics and trouble matter.
        logging.getLogger().setLevel(logging.WARNING)
        logging.getLogger("ts.metrics").setLevel(logging.INFO)

    def handle(self, requests: list[Request], context: Context) -> list[bytes]:
        """`requests`: part name → bytes, one mapping a request. Returns as many JSON texts, in order.

        Sets the status and the content type of each. Never raises: a fault inside the model is a 500 for the images
        that it concerns, and the worker lives on.
        """
        started = time.perf_counter()
        headers = [_lower(context.get_all_request_header(index)) for index in range(len(requests))]
        answers: list[Answer | HwapungError] = [INTERNAL] * len(requests)
        images: list[int] = []
        for index, header in enumerate(headers):
            if _is_late(header):
                answers[index] = TOO_SLOW
                continue
            if header.get("explain") == header.get("come-again") == "true" and not self._can_explain():
                answers[index] = LOADING
                continue
            match header.get("describe"):
                case "true":
                    answers[index] = _guard(lambda: {"card": self.model.card.model_dump(mode="json")})
                case "examples":
                    answers[index] = _guard(lambda: {"examples": self.model.examples()})
                case _:
                    images.append(index)
        if images:
            wishes = [[headers[index].get(wish) == "true" for index in images] for wish in ("explain", "paper")]
            judged = self._judge([_image(requests[index]) for index in images], *wishes)
            for index, answer in zip(images, judged, strict=True):
                answers[index] = answer
        _measure(context, len(requests), time.perf_counter() - started)
        return [_send(context, index, answer) for index, answer in enumerate(answers)]

    def _can_explain(self) -> bool:
        """Whether a heatmap takes no longer than any other; what the first one needs is loaded behind. A caller says by
        the header `come-again: true` that it asks again: else its neighbours in the batch would wait, too."""
        if self.explainer is None:
            self.explainer = Future()
            Thread(target=self._load_explainer, args=[self.explainer], daemon=True).start()
        return self.explainer.done()

    def _load_explainer(self, done: Future[None]) -> None:
        try:
            self.model.load_explainer()
        except Exception:  # who asks next sees it
            logger.exception("The model could not load what it explains by.")
        gc.freeze()
        done.set_result(None)

    def _judge(
        self, images: list[bytes | bytearray], explain: list[bool], paper: list[bool]
    ) -> list[Answer | HwapungError]:
        try:
            return list(self.model.answer(images, explain, paper, PATIENCE))
        except Exception:
            logger.exception("The model failed on a batch of %d.", len(images))
        if len(images) == 1:
            return [INTERNAL]
        # One image may be the cause (or the batch too large for the memory): its neighbours still get their answers.
        alone = zip(images, explain, paper, strict=True)
        return [self._judge([image], [explained], [sheet])[0] for image, explained, sheet in alone]


def _load(bundle: Path, device: str) -> Model:
    """In the form that the setting names; where this model has it not, in the network's own."""
    wish: Any = os.environ.get(FORM) or "fastest"
    try:
        return load_bundle(bundle, device, wish)
    except FormError as error:
        logger.warning("%s It answers in its own form.", error)
        return load_bundle(bundle, device)


def _tell_form(card: Card, context: Context) -> None:
    """A log line, and the pictures a second that each form was measured at (`FormRate`)."""
    served = card.served if isinstance(card, ClassifierCard) else None
    if served is None:
        return
    rates = ", ".join(f"{name} {rate:g}" for name, rate in served.rates.items())
    logger.info(
        "%s %s answers in %s (%s%s).", card.name, card.version, served.precision, served.why, rates and f": {rates}"
    )
    for name, rate in (served.rates or {served.precision: 0.0}).items():
        context.metrics.add_metric(
            "FormRate",
            rate,
            "images_per_second",
            dimensions=[Dimension("Form", name), Dimension("Serves", str(name == served.precision).lower())],
            metric_type=MetricTypes.GAUGE,
        )


def _name_device(gpu: int | None) -> str:
    """torch is asked only where TorchServe gives the worker a GPU: to import it takes a processor's worker seconds."""
    if gpu is None:
        return "cpu"
    import torch

    return f"cuda:{gpu}" if torch.cuda.is_available() else "cpu"


def _lower(headers: Mapping[str, object]) -> dict[str, str]:
    """Header names and the values that we look at are compared without regard to case, as HTTP wants of names."""
    return {name.lower(): str(value).lower() for name, value in headers.items()}


def _is_late(headers: Mapping[str, str]) -> bool:
    """Whether the caller has given up: the header `deadline` is the Unix time, in seconds, until which it waits.
    TorchServe does not notice when a connection is closed."""
    try:
        return time.time() > float(headers["deadline"])
    except (KeyError, ValueError):
        return False


def _image(request: Request) -> bytes | bytearray:
    """The image's bytes; empty where there are none. A body that a server has parsed already is no image."""
    value = next((request[key] for key in IMAGE_KEYS if request.get(key)), b"")
    return value if isinstance(value, bytes | bytearray) else str(value).encode()


def _guard(describe: Callable[[], Answer]) -> Answer | HwapungError:
    try:
        return describe()
    except HwapungError as error:
        return error
    except Exception:
        logger.exception("The model could not describe itself.")
        return INTERNAL


def _send(context: Context, index: int, answer: Answer | HwapungError) -> bytes:
    status = answer.status if isinstance(answer, HwapungError) else 200
    body = answer.as_answer() if isinstance(answer, HwapungError) else answer
    context.set_response_status(status, HTTPStatus(status).phrase, idx=index)
    context.set_response_content_type(index, "application/json")
    return json.dumps(body, ensure_ascii=False).encode()


def _measure(context: Context, requests: int, seconds: float) -> None:
    """Two histograms a batch, declared in `torchserve/config/metrics.yaml`. The server's drain counts by the first."""
    for name, value, unit in (("BatchRequests", requests, "count"), ("BatchSeconds", round(seconds, 6), "s")):
        context.metrics.add_metric(name, value, unit, dimensions=[], metric_type=MetricTypes.HISTOGRAM)
