"""The models on offer: their cards and examples, fetched from the model server and kept for a while."""

from __future__ import annotations

import base64
import re
import threading
import time
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from . import errors
from .model_server import ModelServer
from .settings import Settings

CARD_SCHEMA = 2
#: What a program would call a class: lower-case words with underscores between.
_NAME = re.compile("[a-z0-9]+(_[a-z0-9]+)*")
#: Seconds that a model may take to describe itself.
PATIENCE = 3.0


@dataclass(frozen=True)
class Example:
    """An image of the test split with its true class and the answer that was computed when the model was made."""

    name: str
    label: str
    media_type: str
    image: bytes
    answer: dict[str, Any]


@dataclass(frozen=True)
class Model:
    """A model's card (schema: model_training/runtime/card.py; empty where it was never had) and its examples."""

    name: str
    card: dict[str, Any]
    examples: tuple[Example, ...]

    def title_of(self, key: str, language: str) -> str:
        """The title of a class in a language; the class's key where it has none."""
        for label in self.card["labels"]:
            if label["key"] == key:
                title = label["title"].get(language) or key
                return _as_words(key) if title == key else title
        return key

    def choose_examples(self, most: int) -> list[Example]:
        """At most so many examples, of as many classes as possible, in the order in which the bundle has them."""
        turns: Counter[str] = Counter()
        ranked = []
        for place, example in enumerate(self.examples):
            ranked.append((turns[example.label], place))
            turns[example.label] += 1
        return [self.examples[place] for _, place in sorted(sorted(ranked)[:most], key=itemgetter(1))]


def _as_words(key: str) -> str:
    """A folder's name as a title: `naive_art` → `Naive art`; as it is where it is no name of a program's kind."""
    return key.replace("_", " ").capitalize() if _NAME.fullmatch(key) else key


class Catalogue:
    """Cards change only when a model is deployed: each is asked for again after `catalogue_seconds`, behind the visitor
    who gets the last one known meanwhile. Only for a card that was never had somebody waits, and not for long."""

    def __init__(self, settings: Settings, server: ModelServer) -> None:
        self.names = settings.models
        self._server = server
        self._lifetime = settings.catalogue_seconds
        self._known: dict[str, tuple[float, Model]] = {}
        self._under_way: dict[str, Future[Model]] = {}
        self._lock = threading.Lock()

    def check_name(self, name: str) -> None:
        """Raises `RequestError` (`unknown_model`) where no model has this name."""
        if name not in self.names:
            raise errors.unknown_model(name, self.names)

    def model(self, name: str) -> Model:
        """Return a model.

        Raises `RequestError` (`unknown_model`), or `ModelServerError` where its card was never had and can't be now.
        """
        known, fetched = self._start(name)
        if known and (fetched is None or self._lifetime):
            return known
        assert fetched is not None
        try:
            return fetched.result()
        except errors.ModelServerError:
            if known is None:
                raise
            return known

    def look_up(self, name: str) -> tuple[Model, errors.ModelServerError | None]:
        """As `model`, but where its card can't be had, a model without one, and why."""
        try:
            return self.model(name), None
        except errors.ModelServerError as error:
            return Model(name, {}, ()), error

    def look_up_all(self) -> list[tuple[Model, errors.ModelServerError | None]]:
        """`look_up` of every model, all of them asked at once."""
        for name in self.names:
            self._start(name)
        return [self.look_up(name) for name in self.names]

    def _start(self, name: str) -> tuple[Model | None, Future[Model] | None]:
        """The model as it is known, and where that is too long ago, the fetching that is under way."""
        self.check_name(name)
        with self._lock:
            checked, known = self._known.get(name, (0.0, None))
            if known and time.monotonic() - checked < self._lifetime:
                return known, None
            if name not in self._under_way:
                self._under_way[name] = Future()
                threading.Thread(target=self._fetch, args=[name], name=f"card of {name}", daemon=True).start()
            return known, self._under_way[name]

    def _fetch(self, name: str) -> None:
        model, error = None, None
        try:
            model = self._ask(name)
        except Exception as fault:
            error = fault
        with self._lock:
            model_now = model or self._known.get(name, (0.0, None))[1]
            if model_now:
                self._known[name] = (time.monotonic(), model_now)
            future = self._under_way.pop(name)
        if model:
            future.set_result(model)
        else:
            future.set_exception(error)

    def _ask(self, name: str) -> Model:
        until = time.monotonic() + PATIENCE
        card = self._server.card(name, PATIENCE)
        if card.get("schema_version") != CARD_SCHEMA:
            raise errors.model_outdated(name)
        examples = tuple(
            Example(
                name=example["name"],
                label=example["label"],
                media_type=example["media_type"],
                image=base64.b64decode(example["data"]),
                answer=example["answer"],
            )
            for example in self._server.examples(name, max(0.1, until - time.monotonic()))
        )
        return Model(name, card, examples)
