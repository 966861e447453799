"""The models on offer: their cards and examples, fetched from the model server and kept for a while."""

from __future__ import annotations

import base64
import threading
import time
from dataclasses import dataclass
from typing import Any

from . import errors
from .model_server import ModelServer
from .settings import Settings

CARD_SCHEMA = 2


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
                return label["title"].get(language) or key
        return key


class Catalogue:
    """Cards change only when a model is deployed: each is asked for again after `catalogue_seconds`, and the last one
    known is shown while the model server does not answer."""

    def __init__(self, settings: Settings, server: ModelServer) -> None:
        self.names = settings.models
        self._server = server
        self._lifetime = settings.catalogue_seconds
        self._known: dict[str, tuple[float, Model]] = {}
        self._locks = {name: threading.Lock() for name in self.names}

    def check_name(self, name: str) -> None:
        """Raises `RequestError` (`unknown_model`) where no model has this name."""
        if name not in self._locks:
            raise errors.unknown_model(name, self.names)

    def model(self, name: str) -> Model:
        """Return a model.

        Raises `RequestError` (`unknown_model`), or `ModelServerError` where its card was never had and can't be now.
        """
        self.check_name(name)
        with self._locks[name]:
            known = self._known.get(name)
            if known and time.monotonic() - known[0] < self._lifetime:
                return known[1]
            try:
                model = self._fetch(name)
            except errors.ModelServerError:
                if known is None:
                    raise
                model = known[1]
            self._known[name] = (time.monotonic(), model)
            return model

    def look_up(self, name: str) -> tuple[Model, errors.ModelServerError | None]:
        """As `model`, but where its card can't be had, a model without one, and why."""
        try:
            return self.model(name), None
        except errors.ModelServerError as error:
            return Model(name, {}, ()), error

    def _fetch(self, name: str) -> Model:
        card = self._server.card(name)
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
            for example in self._server.examples(name)
        )
        return Model(name, card, examples)
