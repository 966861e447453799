"""Drawings: what the model recognised on a page, with references for each object."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flask import current_app

from . import errors, paper
from .catalogue import Catalogue, Model
from .errors import FrontEndError
from .gallery import Gallery
from .model_server import ModelServer
from .references import Reference, SourceState
from .unsplash import UNSET, Unsplash

TASK = "sketch"
#: References shown for one object, of each source.
REFERENCES = 4
#: What a sketch model answers where there is nothing on the page to recognise.
NO_DRAWING = "no_drawing"

Answer = dict[str, Any]


def is_sketch(model: Model) -> bool:
    return model.card.get("task") == TASK


def sketch_model(name: str) -> Model:
    """The model of this name. Raises `RequestError`: `unknown_model`, or `wrong_task` where it reads no drawings."""
    catalogue: Catalogue = current_app.extensions["catalogue"]
    model = catalogue.model(name)
    if not is_sketch(model):
        raise errors.wrong_task(name, str(model.card.get("task")))
    return model


def recognise(model: Model, picture: bytes, *, photographs: bool) -> Answer:
    """Ask the model about a drawing and add references to its answer.

    Each object gets `references`, the gallery's nearest pictures and, where `photographs` is set, Unsplash's for its
    title; the embedding that they were found by is left out. `sources` says of each source whether it answered. Raises
    `FrontEndError` with the model's own error, or one of the ways to it.
    """
    server: ModelServer = current_app.extensions["model_server"]
    reply = server.predict(model.name, picture)
    try:
        content = json.loads(reply.body)
        if reply.status != 200:
            raise FrontEndError(reply.status, **content["error"])
        objects: list[Answer] = content["objects"]
        embeddings = [_read_embedding(found) for found in objects]
    except (ValueError, KeyError, TypeError):
        raise errors.model_failed(model.name) from None
    gallery: Gallery = current_app.extensions["gallery"]
    queries = np.stack(embeddings) if embeddings else np.empty((0, 0), np.float32)
    near = gallery.nearest(queries, model.card.get("embedding"), REFERENCES, f"/models/{model.name}/gallery/")
    groups: list[tuple[Reference, ...]] = list(near.groups)
    content["sources"] = {"gallery": state_as_answer(near.state)}
    if photographs:
        unsplash: Unsplash = current_app.extensions["unsplash"]
        found = unsplash.search([search_words(model, each["class"]) for each in objects], REFERENCES)
        groups = [ours + theirs for ours, theirs in zip(groups, found.groups, strict=True)]
        content["sources"]["unsplash"] = state_as_answer(found.state)
    for each, group in zip(objects, groups, strict=True):
        each["references"] = [reference.as_answer() for reference in group]
    return content


def recognise_paper(model: Model, picture: bytes, *, photographs: bool) -> tuple[Answer, bytes]:
    """Clean a photograph of paper and ask about it; returns the answer and the cleaned page (PNG).

    Where there is no drawing on paper the model is not asked: it was never shown anything else. Raises `RequestError`
    where the picture can't be read, and as `recognise` does.
    """
    page = paper.clean(picture)
    if page.is_drawing:
        return recognise(model, page.picture, photographs=photographs), page.picture
    version = str(model.card["version"])
    nothing = {"objects": [], "verdict": NO_DRAWING, "processing_time_ms": 0.0, "model": model.name, "version": version}
    return {**nothing, "width": page.width, "height": page.height, "sources": {}}, page.picture


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


def _read_embedding(found: Answer) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Take an object's embedding out of the answer: float32 (D,). Raises `ValueError`, `KeyError`."""
    return np.frombuffer(base64.b64decode(found.pop("embedding"), validate=True), "<f4").astype(np.float32)


@dataclass(frozen=True)
class ObjectView:
    """One recognised object as the page shows it: the box in percent of the page, or None for the whole of it."""

    key: str
    title: str
    confidence: float
    others: tuple[tuple[str, float], ...]
    box: tuple[float, float, float, float] | None
    references: tuple[Answer, ...]


@dataclass(frozen=True)
class SketchView:
    """An answer about a drawing as the page shows it."""

    objects: tuple[ObjectView, ...]
    recognised: bool
    milliseconds: float
    gallery_state: str


def view_sketch(answer: Answer, model: Model, language: str) -> SketchView:
    """Turn `recognise`'s answer into what the page shows."""
    width, height = answer["width"], answer["height"]

    def view(found: Answer) -> ObjectView:
        box = found.get("box")
        others = sorted(found["probabilities"].items(), key=lambda item: -item[1])
        return ObjectView(
            key=found["class"],
            title=found["title"].get(language) or model.title_of(found["class"], language),
            confidence=found["confidence"],
            others=tuple((model.title_of(key, language), p) for key, p in others if key != found["class"])[:2],
            box=(
                100 * box[0] / width,
                100 * box[1] / height,
                100 * (box[2] - box[0]) / width,
                100 * (box[3] - box[1]) / height,
            )
            if box
            else None,
            references=tuple(found.get("references", ())),
        )

    return SketchView(
        objects=tuple(view(found) for found in answer["objects"]),
        recognised=answer["verdict"] != NO_DRAWING,
        milliseconds=answer["processing_time_ms"],
        gallery_state=answer.get("sources", {}).get("gallery", {}).get("state", "ready"),
    )
