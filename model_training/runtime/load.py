"""Bundle → the model that answers for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .card import Card, ClassifierCard, read_card
from .classifier import Classifier
from .detection import DetectorModel
from .forms import Wish, serve_form
from .model import Model
from .multi_label import MultiLabelClassifier
from .sketch import Sketch

#: Task → what makes a model of a card of this task, its bundle and a device.
MODELS: dict[str, Callable[[Any, Path, str], Model]] = {
    "classification": Classifier,
    "multi_label": MultiLabelClassifier,
    "sketch": Sketch,
    "detection": DetectorModel,
}


def load_bundle(bundle: Path, device: str = "cpu", form: Wish | None = None) -> Model:
    """`device`: `cpu` or `cuda:0`. `form`: which one of the network's answers on a CPU; its own if not given,
    which the card's figures are of, so that answers depend on no processor. Raises `CardError` or `BundleError`."""
    card = read_card(bundle / "card.json", Card)
    if form is not None and device == "cpu" and isinstance(card, ClassifierCard):
        card = serve_form(card, bundle, form)
    return MODELS[card.task](card, bundle, device)
