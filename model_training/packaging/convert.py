"""A bundle and the images that it was made with → its networks packed anew: in another precision, or several as one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from ..datasets.prepare import Prepared, prepare
from ..recipe import Precision, Recipe, validate_recipe
from ..runtime.card import ModelCard, read_card
from ..runtime.errors import BundleError, DatasetError, RecipeError
from ..runtime.network import load_network
from .bundle import Product, pack


@dataclass(frozen=True)
class Opened:
    """A bundle beside the images of its training, divided as they were then."""

    folder: Path
    card: ModelCard
    recipe: Recipe
    prepared: Prepared


def open_bundle(bundle: Path, data: Path, cache: Path) -> Opened:
    """Raises `CardError`; `BundleError` for a sketch bundle; `DatasetError` where `data` is not, split for split, what
    the network was trained on: whatever is fitted or measured on other images may have been trained on them."""
    card = read_card(bundle / "card.json")
    if card.task == "sketch":
        raise BundleError(
            f"{bundle} holds a detector besides its classifier.",
            "Give the classifier's bundle, then put both together: make sketch.",
        )
    recipe = validate_recipe(dict(card.provenance.recipe), f"the card of {card.name}")
    prepared = prepare(recipe, data, cache)
    if prepared.provenance.fingerprint != card.data.fingerprint:
        raise DatasetError(
            f"{data} does not hold, split for split, the pictures that {bundle} was trained and tested on.",
            "Give DATA=the folder of its training, unchanged.",
        )
    # The card's also holds the audit of the files.
    return Opened(bundle, card, recipe, replace(prepared, provenance=card.data))


def convert_bundle(bundle: Path, precision: Precision, data: Path, build: Path) -> Path:
    """The bundle with another form of its network, in `build/forms/<form>/<name>`: its calibration, thresholds and
    figures are that form's own. A bundle that has this form already is returned as it is, and `data` not looked at.

    Raises what `open_bundle` raises.
    """
    card = read_card(bundle / "card.json")
    if precision == precision_of(card):
        return bundle
    opened = open_bundle(bundle, data, build / "cache")
    recipe = opened.recipe.model_copy(update={"precision": precision})
    provenance = card.provenance.model_copy(update={"recipe": recipe.model_dump(mode="json")})
    product = Product(load_network(card, bundle), card.network, provenance, bundle)
    return pack(recipe, opened.prepared, product, build / "forms" / precision)


def precision_of(card: ModelCard) -> Precision:
    return card.openvino_model.precision if card.openvino_model is not None else "torch"


def parse_precision(name: str) -> Precision:
    """Raises `RecipeError` for what is no form."""
    for precision in get_args(Precision):
        if name == precision:
            return precision
    raise RecipeError(f"There is no precision {name!r}.", f"Choose one of {', '.join(get_args(Precision))}.")
