"""Asking a web service politely: a pause between requests, patience with faults, a clear word where it changed."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import requests
from pydantic import BaseModel, ValidationError
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from ...runtime.errors import DatasetError

USER_AGENT = "Hwapung/0.1 (collects pictures for a classifier; python-requests)"

ATTEMPTS = 6
LONGEST_WAIT = 600.0  # seconds; a service that asks for more is asked again another day
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_GONE = {404, 410}
_CHUNK = 1 << 16  # what a cut connection costs at most

Record = TypeVar("Record", bound=BaseModel)
Answer = TypeVar("Answer")
Parameters = Mapping[str, str | int]


class Client:
    """GET with at least `pause` seconds from one request to the next.

    429, 500 and their like, cut connections and cut-off bodies are tried again, `attempts` times in all, after the
    seconds that the service's Retry-After says, else after 1, 2, 4, … seconds. Then `DatasetError`.
    """

    def __init__(
        self, pause: float = 0.0, *, attempts: int = ATTEMPTS, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.pause = pause
        self.attempts = attempts
        self._sleep = sleep
        self._next = 0.0
        self._session = requests.Session()
        self._session.headers["User-Agent"] = USER_AGENT

    def get_bytes(self, url: str, parameters: Parameters | None = None) -> bytes | None:
        """The body, or None where there is nothing (404, 410)."""
        return self._persist(url, lambda: self._get(url, parameters))

    def get_record(self, kind: type[Record], url: str, parameters: Parameters | None = None) -> Record | None:
        """The JSON body as `kind`, or None where there is nothing. `DatasetError` names a field that has changed."""
        content = self._persist(url, lambda: self._get_json(url, parameters))
        if content is None:
            return None
        try:
            return kind.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "the whole answer"
            raise DatasetError(
                f"{url}: the field {field!r} is not what it was ({first['msg']}).",
                "The service has changed: update Hwapung, or report it.",
            ) from None

    def download(self, url: str, file: Path, progress: Callable[[int, int], None]) -> None:
        """A large body into `file`; what an earlier attempt left in `file.part` is gone on from.

        `progress(done, total)` is in bytes. Raises `DatasetError`, also where there is nothing.
        """
        partial = file.with_name(f"{file.name}.part")
        partial.parent.mkdir(parents=True, exist_ok=True)
        if self._persist(url, lambda: self._continue(url, partial, progress)) is None:
            raise DatasetError(f"{url}: there is nothing.", "Check the address (--base-url).")
        partial.replace(file)

    def _persist(self, url: str, ask: Callable[[], Answer]) -> Answer:
        reason = ""
        for attempt in range(self.attempts):
            self._take_turn()
            wait = 2.0**attempt
            try:
                return ask()
            except _PassingError as error:
                reason, wait = str(error), wait if error.wait is None else error.wait
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
                reason = _shorten(error)
            except requests.RequestException as error:
                raise DatasetError(f"{url}: {_shorten(error)}.", "Check the address (--base-url).") from None
            if wait > LONGEST_WAIT:
                raise DatasetError(
                    f"{url}: the service asks to wait {wait / 60:.0f} minutes.",
                    "Run the same command after that: it goes on from here.",
                )
            if attempt + 1 < self.attempts:
                self._sleep(wait)
        raise DatasetError(
            f"{url}: no answer in {self.attempts} attempts ({reason}).",
            "Check the network, or run the same command later: it goes on from here.",
        )

    def _take_turn(self) -> None:
        now = time.monotonic()
        if now < self._next:
            self._sleep(self._next - now)
        self._next = max(now, self._next) + self.pause

    def _get(self, url: str, parameters: Parameters | None) -> bytes | None:
        response = self._session.get(url, params=dict(parameters or {}), timeout=30)
        return response.content if _is_there(response) else None

    def _get_json(self, url: str, parameters: Parameters | None) -> object | None:
        body = self._get(url, parameters)
        if body is None:
            return None
        try:
            return json.loads(body)
        except ValueError:  # an error page, or a body that was cut off without a word
            raise _PassingError("the answer is not JSON") from None

    def _continue(self, url: str, partial: Path, progress: Callable[[int, int], None]) -> Path | None:
        done = partial.stat().st_size if partial.exists() else 0
        headers = {"Range": f"bytes={done}-"} if done else {}
        with self._session.get(url, headers=headers, stream=True, timeout=30) as response:
            if response.status_code == 416 and done:  # the part is whole, or is not of this file
                if _whole(response) == done:
                    return partial
                partial.unlink()
                raise _PassingError("the part on the disk does not fit")
            if not _is_there(response):
                return None
            if response.status_code != 206:
                done = 0
            total = _whole(response) or done + int(response.headers.get("Content-Length", 0))
            with partial.open("ab" if done else "wb") as target:
                for chunk in response.iter_content(_CHUNK):
                    target.write(chunk)
                    done += len(chunk)
                    progress(done, max(done, total))
        return partial


class _PassingError(Exception):
    """A fault that may be over soon, after `wait` seconds if the service says so."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


def _is_there(response: requests.Response) -> bool:
    status = response.status_code
    if status in _PASSING:
        raise _PassingError(f"status {status}", _retry_after(response))
    if status in _GONE:
        return False
    if not response.ok:
        raise DatasetError(
            f"{response.url}: the service refuses with status {status}.", "Check the options, and its terms of use."
        )
    return True


def _retry_after(response: requests.Response) -> float | None:
    value = response.headers.get("Retry-After")
    try:
        return Retry().parse_retry_after(value) if value else None
    except InvalidHeader:
        return None


def _whole(response: requests.Response) -> int:
    """The file's size by Content-Range (`bytes 5-9/10`), 0 if it does not say."""
    match = re.search(r"/(\d+)$", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else 0


def _shorten(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
