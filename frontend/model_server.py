"""The only module that knows TorchServe: its inference API, its faults, and how a model describes itself.

Images are forwarded as the raw bytes that came in, over kept connections, and answers are handed back as the bytes that
came out. They are the standard library's: what requests and urllib3 do around one took more time than all else that the
front end does for a prediction.
"""

from __future__ import annotations

import json
import re
import threading
import time
from contextlib import suppress
from http.client import HTTPException
from typing import Any, NamedTuple

from . import errors
from .admission import Admission, Kind
from .connections import Connections
from .metrics import MODEL_SECONDS
from .settings import Settings

#: How every error answer of our own handlers begins; TorchServe's own begin with "code".
OWN_ERROR = re.compile(rb'\s*\{\s*"error"')


#: Seconds between two tries where no worker is there.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
#: Until what was lost is sent again: the system takes connections to a process that dies for some milliseconds more.
LOST_PAUSE = 0.2

BYTES = {"Content-Type": "application/octet-stream"}


class Reply(NamedTuple):
    """What the model answered: JSON bytes, with 200 or with the status of the handler's own error."""

    status: int
    body: bytes


def read_answer(model: str, reply: Reply) -> dict[str, Any]:
    """The JSON object of a reply.

    Raises `FrontEndError` with the handler's own error, or `ModelServerError` (`model_failed`).
    """
    try:
        content = json.loads(reply.body)
        fault = content["error"] if reply.status != 200 else None
    except (ValueError, KeyError, TypeError):
        raise errors.model_failed(model) from None
    if fault:
        raise errors.FrontEndError(reply.status, **fault)
    if not isinstance(content, dict):
        raise errors.model_failed(model)
    return content


class Lost(errors.ModelServerError):
    """A question that the model got, or may have got, and did not answer: its worker died, or the connection did."""

    def __init__(self, error: errors.FrontEndError) -> None:
        super().__init__(error.status, error.code, error.message, error.remedy)


class Away(Lost):
    """A question that reached no model: the server is gone, or no worker is there."""


