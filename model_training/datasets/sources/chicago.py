"""The Art Institute of Chicago's API: https://api.artic.edu/docs. No account; works in the public domain only."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pydantic import BaseModel

from ...runtime.errors import DatasetError
from ..suggest import suggest
from .client import Client
from .collect import Candidate, SourceImage

BASE_URL = "https://api.artic.edu/api/v1"
PAUSE = 1.0  # an address may ask 60 times a minute
WIDTH = 843  # pixels; the size that the museum keeps ready and asks to be used

_PAGE = 100
_DEEPEST = 1000  # results of a search that can be paged through
_FIELDS = "id,title,artist_title,department_title,image_id,is_public_domain"


class _Work(BaseModel):
    id: int
    title: str
    artist_title: str | None
    department_title: str | None
    image_id: str | None
    is_public_domain: bool


class _Pagination(BaseModel):
    total: int
    total_pages: int


class _Config(BaseModel):
    iiif_url: str


class _Page(BaseModel):
    pagination: _Pagination
    data: list[_Work]
    config: _Config


class Chicago:
    name = "chicago"

    def __init__(
        self, client: Client, query: str, label: str, department: str | None = None, base_url: str = BASE_URL
    ) -> None:
        self.client = client
        self.query = query
        self.label = label
        self.department = department
        self.base_url = base_url.rstrip("/")
        self.total = 0

    def find(self) -> Iterator[Candidate]:
        works, images = self._search()
        departments = {work.department_title for work in works if work.department_title}
        if self.department:
            wanted = self.department.casefold()
            works = [work for work in works if (work.department_title or "").casefold() == wanted]
        if not works:
            if departments:
                raise DatasetError(
                    f"None of the works found for {self.query!r} is of the department {self.department!r}.",
                    suggest(str(self.department), sorted(departments)),
                )
            raise DatasetError(f"The Art Institute finds nothing for {self.query!r}.", "Try another --query.")
        self.total = len(works)
        for work in works:
            yield Candidate(str(work.id), partial(self._load, work, images))

    def _search(self) -> tuple[list[_Work], str]:
        """Every free work with an image that the search reaches, by number, and the address of the images."""
        works: dict[int, _Work] = {}
        number, pages, images = 1, 1, ""
        while number <= min(pages, _DEEPEST // _PAGE):
            page = self.client.get_record(
                _Page,
                f"{self.base_url}/artworks/search",
                {
                    "q": self.query,
                    "query[term][is_public_domain]": "true",
                    "fields": _FIELDS,
                    "limit": _PAGE,
                    "page": number,
                },
            )
            if page is None:
                raise DatasetError(f"{self.base_url}/artworks/search: there is nothing.", "Check --base-url.")
            works.update({work.id: work for work in page.data if work.is_public_domain and work.image_id})
            pages, images = page.pagination.total_pages, page.config.iiif_url
            number += 1
        return [works[key] for key in sorted(works)], images

    def _load(self, work: _Work, images: str) -> SourceImage | None:
        address = f"{images}/{work.image_id}/full/{WIDTH},/0/default.jpg"
        content = self.client.get_bytes(address)
        if content is None:
            return None
        return SourceImage(content, self.label, work.title, work.artist_title or "", address, "CC0-1.0")
