"""What hostile, broken and careless clients send, one in ten requests: each is told what is wrong, or answered."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from functools import cache
from http.client import HTTPException, HTTPResponse
from typing import NamedTuple

from tests.faults.answers import Answer, Fate, judge
from tests.faults.polite import MODEL, PATIENCE, Known
from tests.faults.site import ROOT, Site
from tests.hostile import encode, make_scans, make_webp

CORPUS = ROOT / "tests" / "fuzz" / "corpus"
ANY_PICTURE = frozenset(("not_a_picture", "broken_picture", "picture_too_large", "empty_body"))
ANY_FILM = frozenset(
    ("not_a_video", "still_picture", "no_video_stream", "broken_video", "truncated_video", "empty_video",
     "unknown_codec", "frame_too_large", "video_too_large", "video_too_long", "video_too_dear", "too_many_videos")
)  # fmt: skip
ANY_ZIP = frozenset(("not_a_zip", "no_pictures", "zip_too_large", "too_many_pictures", "too_many_batches"))


class Request(NamedTuple):
    """`codes`: what it may be told. `pauses`: it comes in so many pieces, with pauses between them. `leaves`: after
    which share of it the client goes without reading an answer; `stops`: after which share it sends no more."""

    data: bytes
    codes: frozenset[str] = ANY_PICTURE
    pauses: int = 0
    leaves: float | None = None
    stops: float | None = None


class Rude:
    """Each request over a connection of its own."""

    def __init__(self, site: Site, known: Known) -> None:
        self._port, self._known = site.port, known

    def ask(self, choice: random.Random) -> Answer:
        name = choice.choice(list(SORTS))
        return self.send(name, SORTS[name](choice, self._known))

    def send(self, name: str, request: Request) -> Answer:
        began = time.monotonic()
        try:
            answer = self._exchange(name, request)
        except ConnectionRefusedError:
            answer = Answer(name, Fate.REFUSED)
        except OSError as error:
            answer = Answer(name, Fate.CUT, f"{error!r:.80}")
        answer.began = began
        return answer

    def _exchange(self, name: str, request: Request) -> Answer:
        with socket.create_connection(("127.0.0.1", self._port), PATIENCE) as connection:
            share = request.leaves if request.leaves is not None else request.stops
            data = request.data[: int(len(request.data) * share)] if share is not None else request.data
            pieces = request.pauses + 1
            size = -(-len(data) // pieces)
            try:
                for number in range(pieces):
                    connection.sendall(data[number * size : (number + 1) * size])
                    if number < pieces - 1:
                        time.sleep(0.3)
            except (BrokenPipeError, ConnectionResetError):
                pass  # what is refused early is answered all the same
            if request.leaves is not None:
                return Answer(name, Fate.LEFT)
            if request.stops is not None:
                connection.shutdown(socket.SHUT_WR)
            status, body = read_answer(connection)
        if status is None:
            return Answer(name, Fate.CUT, "no whole answer")
        if body.startswith((b"event:", b":")):
            whole = body.rstrip().rpartition(b"event: ")[2].split(b"\n")[0] in (b"summary", b"result", b"error")
            return Answer(name, Fate.TYPED if whole else Fate.CUT, "" if whole else "a stream without an end")
        return judge(name, status, body, None, request.codes)


def read_answer(connection: socket.socket) -> tuple[int | None, bytes]:
    """Status and body of the answer to one request; None where it is not whole."""
    response = HTTPResponse(connection)
    try:
        response.begin()
        return response.status, response.read()
    except (HTTPException, ConnectionResetError):
        return None, b""


def compose(body: bytes, *headers: str, method: str = "POST", path: str = f"{MODEL}/predict") -> bytes:
    always = ("Host: localhost", f"Content-Length: {len(body)}", "Connection: close")
    return "\r\n".join((f"{method} {path} HTTP/1.1", *always, *headers, "", "")).encode("latin-1") + body


def compose_form(*parts: bytes, boundary: str = "b") -> bytes:
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"
    return compose(body, f"Content-Type: multipart/form-data; boundary={boundary}")


@cache
def make_bomb() -> bytes:
    return make_scans(2000, 3000)


@cache
def make_pictures() -> list[bytes]:
    """Whole, odd and dear ones."""
    odd = [path.read_bytes() for path in sorted((CORPUS / "picture").iterdir())]
    return [*odd, make_webp(16383, 3900, True), encode("RGBA", (3000, 3000), "PNG"), encode("L", (1, 1), "GIF")]


def change(data: bytes, choice: random.Random) -> bytes:
    """Some of its bytes are others, or it ends early."""
    changed = bytearray(data)
    for _ in range(choice.randrange(1, 12)):
        changed[choice.randrange(len(changed))] = choice.randrange(256)
    return bytes(changed[: choice.randrange(len(changed)) + 1] if choice.random() < 0.5 else changed)


def _pick(folder: str, choice: random.Random) -> bytes:
    return choice.choice(sorted((CORPUS / folder).iterdir())).read_bytes()


def _picture(choice: random.Random, known: Known) -> bytes:
    return choice.choice(known.pictures)


def _broken(choice: random.Random, known: Known) -> Request:
    return Request(compose(change(choice.choice([*make_pictures(), *known.pictures]), choice)))


def _odd(choice: random.Random, known: Known) -> Request:
    return Request(compose(choice.choice(make_pictures())))


def _noise(choice: random.Random, known: Known) -> Request:
    return Request(compose(choice.randbytes(choice.randrange(5000))))


def _bomb(choice: random.Random, known: Known) -> Request:
    return Request(compose(make_bomb()))


def _film(choice: random.Random, known: Known) -> Request:
    return Request(compose(change(_pick("film", choice), choice), path=f"{MODEL}/video"), ANY_FILM)


def _zip(choice: random.Random, known: Known) -> Request:
    body = change(_pick("zip_file", choice), choice)
    return Request(compose(body, "Content-Type: application/zip", path=f"{MODEL}/batch"), ANY_ZIP)


def _foreign_host(choice: random.Random, known: Known) -> Request:
    data = compose(_picture(choice, known)).replace(b"Host: localhost", b"Host: evil.example", 1)
    return Request(data, frozenset(("unknown_host",)))


def _foreign_page(choice: random.Random, known: Known) -> Request:
    header = choice.choice(("Sec-Fetch-Site: cross-site", "Origin: http://evil.example"))
    return Request(compose(_picture(choice, known), header), frozenset(("cross_site",)))


def _invented_method(choice: random.Random, known: Known) -> Request:
    method = "".join(choice.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(choice.randrange(3, 15)))
    return Request(compose(b"", method=method), frozenset(("wrong_method",)))


def _unknown_path(choice: random.Random, known: Known) -> Request:
    path = choice.choice(("/api/v1/models/none/predict", "/api/v2/%00%ff", "/api/v1/../../etc/passwd", f"{MODEL}/x"))
    return Request(compose(_picture(choice, known), path=path), frozenset(("not_found", "unknown_model")))


def _odd_form(choice: random.Random, known: Known) -> Request:
    codes = frozenset(("no_file", "unreadable_form", "broken_upload", "unsupported_body", *ANY_PICTURE))
    picture = _picture(choice, known)
    file = b'Content-Disposition: form-data; name="data"; filename="a"\r\n\r\n' + picture
    form = choice.choice((
        lambda: compose_form(b'Content-Disposition: form-data; name="data"\r\n\r\n' + picture),
        lambda: compose_form(*[b'Content-Disposition: form-data; name="x"\r\n\r\n1'] * 1500),
        lambda: compose_form(file, boundary=""),
        lambda: compose_form(file, boundary="c"),
        lambda: compose_form(b"\r\n\r\n"),
        lambda: compose_form(),
        lambda: compose(picture, "Content-Type: text/html"),
    ))  # fmt: skip
    return Request(form(), codes)


def _broken_upload(choice: random.Random, known: Known) -> Request:
    data = compose(_picture(choice, known))
    head = data.index(b"\r\n\r\n") + 4
    return Request(data, frozenset(("broken_upload",)), stops=choice.uniform((head + 1) / len(data), 0.99))


def _slow(choice: random.Random, known: Known) -> Request:
    return Request(compose(_picture(choice, known)), pauses=choice.randrange(2, 8))


def _hangs_up(choice: random.Random, known: Known) -> Request:
    path = choice.choice((f"{MODEL}/predict", f"{MODEL}/explain", f"{MODEL}/video", f"{MODEL}/batch"))
    body = known.film if path.endswith("video") else _picture(choice, known)
    return Request(compose(body, path=path), leaves=choice.choice((0.1, 0.9, 1.0)))


def _chunked(choice: random.Random, known: Known) -> Request:
    picture = _picture(choice, known)
    head = compose(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    whole = b"%x\r\n%s\r\n0\r\n\r\n" % (len(picture), picture)
    broken = choice.random() < 0.5
    data = head + (b"zz\r\n" + picture if broken else whole)
    return Request(data, frozenset(("broken_upload",)) if broken else ANY_PICTURE, stops=1.0 if broken else None)


def _odd_http(choice: random.Random, known: Known) -> Request:
    """gunicorn's own parser refuses it, or nobody does."""
    good = compose(_picture(choice, known))
    data = choice.choice((
        good.replace(b"HTTP/1.1", b"HTTP/9.9", 1),
        good.replace(b"Host: localhost", b"Host: localhost\r\nHost: other", 1),
        good.replace(b"Host: localhost", b"Host: localhost\r\nContent-Length: 7", 1),
        good.replace(b"Host: localhost", b"Host: localhost\r\nTransfer-Encoding: chunked", 1),
        good.replace(b"Host: localhost", b"Host: localhost\r\nX: \0", 1),
        good.replace(b"Host: localhost", b"Host: localhost\r\nX: " + b"x" * 100_000, 1),
        good.replace(b"Host: localhost", b"Host: localhost\r\n" + b"X: x\r\n" * 5000, 1),
        good.replace(b"/predict", b"/" + b"p" * 9000, 1),
        choice.randbytes(200) + b"\r\n\r\n",
        b"GET\r\n\r\n",
    ))  # fmt: skip
    codes = ("unreadable_request", "head_too_large", "not_found", "unknown_host", "broken_upload")
    return Request(data, ANY_PICTURE | frozenset(codes), stops=1.0)


def _too_large(choice: random.Random, known: Known) -> Request:
    codes = frozenset(("picture_too_large", "batch_too_large", "video_too_large"))
    data = compose(b"").replace(b"Content-Length: 0", b"Content-Length: 600000000") + bytes(choice.randrange(2**21))
    return Request(data.replace(b"/predict", choice.choice((b"/predict", b"/video", b"/batch")), 1), codes)


SORTS: dict[str, Callable[[random.Random, Known], Request]] = {
    "broken picture": _broken,
    "odd picture": _odd,
    "noise": _noise,
    "scan bomb": _bomb,
    "broken film": _film,
    "broken zip": _zip,
    "foreign host": _foreign_host,
    "foreign page": _foreign_page,
    "invented method": _invented_method,
    "unknown path": _unknown_path,
    "odd form": _odd_form,
    "broken upload": _broken_upload,
    "slow sender": _slow,
    "hangs up": _hangs_up,
    "chunked": _chunked,
    "odd HTTP": _odd_http,
    "too large": _too_large,
}
