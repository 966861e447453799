"""Bundle → what answers for it, by the card's task."""

from __future__ import annotations

from pathlib import Path

from .card import read_card
from .classifier import Classifier


def load_bundle(bundle: Path, device: str = "cpu") -> Classifier:
    """A `Classifier`, or a `Sketch` where the card's task is `sketch`; both answer, describe and warm up alike.

    `device`: `cpu` or `cuda:0`. Raises `CardError` or `BundleError`.
    """
    card = read_card(bundle / "card.json")
    if card.task == "sketch":
        from .sketch import Sketch  # only its bundles need what a detector needs

        return Sketch(card, bundle, device)
    return Classifier(card, bundle, device)
