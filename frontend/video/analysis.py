"""A video under way: one thread decodes, a few ask the model, and whoever iterates gets the events in order of time.

What is decoded but not answered yet is bounded by a queue, so memory does not grow with the film.
"""

from __future__ import annotations

import base64
import json
import logging
import queue
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

from .. import errors
from ..catalogue import Model
from ..errors import FrontEndError, ModelServerError
from ..model_server import ModelServer
from ..settings import Settings
from .frames import Drawer, NetworkSize, upright_size
from .reader import Limits, TimedFrame, read_frames, survey
from .sampling import Sampling, choose_skip, sample
from .summary import Answer, summarise

logger = logging.getLogger(__name__)

#: While nothing happens, an empty event goes out as often as this: writing is how a server learns that a client left.
HEARTBEAT_SECONDS = 0.25
LONGEST_PAUSE = 2.0
#: What the images of one film come to at most, as base64: a browser keeps an answer as one text, which has a limit.
MOST_CHARACTERS = 400 * 2**20
#: Frames a second that one may ask for.
RATES = (0.02, 30.0)


class Event(NamedTuple):
    """`kind`: `video`, `frame`, `waiting`, `result`, `error`, or empty for a sign of life. `data`: what is sent."""

    kind: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """What a client asks for: frames a second, how they are picked, and whether each comes with its images."""

    rate: float
    sampling: Sampling = "even"
    images: bool = False


@dataclass(frozen=True)
class Picked:
    """A frame that was picked: when it is shown, the image for the model, the one for people, its upright size."""

    time: float
    image: bytes
    preview: bytes | None
    size: tuple[int, int]


class Asked(NamedTuple):
    """A frame and what becomes of the question about it: the model's answer, or the error of its handler."""

    picked: Picked
    answer: Future[dict[str, Any]]


#: What the decoder hands on: a frame; at the end nothing, or why it ended.
Entry = Asked | FrontEndError | None


