"""`MODEL_CARD.md`: what the card says, for people (Mitchell et al. 2019), in English and then in Korean."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from ..runtime.card import Card, ClassifierCard, DetectorCard, Label, Metric, ModelCard, MultiLabelCard, Text
from ..runtime.files import write_text
from ..runtime.measures import Probe
from ..translation import _, plain
from .class_sets import describe_class_bounds
from .form_words import describe_forms
from .gate_words import describe_gate
from .label_words import describe_labels
from .robustness import tell_resistance, tell_unseen_sources

NAME = "MODEL_CARD.md"


_FIGURES = {
    "accuracy": _("accuracy"),
    "macro_f1": _("macro-F1"),
    "macro_average_precision": _("macro-average precision"),
    "map50": _("mAP50 of the boxes"),
    "map50_95": _("mAP50-95 of the boxes"),
}
_SPLITS = {"train": _("train"), "validation": _("validation"), "test": _("test")}
_METHODS = {"wilson": _("Wilson"), "resampling": _("resampling"), "bootstrap": _("bootstrap")}


def write_model_card(card: Card, folder: Path) -> Path:
    """Write `folder/MODEL_CARD.md` by way of a temporary name."""
    path = folder / NAME
    write_text(path, describe_model(card))
    return path


def describe_model(card: Card) -> str:
    """Markdown; nothing in it that the card does not say."""
    card = card.model_copy(update={"labels": tuple(_escape_title(label) for label in card.labels)})
    english = _describe(card, lambda text: text.en)
    korean = _describe(card, lambda text: text.ko)
    return f"{english}\n---\n\n{korean}\n{_cite(card)}"


def _describe(card: Card, say: Callable[[Text], str]) -> str:
    titles = {label.key: say(label.title) for label in card.labels}
    classes = ", ".join(
        title if title == escape_markdown(key) else f"{title} ({escape_markdown(key)})" for key, title in titles.items()
    )
    sections: list[tuple[Text, Sequence[str]]] = [
        (_("What it does"), [say(card.summary), "", say(_("Classes: {classes}.", classes=classes))]),
        (_("What it can't do"), [say(card.limits)]),
        (_("Data"), _describe_data(card, titles, say)),
        (_("How good it is"), _describe_figures(card, titles, say)),
        *([(_("Confidence"), _describe_confidence(card, say))] if isinstance(card, ModelCard) else []),
        *(_describe_robustness(card, say) if isinstance(card, ModelCard) else []),
        *([(_("Confidence"), describe_labels(card, say))] if isinstance(card, MultiLabelCard) else []),
        *_describe_forms(card, say),
        *([(_("Boxes"), [say(_describe_boxes(card))])] if isinstance(card, DetectorCard) else []),
        (_("How it was made"), [" ".join(say(each) for each in _describe_making(card))]),
    ]
    parts = [f"# {say(card.title)}", "", f"{card.name} {card.version}", ""]
    for title, lines in sections:
        parts += [f"## {say(title)}", "", *lines, ""]
    return "\n".join(parts)


def _escape_title(label: Label) -> Label:
    title = Text(en=escape_markdown(label.title.en), ko=escape_markdown(label.title.ko))
    return label.model_copy(update={"title": title})


def escape_markdown(name: str) -> str:
    """A name in one line that Markdown shows as it is: neither HTML nor mathematics, and a table's row stays whole."""
    return re.sub(r"([\\`*<>|\[\]$&~#]|(?<!\w)_|_(?!\w))", r"\\\1", name.replace("\n", " "))


def _describe_data(card: Card, titles: dict[str, str], say: Callable[[Text], str]) -> list[str]:
    data = card.data
    counted = [name for name in _SPLITS if name in data.counts]
    rows = [[title, *(str(data.counts[name].get(key, 0)) for name in counted)] for key, title in titles.items()]
    origin = _("Every picture was drawn by a program; it is free to use under this project's licence.")
    if not data.procedural:
        origin = _("The card does not record the pictures' licences: whoever publishes the model must look into them.")
    copies = _(
        "{exact} exact and {near} near duplicates were kept on one side of the split. Test pictures had "
        "no part in training or in the choice of anything.",
        exact=data.exact_duplicates,
        near=data.near_duplicates,
    )
    header = [say(_name_classes(card)), *(say(_SPLITS[name]) for name in counted)]
    return [f"{say(data.name)}. {say(origin)}", "", *_table(header, rows), "", say(copies)]


