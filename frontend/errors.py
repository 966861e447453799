"""Every error that the front end answers on purpose.

    FrontEndError                code, message, remedy, HTTP status
    ├── RequestError             the request can't be used: the visitor can mend it
    └── ModelServerError         the model server did not answer as it should: trying again may help

An answer that carries one has the same JSON shape as the model's own errors (ARCHITECTURE.md). Messages are English
and stable; pages put their own words in the visitor's language by `code` (wording.py).
"""

from __future__ import annotations


class FrontEndError(Exception):
    """`code` is made for programs; `message` names what is wrong; `remedy` says what to do about it."""

    def __init__(self, status: int, code: str, message: str, remedy: str) -> None:
        super().__init__(status, code, message, remedy)
        self.status = status
        self.code = code
        self.message = message
        self.remedy = remedy

    def as_answer(self) -> dict[str, dict[str, str]]:
        """The one JSON shape of an error."""
        return {"error": {"code": self.code, "message": self.message, "remedy": self.remedy}}


class RequestError(FrontEndError):
    pass


class ModelServerError(FrontEndError):
    pass


#: After so many seconds a request that failed with this status may be sent again.
RETRY_AFTER = {429: 10, 502: 5, 503: 5, 504: 10}


def internal_error() -> FrontEndError:
    return FrontEndError(500, "internal_error", "Something went wrong in the front end.", "Try again later.")


def empty_body() -> RequestError:
    return RequestError(400, "empty_body", "The body is empty.", "Send the bytes of a picture.")


def broken_upload() -> RequestError:
    return RequestError(400, "broken_upload", "The upload broke off before its end.", "Send the picture again.")


def not_found(path: str) -> RequestError:
    return RequestError(404, "not_found", f"There is nothing at {path}.", "See /api/v1/openapi.json for what there is.")


def unknown_model(name: str, known: tuple[str, ...]) -> RequestError:
    return RequestError(404, "unknown_model", f"There is no model {name}.", f"Ask one of: {', '.join(known)}.")


def wrong_task(name: str, task: str) -> RequestError:
    return RequestError(404, "wrong_task", f"{name} is a model for {task}.", "Ask it at the addresses of its task.")


def wrong_method(method: str, allowed: str) -> RequestError:
    return RequestError(405, "wrong_method", f"{method} is not possible here.", f"Use {allowed}.")


def picture_too_large(limit: int) -> RequestError:
    message = f"The picture has more than {limit / 2**20:g} MiB."
    return RequestError(413, "picture_too_large", message, "Save it smaller and send it again.")


def picture_too_large_to_clean(limit: int) -> RequestError:
    message = f"The picture has more than {limit // 10**6} megapixels."
    return RequestError(413, "picture_too_large", message, "Save it smaller and send it again.")


def not_a_picture() -> RequestError:
    remedy = "Send a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF."
    return RequestError(400, "not_a_picture", "The body is not a picture that can be read.", remedy)


def broken_picture() -> RequestError:
    return RequestError(400, "broken_picture", "The picture is damaged.", "Save it again or send another one.")


def unsupported_body(media_type: str) -> RequestError:
    return RequestError(
        415,
        "unsupported_body",
        f"A body of type {media_type} is not read here.",
        "Send the bytes of a picture as image/* or application/octet-stream, or a multipart part named data.",
    )


def too_many_requests(limit: str) -> RequestError:
    return RequestError(429, "too_many_requests", f"More requests than {limit}.", "Wait a little and try again.")


def model_failed(name: str) -> ModelServerError:
    message = f"The model {name} failed on this request."
    return ModelServerError(502, "model_failed", message, "Try again, or with another picture.")


def model_starting(name: str) -> ModelServerError:
    return ModelServerError(503, "model_starting", f"The model {name} is starting.", "Try again in a few seconds.")


def model_busy(name: str) -> ModelServerError:
    message = f"The model {name} has more requests than it can take."
    return ModelServerError(503, "model_busy", message, "Try again in a few seconds.")


def model_down() -> ModelServerError:
    return ModelServerError(503, "model_down", "The model server can't be reached.", "Try again in a minute.")


def model_too_slow(name: str, seconds: float) -> ModelServerError:
    return ModelServerError(504, "model_too_slow", f"The model {name} did not answer in {seconds:g} s.", "Try again.")
