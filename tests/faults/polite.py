"""Questions whose answers are known: one picture, its heatmap, many pictures, a small film, and what needs no model."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import urllib3

from tests.faults.answers import Answer, Fate, UnlikeError, compare, judge, judge_error, read_events
from tests.faults.site import Site
from tests.frontend.video.films import make_film
from tests.torchserve.tiny import draw_image

MODEL = "/api/v1/models/landscape"
#: (side, format) of the pictures that are asked about.
PICTURES = ((48, "JPEG"), (48, "PNG"), (64, "WEBP"), (200, "JPEG"), (800, "JPEG"), (33, "BMP"), (720, "BMP"))
BATCH = 6
PATIENCE = 90.0
NOTHING: frozenset[str] = frozenset()


class Polite:
    """Asks over one kept connection. `teach` learns the answers once, which all connections then know."""

    def __init__(self, site: Site, known: Known) -> None:
        self._pool = urllib3.HTTPConnectionPool("127.0.0.1", site.port, maxsize=1, retries=False, timeout=PATIENCE)
        self._known = known

    def ask(self, choice: random.Random) -> Answer:
        sorts: list[tuple[float, Callable[[random.Random], Answer]]] = [
            (0.80, self.predict), (0.08, self.explain), (0.04, self.batch), (0.02, self.film), (0.06, self.card)
        ]  # fmt: skip
        [(_, asks)] = choice.choices(sorts, [weight for weight, _ in sorts])
        return asks(choice)

    def predict(self, choice: random.Random) -> Answer:
        return self._ask_about_one("predict", choice.randrange(len(PICTURES)))

    def explain(self, choice: random.Random) -> Answer:
        return self._ask_about_one("explain", choice.randrange(len(PICTURES)))

    def batch(self, choice: random.Random) -> Answer:
        chosen = [choice.randrange(len(PICTURES)) for _ in range(BATCH)]
        pictures = [self._known.pictures[each] for each in chosen]
        if choice.random() < 0.5:
            body, kind = urllib3.encode_multipart_formdata([("data", (f"{n}", p)) for n, p in enumerate(pictures)])
        else:
            body, kind = pack(pictures), "application/zip"
        return self._read_stream("batch", body, kind, lambda events: self._check_batch(chosen, events))

    def film(self, choice: random.Random) -> Answer:
        return self._read_stream(
            "video", self._known.film, "video/mp4", lambda events: self._check_film(events, self._known.frames)
        )

    def ask_about_film(self, film: bytes) -> Answer:
        """One that is not known: each frame is asked about."""
        return self._read_stream("video", film, "video/mp4", lambda events: self._check_film(events, []), "?rate=10")

    def card(self, choice: random.Random) -> Answer:
        path = choice.choice(("/healthz", MODEL))
        return self._finish("card", "GET", path, None, {}, lambda status, body: judge_json("card", status, body))

    def _ask_about_one(self, sort: str, number: int) -> Answer:
        known = self._known.answers.get((sort, number))
        headers = {"Content-Type": "application/octet-stream"}
        picture = self._known.pictures[number]
        return self._finish(
            sort, "POST", f"{MODEL}/{sort}", picture, headers,
            lambda status, body: judge(sort, status, body, known, NOTHING),
        )  # fmt: skip

    def _read_stream(
        self,
        sort: str,
        body: bytes,
        kind: str,
        check: Callable[[list[tuple[str, dict[str, Any]]]], Answer],
        query: str = "",
    ) -> Answer:
        def read(status: int, answer: bytes) -> Answer:
            if status != 200:
                return judge(sort, status, answer, None, frozenset(("too_many_batches", "too_many_videos")))
            return check(read_events(answer))

        return self._finish(sort, "POST", f"{MODEL}/{sort}{query}", body, {"Content-Type": kind}, read)

    def _finish(
        self, sort: str, method: str, path: str, body: bytes | None, headers: dict[str, str],
        read: Callable[[int, bytes], Answer],
    ) -> Answer:  # fmt: skip
        try:
            response = self._pool.urlopen(method, path, body, headers)
        except urllib3.exceptions.NewConnectionError as error:
            return Answer(sort, Fate.REFUSED, type(error).__name__)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return Answer(sort, Fate.CUT, f"{error!r:.80}")
        return read(response.status, response.data)

    def _check_batch(self, chosen: list[int], events: list[tuple[str, dict[str, Any]]]) -> Answer:
        """Each picture has one event, and the summary is the last."""
        if not events or events[-1][0] != "summary":
            return Answer("batch", Fate.CUT, "no summary")
        told = [data for kind, data in events if kind == "picture"]
        summary = events[-1][1]
        indices = [each["index"] for each in told]
        if len(indices) != len(set(indices)) or (summary["complete"] and len(indices) != len(chosen)):
            return Answer("batch", Fate.WRONG, f"events of the pictures {sorted(indices)}")
        fate = Answer("batch", Fate.RIGHT)
        for data in told:
            if "error" in data:
                fate = judge_error("batch", data["error"], NOTHING)
                if fate.fate is not Fate.TYPED:
                    return fate
                continue
            try:
                compare(data["answer"], self._known.answers.get(("predict", chosen[data["index"]])))
            except UnlikeError as unlike:
                return Answer("batch", Fate.WRONG, str(unlike))
        return fate if summary["complete"] else judge_error("batch", summary["error"], NOTHING)

    def _check_film(self, events: list[tuple[str, dict[str, Any]]], known: list[dict[str, Any]]) -> Answer:
        """`known`: the frames; empty where any will do."""
        if not events or events[-1][0] not in ("result", "error"):
            return Answer("video", Fate.CUT, "neither result nor error")
        kind, data = events[-1]
        if kind == "error" or not data["complete"]:
            return judge_error("video", data["error"], NOTHING)
        frames = [data for kind, data in events if kind == "frame"]
        known = known or frames
        for number, (frame, other) in enumerate(zip(frames, known, strict=False)):
            if "error" in frame:
                return judge_error("video", frame["error"], NOTHING)
            if frame != other:
                return Answer("video", Fate.WRONG, f"frame {number} is another")
        if len(frames) != len(known):
            return Answer("video", Fate.WRONG, f"{len(frames)} frames of {len(known)}")
        return Answer("video", Fate.RIGHT)


def judge_json(sort: str, status: int, body: bytes) -> Answer:
    """Of what has no probabilities: a card, a sign of life."""
    if status == 200 and body.startswith(b"{"):
        return Answer(sort, Fate.RIGHT)
    return judge(sort, status, body, {}, NOTHING)


class Known:
    """What is asked about, and what is answered when nothing is wrong."""

    def __init__(self, site: Site) -> None:
        """Asks everything once."""
        self.pictures = [draw_image(number, side, format) for number, (side, format) in enumerate(PICTURES)]
        self.film = make_film(seconds=2)
        self.answers: dict[tuple[str, int], dict[str, Any]] = {}
        self.frames: list[dict[str, Any]] = []
        pool = urllib3.HTTPConnectionPool("127.0.0.1", site.port, retries=False, timeout=PATIENCE)
        for sort, number, picture in self._questions():
            answer = pool.urlopen("POST", f"{MODEL}/{sort}", picture, {"Content-Type": "image/x"})
            assert answer.status == 200, answer.data
            self.answers[sort, number] = answer.json()
        events = pool.urlopen("POST", f"{MODEL}/video", self.film, {"Content-Type": "video/mp4"})
        self.frames = [data for kind, data in read_events(events.data) if kind == "frame"]
        assert len(self.frames) > 2, events.data

    def _questions(self) -> Iterator[tuple[str, int, bytes]]:
        for sort in ("predict", "explain"):
            for number, picture in enumerate(self.pictures):
                yield sort, number, picture


def pack(pictures: list[bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, picture in enumerate(pictures):
            archive.writestr(f"{number}.jpg", picture)
    return buffer.getvalue()
