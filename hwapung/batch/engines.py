"""Who answers: a bundle in this process, or a server. Both take pictures as they come and answer in their order."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, cast

from model_training.runtime.card import Card
from model_training.runtime.errors import ImageError, StoppedError

from ..client import Client
from ..model import Answer
from .items import Item
from .sources import Source

Answered = tuple[Item, Answer | ImageError]
#: Pictures that are answered together, and their bytes: a few large ones fill the memory of many.
_BATCH, _BATCH_BYTES = 32, 64 * 2**20


class Engine(Protocol):
    @property
    def card(self) -> Card: ...

    def answer(self, items: Iterable[Item], *, explain: bool) -> Generator[Answered, None, None]:
        """Raises `ServingError` or `StoppedError` where no more can be answered for now."""


def fingerprint(card: Card) -> str:
    """The same for the same files of a bundle."""
    return hashlib.sha256(json.dumps(card.files, sort_keys=True).encode()).hexdigest()[:16]


def describe_task(card: Card, source: Source) -> dict[str, str]:
    """What is asked of what: `model` and `pictures` for people, `weights` and `paths` for certainty."""
    return {
        "model": f"{card.name} {card.version}",
        "weights": fingerprint(card),
        "pictures": source.words,
        "paths": source.fingerprint,
    }


class LocalEngine:
    """A bundle in this process."""

    def __init__(self, bundle: Path, device: str, form: str | None) -> None:
        """Raises what `hwapung.load` raises."""
        from model_training.runtime.device import choose_device
        from model_training.runtime.forms import parse_wish
        from model_training.runtime.load import load_bundle

        self.model = load_bundle(bundle, choose_device(device), parse_wish(form))

    @property
    def card(self) -> Card:
        return self.model.card

    def answer(self, items: Iterable[Item], *, explain: bool) -> Generator[Answered, None, None]:
        """While one batch is computed, the next is read and decoded; of heatmaps torch makes one batch at a time."""
        batches = _gather(items)
        started: deque[Future[list[Answered]]] = deque()
        ahead = 1 if explain else 2
        with ThreadPoolExecutor(ahead, "answer") as threads:
            while True:
                for batch in itertools.islice(batches, ahead - len(started)):
                    started.append(threads.submit(self._answer, batch, explain))
                if not started:
                    return
                yield from started.popleft().result()

    def _answer(self, batch: list[tuple[Item, bytes | ImageError]], explain: bool) -> list[Answered]:
        good = [data for _, data in batch if isinstance(data, bytes)]
        answers = iter(self.model.answer(good, [explain] * len(good)) if good else ())
        return [
            (item, data if isinstance(data, ImageError) else cast("Answer | ImageError", next(answers)))
            for item, data in batch
        ]


class ServerEngine:
    """A model behind HTTP, which must stay the same while it is asked."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @property
    def card(self) -> Card:
        return self.client.card

    def answer(self, items: Iterable[Item], *, explain: bool) -> Generator[Answered, None, None]:
        def ask(item: Item) -> Answered:
            data = read(item)
            return item, data if isinstance(data, ImageError) else self.client.ask(data, explain=explain)

        wanted = self.card.version
        for item, answer in self.client.map(ask, items):
            if not isinstance(answer, ImageError) and answer["version"] != wanted:
                raise StoppedError(
                    f"{self.client.url} answers by version {answer['version']} now, and did by {wanted}.",
                    "Serve that one again to go on, or begin another table.",
                )
            yield item, answer


def read(item: Item) -> bytes | ImageError:
    try:
        return item.read()
    except ImageError as error:
        return error


def _gather(items: Iterable[Item]) -> Iterator[list[tuple[Item, bytes | ImageError]]]:
    batch: list[tuple[Item, bytes | ImageError]] = []
    size = 0
    for item in items:
        batch.append((item, data := read(item)))
        size += len(data) if isinstance(data, bytes) else 0
        if len(batch) == _BATCH or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
