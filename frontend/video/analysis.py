"""A video under way: a process decodes, threads ask the model, and whoever iterates gets the events in order of time.

What is decoded but not answered yet is bounded by a queue, so memory does not grow with the film.
"""

from __future__ import annotations

import base64
import logging
import queue
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

from .. import errors
from ..background import Background
from ..catalogue import Model
from ..errors import FrontEndError
from ..events import HEARTBEAT_SECONDS, SIGN_OF_LIFE, Event
from ..model_server import ModelServer
from ..settings import Settings
from .decoding import Decoder, Order, Picked
from .frames import NetworkSize
from .reader import Limits
from .sampling import Sampling
from .summary import Answer, summarise
from .tables import check_tables

logger = logging.getLogger(__name__)

#: What the images of one film come to at most, as base64: a browser keeps an answer as one text, which has a limit.
MOST_CHARACTERS = 400 * 2**20
#: Frames a second that one may ask for.
RATES = (0.02, 30.0)
#: While a frame meets one of these it is sent again.
PASSING = frozenset(("model_down", "model_starting", "model_busy", "model_failed", "model_too_slow"))


@dataclass(frozen=True)
class Wish:
    """What a client asks for: frames a second, how they are picked, and whether each comes with its images."""

    rate: float
    sampling: Sampling = "even"
    images: bool = False


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
        self._file, self._model, self._wish = file, model, wish
        network = NetworkSize.of(model.card)
        most = settings.video_max_frames
        if wish.images:
            most = min(most, network.count_images(MOST_CHARACTERS))
        limits = Limits(settings.video_max_seconds, settings.video_max_pixels)
        order = Order(limits, network, wish.rate, wish.sampling, wish.images, most, settings.video_memory)
        check_tables(file)
        self._frames = Decoder(file, order)
        self._survey = self._frames.survey
        self._interval = order.interval(self._survey.seconds)
        self._stop = threading.Event()
        self._questions = Background(
            server, model.name, "frames", requests=settings.video_requests,
            retry_seconds=settings.video_retry_seconds, passing=PASSING,
        )  # fmt: skip
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
        self._questions.close()
        self._frames.close()
        self._decoder.join()
        self._file.close()

    def events(self) -> Iterator[Event]:
        """One `video`, then `frame` by frame in order of time, at the end one `result`, or `error` where no
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
            yield Event("error", (fault or errors.model_failed(self._model.name)).as_answer(), is_last=True)
        else:
            told = {"complete": fault is None} | (fault.as_answer() if fault else {})
            yield Event("result", result | told, is_last=True)

    # ---- taking frames from the decoder, in a thread of its own

    def _decode(self) -> None:
        end: FrontEndError | None = None
        try:
            for picked in self._frames.frames():
                if self._stop.is_set():
                    return
                self._put(Asked(picked, self._questions.ask(picked.image)))
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

    # ---- telling

    def _wait_for(self, answer: Future[dict[str, Any]]) -> Iterator[Event]:
        told = False
        while True:
            wait([answer], HEARTBEAT_SECONDS)
            if answer.done():
                return
            trouble = self._questions.trouble
            if trouble and not told:
                told = True
                yield Event("waiting", trouble.as_answer())
            else:
                yield SIGN_OF_LIFE

    def _next(self) -> Generator[Event, None, Entry]:
        while True:
            try:
                return self._queue.get(timeout=HEARTBEAT_SECONDS)
            except queue.Empty:
                yield SIGN_OF_LIFE

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