class Analysis:
    """`events` may be iterated once; `close` ends the work at any time and leaves nothing behind.

    Raises `RequestError` when it is made, if no frame of the file can be had: the reasons of `reader.survey`.
    """

    def __init__(self, file: IO[bytes], model: Model, server: ModelServer, settings: Settings, wish: Wish) -> None:
        self._file, self._model, self._server, self._wish = file, model, server, wish
        self._retry_seconds = settings.video_retry_seconds
        self._limits = Limits(settings.video_max_seconds, settings.video_max_pixels)
        self._network = NetworkSize.of(model.card)
        self._survey = survey(file, self._limits)
        most = settings.video_max_frames
        if wish.images:
            most = min(most, self._network.count_images(MOST_CHARACTERS))
        self._interval = max(1 / wish.rate, self._survey.seconds / most)
        self._stop = threading.Event()
        self._trouble: FrontEndError | None = None
        self._pool = ThreadPoolExecutor(settings.video_requests, thread_name_prefix="video-ask")
        # Each waiting entry is a request under way or about to be.
        self._queue: queue.Queue[Entry] = queue.Queue(settings.video_requests)
        self._decoder = threading.Thread(target=self._decode, name="video-decode", daemon=True)
        self._decoder.start()
        first = self._queue.get()
        if not isinstance(first, Asked):
            self.close()
            raise first or errors.broken_video("none of its frames can be decoded")
        self._first = first

    def close(self) -> None:
        """End the work: when this returns nothing is decoded any more and the file is gone."""
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._decoder.join()
        self._file.close()

    def events(self) -> Iterator[Event]:
        """The events: one `video`, then `frame` by frame in order of time, at the end one `result`, or `error` where no
        frame was answered; `waiting` where the model server is away; between them signs of life."""
        answers: list[Answer] = []
        fault: FrontEndError | None = None
        try:
            yield Event("video", self._introduce())
            entry: Entry = self._first
            while isinstance(entry, Asked):
                yield from self._wait_for(entry.answer)
                answers.append(Answer(entry.picked.time, entry.answer.result()))
                yield Event("frame", {"index": len(answers) - 1} | self._describe(answers[-1], entry.picked))
                entry = yield from self._next()
            fault = entry
        except FrontEndError as error:
            fault = error
        finally:
            self.close()
        if fault is None and self._survey.ends_early:
            fault = errors.truncated_video(self._survey.seconds)
        result = summarise(answers, self._survey.seconds, self._model.card)
        if result is None:
            yield Event("error", (fault or errors.model_failed(self._model.name)).as_answer())
        else:
            yield Event("result", result | {"complete": fault is None} | (fault.as_answer() if fault else {}))

    # ---- decoding, in a thread of its own

    def _decode(self) -> None:
        end: FrontEndError | None = None
        try:
            skip = choose_skip(self._survey, self._interval)
            frames = read_frames(self._file, self._limits, skip, self._stop)
            drawer = Drawer(self._network, packed=self._wish.images)
            for timed in sample(frames, self._interval, self._wish.sampling):
                picked = self._draw(drawer, timed)
                if self._stop.is_set():
                    return
                self._put(Asked(picked, self._pool.submit(self._ask, picked.image)))
        except FrontEndError as error:
            end = error
        except Exception:
            if not self._stop.is_set():  # else it was the pool, which takes nothing after its end
                logger.exception("decoding a video")
                end = errors.internal_error()
        self._put(end)

    def _put(self, entry: Entry) -> None:
        while not self._stop.is_set():
            with suppress(queue.Full):
                self._queue.put(entry, timeout=HEARTBEAT_SECONDS)
                return

    def _draw(self, drawer: Drawer, timed: TimedFrame) -> Picked:
        preview = drawer.draw_preview(timed.frame) if self._wish.images else None
        return Picked(timed.time, drawer.draw_image(timed.frame), preview, upright_size(timed.frame))

    # ---- asking, in the pool's threads

    def _ask(self, image: bytes) -> dict[str, Any]:
        """The model's answer, or the error that its handler gave for this frame. While the model server is away or
        busy, ask again for a while. Raises `ModelServerError` when that does not help."""
        began = time.monotonic()
        pause = HEARTBEAT_SECONDS
        while True:
            try:
                reply = self._server.predict(self._model.name, image)
            except ModelServerError as error:
                self._trouble = error
                if self._stop.is_set() or time.monotonic() - began >= self._retry_seconds:
                    raise
                self._stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self._trouble = None
                content: dict[str, Any] = json.loads(reply.body)
                return content

    # ---- telling

    def _wait_for(self, answer: Future[dict[str, Any]]) -> Iterator[Event]:
        told = False
        while True:
            wait([answer], HEARTBEAT_SECONDS)
            if answer.done():
                return
            trouble = self._trouble
            if trouble and not told:
                told = True
                yield Event("waiting", trouble.as_answer())
            else:
                yield Event("", {})

    def _next(self) -> Generator[Event, None, Entry]:
        while True:
            try:
                return self._queue.get(timeout=HEARTBEAT_SECONDS)
            except queue.Empty:
                yield Event("", {})

    def _introduce(self) -> dict[str, Any]:
        width, height = self._first.picked.size
        return {
            "seconds": round(self._survey.seconds, 3),
            "width": width,
            "height": height,
            "codec": self._survey.codec,
            "sampling": self._wish.sampling,
            "interval": round(self._interval, 4),
            "model": self._model.name,
            "version": self._model.card["version"],
        }

    def _describe(self, answer: Answer, picked: Picked) -> dict[str, Any]:
        """When a frame is shown, and the model's answer or error for it."""
        kept = ("class", "confidence", "probabilities", "verdict", "reason", "error")
        data: dict[str, Any] = {"time": round(answer.time, 3)}
        data |= {key: answer.content[key] for key in kept if key in answer.content}
        if picked.preview is not None:
            data["image"] = base64.b64encode(picked.image).decode("ascii")
            data["preview"] = base64.b64encode(picked.preview).decode("ascii")
        return data
