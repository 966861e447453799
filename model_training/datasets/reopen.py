"""A bundle beside the images of its training, divided as they were then: what is measured of a bundle starts here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ..recipe import Recipe, validate_recipe
from ..runtime.card import Card, ModelCard, read_card
from ..runtime.errors import BundleError, DatasetError
from .prepare import Prepared, prepare


@dataclass(frozen=True)
class Opened:
    """`same_images`: whether `prepared` holds, split for split, the images of the training."""

    folder: Path
    card: ModelCard
    recipe: Recipe
    prepared: Prepared
    same_images: bool


def open_bundle(bundle: Path, data: Path, cache: Path, *, others_too: bool = False) -> Opened:
    """Divide `data` by the bundle's recipe; files that can't be read are passed over.

    Raises `CardError`; `BundleError` for a sketch bundle; `DatasetError` where `data` is not, split for split, what
    the network was trained on, unless `others_too`: whatever is fitted or measured on other images may have been
    trained on them.
    """
    card = read_classifier_card(bundle)
    recipe, prepared, same = divide_again(card, data, cache)
    if not same and not others_too:
        raise DatasetError(
            f"{data} does not hold, split for split, the pictures that {bundle} was trained and tested on.",
            "Give the folder of its training, unchanged.",
        )
    return Opened(bundle, card, recipe, prepared, same)


def divide_again(card: Card, data: Path, cache: Path) -> tuple[Recipe, Prepared, bool]:
    """The recipe of a model, `data` divided by it with unreadable files passed over and
    contradicting labels kept, and whether that gives, split for
    split, the images of its training. Raises `RecipeError` and `DatasetError`."""
    recipe = read_recipe(card)
    lenient: dict[str, str] = {"unreadable": "skip"}
    if recipe.data.contradictions == "error":
        lenient["contradictions"] = "keep"
    prepared = prepare(recipe.model_copy(update={"data": recipe.data.model_copy(update=lenient)}), data, cache)
    same = prepared.provenance.fingerprint == card.data.fingerprint
    # The card's also holds the audit of the files.
    return recipe, replace(prepared, provenance=card.data) if same else prepared, same


def read_classifier_card(bundle: Path) -> ModelCard:
    """Raises `CardError`, and `BundleError` for a sketch bundle."""
    card = read_card(bundle / "card.json")
    if card.task == "sketch":
        raise BundleError(
            f"{bundle} holds a detector besides its classifier.",
            "Give the classifier's bundle; to serve both, put them together afterwards: hwapung train sketch.",
        )
    return card


def read_recipe(card: Card) -> Recipe:
    """The recipe that the model was trained by. Raises `RecipeError`."""
    return validate_recipe(dict(card.provenance.recipe), f"the card of {card.name}")
