"""The Metropolitan Museum of Art's Collection API: https://metmuseum.github.io. No account; CC0 works only."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pydantic import BaseModel

from ...runtime.errors import DatasetError
from ..suggest import suggest
from .client import Client
from .collect import Candidate, SourceImage

BASE_URL = "https://collectionapi.metmuseum.org/public/collection/v1"
PAUSE = 0.2  # the museum asks for at most 80 requests a second; its front refuses far slower bursts


class _Found(BaseModel):
    total: int
    objectIDs: list[int] | None  # noqa: N815 - null where total is 0


class _Work(BaseModel):
    objectID: int  # noqa: N815
    isPublicDomain: bool  # noqa: N815
    primaryImage: str  # noqa: N815 - empty where the image is not free
    primaryImageSmall: str  # noqa: N815 - up to some 1,000 pixels a side
    title: str
    artistDisplayName: str  # noqa: N815


class _Department(BaseModel):
    departmentId: int  # noqa: N815
    displayName: str  # noqa: N815


class _Departments(BaseModel):
    departments: list[_Department]


class Met:
    name = "met"

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
        parameters: dict[str, str | int] = {"q": self.query, "hasImages": "true"}
        if self.department:
            parameters["departmentId"] = self._department_number(self.department)
        found = self.client.get_record(_Found, f"{self.base_url}/search", parameters)
        numbers = sorted((found and found.objectIDs) or [])
        if not numbers:
            raise DatasetError(f"The Met finds nothing for {self.query!r}.", "Try another --query or --department.")
        self.total = len(numbers)
        for number in numbers:
            yield Candidate(str(number), partial(self._load, number))

    def _load(self, number: int) -> SourceImage | None:
        work = self.client.get_record(_Work, f"{self.base_url}/objects/{number}")
        if work is None or not work.isPublicDomain:
            return None
        address = work.primaryImageSmall or work.primaryImage
        content = self.client.get_bytes(address) if address else None
        if content is None:
            return None
        return SourceImage(content, self.label, work.title, work.artistDisplayName, address, "CC0-1.0")

    def _department_number(self, wanted: str) -> int:
        if wanted.isdecimal():
            return int(wanted)
        answer = self.client.get_record(_Departments, f"{self.base_url}/departments")
        numbers = {each.displayName: each.departmentId for each in answer.departments} if answer else {}
        for name, number in numbers.items():
            if name.casefold() == wanted.casefold():
                return number
        raise DatasetError(f"The Met has no department {wanted!r}.", suggest(wanted, list(numbers)))
