"""What `MODEL_CARD.md` says of the further forms that a server may answer with."""

from __future__ import annotations

from ..runtime.card import ClassifierCard, Text
from ..runtime.measures import FormCost, Precision
from ..translation import _, plain

_NAMES: dict[Precision, Text] = {
    "float32": _("32-bit floats"),
    "bf16": _("bfloat16"),
    "int8": _("8-bit integers"),
}


def describe_forms(card: ClassifierCard) -> list[Text]:
    """A sentence on what this card's figures are of, then what each other form costs; none where there is no other."""
    if card.openvino_model is None or not card.form_costs:
        return []
    own = _(
        "All figures above are of the network in {form}. On a processor that is faster in another form, a server may "
        "answer in that one, with a temperature, thresholds, sets and a gate fitted for it.",
        form=_NAMES[card.openvino_model.precision],
    )
    return [own, *(_describe_cost(_NAMES[name], cost) for name, cost in card.form_costs.items())]


def _describe_cost(name: Text, cost: FormCost) -> Text:
    return _(
        "In {form} it decides {changed} of {images} training and validation pictures otherwise, and probabilities "
        "differ by up to {difference:.3f}. Its accuracy on {validation} validation pictures is {lead:+.1f} points "
        "higher (paired interval of 95%: {low:+.1f} to {high:+.1f}). By the calibrated probabilities it loses "
        "{loss:.2f} points, or {bound:.2f} at most (upper bound of 95%).{verdict}",
        form=name,
        changed=cost.changed,
        images=cost.images,
        difference=cost.largest_probability_difference,
        validation=cost.validation_images,
        lead=cost.accuracy_lead * 100,
        low=cost.low * 100,
        high=cost.high * 100,
        loss=cost.loss * 100,
        bound=cost.loss_bound * 100,
        verdict=plain("") if cost.holds else _(" That is more than the recipe allows, so this form was left out."),
    )
