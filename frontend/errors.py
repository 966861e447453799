"""Every error that the front end answers on purpose.

    FrontEndError                code, message, remedy, HTTP status
    ├── RequestError             the request can't be used: the visitor can mend it
    └── ModelServerError         the model server did not answer as it should: trying again may help

An answer that carries one has the same JSON shape as the model's own errors (ARCHITECTURE.md). Messages are English
and stable; pages put their own words in the visitor's language by `code` (wording.py).
"""

from __future__ import annotations

import math

#: After so many seconds a request that failed with this status may be sent again, where nothing better is known.
RETRY_AFTER = {429: 10, 502: 5, 503: 5, 504: 10, 507: 60}


class FrontEndError(Exception):
    """`code` is made for programs; `message` names what is wrong; `remedy` says what to do about it."""

    def __init__(self, status: int, code: str, message: str, remedy: str) -> None:
        super().__init__(status, code, message, remedy)
        self.status = status
        self.code = code
        self.message = message
        self.remedy = remedy
        #: Seconds after which the same request may be sent again; None where it would fail again.
        self.retry_after = RETRY_AFTER.get(status)

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status >= 429

    def as_answer(self) -> dict[str, dict[str, str]]:
        """The one JSON shape of an error."""
        return {"error": {"code": self.code, "message": self.message, "remedy": self.remedy}}


class RequestError(FrontEndError):
    pass


class ModelServerError(FrontEndError):
    pass


def internal_error() -> FrontEndError:
    return FrontEndError(500, "internal_error", "Something went wrong in the front end.", "Try again later.")


def empty_body() -> RequestError:
    return RequestError(400, "empty_body", "The body is empty.", "Send the bytes of a picture.")


def no_file(named: str | None = None) -> RequestError:
    """`named`: a part that has no file name, and so is no file."""
    message = f"The part {named} has no file name." if named else "The form has no file named data or file."
    return RequestError(400, "no_file", message, "Send the file as a part named data, with a file name.")


def unreadable_form(parts: int, size: int) -> RequestError:
    message = f"The form has more than {parts} parts, or more than {size / 2**20:g} MiB outside of files."
    return RequestError(413, "unreadable_form", message, "Send one file, as a part named data with a file name.")


def unreadable_request(reason: str, status: int = 400) -> RequestError:
    message = f"The request is not written as HTTP wants it: {reason[:200]}."
    return RequestError(status, "unreadable_request", message, "Send it by a browser, or by a library for HTTP.")


def head_too_large(status: int) -> RequestError:
    message = "The request's address or headers are too long."
    return RequestError(status, "head_too_large", message, "Send fewer cookies and headers.")


def cross_site() -> RequestError:
    return RequestError(403, "cross_site", "Another site's page sent this.", "Send it from here, or by a program.")


def unknown_host(host: str) -> RequestError:
    message = f"This server does not answer by the name {host}."
    return RequestError(421, "unknown_host", message, "Add the name to HWAPUNG_HOSTS.")


def broken_upload() -> RequestError:
    return RequestError(400, "broken_upload", "The upload broke off before its end.", "Send the picture again.")


def not_found(path: str) -> RequestError:
    return RequestError(404, "not_found", f"There is nothing at {path}.", "See /api/v1/openapi.json for what there is.")


def unknown_model(name: str, known: tuple[str, ...]) -> RequestError:
    return RequestError(404, "unknown_model", f"There is no model {name}.", f"Ask one of: {', '.join(known)}.")


def unknown_task(name: str, task: str) -> RequestError:
    message = f"{name} is a model for {task}, for which there is no page."
    return RequestError(404, "unknown_task", message, "Ask it by /api/v1/models/<name>/predict.")


def wrong_task(name: str, task: str) -> RequestError:
    return RequestError(404, "wrong_task", f"{name} is a model for {task}.", "Ask it at the addresses of its task.")


def no_report(name: str) -> RequestError:
    message = f"There is no report on the version of {name} that is served."
    return RequestError(404, "no_report", message, "Make one: hwapung evaluate; and set HWAPUNG_REPORTS to its folder.")


def wrong_method(method: str, allowed: str) -> RequestError:
    return RequestError(405, "wrong_method", f"{method} is not possible here.", f"Use {allowed}.")


def picture_too_large(limit: int) -> RequestError:
    message = f"The picture has more than {limit / 2**20:g} MiB."
    return RequestError(413, "picture_too_large", message, "Save it smaller and send it again.")


def unsupported_body(
    media_type: str,
    remedy: str = "Send the bytes of a picture as image/* or application/octet-stream, or a multipart part named data.",
) -> RequestError:
    return RequestError(415, "unsupported_body", f"A body of type {media_type} is not read here.", remedy)


def too_many_requests(limit: str, seconds: int) -> RequestError:
    """`seconds`: until the next one is answered."""
    error = RequestError(429, "too_many_requests", f"More requests than {limit}.", f"Try again in {seconds} s.")
    error.retry_after = seconds
    return error


def empty_video() -> RequestError:
    return RequestError(400, "empty_video", "The body is empty.", "Send the bytes of a video.")


def not_a_video() -> RequestError:
    message = "This is not a video that can be read."
    return RequestError(400, "not_a_video", message, "Send an MP4, MOV, WebM, Matroska, AVI, MPEG or Ogg file.")


