"""What a card says of pictures unlike those of the training, in words and a table: for `MODEL_CARD.md` and reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..runtime.card import ModelCard, Text
from ..runtime.measures import Resistance, UnseenSources
from ..translation import _, plain

_TREATMENTS = {
    "none": _("none"),
    "jpeg": _("JPEG (quality)"),
    "resize": _("resizing (share of each side)"),
    "screenshot": _("screenshot (share of each side)"),
}


@dataclass(frozen=True)
class Told:
    """`rows`: none where nothing was measured, which `words` then say."""

    words: list[Text]
    header: tuple[Text, ...]
    rows: Sequence[tuple[Text, ...]]


def tell_unseen_sources(card: ModelCard) -> Told:
    found = card.unseen_sources
    header = (
        *(_("source"), _("classes"), _("pictures"), _("accuracy")),
        *(_("interval (95%)"), _("sure"), _("wrong though sure")),
    )
    if found is None:
        return Told([_not_measured()], header, [])
    titles = {label.key: label.title for label in card.labels}
    rows = [
        (
            plain(each.source),
            Text(
                en=", ".join(titles[key].en for key in each.classes),
                ko=", ".join(titles[key].ko for key in each.classes),
            ),
            plain(str(each.images)),
            *_write_figures(each.accuracy, each.low, each.high),
            *_write_sure(each.sure, each.sure_error_rate),
        )
        for each in found.sources
    ]
    return Told(_phrase_unseen(found) if rows else [_not_measured(), *_phrase_left(found)], header, rows)


def tell_resistance(card: ModelCard) -> Told:
    header = (
        *(_("treatment"), _("strength"), _("accuracy"), _("interval (95%)")),
        *(_("sure"), _("wrong though sure"), _("refused")),
    )
    words = [_("How the answers stand compression, resizing and screenshots was not measured.")]
    if card.resistance:
        words = [
            _(
                "{count} test pictures were treated as pictures are on their way, and the finished model was asked "
                "about them.",
                count=card.resistance[0].images,
            )
        ]
    return Told(words, header, [_write_resistance(each) for each in card.resistance])


def _not_measured() -> Text:
    return _(
        "The figures hold for pictures from sources (generators, cameras, collections) like those of the training. How "
        "well pictures from others are told was not measured."
    )


def _phrase_unseen(found: UnseenSources) -> list[Text]:
    worst = found.sources[0]
    told = [
        _(
            "Networks of the same recipe were trained without one source or several ({column}; {trainings} trainings) "
            "and asked about their pictures. Over {count} sources {mean:.1%} were right on average, on the worst "
            "{worst:.1%}; on test pictures from sources that they had seen {seen:.1%}.",
            column=found.column,
            trainings=found.trainings,
            count=len(found.sources),
            mean=found.mean,
            worst=worst.accuracy,
            seen=found.seen,
        )
    ]
    if found.low is not None and found.high is not None:
        told.append(
            _(
                "The average of further sources is to be expected between {low:.1%} and {high:.1%} (95%).",
                low=found.low,
                high=found.high,
            )
        )
    if found.sure is not None and found.sure_error_rate is not None:
        told.append(
            _(
                "Of the test pictures, asked of a network that had not seen their source, {sure:.1%} got a sure "
                "answer, and {wrong:.1%} of these were wrong.",
                sure=found.sure,
                wrong=found.sure_error_rate,
            )
        )
    return told + _phrase_left(found)


def _phrase_left(found: UnseenSources) -> list[Text]:
    told = []
    if found.kept:
        told.append(
            _(
                "Not measured, since without them a class would have had too few pictures: {sources}.",
                sources=", ".join(found.kept),
            )
        )
    if found.unnamed:
        told.append(_("{count} pictures name no source.", count=found.unnamed))
    return told


def _write_resistance(each: Resistance) -> tuple[Text, ...]:
    return (
        _TREATMENTS[each.treatment],
        plain("" if each.strength is None else f"{each.strength:g}"),
        *_write_figures(each.accuracy, each.low, each.high),
        *_write_sure(each.sure, each.sure_error_rate),
        plain(f"{each.unknown:.1%}"),
    )


def _write_figures(value: float, low: float, high: float) -> tuple[Text, Text]:
    return plain(f"{value:.3f}"), plain(f"{low:.3f}–{high:.3f}")


def _write_sure(sure: float, wrong: float | None) -> tuple[Text, Text]:
    return plain(f"{sure:.1%}"), plain("–" if wrong is None else f"{wrong:.1%}")
