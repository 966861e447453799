"""Thumbnails of Naver webtoon's episodes with series, author, rating and genre.

The images belong to their authors, and the service's terms decide whether they may be collected: nothing is asked of
it before the notice below is accepted, robots.txt is obeyed for every address, and one request a second is the most.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from pydantic import BaseModel

from ...runtime.errors import DatasetError
from .client import USER_AGENT, Client
from .collect import Candidate, SourceImage

BASE_URL = "https://comic.naver.com"
PAUSE = 1.0

NOTICE = (
    "Naver webtoon's thumbnails are their authors' works, and Naver's terms of use restrict automated collection and "
    "every use beyond reading. Collect them only if you have the right to (a permission, or your law's exception for "
    "research), keep them to yourself, and do not pass on a dataset."
)

Record = TypeVar("Record", bound=BaseModel)

_GENRE = "GENRE_"  # GENRE_PURE, GENRE_DAILY, …


class _Title(BaseModel):
    titleId: int  # noqa: N815
    titleName: str  # noqa: N815
    adult: bool = False


class _Week(BaseModel):
    titleListMap: dict[str, list[_Title]]  # noqa: N815 - MONDAY, TUESDAY, …


class _PageInfo(BaseModel):
    totalPages: int  # noqa: N815


class _FinishedPage(BaseModel):
    titleList: list[_Title]  # noqa: N815
    pageInfo: _PageInfo  # noqa: N815


class _Tag(BaseModel):
    tagName: str  # noqa: N815
    curationType: str  # noqa: N815


class _Person(BaseModel):
    name: str


class _Author(BaseModel):
    writers: list[_Person]
    painters: list[_Person]


class _Info(BaseModel):
    titleName: str  # noqa: N815
    author: _Author
    curationTagList: list[_Tag]  # noqa: N815


class _Episode(BaseModel):
    no: int
    thumbnailUrl: str  # noqa: N815
    starScore: float  # noqa: N815 - mean of the readers' 1 to 10


class _Episodes(BaseModel):
    articleList: list[_Episode]  # noqa: N815
    pageInfo: _PageInfo  # noqa: N815


class Naver:
    """Up to `episodes` thumbnails of each of up to `series` series; the label is the first genre, in lower case."""

    name = "naver"

    def __init__(
        self,
        client: Client,
        series: int,
        episodes: int,
        *,
        finished: bool = False,
        accept_terms: bool = False,
        base_url: str = BASE_URL,
    ) -> None:
        if not accept_terms:
            raise DatasetError(NOTICE, "If that is settled, pass --accept-terms.")
        self.client = client
        self.series = series
        self.episodes = episodes
        self.finished = finished
        self.base_url = base_url.rstrip("/")
        self.total = 0
        self._robots: dict[str, RobotFileParser] = {}

    def find(self) -> Iterator[Candidate]:
        titles = list(self._finished() if self.finished else self._running())[: self.series]
        self.total = len(titles) * self.episodes
        for title in titles:
            info = self._ask(_Info, "/api/article/list/info", {"titleId": title.titleId})
            genre = next((tag for tag in info.curationTagList if tag.curationType.startswith(_GENRE)), None)
            if genre is None:
                continue
            label = genre.curationType.removeprefix(_GENRE).lower()
            people = dict.fromkeys(person.name for person in info.author.painters + info.author.writers)
            for episode in self._episodes(title.titleId):
                load = partial(self._load, episode, label, info.titleName, " / ".join(people))
                yield Candidate(f"{title.titleId}-{episode.no}", load)

    def _running(self) -> list[_Title]:
        week = self._ask(_Week, "/api/webtoon/titlelist/weekday", {"order": "user"})
        unique = {title.titleId: title for day in week.titleListMap.values() for title in day if not title.adult}
        return [unique[key] for key in sorted(unique)]

    def _finished(self) -> Iterator[_Title]:
        number = pages = 1
        while number <= pages:
            page = self._ask(_FinishedPage, "/api/webtoon/titlelist/finished", {"page": number, "order": "UPDATE"})
            yield from (title for title in page.titleList if not title.adult)
            number, pages = number + 1, page.pageInfo.totalPages

    def _episodes(self, title: int) -> Iterator[_Episode]:
        number = pages = 1
        left = self.episodes
        while number <= pages and left > 0:
            page = self._ask(_Episodes, "/api/article/list", {"titleId": title, "page": number, "sort": "ASC"})
            yield from page.articleList[:left]
            left -= len(page.articleList)
            number, pages = number + 1, page.pageInfo.totalPages

    def _load(self, episode: _Episode, label: str, title: str, author: str) -> SourceImage | None:
        self._check_robots(episode.thumbnailUrl)
        content = self.client.get_bytes(episode.thumbnailUrl)
        if content is None:
            return None
        rating = f"{episode.starScore:.2f}"
        return SourceImage(content, label, title, author, episode.thumbnailUrl, "all rights reserved", rating)

    def _ask(self, kind: type[Record], path: str, parameters: dict[str, str | int]) -> Record:
        address = self.base_url + path
        self._check_robots(address)
        record = self.client.get_record(kind, address, parameters)
        if record is None:
            raise DatasetError(
                f"{address}: there is nothing.", "The service has changed: update Hwapung, or report it."
            )
        return record

    def _check_robots(self, address: str) -> None:
        """Raise `DatasetError` for what robots.txt of the address's host forbids; its Crawl-delay slows all down."""
        parts = urlsplit(address)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in self._robots:
            parser = self._robots[host] = RobotFileParser()
            rules = self.client.get_bytes(f"{host}/robots.txt")
            parser.parse((rules or b"").decode("utf-8", "replace").splitlines())
            self.client.pause = max(self.client.pause, float(parser.crawl_delay(USER_AGENT) or 0))
        if not self._robots[host].can_fetch(USER_AGENT, address):
            raise DatasetError(f"{address}: robots.txt of {parts.netloc} forbids it.", "Ask Naver for permission.")
