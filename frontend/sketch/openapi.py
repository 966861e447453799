"""The sketch models' part of the API's document."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from ..openapi import NAME, UNAVAILABLE, Json, Milliseconds, Part, Probability, Text, Warnings, answers, fails, question
from ..settings import Settings
from .references import Reference


class Source(TypedDict):
    state: Annotated[str, Field(description="ready, else a code")]
    message: NotRequired[str]
    remedy: NotRequired[str]


Sources = Annotated[dict[str, Source], Field(description="source → whether it answered")]

Object = TypedDict(
    "Object",
    {
        "box": Annotated[
            list[float] | None,
            Field(description="x0, y0, x1, y1 in pixels of the upright picture; null: the whole page"),
        ],
        "score": Annotated[float | None, Field(description="the detector's")],
        "class": str,
        "title": Text,
        "confidence": Probability,
        "probabilities": dict[str, Probability],
        "verdict": NotRequired[
            Annotated[
                Literal["sure", "unsure", "unknown"],
                Field(
                    description="of a model that can tell strange drawings; with unknown, the class is the nearest one"
                ),
            ]
        ],
        "reason": NotRequired[
            Annotated[str, Field(description="why the verdict is unknown, as of an answer on a picture")]
        ],
        "references": list[Reference],
    },
)


class Drawing(TypedDict):
    objects: list[Object]
    verdict: Literal["recognised", "nothing_found", "no_drawing"]
    width: int
    height: int
    processing_time_ms: Milliseconds
    model: str
    version: str
    sources: Sources
    warnings: NotRequired[Warnings]


class Photographs(TypedDict):
    references: dict[str, list[Reference]]
    sources: Sources
    warnings: NotRequired[Warnings]


class Use(TypedDict):
    download_location: str


class UseReported(TypedDict):
    reported: Annotated[bool, Field(description="whether it was passed on")]


PAPER: Json = {
    "name": "paper",
    "in": "query",
    "description": "clean a photograph of paper first",
    "schema": {"type": "boolean", "default": False},
}
LABELS: Json = {
    "name": "label",
    "in": "query",
    "description": "key of a class; may be repeated",
    "schema": {"type": "array", "items": {"type": "string"}, "maxItems": 20},
}


def describe(settings: Settings) -> Part:
    find = "Find the objects of a drawing, with references"
    return Part(
        {
            "/models/{name}/recognise": {"post": question(settings, find, "recognise", Drawing, PAPER)},
            "/models/{name}/references": {
                "get": {
                    "summary": "Photographs for classes of a sketch model",
                    "operationId": "references",
                    "parameters": [NAME, LABELS],
                    "responses": {
                        "200": answers("References by class", Photographs),
                        **fails("403", "429", *UNAVAILABLE),
                    },
                }
            },
            "/models/{name}/references/used": {
                "post": {
                    "summary": "Report that a photograph is used",
                    "operationId": "report_use",
                    "parameters": [NAME],
                    "requestBody": {"required": True} | {"content": answers("", Use)["content"]},
                    "responses": {
                        "202": answers("Whether it was passed on", UseReported),
                        **fails("400", "403", "413", "415", "429", *UNAVAILABLE),
                    },
                }
            },
        },
        (Drawing, Photographs, Use, UseReported),
    )
