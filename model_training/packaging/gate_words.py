"""What a model card says of the gate: what it aims at, what it costs, what it refuses, and what it caught."""

from __future__ import annotations

from ..runtime.card import Text
from ..runtime.measures import ImageLimits, OutOfDistribution
from ..translation import _, join

#: `OutOfDistribution.caught`'s kinds.
STRANGERS = {
    "blank": _("blank sheets"),
    "gradient": _("gradients"),
    "noise": _("noise"),
    "lines": _("strokes on paper"),
    "text": _("pages of text"),
    "texture": _("textures"),
    "in pieces": _("validation pictures in pieces"),
    "in outline": _("validation pictures in outline"),
    "negative": _("negatives of validation pictures"),
}


def describe_gate(ood: OutOfDistribution) -> list[Text]:
    """Sentences, in the order in which they are read."""
    return [_describe_bound(ood), *_describe_limits(ood.limits), *_describe_caught(ood.caught)]


def _describe_bound(ood: OutOfDistribution) -> Text:
    if ood.threshold is None:
        return _(
            "The verdict `unknown` does not look at features here: the {fitted} pictures for a bound were too few, or "
            "all alike. A picture of another kind may get any answer.",
            fitted=ood.fitted_on,
        )
    return _(
        "The verdict `unknown` is for pictures whose features lie far from those of the training. Its bound, set on "
        "{fitted} pictures, aims to refuse at most {aimed:.0%} of pictures like them; of {images} validation pictures "
        "it refuses {refused:.1%} (interval of 95%: {low:.1%} to {high:.1%}). It does not catch every strange picture.",
        fitted=ood.fitted_on,
        aimed=ood.aimed,
        images=ood.images,
        refused=ood.rejected,
        low=ood.rejected_low,
        high=ood.rejected_high,
    )


def _describe_limits(limits: ImageLimits) -> list[Text]:
    told = [
        _(
            "Before any feature counts, it refuses pictures with a side under {side} pixels, beyond a shape of "
            "1:{aspect:.3g}, or almost of one colour.",
            side=limits.min_side,
            aspect=limits.max_aspect,
        )
    ]
    if limits.refuses_text:
        told.append(_("It refuses pages of text, too."))
    if limits.max_scale is not None:
        told.append(
            _(
                "It refuses pictures that fill more than {share:.0%} of the network's input along a side: no training "
                "picture shows so much detail.",
                share=limits.max_scale,
            )
        )
    if limits.min_sharpness is not None:
        told.append(
            _(
                "It refuses pictures that are smaller or blurrier than those of the training, or JPEG files of a "
                "quality below {quality}.",
                quality=limits.min_quality,
            )
        )
    return told


def _describe_caught(caught: dict[str, float]) -> list[Text]:
    shares = [
        _("{kind} {share:.0%}", kind=STRANGERS[kind], share=share)
        for kind, share in caught.items()
        if kind in STRANGERS
    ]
    return [_("Of strangers drawn by a program it refused: {shares}.", shares=join(shares))] if shares else []
