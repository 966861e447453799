"""The OpenAPI 3.1 document of the API, made from the settings."""

from __future__ import annotations

from typing import Any, get_args

from .settings import Settings
from .video.analysis import RATES
from .video.sampling import Sampling

Json = dict[str, Any]

PROBABILITY: Json = {"type": "number", "minimum": 0, "maximum": 1}
STRING: Json = {"type": "string"}
BINARY: Json = {"type": "string", "format": "binary"}
TEXT: Json = {"type": "object", "required": ["en", "ko"], "properties": {"en": STRING, "ko": STRING}}

ERROR: Json = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "remedy"],
            "properties": {
                "code": {"type": "string", "description": "stable, for programs"},
                "message": {"type": "string", "description": "what is wrong"},
                "remedy": {"type": "string", "description": "what to do about it"},
            },
        }
    },
}

ANSWER: Json = {
    "type": "object",
    "required": ["class", "confidence", "processing_time_ms", "probabilities", "verdict", "model", "version"],
    "properties": {
        "class": STRING,
        "confidence": PROBABILITY,
        "processing_time_ms": {"type": "number", "minimum": 0},
        "probabilities": {"type": "object", "additionalProperties": PROBABILITY},
        "verdict": {"enum": ["sure", "unsure", "unknown"]},
        "model": STRING,
        "version": STRING,
        "prediction_set": {
            "type": "object",
            "description": "The classes among which the true one is for a stated share of pictures like those that the "
            "model was trained on, best first. Missing where the verdict is unknown.",
            "required": ["coverage", "classes"],
            "properties": {"coverage": PROBABILITY, "classes": {"type": "array", "minItems": 1, "items": STRING}},
        },
    },
}

EXPLAINED_ANSWER: Json = {
    "allOf": [
        {"$ref": "#/components/schemas/Answer"},
        {
            "type": "object",
            "required": ["explanation"],
            "properties": {
                "explanation": {
                    "type": "object",
                    "description": "A transparent picture, to be laid over the whole upright picture.",
                    "required": ["method", "class", "media_type", "width", "height", "data"],
                    "properties": {
                        "method": STRING,
                        "class": STRING,
                        "media_type": STRING,
                        "width": {"type": "integer"},
                        "height": {"type": "integer"},
                        "data": {"type": "string", "contentEncoding": "base64"},
                    },
                }
            },
        },
    ]
}

REFERENCE: Json = {
    "type": "object",
    "required": ["source", "thumbnail", "picture"],
    "properties": {
        "source": {"enum": ["gallery", "unsplash"]},
        "title": STRING,
        "author": STRING,
        "author_url": STRING,
        "licence": STRING,
        "origin": STRING,
        "page_url": {"type": "string", "description": "the picture's page, to be linked"},
        "thumbnail": {"type": "string", "description": "URL; a path on this host, or Unsplash's own address"},
        "picture": STRING,
        "similarity": {"type": "number", "description": "cosine to the drawing (gallery)"},
        "download_location": {"type": "string", "description": "to be reported when the picture is used (Unsplash)"},
    },
}

SOURCES: Json = {
    "type": "object",
    "description": "source → whether it answered",
    "additionalProperties": {
        "type": "object",
        "required": ["state"],
        "properties": {
            "state": {"type": "string", "description": "ready, else a code"},
            "message": STRING,
            "remedy": STRING,
        },
    },
}

DRAWING: Json = {
    "type": "object",
    "required": ["objects", "verdict", "width", "height", "processing_time_ms", "model", "version", "sources"],
    "properties": {
        "objects": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["box", "score", "class", "title", "confidence", "probabilities", "references"],
                "properties": {
                    "box": {
                        "type": ["array", "null"],
                        "items": {"type": "number"},
                        "description": "x0, y0, x1, y1 in pixels of the upright picture; null: the whole page",
                    },
                    "score": {"type": ["number", "null"], "description": "the detector's"},
                    "class": STRING,
                    "title": TEXT,
                    "confidence": PROBABILITY,
                    "probabilities": {"type": "object", "additionalProperties": PROBABILITY},
                    "references": {"type": "array", "items": REFERENCE},
                },
            },
        },
        "verdict": {"enum": ["recognised", "no_drawing"]},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "processing_time_ms": {"type": "number", "minimum": 0},
        "model": STRING,
        "version": STRING,
        "sources": SOURCES,
    },
}

PHOTOGRAPHS: Json = {
    "type": "object",
    "required": ["references", "sources"],
    "properties": {
        "references": {"type": "object", "additionalProperties": {"type": "array", "items": REFERENCE}},
        "sources": SOURCES,
    },
}

MODELS: Json = {
    "type": "object",
    "required": ["models"],
    "properties": {
        "models": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": STRING,
                    "version": STRING,
                    "title": TEXT,
                    "summary": TEXT,
                    "labels": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["key", "title"],
                            "properties": {"key": STRING, "title": TEXT},
                        },
                    },
                    "error": {"type": "string", "description": "why the model's card can't be had now"},
                },
            },
        }
    },
}

NAME: Json = {"$ref": "#/components/parameters/name"}
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
    "schema": {"type": "array", "items": STRING, "maxItems": 20},
}
USE: Json = {"type": "object", "required": ["download_location"], "properties": {"download_location": STRING}}

#: status → codes
ERRORS = {
    "400": "empty_body, broken_upload, not_a_picture, broken_picture",
    "404": "unknown_model, wrong_task",
    "413": "picture_too_large",
    "415": "unsupported_body",
    "429": "too_many_requests",
    "502": "model_failed",
    "503": "model_starting, model_busy, model_down",
    "504": "model_too_slow",
}

