"""The OpenAPI 3.1 document of the API: what all tasks have in common, and what each task's package adds.

Bodies are written as types, of which pydantic makes JSON schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, NotRequired

from flask import Flask
from pydantic import Field, TypeAdapter
from pydantic.json_schema import JsonSchemaMode
from typing_extensions import TypedDict

from .settings import Settings

Json = dict[str, Any]


class Part(NamedTuple):
    """What a package adds: operations by path and method, and the types of the bodies that they name."""

    paths: Json
    bodies: tuple[type, ...]


Probability = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[float, Field(ge=0)]
Warnings = Annotated[
    list[Literal["truncated"]],
    Field(description="truncated: the file ends early; up to a twentieth of the picture is missing."),
]


class Text(TypedDict):
    en: str
    ko: str


class Fault(TypedDict):
    code: Annotated[str, Field(description="stable, for programs")]
    message: Annotated[str, Field(description="what is wrong")]
    remedy: Annotated[str, Field(description="what to do about it")]


class Error(TypedDict):
    error: Fault


class Label(TypedDict):
    key: str
    title: Text


class ModelEntry(TypedDict):
    name: str
    version: NotRequired[str]
    title: NotRequired[Text]
    summary: NotRequired[Text]
    labels: NotRequired[list[Label]]
    error: NotRequired[Annotated[str, Field(description="why the model's card can't be had now")]]


class Models(TypedDict):
    models: list[ModelEntry]


Form = Literal["float32", "bf16", "int8"]


class Served(TypedDict):
    precision: Form
    why: Annotated[
        Literal["fastest", "set", "only"],
        Field(description="fastest of those measured here, set by whoever serves, or the only one this processor runs"),
    ]
    rates: NotRequired[dict[Form, Annotated[float, Field(gt=0, description="pictures a second")]]]
    processor: NotRequired[str]


class Card(TypedDict):
    schema_version: int
    name: str
    version: Annotated[
        str, Field(description="the bundle's; 1.0+int8 where another form answers than the measured one")
    ]
    labels: list[Label]
    served: NotRequired[Served | None]


NAME: Json = {"$ref": "#/components/parameters/name"}
#: status → codes
ERRORS = {
    "400": "empty_body, no_file, broken_upload, not_a_picture, broken_picture",
    "403": "cross_site",
    "404": "unknown_model, wrong_task",
    "413": "picture_too_large, unreadable_form",
    "415": "unsupported_body",
    "421": "unknown_host",
    "429": "too_many_requests",
    "502": "model_failed, model_outdated",
    "503": "model_starting, model_busy, model_down",
    "504": "model_too_slow",
    "507": "no_room",
}
#: What every question about a model's card may meet.
UNAVAILABLE = ("404", "421", "502", "503", "504")


def answers(description: str, schema: type) -> Json:
    """A response in JSON."""
    reference = {"$ref": f"#/components/schemas/{schema.__name__}"}
    return {"description": description, "content": {"application/json": {"schema": reference}}}


def fails(*statuses: str, codes: Mapping[str, str] = ERRORS) -> Json:
    """The errors of these statuses, or all that `codes` has."""
    return {status: answers(codes[status], Error) for status in statuses or codes}


def upload(kind: str, description: str) -> Json:
    """A request's body: a file of type `kind`/*, alone or as part of a form."""
    raw: Json = {"schema": {"type": "string", "format": "binary"}}
    form: Json = {"schema": {"type": "object", "required": ["data"], "properties": {"data": raw["schema"]}}}
    content = {f"{kind}/*": raw, "application/octet-stream": raw, "multipart/form-data": form}
    return {"required": True, "description": description, "content": content}


def question(settings: Settings, summary: str, operation: str, schema: type, *parameters: Json) -> Json:
    """An operation that asks a model about an image."""
    limit = settings.max_upload_bytes
    return {
        "summary": summary,
        "operationId": operation,
        "parameters": [NAME, *parameters],
        "requestBody": upload("image", f"A JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF of at most {limit} bytes."),
        "responses": {"200": answers("The answer", schema), **fails()},
    }


def register(app: Flask, describe: Callable[[Settings], Part]) -> None:
    """Add a package's part to the document."""
    app.extensions.setdefault("api_parts", []).append(describe)


def describe_api(settings: Settings, parts: Iterable[Callable[[Settings], Part]]) -> Json:
    """Return the document as a JSON object."""
    paths = {
        "/models": {
            "get": {
                "summary": "The models on offer",
                "operationId": "models",
                "responses": {"200": answers("The models", Models)},
            }
        },
        "/models/{name}": {
            "get": {
                "summary": "A model's card: labels, preprocessing, figures, data, provenance",
                "operationId": "card",
                "parameters": [NAME],
                "responses": {"200": answers("The card", Card), **fails(*UNAVAILABLE)},
            }
        },
    }
    bodies: list[type] = [Error, Models, Card]
    for describe in parts:
        part = describe(settings)
        paths |= part.paths
        bodies += part.bodies
    adapters: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        (body.__name__, "validation", TypeAdapter(body)) for body in bodies
    ]
    schemas = TypeAdapter.json_schemas(adapters, ref_template="#/components/schemas/{model}")[1]["$defs"]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hwapung",
            "version": "1",
            "description": "Recognises a picture by its style and shows which parts of it the answer depends on.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/api/v1"}],
        "paths": paths,
        "components": {
            "parameters": {
                "name": {"name": "name", "in": "path", "required": True, "schema": {"enum": list(settings.models)}}
            },
            "schemas": schemas,
        },
    }
