"""The only module that knows TorchServe: its inference API, its faults, and how a model describes itself.

Images are forwarded as the raw bytes that came in, over pooled connections, and answers are handed back as the bytes
that came out. Each thread has a session of its own, since requests does not promise that one may be shared.
"""

from __future__ import annotations

import json
import re
import threading
import time
from typing import Any, NamedTuple

import requests
from urllib3.exceptions import MaxRetryError

from . import errors
from .metrics import MODEL_SECONDS
from .settings import Settings

#: How every error answer of our own handlers begins; TorchServe's own begin with "code".
OWN_ERROR = re.compile(rb'\s*\{\s*"error"')


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


class ModelServer:
    """A TorchServe inference API.

    Each method raises `ModelServerError`: `model_down`, `model_starting`, `model_busy`, `model_failed`,
    `model_too_slow`; or `RequestError` where TorchServe refuses the request before the handler sees it.
    """

    def __init__(self, settings: Settings) -> None:
        self._answer_timeout = settings.answer_timeout
        self._max_upload_bytes = settings.max_upload_bytes
        self._last_answer: dict[str, float] = {}
        self._url = settings.model_server_url
        self._timeouts = (settings.connect_timeout, settings.answer_timeout)
        self._threads = threading.local()

    def predict(self, model: str, image: bytes, *, paper: bool = False) -> Reply:
        """Classify an image, or find what is drawn on it. `paper`: it is a photograph of a drawing on paper, which the
        model cleans first; the answer then has the cleaned `page`."""
        return self._ask(model, f"/predictions/{model}", image, BYTES | ({"paper": "true"} if paper else {}))

    def explain(self, model: str, image: bytes) -> Reply:
        """Classify an image and say, as a heatmap, what the answer depends on."""
        return self._ask(model, f"/explanations/{model}", image, BYTES)

    def card(self, model: str) -> dict[str, Any]:
        """The model's card, as its handler gives it."""
        card: dict[str, Any] = self._describe(model, "True")["card"]
        return card

    def examples(self, model: str) -> list[dict[str, Any]]:
        """The model's example images with their explained answers."""
        examples: list[dict[str, Any]] = self._describe(model, "examples")["examples"]
        return examples

    def _describe(self, model: str, what: str) -> dict[str, Any]:
        reply = self._ask(model, f"/predictions/{model}", b"", {"describe": what})
        try:
            content = json.loads(reply.body)
        except ValueError:
            raise errors.model_failed(model) from None
        if reply.status != 200 or not isinstance(content, dict) or not ({"card", "examples"} & content.keys()):
            raise errors.model_failed(model)
        return content

    def _ask(self, model: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        # What is still queued when we have given up needs no answer.
        headers = headers | {"deadline": f"{time.time() + self._answer_timeout:.3f}"}
        try:
            with MODEL_SECONDS.labels(model).time():
                response = self._send(path, body, headers)
        except requests.ReadTimeout:
            raise errors.model_too_slow(model, self._answer_timeout) from None
        except requests.ConnectionError as error:
            # Refused or no way there, else a connection that broke off.
            down = isinstance(error, requests.ConnectTimeout) or isinstance(error.args[0], MaxRetryError)
            raise (errors.model_down() if down else errors.model_failed(model)) from None
        except requests.RequestException:
            raise errors.model_failed(model) from None
        if response.status_code == 200 or OWN_ERROR.match(response.content):
            self._last_answer[model] = time.monotonic()
            return Reply(response.status_code, response.content)
        raise self._fault(model, response.status_code, response.content)

    def _send(self, path: str, body: bytes, headers: dict[str, str]) -> requests.Response:
        """Send once, and once more where a kept connection turns out to be closed: a prediction changes nothing."""
        session = self._session()
        try:
            return session.post(self._url + path, data=body, headers=headers, timeout=self._timeouts)
        except requests.ConnectionError:
            return session.post(self._url + path, data=body, headers=headers, timeout=self._timeouts)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._threads, "session", None)
        if session is None:
            session = self._threads.session = requests.Session()
            session.trust_env = False  # no proxy or .netrc lies between us and TorchServe, and looking costs time
        return session

    def _fault(self, model: str, status: int, content: bytes) -> errors.FrontEndError:
        """TorchServe's own error answers, `{"code", "type", "message"}`, as ours.

        503 with `InternalServerException` is a handler that raised. 503 with `ServiceUnavailableException` says that no
        worker is ready and that the queue is full in the same words; a model that has just answered is busy.
        """
        if status == 404:
            return errors.model_starting(model)
        if status == 413:
            return errors.picture_too_large(self._max_upload_bytes)
        if status == 503 and b"ServiceUnavailableException" in content:
            silence = time.monotonic() - self._last_answer.get(model, -self._answer_timeout)
            return errors.model_busy(model) if silence < self._answer_timeout else errors.model_starting(model)
        return errors.model_failed(model)
