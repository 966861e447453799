"""Reference images, wherever they come from, in one shape."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field


@dataclass(frozen=True)
class SourceState:
    """Whether a source answered; if not, a sentence and a remedy. `code` is made for programs."""

    code: str
    message: str = ""
    remedy: str = ""


READY = SourceState("ready")


@dataclass(frozen=True)
class Reference:
    """An image to draw from, with those to whom credit is due. Empty texts are unknown."""

    source: Literal["gallery", "unsplash"]
    thumbnail: Annotated[str, Field(description="URL; a path on this host, or Unsplash's own address")]
    picture: str
    title: str = ""
    author: str = ""
    author_url: str = ""
    licence: str = ""
    origin: str = ""
    page_url: Annotated[str, Field(description="the picture's page, to be linked")] = ""
    similarity: Annotated[float | None, Field(description="cosine to the drawing (gallery)")] = None
    download_location: Annotated[
        str | None, Field(description="to be reported when the picture is used (Unsplash)")
    ] = None

    def as_answer(self) -> dict[str, Any]:
        """As JSON, without what is unknown."""
        return {key: value for key, value in asdict(self).items() if value not in ("", None)}


@dataclass(frozen=True)
class Finding:
    """What a source found: one group of references for each thing it was asked for."""

    groups: tuple[tuple[Reference, ...], ...]
    state: SourceState = field(default=READY)