class ModelServer:
    """A TorchServe inference API.

    Each method raises `ModelServerError`: `model_down`, `model_starting`, `model_busy`, `model_failed`,
    `model_too_slow`; or `RequestError` where TorchServe refuses the request before the handler sees it.
    """

    def __init__(self, settings: Settings, admission: Admission) -> None:
        self._admission = admission
        self._answer_timeout = settings.answer_timeout
        self._max_upload_bytes = settings.max_upload_bytes
        self._last_answer: dict[str, float] = {}
        self._connections = Connections(settings.model_server_url, settings.connect_timeout)

    def predict(
        self,
        model: str,
        image: bytes,
        *,
        paper: bool = False,
        kind: Kind = "predict",
        stop: threading.Event | None = None,
    ) -> Reply:
        """Classify an image, or find what is drawn on it. `paper`: it is a photograph of a drawing on paper, which the
        model cleans first; the answer then has the cleaned `page`. `kind`: what it is to the admission. Once `stop` is
        set the model is not asked any more (`model_busy`)."""
        headers = BYTES | ({"paper": "true"} if paper else {})
        with self._admission.place(model, kind, stop):
            return self._insist(model, f"/predictions/{model}", image, headers, stop)

    def explain(self, model: str, image: bytes) -> Reply:
        """Classify an image and say, as a heatmap, what the answer depends on."""
        with self._admission.place(model, "explain"):
            return self._insist(model, f"/explanations/{model}", image, BYTES | {"come-again": "true"})

    def probe(self, model: str, image: bytes, patience: float) -> Reply:
        """As `predict`, but once and for at most so many seconds."""
        return self._ask(model, f"/predictions/{model}", image, BYTES, patience)

    def card(self, model: str, patience: float) -> dict[str, Any]:
        """The model's card, as its handler gives it, within so many seconds."""
        card: dict[str, Any] = self._describe(model, "True", patience)["card"]
        return card

    def examples(self, model: str, patience: float) -> list[dict[str, Any]]:
        """The model's example images with their explained answers, within so many seconds."""
        examples: list[dict[str, Any]] = self._describe(model, "examples", patience)["examples"]
        return examples

    def _describe(self, model: str, what: str, patience: float) -> dict[str, Any]:
        reply = self._ask(model, f"/predictions/{model}", b"", {"describe": what}, patience)
        try:
            content = json.loads(reply.body)
        except ValueError:
            raise errors.model_failed(model) from None
        if reply.status != 200 or not isinstance(content, dict) or not ({"card", "examples"} & content.keys()):
            raise errors.model_failed(model)
        return content

    def _insist(
        self, model: str, path: str, body: bytes, headers: dict[str, str], stop: threading.Event | None = None
    ) -> Reply:
        """Ask, and ask again as long as the visitor waits where the question was lost or nobody took it: a prediction
        changes nothing, and a worker that died is there again in seconds.

        What was lost is sent again only once, for it may be what the worker died of. A model that has not answered for
        longer than that is not waited for, and nothing is asked once `stop` is set.
        """
        until = time.monotonic() + self._answer_timeout
        lost = False
        pause = FIRST_PAUSE
        while True:
            if stop and stop.is_set():
                raise errors.model_busy(model)
            lately = self._answered_lately(model)
            try:
                return self._ask(model, path, body, headers, self._answer_timeout, until)
            except Away:
                if not (lately or self._answered_lately(model)) or time.monotonic() + pause >= until:
                    raise
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except Lost:
                if lost:
                    raise
                lost = True
                time.sleep(LOST_PAUSE)

    def _ask(
        self, model: str, path: str, body: bytes, headers: dict[str, str], patience: float, until: float | None = None
    ) -> Reply:
        """Ask once. `patience`: seconds that are waited for the answer; `until`: instead, by the monotonic clock."""
        left = patience if until is None else max(0.001, until - time.monotonic())
        # What is still queued when we have given up needs no answer.
        headers = headers | {"deadline": f"{time.time() + left:.3f}"}
        try:
            with MODEL_SECONDS.labels(model).time():
                reply = self._exchange(path, body, headers, left)
        except TimeoutError:
            raise errors.model_too_slow(model, patience) from None
        except (OSError, HTTPException):
            raise Lost(errors.model_failed(model)) from None
        if reply.status == 200 or OWN_ERROR.match(reply.body):
            self._last_answer[model] = time.monotonic()
            if reply.status == 503:  # the first heatmap loads behind other answers; large pictures take their turns
                busy = b'"model_busy"' in reply.body
                raise Away(errors.model_busy(model) if busy else errors.model_starting(model))
            return reply
        raise self._fault(model, reply.status, reply.body)

    def _answered_lately(self, model: str) -> bool:
        return time.monotonic() - self._last_answer.get(model, -self._answer_timeout) < self._answer_timeout

    def _exchange(self, path: str, body: bytes, headers: dict[str, str], patience: float) -> Reply:
        try:
            connection = self._connections.take()
        except OSError:
            raise Away(errors.model_down()) from None
        try:
            connection.sock.settimeout(patience)
            with suppress(BrokenPipeError):  # what it refuses, it answers before it has all of it
                connection.request("POST", path, body, headers)
            response = connection.getresponse()
            reply = Reply(response.status, response.read())
        except BaseException:
            connection.close()
            raise
        self._connections.keep(connection)
        return reply

    def _fault(self, model: str, status: int, content: bytes) -> errors.FrontEndError:
        """TorchServe's own error answers, `{"code", "type", "message"}`, as ours.

        503 with `InternalServerException` is a handler that raised, 500 and 507 a worker that died. 503 with
        `ServiceUnavailableException` says that no worker is ready and that the queue is full in the same words; a model
        that has just answered is busy.
        """
        if status == 404:
            return errors.model_starting(model)
        if status == 413:
            return errors.picture_too_large(self._max_upload_bytes)
        if status == 503 and b"ServiceUnavailableException" in content:
            return Away(errors.model_busy(model) if self._answered_lately(model) else errors.model_starting(model))
        if status in (500, 507):
            return Lost(errors.model_failed(model))
        return errors.model_failed(model)
