"""What became of a request: exactly one answer, right or typed, or something that must not be."""

from __future__ import annotations

import base64
import io
import json
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from PIL import Image

from frontend.errors import RETRY_AFTER
from frontend.metrics import CODES
from tests.alike import are_alike

#: Of 255: how much a heatmap's values may depend on its batch.
HEATMAP_TOLERANCE = 3
#: The front end's own failure is typed, and a mistake of ours all the same.
MISTAKES = frozenset(("internal", "internal_error"))


class Fate(StrEnum):
    RIGHT = "right"
    TYPED = "typed"  # an error with a code of ours that this request may meet
    LEFT = "left"  # the client went away itself
    REFUSED = "refused"  # no connection was taken
    CUT = "cut"  # the connection ended, or was silent for too long, before the answer was whole
    UNTYPED = "untyped"
    WRONG = "wrong"


@dataclass
class Answer:
    """`sort`: of the request; `said`: the code of an error, or what is wrong, for people."""

    sort: str
    fate: Fate
    said: str = ""
    began: float = 0.0
    ended: float = field(default_factory=time.monotonic)


class UnlikeError(Exception):
    """An answer that is not as it must be."""


def judge(sort: str, status: int, body: bytes, known: dict[str, Any] | None, codes: frozenset[str]) -> Answer:
    """`known`: what a good answer is, None where any with probabilities is; `codes`: errors of the visitor that this
    request may be told. Errors that pass (`RETRY_AFTER`) anybody may be told."""
    try:
        content = json.loads(body)
        if not isinstance(content, dict):
            raise ValueError
    except ValueError:
        return Answer(sort, Fate.UNTYPED, f"{status} {body[:60]!r}")
    if "error" in content:
        return judge_error(sort, content["error"], codes, status)
    if status != 200:
        return Answer(sort, Fate.UNTYPED, f"{status} {body[:60]!r}")
    try:
        compare(content, known)
    except UnlikeError as unlike:
        return Answer(sort, Fate.WRONG, str(unlike))
    return Answer(sort, Fate.RIGHT)


def judge_error(sort: str, error: Any, codes: frozenset[str], status: int | None = None) -> Answer:
    """`status`: None within a stream."""
    if not isinstance(error, dict) or not {"code", "message", "remedy"} <= error.keys() or error["code"] not in CODES:
        return Answer(sort, Fate.UNTYPED, f"{status} {error!r:.80}")
    code = error["code"]
    passes = code in PASSING if status is None else status in RETRY_AFTER
    if code in MISTAKES:
        return Answer(sort, Fate.UNTYPED, code)
    if code in codes or passes:
        return Answer(sort, Fate.TYPED, code)
    return Answer(sort, Fate.WRONG, f"{status} {code}")


#: Errors that anybody may be told within a stream, which has no status.
PASSING = frozenset(("model_down", "model_starting", "model_busy", "model_failed", "model_too_slow"))


def compare(content: dict[str, Any], known: dict[str, Any] | None) -> None:
    """Raises `UnlikeError` where an answer is not the known one, but for its time and a heatmap's rounding."""
    if known is None:
        if "probabilities" not in content:
            raise UnlikeError(f"{content!r:.80}")
        return
    for key in known.keys() | content.keys():
        if key in ("processing_time_ms", "explanation"):
            continue
        if not are_alike(content.get(key), known.get(key)):
            raise UnlikeError(f"{key} is {content.get(key)!r:.60}, not {known.get(key)!r:.60}")
    if "explanation" in known:
        if "explanation" not in content:
            raise UnlikeError("no heatmap")
        difference = np.abs(read_heatmap(content) - read_heatmap(known)).max()
        if difference > HEATMAP_TOLERANCE:
            raise UnlikeError(f"the heatmap is {difference:.0f} levels apart")


def read_heatmap(content: dict[str, Any]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content["explanation"]["data"]))), float)


def read_events(body: bytes) -> list[tuple[str, dict[str, Any]]]:
    """The whole events of a stream: kind and data."""
    events = []
    for block in body.split(b"\n\n")[:-1]:
        lines = dict(line.split(b": ", 1) for line in block.splitlines() if b": " in line and not line.startswith(b":"))
        if b"event" in lines:
            events.append((lines[b"event"].decode(), json.loads(lines[b"data"])))
    return events