#: The same for a video, before its stream begins.
VIDEO_ERRORS = {
    "400": "empty_video, broken_upload, not_a_video, still_picture, no_video_stream, broken_video, wrong_parameter",
    "404": "unknown_model, no_video_model",
    "413": "video_too_large, video_too_long, frame_too_large",
    "415": "unsupported_body, unknown_codec",
    "429": "too_many_requests",
    "502": "model_failed",
    "503": "too_many_videos, model_starting, model_busy, model_down",
    "504": "model_too_slow",
    "507": "no_room",
}

EVENTS = """Server-sent events; lines that begin with a colon are signs of life. The data of each is JSON.
`video`: seconds, width, height, codec, sampling, interval (seconds between frames), model, version.
`frame`: index, time (seconds); class, confidence, probabilities, verdict, or error; if wanted, preview: a base64 JPEG.
`waiting`: error; the model server is away and the frame is sent again.
`result`: class, confidence (mean over time), interval (95%, or null), verdict, probabilities (class → mean, interval,
share_of_time), frames, failed, model, version, complete; where that is false, error says why.
`error`: instead of a result where no frame was answered."""


def _json(description: str, schema: str) -> Json:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def _errors(*statuses: str) -> Json:
    return {status: _json(ERRORS[status], "Error") for status in statuses}


def _question(summary: str, operation: str, schema: str, limit: int) -> Json:
    raw: Json = {"schema": BINARY}
    form: Json = {"schema": {"type": "object", "required": ["data"], "properties": {"data": BINARY}}}
    return {
        "summary": summary,
        "operationId": operation,
        "parameters": [{"$ref": "#/components/parameters/name"}],
        "requestBody": {
            "required": True,
            "description": f"A JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF of at most {limit} bytes.",
            "content": {"image/*": raw, "application/octet-stream": raw, "multipart/form-data": form},
        },
        "responses": {"200": _json("The answer", schema), **_errors(*ERRORS)},
    }


def _video(settings: Settings) -> Json:
    raw: Json = {"schema": BINARY}
    form: Json = {"schema": {"type": "object", "required": ["data"], "properties": {"data": BINARY}}}
    parameters = {
        "rate": {"type": "number", "minimum": RATES[0], "maximum": RATES[1], "default": settings.video_rate},
        "sampling": {"enum": list(get_args(Sampling)), "default": "even"},
        "previews": {"type": "boolean", "default": False},
    }
    return {
        "summary": "Classify a video frame by frame, and as a whole",
        "operationId": "video",
        "parameters": [
            {"$ref": "#/components/parameters/name"},
            *({"name": name, "in": "query", "schema": schema} for name, schema in parameters.items()),
        ],
        "requestBody": {
            "required": True,
            "description": f"An MP4, MOV, WebM, Matroska, AVI, MPEG or Ogg of at most {settings.video_max_bytes} bytes "
            f"and {settings.video_max_seconds:g} seconds.",
            "content": {"video/*": raw, "application/octet-stream": raw, "multipart/form-data": form},
        },
        "responses": {
            "200": {"description": EVENTS, "content": {"text/event-stream": {"schema": STRING}}},
            **{status: _json(codes, "Error") for status, codes in VIDEO_ERRORS.items()},
        },
    }


def describe_api(settings: Settings) -> Json:
    """Return the document as a JSON object."""
    unavailable = ("502", "503", "504")
    limit = settings.max_upload_bytes
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hwapung",
            "version": "1",
            "description": "Tells a picture's manner and shows where in the picture the answer rests.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/api/v1"}],
        "paths": {
            "/models": {
                "get": {
                    "summary": "The models on offer",
                    "operationId": "models",
                    "responses": {"200": _json("The models", "Models")},
                }
            },
            "/models/{name}": {
                "get": {
                    "summary": "A model's card: labels, preprocessing, figures, data, provenance",
                    "operationId": "card",
                    "parameters": [{"$ref": "#/components/parameters/name"}],
                    "responses": {"200": _json("The card", "Card"), **_errors("404", *unavailable)},
                }
            },
            "/models/{name}/predict": {"post": _question("Classify a picture", "predict", "Answer", limit)},
            "/models/{name}/explain": {
                "post": _question("Classify a picture and add a heatmap", "explain", "ExplainedAnswer", limit)
            },
            "/models/{name}/recognise": {
                "post": _question("Find the objects of a drawing, with references", "recognise", "Drawing", limit)
                | {"parameters": [NAME, PAPER]}
            },
            "/models/{name}/references": {
                "get": {
                    "summary": "Photographs for classes of a sketch model",
                    "operationId": "references",
                    "parameters": [NAME, LABELS],
                    "responses": {"200": _json("References by class", "Photographs"), **_errors("404", *unavailable)},
                }
            },
            "/models/{name}/references/used": {
                "post": {
                    "summary": "Report that a photograph is used",
                    "operationId": "report_use",
                    "parameters": [NAME],
                    "requestBody": {"required": True, "content": {"application/json": {"schema": USE}}},
                    "responses": {
                        "202": _json("Whether it was passed on", "Use"),
                        **_errors("400", "404", "413", "415", *unavailable),
                    },
                }
            },
            "/models/{name}/video": {"post": _video(settings)},
        },
        "components": {
            "parameters": {
                "name": {"name": "name", "in": "path", "required": True, "schema": {"enum": list(settings.models)}}
            },
            "schemas": {
                "Answer": ANSWER,
                "ExplainedAnswer": EXPLAINED_ANSWER,
                "Models": MODELS,
                "Drawing": DRAWING,
                "Photographs": PHOTOGRAPHS,
                "Use": {"type": "object", "required": ["reported"], "properties": {"reported": {"type": "boolean"}}},
                "Card": {"type": "object", "required": ["schema_version", "name", "version", "labels"]},
                "Error": ERROR,
            },
        },
    }
