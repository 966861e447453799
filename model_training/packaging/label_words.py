"""What a model card says of a model that names several labels: how each is decided, and what a set of them promises."""

from __future__ import annotations

from collections.abc import Callable

from ..runtime.card import MultiLabelCard, Text
from ..translation import _, join, plain
from .gate_words import describe_gate


def describe_labels(card: MultiLabelCard, say: Callable[[Text], str]) -> list[str]:
    """Sentences on calibration, thresholds and sets."""
    titles = {label.key: label.title for label in card.labels}
    calibration, thresholds, risk = card.calibration, card.thresholds, card.risk
    reached = plain("")
    if thresholds.precision_above is not None:
        reached = _(
            " Of the validation pictures whose answer is sure, {above:.1%} had every label that was named.",
            above=thresholds.precision_above,
        )
    told = [
        _(
            "Each label's probability is its own: a scale and an offset of its logit, fitted on {fitted} validation "
            "pictures. On {tested} test pictures the probabilities were off by {after:.3f} on average (expected "
            "calibration error, the mean over the labels; {before:.3f} before scaling). A label is named from its own "
            "threshold on, which gave the highest F1 on validation. An answer counts as sure where every label that it "
            "names has a probability of {sure:.3g} or more.{reached}",
            fitted=calibration.fitted_on,
            tested=calibration.ece_images,
            after=calibration.ece_after,
            before=calibration.ece_before,
            sure=thresholds.sure,
            reached=reached,
        )
    ]
    if shared := [titles[each.key] for each in card.decisions if not each.own]:
        told.append(_("Too few validation pictures for a threshold of its own: {labels}.", labels=join(shared)))
    if risk is not None:
        told.append(
            _(
                "The sets of labels are meant to miss at most {wanted:.0%} of a picture's labels on average; they "
                "missed {missed:.1%} in {tested} test pictures, with {size:.1f} labels on average.",
                wanted=risk.target_risk,
                missed=risk.risk,
                tested=risk.images,
                size=risk.mean_size,
            )
        )
    if card.ood is not None:
        told += describe_gate(card.ood)
    return [" ".join(say(each) for each in told)]
