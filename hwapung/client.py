"""A server that is running, in Python: `Client("http://localhost:8000").predict(images)`."""

from __future__ import annotations

import io
import itertools
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote, urlsplit

import urllib3

from model_training.runtime.card import Card, parse_card
from model_training.runtime.errors import ImageError, ServingError

from .model import read_image

if TYPE_CHECKING:
    from .model import Answer, ImageLike

#: What a server says who may answer the same request later.
_LATER = {429, 502, 503, 504, 507}
#: What may lie at the image, which breaks or holds up whoever answers it; 0: the connection broke off.
_OF_IMAGE = {0, 500, 502, 504}
#: How often such an image is asked about before a harmless one is, to see whether the server is well.
_TRIES = 4
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 15.0  # seconds
_BYTES = {"Content-Type": "application/octet-stream"}
_UNREACHABLE = "Start it (hwapung serve), or mend --server."
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class _Later:
    """No answer yet. `wait`: the seconds after which the server wants to be asked again, if it says so; `status`: 0
    where it could not be reached."""

    status: int
    reason: str
    wait: float | None = None


class Client:
    """A model of a server: our front end's API, or a TorchServe.

    `url`: the server's address (`http://localhost:8000`), or that of a model's predictions
    (`http://localhost:8080/predictions/landscape`). `model`: its name, which need not be given where the front end has
    one model only. `timeout`: seconds that one answer may take; `patience`: seconds for which a server that is busy,
    starting or gone is asked again, after the time that it asks for; `connections`: requests at a time.
    """

    def __init__(
        self, url: str, model: str | None = None, *, timeout: float = 60, patience: float = 120, connections: int = 16
    ) -> None:
        """Raises `ServingError` for what is no address, and where `model` is needed to know which one is meant."""
        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServingError(f"{url!r} is no address of a server.", "Give --server http://localhost:8000.")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self.patience = patience
        self.connections = connections
        self._pool = urllib3.PoolManager(
            maxsize=connections, block=True, retries=False, timeout=urllib3.Timeout(connect=10, read=timeout)
        )
        self._closed = threading.Event()
        words = [each for each in parts.path.split("/") if each]
        self._is_torchserve = words[:1] == ["predictions"] or (words[:1] != ["api"] and self._finds_torchserve())
        named = words[1:2] if words[:1] == ["predictions"] else words[3:4]
        self.model = model or (named[0] if named else self._only_model())

    @cached_property
    def card(self) -> Card:
        """What is known of the model, of the form that answers. Raises `ServingError` or `CardError`."""
        name = quote(self.model, safe="")
        content: object
        if self._is_torchserve:
            content = self._get("POST", f"/predictions/{name}", {"describe": "True"}).get("card")
        else:
            content = self._get("GET", f"/api/v1/models/{name}")
        return parse_card(content, f"{self.url}: {self.model}")

    def models(self) -> list[str]:
        """The names of the models of a front end; TorchServe has no such list. Raises `ServingError`."""
        content = self._get("GET", "/api/v1/models")
        try:
            return [str(each["name"]) for each in content["models"]]
        except (KeyError, TypeError):
            raise self._stranger() from None

    def predict(self, images: Iterable[ImageLike], *, explain: bool = False) -> list[Answer | ImageError]:
        """As `Model.predict`. Raises `ServingError` where the server does not answer for longer than `patience`."""

        def answer(image: ImageLike) -> Answer | ImageError:
            data = read_image(image)
            return data if isinstance(data, ImageError) else self.ask(data, explain=explain)

        return list(self.map(answer, images))

    def map(self, call: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """`call` of each item in order, as many at a time as there are connections; a few more are begun ahead."""
        self._closed.clear()
        waiting = iter(items)
        started: deque[Future[R]] = deque()
        with ThreadPoolExecutor(self.connections, "ask") as threads:
            try:
                for item in itertools.islice(waiting, 2 * self.connections):
                    started.append(threads.submit(call, item))
                while started:
                    yield started.popleft().result()
                    started.extend(threads.submit(call, item) for item in itertools.islice(waiting, 1))
            except BaseException:
                self._closed.set()  # nobody waits for what is left
                threads.shutdown(cancel_futures=True)
                raise

    def ask(self, image: bytes, *, explain: bool = False) -> Answer | ImageError:
        """The answer to an encoded image; in its place the `ImageError` of one that can't be read, or that the server
        fails at again and again although it answers others. Raises `ServingError`."""
        what = "explain" if explain else "predict"
        name = quote(self.model, safe="")
        api = {"predict": "predictions", "explain": "explanations"}
        path = f"/{api[what]}/{name}" if self._is_torchserve else f"/api/v1/models/{name}/{what}"
        end = time.monotonic() + self.patience
        wait, is_well = _FIRST_WAIT, False
        tries = 0
        while True:
            tries += 1
            later = self._send("POST", path, image, _BYTES)
            if not isinstance(later, _Later):
                return cast("Answer | ImageError", later)
            if later.status in _OF_IMAGE and is_well:
                return ImageError(f"The server fails at this picture ({later.reason}).", "Look at the server's log.")
            if later.status in _OF_IMAGE and tries >= _TRIES and (is_well := self._is_well(path)):
                continue
            left = end - time.monotonic()
            if left <= 0 or self._closed.wait(min(later.wait or wait, left)):
                raise ServingError(f"{self.url} does not answer ({later.reason}).", "Try again when it does.")
            wait = min(2 * wait, _LONGEST_WAIT)

    def _is_well(self, path: str) -> bool:
        """Whether the server answers another image."""
        from PIL import Image

        blank = io.BytesIO()
        Image.new("RGB", (64, 64), "grey").save(blank, "PNG")
        return isinstance(self._send("POST", path, blank.getvalue(), _BYTES), dict)

    def _get(self, method: str, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """What is asked first: a server that can't be reached then is most likely a wrong address."""
        found = self._send(method, path, None, headers or {})
        if isinstance(found, dict):
            return found
        said = found.reason if isinstance(found, _Later) else found.message
        raise ServingError(f"{self.url} does not answer ({said}).", _UNREACHABLE)

    def _send(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> dict[str, Any] | ImageError | _Later:
        try:
            reply = self._pool.request(method, self.url + path, body=body, headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            return _Later(0, _phrase(error))
        try:
            content = json.loads(reply.data)
        except ValueError:
            content = None
        if reply.status == 200 and isinstance(content, dict):
            return content
        fault = content.get("error") if isinstance(content, dict) else None
        fault = fault if isinstance(fault, dict) else {}
        reason = f"status {reply.status}" + (f": {fault['message']}" if "message" in fault else "")
        if reply.status in _LATER or reply.status == 500:
            return _Later(reply.status, reason, _read_wait(reply.headers.get("Retry-After")))
        if reply.status == 413 or (reply.status in (400, 415) and fault):
            told = {key: str(fault.get(key, words)) for key, words in _TOO_LARGE.items()}
            return ImageError(told["message"], told["remedy"], code=told["code"], status=reply.status)
        if "message" in fault:
            raise ServingError(f"{self.url}: {fault['message']}", str(fault.get("remedy", _UNREACHABLE)))
        if reply.status == 404 and self._is_torchserve:
            return _Later(404, f"it has no model {self.model}, or not yet")
        raise self._stranger(f" ({reason})")

    def _finds_torchserve(self) -> bool:
        """By what only its inference API says of itself."""
        try:
            reply = self._pool.request("GET", f"{self.url}/ping", redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise ServingError(f"{self.url} can't be reached ({_phrase(error)}).", _UNREACHABLE) from None
        return reply.status in (200, 500, 503) and b'"status"' in reply.data

    def _only_model(self) -> str:
        if self._is_torchserve:
            raise ServingError(f"{self.url} is a TorchServe.", "Say which of its models is meant: --model landscape.")
        names = self.models()
        if len(names) != 1:
            raise ServingError(
                f"{self.url} has {len(names)} models.", f"Say which one is meant: --model {' or '.join(names)}."
            )
        return names[0]

    def _stranger(self, said: str = "") -> ServingError:
        return ServingError(f"{self.url} is no server of ours{said}.", "Give the address of hwapung serve.")


#: What TorchServe or a proxy means by 413.
_TOO_LARGE = {
    "code": "picture_too_large",
    "message": "The picture is larger than the server takes.",
    "remedy": "Save it smaller.",
}


def _phrase(error: urllib3.exceptions.HTTPError) -> str:
    """In a few words: urllib3 names objects by their addresses."""
    kinds = {
        urllib3.exceptions.NameResolutionError: "there is no such host",
        urllib3.exceptions.NewConnectionError: "the connection is refused",
        urllib3.exceptions.ConnectTimeoutError: "the connection takes too long",
        urllib3.exceptions.ReadTimeoutError: "the answer takes too long",
        urllib3.exceptions.ProtocolError: "the connection broke off",
        urllib3.exceptions.SSLError: "its certificate does not hold",
    }
    return next((words for kind, words in kinds.items() if isinstance(error, kind)), type(error).__name__)


def _read_wait(header: str | None) -> float | None:
    """Seconds; None where the server does not say, or not so that it can be understood."""
    if header is None:
        return None
    try:
        return float(urllib3.Retry().parse_retry_after(header))
    except urllib3.exceptions.InvalidHeader:
        return None
