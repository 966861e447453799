"""What a model recognises on a page, with references for each object."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from flask import current_app
from numpy.typing import NDArray

from .. import errors
from ..catalogue import Model
from ..current import catalogue, model_server
from ..model_server import read_answer
from ..verdicts import UNKNOWN
from .gallery import Gallery
from .references import Reference, SourceState
from .unsplash import UNSET, Unsplash

#: Tasks whose models answer with objects. A detector's have no embeddings, and so no references.
TASKS = ("sketch", "detection")
#: References shown for one object, of each source.
REFERENCES = 4
#: What a sketch model answers where there is nothing on the page to recognise.
NO_DRAWING = "no_drawing"

Answer = dict[str, Any]


def sketch_model(name: str) -> Model:
    """The model of this name. Raises `RequestError`: `unknown_model`, or `wrong_task` where it reads no drawings."""
    model = catalogue.model(name)
    if model.card["task"] not in TASKS:
        raise errors.wrong_task(name, str(model.card["task"]))
    return model


def recognise(model: Model, image: bytes, *, paper: bool = False) -> Answer:
    """The model's answer about a drawing, the objects' embeddings included.

    `paper`: the image is a photograph of paper; the answer's `page` is what the model made of it. Raises
    `FrontEndError` with the model's own error, or one of the ways to it.
    """
    answer = read_answer(model.name, model_server.predict(model.name, image, paper=paper))
    if not {"objects", "verdict"} <= answer.keys() or (paper and "page" not in answer):
        raise errors.model_failed(model.name)
    return answer


def has_references(model: Model) -> bool:
    """Whether there are references for what a model recognises: they are found by embeddings."""
    return bool(model.card.get("embedding"))


def add_references(model: Model, answer: Answer, *, photographs: bool = True) -> Answer:
    """An answer whose objects have `references` in place of their embeddings.

    They are the gallery's nearest images and, where `photographs` is set, Unsplash's for the object's title. `sources`
    says of each source whether it answered. The cleaned page is left out. Raises `ModelServerError` (`model_failed`)
    where the answer has another shape.
    """
    objects: list[Answer] = answer["objects"]
    groups: list[tuple[Reference, ...]] = [() for _ in objects]
    sources: dict[str, dict[str, str]] = {}
    if has_references(model):
        gallery: Gallery = current_app.extensions["gallery"]
        queries = _read_embeddings(model, objects)
        near = gallery.nearest(queries, model.card["embedding"], REFERENCES, f"/models/{model.name}/gallery/")
        groups, sources["gallery"] = list(near.groups), state_as_answer(near.state)
        if photographs:
            unsplash: Unsplash = current_app.extensions["unsplash"]
            # What an unknown object is nearest to is no photograph that anybody asked for.
            known = [index for index, each in enumerate(objects) if each.get("verdict") != UNKNOWN]
            found = unsplash.search([search_words(model, objects[index]["class"]) for index in known], REFERENCES)
            for index, theirs in zip(known, found.groups, strict=True):
                groups[index] += theirs
            sources["unsplash"] = state_as_answer(found.state)
    shown = [
        {key: value for key, value in each.items() if key != "embedding"}
        | {"references": [reference.as_answer() for reference in group]}
        for each, group in zip(objects, groups, strict=True)
    ]
    return {key: value for key, value in answer.items() if key != "page"} | {"objects": shown, "sources": sources}


def _read_embeddings(model: Model, objects: Sequence[Answer]) -> NDArray[np.float32]:
    """The objects' embeddings, float32 (N, D). Raises `ModelServerError` (`model_failed`) where one has none."""
    try:
        rows = [np.frombuffer(base64.b64decode(each["embedding"], validate=True), "<f4") for each in objects]
        return np.stack(rows).astype(np.float32) if rows else np.empty((0, 0), np.float32)
    except (ValueError, KeyError, TypeError):
        raise errors.model_failed(model.name) from None


def find_photographs(model: Model, keys: Sequence[str]) -> tuple[list[tuple[Reference, ...]], SourceState]:
    """Unsplash's photographs for classes of a model, one group for each key; a key that is no class gets none."""
    unsplash: Unsplash = current_app.extensions["unsplash"]
    if not unsplash.enabled:
        return [() for _ in keys], UNSET
    known = {label["key"] for label in model.card["labels"]}
    asked = [key for key in keys if key in known]
    found = unsplash.search([search_words(model, key) for key in asked], REFERENCES)
    groups = dict(zip(asked, found.groups, strict=True))
    return [groups.get(key, ()) for key in keys], found.state


def search_words(model: Model, key: str) -> str:
    """What Unsplash is asked for: the class in English, in which its photographs are described."""
    return model.title_of(key, "en").replace("_", " ")


def state_as_answer(state: SourceState) -> dict[str, str]:
    return {"state": state.code} | ({"message": state.message, "remedy": state.remedy} if state.message else {})
