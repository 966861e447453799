"""What can be said of an image without the network."""

from __future__ import annotations

from dataclasses import dataclass

from .budget import WHOLE, Budget
from .card import ClassifierCard, Reason
from .facts import find_reason, read_file_facts
from .model import Answer, Bytes
from .preprocess import ReadImage
from .provenance.credentials import CredentialsReader
from .provenance.read import read_provenance


@dataclass(frozen=True)
class Looks:
    """`reasons`: why each of an image's parts is none that the model can judge, None where nothing is against it;
    `origin`: what its file states of where it comes from, where the card asks for it, which changes no verdict."""

    reasons: tuple[Reason | None, ...]
    origin: Answer


def look(
    data: Bytes,
    image: ReadImage,
    card: ClassifierCard,
    credentials: CredentialsReader | None,
    *,
    budget: Budget = WHOLE,
) -> Looks:
    """`data`: the file of which `image` was read. Raises `DearError` where it has no ordinary head and the budget is
    for such alone."""
    budget.check_head(bytes(data))
    origin: Answer = {}
    if credentials is not None:
        origin = {"provenance": read_provenance(data, credentials).as_answer()}
    if (ood := card.ood) is None:
        return Looks((None,) * len(image.parts), origin)
    file = read_file_facts(data)
    reasons = (
        find_reason(ood.limits, file.crop(part.place, image.size), part.pixels, card.preprocessing)
        for part in image.parts
    )
    return Looks(tuple(reasons), origin)
