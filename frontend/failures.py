"""Every error as an answer: JSON under /api, a part of a page for a script, a page for everybody else."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, make_response, render_template, request
from werkzeug.exceptions import BadRequest, HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from . import errors, metrics
from .current import settings
from .errors import FrontEndError
from .formatting import wants_fragment
from .patience import let_rest
from .uploads import FULL, explain, explain_size

logger = logging.getLogger(__name__)


def answer_error(error: FrontEndError) -> Response:
    """An error as JSON under /api, as a page elsewhere."""
    if request.path.startswith("/api/"):
        response = jsonify(error.as_answer())
    elif wants_fragment():
        response = make_response(render_template("_error.html", error=error, retry="send" if error.may_pass else ""))
    else:
        response = make_response(render_template("error.html", error=error))
    response.status_code = error.status
    return finish(response, error)


def finish(response: Response, error: FrontEndError) -> Response:
    """Count the error, and say when to come back."""
    metrics.count_error(error.code)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
        let_rest(request.environ)
    return response


def answer_exception(error: Exception) -> Response | HTTPException:
    """Errors of Flask and Werkzeug, and our own mistakes, in the same shape."""
    if isinstance(error, NotFound):
        return answer_error(errors.not_found(request.path))
    if isinstance(error, MethodNotAllowed):
        response = answer_error(errors.wrong_method(request.method, " or ".join(sorted(error.valid_methods or ()))))
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response
    if isinstance(error, RequestEntityTooLarge):
        return answer_error(explain_size(request, errors.picture_too_large(settings.max_upload_bytes)))
    if isinstance(error, BadRequest):
        return answer_error(explain(error))
    if isinstance(error, HTTPException):
        return error  # such as 416 for a range that a static file does not have
    if isinstance(error, OSError) and error.errno in FULL:
        return answer_error(errors.no_room())
    logger.exception("%s %s", request.method, request.path)
    return answer_error(errors.internal_error())


def init_app(app: Flask) -> None:
    app.register_error_handler(FrontEndError, answer_error)
    app.register_error_handler(Exception, answer_exception)
