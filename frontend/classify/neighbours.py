"""The training pictures beside an answer that are most like the one it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..catalogue import Model
from ..formatting import title_of


@dataclass(frozen=True)
class NeighbourView:
    """One training picture. `similarity` is in −1…1; `thumbnail` a data URI; what the owner shows none of is None."""

    title: str
    similarity: float
    link: str | None
    licence: str | None
    thumbnail: str | None


def view_neighbours(answer: dict[str, Any], model: Model) -> tuple[NeighbourView, ...]:
    """Those of the answer, the most similar first; none where the model's owner shows none."""
    found = []
    for each in answer.get("neighbours", ()):
        file = each.get("thumbnail")
        found.append(
            NeighbourView(
                title=title_of(model, each["class"]),
                similarity=each["similarity"],
                link=each.get("link"),
                licence=each.get("licence"),
                thumbnail=f"data:{file['media_type']};base64,{file['data']}" if file else None,
            )
        )
    return tuple(found)
