"""What a model card says of the sets that keep their coverage in each class by itself."""

from __future__ import annotations

from collections.abc import Mapping

from ..runtime.card import Text
from ..runtime.measures import Conformal
from ..translation import _, join, plain


def describe_class_bounds(conformal: Conformal, titles: Mapping[str, Text]) -> Text:
    """The class that fares worst by bounds of its own, and the classes that have none."""
    own = [each for each in conformal.class_conditional if each.own]
    shared = [each for each in conformal.class_conditional if not each.own]
    worst = min(
        ((each.coverage, each) for each in own if each.coverage is not None), default=None, key=lambda it: it[0]
    )
    reached = plain("")
    if worst is not None:
        share, each = worst
        reached = _(
            " The class that they hold least often is {title}: {share:.1%} of {tested} test pictures.",
            title=titles[each.key],
            share=share,
            tested=each.images,
        )
    few = plain("")
    if shared:
        few = _(
            " Too few validation pictures for a bound of their own, so under that of all classes: {classes}.",
            classes=join([titles[each.key] for each in shared]),
        )
    return _(
        "Other sets, with a bound for each class, are meant to hold the true one in {wanted:.0%} of cases in every "
        "class by itself.{reached}{few}",
        wanted=conformal.target_coverage,
        reached=reached,
        few=few,
    )