def _describe_figures(card: Card, titles: dict[str, str], say: Callable[[Text], str]) -> list[str]:
    if not card.metrics:
        return [say(_("The card has no figures."))]
    intervals = [_describe_figure(each, say) for each in card.metrics]
    header = [
        say(each) for each in (_("figure"), _("value"), _("interval (95%)"), _("pictures"), _("split"), _("method"))
    ]
    lines = _table(header, intervals)
    if card.class_metrics:
        counted = _("objects") if isinstance(card, DetectorCard) else _("pictures")
        header = [say(each) for each in (_("class, test"), _("precision"), _("recall"), plain("F1"), counted)]
        rows = [
            [titles[each.key], f"{each.precision:.3f}", f"{each.recall:.3f}", f"{each.f1:.3f}", str(each.support)]
            for each in card.class_metrics
        ]
        lines += ["", *_table(header, rows)]
    return lines


def _describe_robustness(card: ModelCard, say: Callable[[Text], str]) -> list[tuple[Text, list[str]]]:
    parts = [(_("Sources that it was not trained on"), tell_unseen_sources(card))]
    if card.resistance:
        parts.append((_("Compressed, resized, taken from a screen"), tell_resistance(card)))
    described = []
    for title, told in parts:
        lines = [" ".join(say(each) for each in told.words)]
        if told.rows:
            lines += [
                "",
                *_table([say(each) for each in told.header], [[say(each) for each in row] for row in told.rows]),
            ]
        described.append((title, lines))
    return described


def _describe_forms(card: Card, say: Callable[[Text], str]) -> list[tuple[Text, list[str]]]:
    told = describe_forms(card) if isinstance(card, ClassifierCard) else []
    return [(_("Faster forms"), [" ".join(say(each) for each in told)])] if told else []


def _name_classes(card: Card) -> Text:
    return _("class (objects)") if isinstance(card, DetectorCard) else _("class")


def _describe_boxes(card: DetectorCard) -> Text:
    return _(
        "Boxes with a score below {score:g} are dropped. Of two boxes that overlap by an IoU of more than {iou:g}, the "
        "one with the lower score is dropped.",
        score=card.detector.score,
        iou=card.detector.iou,
    )


def _describe_figure(figure: Metric, say: Callable[[Text], str]) -> list[str]:
    return [
        say(_FIGURES.get(figure.name, plain(figure.name))),
        f"{figure.value:.3f}",
        f"{figure.low:.3f}–{figure.high:.3f}",
        str(figure.images),
        say(_SPLITS[figure.split]),
        say(_METHODS.get(figure.interval, plain(figure.interval))),
    ]


def _describe_confidence(card: ModelCard, say: Callable[[Text], str]) -> list[str]:
    """The temperature and the threshold; then, as far as the card has them, what they and the sets are worth."""
    told = [_describe_thresholds(card)]
    calibration, conformal, unknown = card.calibration, card.conformal, card.ood
    if calibration.ece_after is not None and calibration.ece_before is not None:
        told.append(
            _(
                "On {tested} test pictures its confidence was off by {after:.3f} on average (expected "
                "calibration error; {before:.3f} before scaling).",
                tested=calibration.ece_images,
                after=calibration.ece_after,
                before=calibration.ece_before,
            )
        )
    if conformal is not None:
        told.append(
            _(
                "The sets of classes are meant to hold the true one in {wanted:.0%} of cases; they did "
                "in {reached:.1%} of {tested} test pictures.",
                wanted=conformal.target_coverage,
                reached=conformal.coverage,
                tested=conformal.images,
            )
        )
        if conformal.class_conditional:
            told.append(describe_class_bounds(conformal, {label.key: label.title for label in card.labels}))
    if unknown is not None:
        told += describe_gate(unknown)
    if card.reads_provenance:
        told.append(
            _(
                "Beside its answer stands what a picture's file states of its origin: content credentials, and notes "
                "that anybody can write. No verdict depends on it."
            )
        )
    return [" ".join(say(each) for each in told)]


