"""The API as a page, made of the OpenAPI document: what can be asked, what comes back, and a form to try it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app, render_template, url_for

from .current import catalogue, settings
from .languages import remember_language
from .openapi import Json, describe_api
from .snippets import make_snippets
from .tasks import find_task

blueprint = Blueprint("api_page", __name__)
blueprint.after_request(remember_language)


@dataclass(frozen=True)
class Field:
    """A property of a body: its name, its type in words, whether it is always there, and what is said of it."""

    name: str
    type: str
    required: bool
    description: str


@dataclass(frozen=True)
class Operation:
    """`path` has the parameters' names in braces; `responses`: (status, description, name of the body's schema)."""

    id: str
    method: str
    path: str
    summary: str
    parameters: tuple[Json, ...]
    takes: str | None
    responses: tuple[tuple[str, str, str | None], ...]


@blueprint.get("/api")
def show() -> str:
    document = describe_api(settings, current_app.extensions["api_parts"])
    model, _ = catalogue.look_up(catalogue.names[0])
    address = url_for(find_task(model).question, name=model.name, _external=True)
    return render_template(
        "api.html",
        base=document["servers"][0]["url"],
        operations=read_operations(document),
        schemas={name: read_fields(schema) for name, schema in document["components"]["schemas"].items()},
        snippets=make_snippets(address, "picture.jpg"),
    )


def read_operations(document: Json) -> list[Operation]:
    """The operations of an OpenAPI document in its order."""
    shared = document["components"]["parameters"]
    found = []
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            parameters = (
                shared.get(each.get("$ref", "").rpartition("/")[2], each) for each in told.get("parameters", ())
            )
            responses = (
                (status, reply.get("description", ""), _body_of(reply)) for status, reply in told["responses"].items()
            )
            body = told.get("requestBody")
            found.append(
                Operation(
                    id=told["operationId"],
                    method=method.upper(),
                    path=path,
                    summary=told["summary"],
                    parameters=tuple(parameters),
                    takes=next(iter(body["content"])) if body else None,
                    responses=tuple(responses),
                )
            )
    return found


def _body_of(reply: Json) -> str | None:
    content = reply.get("content", {}).get("application/json")
    return name_type(content["schema"]) if content else None


def read_fields(schema: Json) -> list[Field]:
    """The properties of an object's schema; none where it is no object."""
    required = schema.get("required", ())
    return [
        Field(name, name_type(each), name in required, each.get("description", ""))
        for name, each in schema.get("properties", {}).items()
    ]


def name_type(schema: Json) -> str:
    """A schema in a few words: `string`, `array of Panel`, `Answer or LabelsAnswer`, `"sure" or "unsure"`."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    choices: list[Any] = schema.get("anyOf") or schema.get("oneOf") or []
    if choices:
        return " or ".join(name_type(each) for each in choices)
    if "enum" in schema:
        return " or ".join(f'"{each}"' for each in schema["enum"])
    if "const" in schema:
        return f'"{schema["const"]}"'
    if schema.get("type") == "array":
        inner = schema.get("items") or (schema.get("prefixItems") or [{}])[0]
        return f"array of {name_type(inner)}"
    if isinstance(values := schema.get("additionalProperties"), dict):
        return f"object of {name_type(values)}"
    return str(schema.get("type", "any"))
