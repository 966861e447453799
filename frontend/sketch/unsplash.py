"""Photographs from Unsplash, as its API's terms ask: https://unsplash.com/documentation, "API guidelines".

Pictures are shown from Unsplash's own addresses, photographer and Unsplash are named with links that carry the UTM
parameters, and a photograph that a visitor takes up is reported to its `download_location`. Searches are kept for a day
and the rate limit is heeded, so that the same few words cost one request each. Nobody waits for Unsplash longer than
`PATIENCE` seconds; an answer that comes later is kept for the next who asks. No more than `QUEUE` requests wait, and a
use is reported only of a photograph that was given out: its `download_location` carries our signature.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar
from urllib.parse import urlencode

import requests
from urllib3.exceptions import HTTPError

from .references import READY, Finding, Reference, SourceState

logger = logging.getLogger(__name__)

#: Seconds that a visitor waits; what is asked of Unsplash in the background may take `REQUEST_SECONDS`.
PATIENCE = 0.8
REQUEST_SECONDS = 5.0
CACHE_SECONDS = 24 * 3600.0
CACHED_SEARCHES = 1000
LARGEST_ANSWER = 2**21
#: Requests that may be under way or wait for it; with the slowest answers of all the last one waits 40 s.
QUEUE = 32
LICENCE = "Unsplash License"

#: Between Unsplash's address and our signature of it; no address of Unsplash's has it.
SIGNED = "#"

T = TypeVar("T")
R = TypeVar("R")

UNSET = SourceState("unset", "No key for Unsplash is set.", "Set UNSPLASH_ACCESS_KEY to see photographs too.")
REFUSED = SourceState("refused", "Unsplash refuses the key.", "Check UNSPLASH_ACCESS_KEY.")
LIMITED = SourceState("limited", "Unsplash's limit of requests is used up.", "Wait until the next full hour.")
UNREACHABLE = SourceState("unreachable", "Unsplash can't be reached.", "Try again in a minute.")
UNREADABLE = SourceState("unreadable", "Unsplash's answer can't be read.", "Try again in a minute.")
TOO_SLOW = SourceState("too_slow", "Unsplash did not answer in time.", "Try again in a few seconds.")

#: After a fault of this kind Unsplash is left alone for so many seconds.
PAUSES = {"refused": 600.0, "limited": 300.0, "unreachable": 30.0, "unreadable": 30.0, "too_slow": 30.0}


class UnsplashError(Exception):
    """Why a request brought nothing."""

    def __init__(self, state: SourceState) -> None:
        super().__init__(state.message)
        self.state = state


class Unsplash:
    """A client for one key; without a key it finds nothing. `app` is the name that Unsplash knows the application by.

    Threads may share it.
    """

    def __init__(self, key: str, url: str, app: str) -> None:
        self._key = key
        self._url = url.rstrip("/")
        self._credit = urlencode({"utm_source": app, "utm_medium": "referral"})
        self._download = re.compile(re.escape(self._url) + r"/photos/[\w-]+/download(\?[\w=&%.~-]*)?$")
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], tuple[float, tuple[Reference, ...]]] = OrderedDict()
        self._asked: dict[tuple[str, int], Future[tuple[Reference, ...]]] = {}
        self._paused: tuple[float, SourceState] | None = None
        self._places = threading.BoundedSemaphore(QUEUE)
        self._workers = ThreadPoolExecutor(4, thread_name_prefix="unsplash")

    @property
    def enabled(self) -> bool:
        return bool(self._key)

    def search(self, words: Sequence[str], count: int) -> Finding:
        """Find `count` photographs for each of `words` (English), in `PATIENCE` seconds at most.

        A word whose answer is not there by then has none; the state says why.
        """
        if not self._key:
            return Finding(((),) * len(words), UNSET)
        deadline = time.monotonic() + PATIENCE
        futures = [self._ask((word.strip().lower(), count)) for word in words]
        wait([future for future in futures if isinstance(future, Future)], timeout=max(0, deadline - time.monotonic()))
        groups: list[tuple[Reference, ...]] = []
        state = READY
        for future in futures:
            try:
                if isinstance(future, Future):
                    groups.append(future.result(timeout=0))
                else:
                    groups.append(future)
            except TimeoutError:
                groups.append(())
                state = TOO_SLOW
            except UnsplashError as fault:
                groups.append(())
                state = fault.state
        return Finding(tuple(groups), state)

    def report_use(self, download_location: str) -> bool:
        """Tell Unsplash in the background that a photograph was taken up.

        `download_location`: as it was given out with the photograph. False where it was not, and where Unsplash is not
        asked now.
        """
        address, _, signature = download_location.rpartition(SIGNED)
        if not self._key or not self._download.match(address):
            return False
        if not hmac.compare_digest(signature.encode(), self._sign(address).encode()):
            return False
        with self._lock:
            paused = self._paused is not None and time.monotonic() < self._paused[0]
        return not paused and self._submit(self._report, address) is not None

    def _sign(self, address: str) -> str:
        return hmac.digest(self._key.encode(), address.encode(), "sha256").hex()

    def _submit(self, task: Callable[[T], R], argument: T) -> Future[R] | None:
        """Do it in the background; None where as much as may wait waits already."""
        if not self._places.acquire(blocking=False):
            return None
        future = self._workers.submit(task, argument)
        future.add_done_callback(lambda _: self._places.release())
        return future

    def _ask(self, search: tuple[str, int]) -> Future[tuple[Reference, ...]] | tuple[Reference, ...]:
        """What is kept, else what is under way, else a new request."""
        with self._lock:
            kept = self._kept.get(search)
            if kept and time.monotonic() - kept[0] < CACHE_SECONDS:
                self._kept.move_to_end(search)
                return kept[1]
            if search in self._asked:
                return self._asked[search]
            paused = self._paused and time.monotonic() < self._paused[0]
            future = None if paused else self._submit(self._fetch, search)
            if future is None:
                state = self._paused[1] if paused and self._paused else TOO_SLOW
                future = Future()
                future.set_exception(UnsplashError(state))
            else:
                self._asked[search] = future
            return future

    def _fetch(self, search: tuple[str, int]) -> tuple[Reference, ...]:
        word, count = search
        try:
            parameters = {"query": word, "per_page": str(count), "content_filter": "high"}
            found = tuple(self._view(photo) for photo in self._get("/search/photos", parameters)["results"][:count])
        except UnsplashError as fault:
            self._pause(fault.state)
            raise
        except (KeyError, TypeError, AttributeError):
            self._pause(UNREADABLE)
            raise UnsplashError(UNREADABLE) from None
        finally:
            with self._lock:
                self._asked.pop(search, None)
        with self._lock:
            self._kept[search] = (time.monotonic(), found)
            while len(self._kept) > CACHED_SEARCHES:
                self._kept.popitem(last=False)
        return found

    def _report(self, download_location: str) -> None:
        try:
            self._get(download_location.removeprefix(self._url), {})
        except UnsplashError as fault:
            logger.warning("a photograph's use could not be reported: %s", fault)

    def _get(self, path: str, parameters: dict[str, str]) -> Any:
        """Return the JSON of an answer. Raises `UnsplashError`."""
        headers = {"Authorization": f"Client-ID {self._key}", "Accept-Version": "v1"}
        try:
            with requests.get(
                self._url + path, params=parameters, headers=headers, timeout=REQUEST_SECONDS, stream=True
            ) as response:
                body = _read(response)
        except requests.Timeout:
            raise UnsplashError(TOO_SLOW) from None
        except (requests.RequestException, HTTPError):
            raise UnsplashError(UNREACHABLE) from None
        # Unsplash says 403 with the words "Rate Limit Exceeded" where others say 429.
        if response.status_code == 429 or (response.status_code == 403 and b"rate limit" in body.lower()):
            raise UnsplashError(LIMITED)
        if response.status_code in (401, 403):
            raise UnsplashError(REFUSED)
        if response.status_code != 200:
            raise UnsplashError(UNREACHABLE)
        if response.headers.get("X-Ratelimit-Remaining", "").strip() == "0":
            self._pause(LIMITED)
        try:
            return json.loads(body)
        except ValueError:
            raise UnsplashError(UNREADABLE) from None

    def _pause(self, state: SourceState) -> None:
        seconds = PAUSES[state.code]
        logger.warning("Unsplash: %s No more requests for %g s.", state.message, seconds)
        with self._lock:
            self._paused = (time.monotonic() + seconds, state)

    def _view(self, photo: dict[str, Any]) -> Reference:
        """A photograph of the API as a reference. Raises `KeyError` and its kin where its shape is another."""
        user, urls, links = photo["user"], photo["urls"], photo["links"]
        return Reference(
            source="unsplash",
            title=str(photo.get("alt_description") or photo.get("description") or ""),
            author=str(user["name"]),
            author_url=self._credited(user["links"]["html"]),
            licence=LICENCE,
            origin="Unsplash",
            page_url=self._credited(links["html"]),
            thumbnail=str(urls["small"]),
            picture=str(urls["regular"]),
            download_location=f"{links['download_location']}{SIGNED}{self._sign(links['download_location'])}",
        )

    def _credited(self, address: str) -> str:
        return f"{address}{'&' if '?' in address else '?'}{self._credit}"


def _read(response: requests.Response) -> bytes:
    """The body, within `REQUEST_SECONDS` also where it comes byte by byte. Raises `UnsplashError`."""
    deadline = time.monotonic() + REQUEST_SECONDS
    pieces: list[bytes] = []
    while True:
        piece = response.raw.read1(2**16, decode_content=True)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        if time.monotonic() > deadline:
            raise UnsplashError(TOO_SLOW)
        if sum(map(len, pieces)) > LARGEST_ANSWER:
            raise UnsplashError(UNREADABLE)
