"""Reference pictures, wherever they come from, in one shape."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class SourceState:
    """Whether a source answered; if not, a sentence and a remedy. `code` is made for programs."""

    code: str
    message: str = ""
    remedy: str = ""


READY = SourceState("ready")


@dataclass(frozen=True)
class Reference:
    """A picture to draw from, with those to whom credit is due. Empty texts are unknown.

    `thumbnail` and `picture` are URLs; `similarity` is the cosine to the drawing (gallery); `download_location` is what
    Unsplash wants to be told when the picture is used.
    """

    source: str
    title: str
    author: str
    licence: str
    page_url: str
    thumbnail: str
    picture: str
    origin: str = ""
    author_url: str = ""
    similarity: float | None = None
    download_location: str | None = None

    def as_answer(self) -> dict[str, Any]:
        """As JSON, without what is unknown."""
        return {key: value for key, value in asdict(self).items() if value not in ("", None)}


@dataclass(frozen=True)
class Finding:
    """What a source found: one group of references for each thing it was asked for."""

    groups: tuple[tuple[Reference, ...], ...]
    state: SourceState = field(default=READY)
