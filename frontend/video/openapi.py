"""The videos' part of the API's document."""

from __future__ import annotations

from typing import get_args

from ..openapi import NAME, Json, Part, fails, upload
from ..settings import Settings
from .analysis import RATES
from .sampling import Sampling

#: status → codes, before the stream begins
ERRORS = {
    "400": "empty_video, no_file, broken_upload, not_a_video, still_picture, no_video_stream, broken_video, "
    "wrong_parameter",
    "403": "cross_site",
    "404": "unknown_model, no_video_model",
    "413": "video_too_large, video_too_long, frame_too_large, video_too_dear, unreadable_form",
    "415": "unsupported_body, unknown_codec",
    "421": "unknown_host",
    "429": "too_many_requests",
    "502": "model_failed",
    "503": "too_many_videos, model_starting, model_busy, model_down",
    "504": "model_too_slow",
    "507": "no_room",
}

EVENTS = """Server-sent events; lines that begin with a colon are signs of life. The data of each is JSON.
`video`: seconds, width, height, codec, sampling, interval (seconds between frames), model, version.
`frame`: index, time (seconds); class, confidence, probabilities, verdict, of an unknown frame reason; or error. If
wanted image, the very PNG that the model answered, and preview, a JPEG to look at, both in base64.
`waiting`: error; the model server is away and the frame is sent again.
`result`: class, confidence (mean over time), interval (95%, or null), verdict, probabilities (class → mean, interval,
share_of_time), unknown (reason → share of time), frames, failed, model, version, complete; where that is false, error
says why. Unknown frames do not count in the means, unless most of the video is unknown, as its verdict then is.
`error`: instead of a result where no frame was answered."""


def describe(settings: Settings) -> Part:
    queries: dict[str, Json] = {
        "rate": {"type": "number", "minimum": RATES[0], "maximum": RATES[1], "default": settings.video_rate},
        "sampling": {"enum": list(get_args(Sampling)), "default": "even"},
        "images": {"type": "boolean", "default": False},
    }
    body = (
        f"An MP4, MOV, WebM, Matroska, AVI, MPEG or Ogg of at most {settings.video_max_bytes} bytes and "
        f"{settings.video_max_seconds:g} seconds."
    )
    stream = {"description": EVENTS, "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    operation = {
        "summary": "Classify a video frame by frame, and as a whole",
        "operationId": "video",
        "parameters": [NAME, *({"name": name, "in": "query", "schema": schema} for name, schema in queries.items())],
        "requestBody": upload("video", body),
        "responses": {"200": stream, **fails(codes=ERRORS)},
    }
    return Part({"/models/{name}/video": {"post": operation}}, ())
