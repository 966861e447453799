"""In an overload most of the work is to refuse, so that is done by a request's head: what a model has no room for costs
neither a thread nor the application.

Only requests whose head leaves nothing open are answered here; all others are the application's, which refuses the same
ones with the same words.
"""

from __future__ import annotations

import re
from functools import lru_cache

from . import metrics, refusals
from .admission import Admission, Kind
from .errors import model_busy
from .gathering import LENGTH
from .settings import Settings

QUESTION = re.compile(rb"POST /api/v1/models/(\w+)/(predict|explain)(?:\?[^ \r\n]*)? HTTP/1\.1\r\n")
FORWARDED = re.compile(rb"\r\nX-Forwarded-For:[ \t]*([^\r\n]*)", re.IGNORECASE)
KINDS: dict[bytes, Kind] = {b"predict": "predict", b"explain": "explain"}


class Shedder:
    def __init__(self, admission: Admission, settings: Settings) -> None:
        self._admission = admission
        self._models = frozenset(settings.models)
        self._hops = settings.trusted_proxies

    def refuse(self, head: bytes, peer: str) -> bytes | None:
        """The answer to a request that a model has no room for, after which the connection goes on; else None.

        `head`: of a whole request; `peer`: the other end's address.
        """
        asked = QUESTION.match(head)
        if not asked or (model := asked[1].decode()) not in self._models:
            return None
        seconds = self._admission.is_full(model, KINDS[asked[2]], self._find_client(head, peer))
        if seconds is None or not _is_plain(head):
            return None
        error = model_busy(model, seconds)
        metrics.count_refusal(f"classify.{asked[2].decode()}", error)
        return _write(model, error.retry_after or 0)

    def _find_client(self, head: bytes, peer: str) -> str:
        """As `ProxyFix` does."""
        if not self._hops:
            return peer
        named = b",".join(FORWARDED.findall(head)).split(b",")
        return named[-self._hops].strip().decode("latin-1") if len(named) >= self._hops else peer


def _is_plain(head: bytes) -> bool:
    """Whether nobody can read the request's end, or its connection's, in another way."""
    lower = head.lower()
    lengths = lower.count(b"content-length")
    return (
        lengths == len(LENGTH.findall(head)) <= 1
        and b"transfer-encoding" not in lower
        and b"connection: close" not in lower
        and lower.count(b"\n") == lower.count(b"\r\n") == lower.count(b"\r")
    )


@lru_cache(64)
def _write(model: str, seconds: int) -> bytes:
    error = model_busy(model, seconds)
    return refusals.write(error, closes=False)