def still_picture() -> RequestError:
    return RequestError(400, "still_picture", "This is a still picture.", "Send it to the model's /predict instead.")


def no_video_stream() -> RequestError:
    return RequestError(400, "no_video_stream", "The file has sound but no video.", "Send one with moving pictures.")


def broken_video(reason: str) -> RequestError:
    return RequestError(400, "broken_video", f"The video is damaged: {reason}.", "Save or upload it again.")


def decoder_ended() -> FrontEndError:
    return FrontEndError(503, "model_busy", "The video's decoder was ended.", "Send the video again.")


def wrong_parameter(name: str, wanted: str) -> RequestError:
    return RequestError(400, "wrong_parameter", f"{name} can't be used.", f"Give {wanted}.")


def no_video_model(name: str) -> RequestError:
    message = f"The model {name} does not look at videos."
    return RequestError(404, "no_video_model", message, "Ask a model that classifies pictures.")


def video_too_large(limit: int) -> RequestError:
    message = f"The video has more than {limit / 2**20:g} MiB."
    return RequestError(413, "video_too_large", message, "Cut it or save it smaller, and send it again.")


def video_too_long(limit: float) -> RequestError:
    message = f"The video is longer than {limit / 60:g} minutes."
    return RequestError(413, "video_too_long", message, "Cut out the part in question and send that.")


def frame_too_large(width: int, height: int, limit: int) -> RequestError:
    message = f"A frame has {width}×{height} pixels, more than {limit / 10**6:.1f} million."
    return RequestError(413, "frame_too_large", message, "Save it with smaller frames, such as 1920×1080.")


def video_too_dear() -> RequestError:
    """As it is coded: sizes and formats have no limit of their own, for what they take depends on each other."""
    message = "Decoding the video takes more memory than it may."
    return RequestError(413, "video_too_dear", message, "Save it with smaller frames, such as 1920×1080.")


def unknown_codec(codec: str) -> RequestError:
    message = f"The video is coded as {codec}, which is not read here."
    return RequestError(415, "unknown_codec", message, "Convert it to H.264, H.265, VP9 or AV1.")


def too_many_videos(count: int) -> FrontEndError:
    message = f"{count} videos are being looked at, and no more at once."
    return FrontEndError(503, "too_many_videos", message, "Try again in a minute.")


def batch_too_large(limit: int) -> RequestError:
    message = f"The request has more than {limit / 2**20:g} MiB."
    return RequestError(413, "batch_too_large", message, "Send the pictures in several requests.")


def too_many_pictures(limit: int) -> RequestError:
    message = f"There are more than {limit} pictures in one request."
    return RequestError(413, "too_many_pictures", message, "Send them in several requests.")


def zip_too_large(size: str) -> RequestError:
    message = f"The zip would become {size} when it is unpacked."
    return RequestError(413, "zip_too_large", message, "Send its pictures in several requests.")


def not_a_zip() -> RequestError:
    return RequestError(400, "not_a_zip", "This is no whole zip.", "Make it again.")


def no_pictures() -> RequestError:
    return RequestError(400, "no_pictures", "There is no picture in the zip.", "Send one of pictures.")


def encrypted_entry() -> RequestError:
    message = "The picture is encrypted in its zip."
    return RequestError(400, "encrypted_entry", message, "Unpack the zip, and send the pictures.")


def broken_entry(reason: str) -> RequestError:
    message = f"The picture can't be taken from its zip ({reason})."
    return RequestError(400, "broken_entry", message, "Make the zip again.")


def too_many_batches(count: int) -> FrontEndError:
    message = f"{count} batches are being answered, and no more at once."
    return FrontEndError(503, "too_many_batches", message, "Try again in a minute.")


def no_room() -> FrontEndError:
    return FrontEndError(507, "no_room", "There is no room for the upload.", "Try again later, or send a smaller one.")


def truncated_video(seconds: float) -> RequestError:
    message = f"The file breaks off after {seconds:.1f} s."
    return RequestError(400, "truncated_video", message, "Upload the whole file again.")


def model_failed(name: str) -> ModelServerError:
    message = f"The model {name} failed on this request."
    return ModelServerError(502, "model_failed", message, "Try again, or with another picture.")


def model_outdated(name: str) -> ModelServerError:
    message = f"The model {name} was made by another version, whose card can't be read."
    return ModelServerError(502, "model_outdated", message, "Train and archive it again.")


def model_starting(name: str) -> ModelServerError:
    return ModelServerError(503, "model_starting", f"The model {name} is starting.", "Try again in a few seconds.")


def model_busy(name: str, seconds: float | None = None) -> ModelServerError:
    """`seconds`: what the requests that are in hand will take, where it is known."""
    message = f"The model {name} has more requests than it can take."
    error = ModelServerError(503, "model_busy", message, "Try again in a few seconds.")
    if seconds is not None:
        error.retry_after = max(1, math.ceil(seconds))
    return error


def model_down() -> ModelServerError:
    return ModelServerError(503, "model_down", "The model server can't be reached.", "Try again in a minute.")


def model_too_slow(name: str, seconds: float) -> ModelServerError:
    return ModelServerError(504, "model_too_slow", f"The model {name} did not answer in {seconds:g} s.", "Try again.")
