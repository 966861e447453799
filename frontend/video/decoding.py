"""A video is decoded in a process of its own: what a file makes FFmpeg do costs nobody else memory, and can be ended.

Such a process is forked from one that has FFmpeg loaded and does nothing else, which takes milliseconds.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any

from .. import errors
from ..errors import FrontEndError
from ..metrics import VIDEO_FRAMES
from .frames import Drawer, NetworkSize, upright_size
from .reader import Limits, Survey, TimedFrame, read_frames, survey
from .sampling import Sampling, choose_skip, sample

#: Seconds in which a decoder says nothing, after which it is ended. It says something every `SIGN_SECONDS` while it
#: gets on: a frame, however large, takes less.
SILENCE_SECONDS = 30.0
SIGN_SECONDS = 0.1
#: From the end of its connection to that of the process.
LEAVE_SECONDS = 10.0
#: Of the process, where it was ended by somebody who may not have meant the film.
ENDED_BY_OTHERS = (-signal.SIGKILL, -signal.SIGTERM)

_FORKS: Any = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Order:
    """What is decoded, and how. `most`: frames that are picked at most; `rate`: frames a second; `images`: whether they
    go to a page, each with a preview; `memory`: bytes that decoding may take."""

    limits: Limits
    network: NetworkSize
    rate: float
    sampling: Sampling
    images: bool
    most: int
    memory: int

    def interval(self, seconds: float) -> float:
        """Seconds between the frames of a film of so many."""
        return max(1 / self.rate, seconds / self.most)


@dataclass(frozen=True)
class Picked:
    """A frame that was picked: when it is shown, the image for the model, the one for people, its upright size."""

    time: float
    image: bytes
    preview: bytes | None
    size: tuple[int, int]


class Decoder:
    """The process that decodes `file`. `survey`: what it found before the first frame."""

    def __init__(self, file: IO[bytes], order: Order) -> None:
        """Raises `RequestError`: the reasons of `reader.survey`."""
        self._mine, theirs = _FORKS.Pipe(duplex=False)
        self._process = _FORKS.Process(target=_Job(file.fileno(), order).run, args=[theirs], daemon=True)
        try:
            self._process.start()
        finally:
            theirs.close()
        try:
            found = self._receive()
            if not isinstance(found, Survey):
                raise found
            self.survey = found
        except BaseException:
            self.close()
            raise

    def frames(self) -> Iterator[Picked]:
        """The picked frames. Raises `RequestError` where the file can't be decoded further."""
        while (told := self._receive()) is not None:
            if isinstance(told, FrontEndError):
                raise told
            yield told

    def close(self) -> None:
        """End the process, whatever it does. Safe while another thread waits for a frame."""
        self._process.kill()
        self._process.join()

    def _receive(self) -> Any:
        """What the process says next: a `Survey`, a `Picked`, an error, or None at the end."""
        while True:
            try:
                if not self._mine.poll(SILENCE_SECONDS):
                    self.close()
                    return errors.broken_video("decoding it does not get on")
                told = self._mine.recv()
            except (EOFError, OSError):
                self._process.join(LEAVE_SECONDS)
                if self._process.exitcode in ENDED_BY_OTHERS:
                    return errors.decoder_ended()
                return errors.broken_video("decoding it takes too much memory, or fails")
            if not isinstance(told, int):
                return told
            VIDEO_FRAMES.inc(told)


class _Job:
    """What the process does. Made here, taken there: the file goes along."""

    def __init__(self, file: int, order: Order) -> None:
        self._file, self._order = file, order

    def __getstate__(self) -> dict[str, Any]:
        return {"_file": DupFd(self._file), "_order": self._order}

    def run(self, wire: Connection) -> None:
        """Send the survey, each picked frame, now and then how many frames were decoded, and None, or an error."""
        order = self._order
        gc.freeze()  # so that there is little to look through below
        _limit_memory(order.memory)
        end: FrontEndError | None = None
        try:
            with os.fdopen(self._file.detach(), "rb") as file:  # type: ignore[attr-defined]
                found = survey(file, order.limits)
                wire.send(found)
                interval = order.interval(found.seconds)
                frames = read_frames(file, order.limits, choose_skip(found, interval))
                drawer = Drawer(order.network, packed=order.images)
                for timed in sample(_count(frames, wire), interval, order.sampling):
                    preview = drawer.draw_preview(timed.frame) if order.images else None
                    wire.send(Picked(timed.time, drawer.draw_image(timed.frame), preview, upright_size(timed.frame)))
                    gc.collect()  # a frame that was asked for its notes is in a circle with them
        except FrontEndError as error:
            end = error
        except MemoryError:
            end = errors.video_too_dear()
        except BrokenPipeError:
            return
        wire.send(end)


def _count(frames: Iterator[TimedFrame], wire: Connection) -> Iterator[TimedFrame]:
    """The same frames. How many they are is told with the first one, then ten times a second: that is also a sign of
    life."""
    decoded, told = 0, 0.0
    for frame in frames:
        decoded += 1
        if time.monotonic() - told >= SIGN_SECONDS:
            wire.send(decoded)
            decoded, told = 0, time.monotonic()
        yield frame
    wire.send(decoded)


def _limit_memory(most: int) -> None:
    """Let this process have so many bytes more than it has. Where the system does not say what that is, or does not
    hold to it, only time is limited."""
    try:
        now = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_DATA, (now + most, now + most))
    except (OSError, ValueError):
        return
