"""How images that come one by one are shared out among a processor's cores."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .execution import OpenVINOExecution


@dataclass
class _Part:
    """Some images for one of the networks; `first`: the number of the first one."""

    network: int
    first: int
    images: list[np.ndarray]
    outputs: list[np.ndarray] = field(default_factory=list)


class Running:
    """Images on their way through networks, the first of which comes first.

    A stream that is free takes images that wait: a part is never waited for, and when no more come, streams share what
    is left, so that all end at about the same time.
    """

    def __init__(self, networks: Sequence[OpenVINOExecution]) -> None:
        #: What each of each network's outputs says of the images, float32 (N, width); when they are through.
        self.outputs: list[list[np.ndarray]] = []
        self._networks = networks
        self._waiting: list[deque[np.ndarray]] = [deque() for _ in networks]
        self._taken = [0 for _ in networks]
        self._ended = False
        self._changed = threading.Condition()
        streams = range(networks[0].streams)
        self._streams = [networks[0].threads.submit(self._compute, stream) for stream in streams]

    def put(self, image: np.ndarray) -> None:
        """`image`: uint8 (height, width, 3). Raises `ValueError` for one of another size."""
        for each in self._networks:
            each.check_shape(image.shape)
        with self._changed:
            for waiting in self._waiting:
                waiting.append(image)
            self._changed.notify()

    def finish(self) -> None:
        """Waits until all images are through."""
        self._end()
        wait(self._streams)  # all of them, also where one fails: the next run takes the same requests
        parts = sorted((part for stream in self._streams for part in stream.result()), key=lambda part: part.first)
        for number, network in enumerate(self._networks):
            found = [part.outputs for part in parts if part.network == number]
            empty = [[np.empty((0, width), np.float32) for width in network.widths]]
            self.outputs.append([np.concatenate(each) for each in zip(*(found or empty), strict=True)])

    def drop(self) -> None:
        """Waits for what is being computed; nobody wants the rest."""
        with self._changed:
            for waiting in self._waiting:
                waiting.clear()
        self._end()
        wait(self._streams)

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _compute(self, stream: int) -> list[_Part]:
        done = []
        while part := self._take():
            network = self._networks[part.network]
            part.outputs = network.compute(network.requests[stream], np.stack(part.images))
            part.images = []
            done.append(part)
        return done

    def _take(self) -> _Part | None:
        with self._changed:
            self._changed.wait_for(lambda: any(self._waiting) or self._ended)
            for number, waiting in enumerate(self._waiting):
                if waiting:
                    most = -(-len(waiting) // len(self._streams)) if self._ended else len(waiting)
                    images = [waiting.popleft() for _ in range(min(most, self._networks[number].at_once))]
                    first = self._taken[number]
                    self._taken[number] += len(images)
                    return _Part(number, first, images)
            return None