def _describe_thresholds(card: ModelCard) -> Text:
    temperature, fitted = card.calibration.temperature, card.calibration.fitted_on
    sure, above = card.thresholds.sure, card.thresholds.precision_above
    reached = plain("")
    if above is not None:
        reached = _(" Of the validation pictures above it, {above:.1%} were right.", above=above)
        if card.thresholds.chosen_on == "unseen_sources":
            reached = _(
                " Of pictures above it, from sources that the network answering had not seen, {above:.1%} were right.",
                above=above,
            )
    return _(
        "Logits are divided by {temperature:.3g}, which was fitted on {fitted} validation pictures. An "
        "answer counts as sure from a confidence of {sure:.3g}.{reached}",
        temperature=temperature,
        fitted=fitted,
        sure=sure,
        reached=reached,
    )


def _describe_making(card: Card) -> list[Text]:
    network, made = card.network, card.provenance
    minutes = made.seconds / 60
    told = [
        _(
            "{backbone} with {parameters:,} parameters was trained in {minutes:.0f} minutes on {device} "
            "on {day}, with code {code}. The recipe and the versions of all libraries are in card.json; "
            "the pictures' fingerprint is {fingerprint}.",
            backbone=network.backbone,
            parameters=network.parameters,
            minutes=minutes,
            device=made.device,
            day=made.created[:10],
            code=made.code,
            fingerprint=card.data.fingerprint[:16],
        )
    ]
    if isinstance(card, ModelCard) and card.probe is not None:
        told.append(phrase_probe(card.probe))
    if network.members:
        members = ", ".join(f"{each.name} {each.version} ({each.backbone})" for each in network.members)
        told.append(
            _(
                "It answers with the mean of the calibrated probabilities of {count} networks: {members}.",
                count=len(network.members),
                members=members,
            )
        )
    if teachers := _list_teachers(made.recipe):
        told.append(
            _("Besides the labels it learned the softened answers of {teachers} (distillation).", teachers=teachers)
        )
    return told


def phrase_probe(probe: Probe) -> Text:
    """Which of the two networks was kept, and by how much it won."""
    figures = {
        "figure": _FIGURES[probe.figure],
        "lead": probe.lead * 100,
        "low": probe.low * 100,
        "high": probe.high * 100,
        "loss": probe.loss_lead,
        "images": probe.images,
        "probe": probe.probe.test_accuracy,
        "tuned": probe.fine_tuned.test_accuracy,
    }
    if probe.kept == "probe":
        return _(
            "The linear probe on the untouched pretrained features was kept: fine-tuning changed the {figure} on "
            "{images} validation pictures by {lead:+.1f} points (interval of 95%: {low:+.1f} to {high:+.1f}), and its "
            "log loss was not lower in 95 of 100 draws of these pictures, or its {figure} was behind. On the test "
            "pictures the probe is right in {probe:.1%}, the fine-tuned network in {tuned:.1%}.",
            **figures,
        )
    return _(
        "The fine-tuned network was kept: on {images} validation pictures its {figure} is {lead:+.1f} points "
        "(interval of 95%: {low:+.1f} to {high:+.1f}) ahead of the linear probe on the untouched pretrained features, "
        "and its log loss {loss:.3g} nats lower, beyond noise. "
        "On the test pictures the probe is right in {probe:.1%}, the fine-tuned network in {tuned:.1%}.",
        **figures,
    )


def _list_teachers(recipe: dict[str, object]) -> str:
    training = recipe.get("training")
    distillation = training.get("distillation") if isinstance(training, dict) else None
    return ", ".join(Path(each).name for each in distillation["teachers"]) if distillation else ""


def _cite(card: Card) -> str:
    year = card.provenance.created[:4]
    return (
        "## How to cite · 인용\n\n```bibtex\n"
        f"@misc{{hwapung_{card.name}_{year},\n"
        f"  title = {{{card.title.en} {card.name} {card.version}}},\n"
        f"  author = {{{{Hwapung}}}},\n"
        f"  year = {{{year}}},\n"
        f"  note = {{code {card.provenance.code}, data {card.data.fingerprint[:16]}}}\n}}\n```\n"
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table; a bar in a class's name would start a new cell."""
    # Names are escaped already.
    cells = [[re.sub(r"(?<!\\)\|", r"\\|", cell) for cell in row] for row in (header, *rows)]
    first, *rest = [f"| {' | '.join(row)} |" for row in cells]
    return [first, "|" + "---|" * len(header), *rest]
