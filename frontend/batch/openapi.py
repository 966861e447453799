"""The batches' part of the API's document."""

from __future__ import annotations

from ..openapi import NAME, Json, Part, fails
from ..settings import Settings

#: status → codes, before the stream begins
ERRORS = {
    "400": "no_file, no_pictures, broken_upload, not_a_zip",
    "403": "cross_site",
    "404": "unknown_model",
    "413": "batch_too_large, too_many_pictures, zip_too_large",
    "415": "unsupported_body",
    "421": "unknown_host",
    "429": "too_many_requests",
    "503": "too_many_batches",
    "507": "no_room",
}

EVENTS = """Server-sent events; lines that begin with a colon are signs of life. The data of each is JSON.
`batch`: pictures (how many will be answered), model.
`picture`, as its answer comes: index (its place in what was sent, from 0), name; answer, which is that of predict, or
error, one of predict's or encrypted_entry, broken_entry.
`waiting`: error; the model server is away, and is asked again.
`summary`: pictures, answered, failed, verdicts (verdict → count), errors (code → count), left_out (reason, count and
examples of what a zip has beside pictures: link, system, archive, other), seconds, complete; where that is false, error
says why, and the pictures without an event were not answered."""


def describe(settings: Settings) -> Part:
    binary: Json = {"type": "string", "format": "binary"}
    form: Json = {"type": "object", "required": ["data"], "properties": {"data": {"type": "array", "items": binary}}}
    body = {
        "required": True,
        "description": f"A form with a file for each picture, or a zip; at most {settings.batch_max_bytes} bytes and "
        f"{settings.batch_max_pictures} pictures, of which none has more than {settings.max_upload_bytes} bytes.",
        "content": {"multipart/form-data": {"schema": form}, "application/zip": {"schema": binary}},
    }
    event: Json = {
        "type": "object",
        "required": ["event", "data"],
        "properties": {
            "event": {"enum": ["batch", "picture", "waiting", "summary"]},
            "data": {"type": "string", "contentMediaType": "application/json"},
        },
    }
    stream = {"description": EVENTS, "content": {"text/event-stream": {"schema": event}}}
    operation = {
        "summary": "Classify many pictures",
        "operationId": "batch",
        "parameters": [NAME],
        "requestBody": body,
        "responses": {"200": stream, **fails(codes=ERRORS)},
    }
    return Part({"/models/{name}/batch": {"post": operation}}, ())
