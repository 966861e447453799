"""A bundle and the images that it was made with → its networks packed anew: in another precision, or several as one."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from ..datasets.reopen import open_bundle, read_recipe
from ..recipe import Precision
from ..runtime.card import ModelCard, read_card
from ..runtime.errors import RecipeError
from ..runtime.network import load_network
from .bundle import Product, pack
from .sight import recall_untouched


def convert_bundle(bundle: Path, precision: Precision, data: Path, build: Path) -> Path:
    """The bundle with another form of its network, in `build/forms/<form>/<name>`: its calibration, thresholds and
    figures are that form's own. A bundle that has this form already is returned as it is, and `data` not looked at,
    unless it was made before there were further forms beside float32.

    Raises what `open_bundle` raises.
    """
    card = read_card(bundle / "card.json")
    if precision == precision_of(card) and not _lacks_forms(card):
        return bundle
    opened = open_bundle(bundle, data, build / "cache")
    recipe = opened.recipe.model_copy(update={"precision": precision})
    provenance = card.provenance.model_copy(update={"recipe": recipe.model_dump(mode="json")})
    network = load_network(card, bundle)
    untouched = recall_untouched(card)
    product = Product(network, card.network, provenance, bundle, card.probe, untouched, card.unseen_sources)
    return pack(recipe, opened.prepared, product, build / "forms" / precision)


def _lacks_forms(card: ModelCard) -> bool:
    return precision_of(card) == "float32" and not card.form_costs and bool(read_recipe(card).serving.forms)


def precision_of(card: ModelCard) -> Precision:
    """Of the form that the card's figures are of."""
    if card.openvino_model is None:
        return "torch"
    return "int8" if card.openvino_model.precision == "int8" else "float32"


def parse_precision(name: str) -> Precision:
    """Raises `RecipeError` for what is no form."""
    for precision in get_args(Precision):
        if name == precision:
            return precision
    raise RecipeError(f"There is no precision {name!r}.", f"Choose one of {', '.join(get_args(Precision))}.")
