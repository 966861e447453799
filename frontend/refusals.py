"""What is no request that the application could see is refused here, in the shape of every other error."""

from __future__ import annotations

import json
from http import HTTPStatus

from gunicorn.http import errors as http  # type: ignore[import-untyped]

from . import errors, security
from .errors import FrontEndError


def explain(fault: Exception) -> FrontEndError:
    """What gunicorn's parser met, or the worker."""
    if isinstance(fault, http.LimitRequestLine):
        return errors.head_too_large(414)
    if isinstance(fault, http.LimitRequestHeaders):
        return errors.head_too_large(431)
    ours = (http.InvalidResponseHeader, http.InvalidResponseHeaderName, http.ConfigurationProblem)
    if not isinstance(fault, http.ParseException) or isinstance(fault, ours):
        return errors.internal_error()
    statuses = {http.ExpectationFailed: 417, http.UnsupportedTransferCoding: 501}
    return errors.unreadable_request(str(fault), statuses.get(type(fault), 400))


def write(error: FrontEndError, *, closes: bool = True) -> bytes:
    """A whole answer. `closes`: the connection ends after it, as where the next request begins is not known."""
    body = json.dumps(error.as_answer()).encode()
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close" if closes else "keep-alive",
        "Content-Security-Policy": security.NO_PAGE,
        **dict(security.HEADERS),
    }
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}", *map(": ".join, headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
