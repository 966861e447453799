"""The sections that audit data and model, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model_training.runtime.card import Text
from model_training.translation import plain

from . import charts
from .alterations import CORRUPTIONS, SHORTCUTS
from .audits import Shortcut, find_label_errors, find_leaks, frozen_features, predict_altered, probe_shortcut, slices
from .compare import Comparison, compare
from .document import CannotComputeError, Chart, LabelReview, Section, Table, file_name
from .material import Material, describe_images
from .metrics import Score, grouped_share
from .predictions import Evaluated, Predictions
from .projections import sample
from .translation import _

#: Images of each split that are altered and predicted again.
ALTERED = 200
REVIEWED = 60
_SPLITS = {"train": _("train"), "validation": _("validation"), "test": _("test"), "aside": _("set aside")}


def leaks(found: Evaluated) -> Section:
    section = Section("leaks", _("Copies across the splits"))
    pairs = find_leaks(found.predictions.places, found.predictions.split, found.copies)
    aside = sum("aside" in (pair.first_split, pair.second_split) for pair in pairs)
    if not pairs:
        section.words.append(_("No picture lies in two splits, exactly or nearly."))
        return section
    section.words.append(
        _(
            "{count} pictures have a copy in another split; {aside} of them were set aside before "
            "training, so that {left} remain.",
            count=len(pairs),
            aside=aside,
            left=len(pairs) - aside,
        )
    )
    section.parts.append(
        Table(
            "leaks",
            _("Copies"),
            (_("picture"), _("split"), _("its copy"), _("split of the copy")),
            [(pair.first, _SPLITS[pair.first_split], pair.second, _SPLITS[pair.second_split]) for pair in pairs],
        )
    )
    return section


def contradictions(found: Evaluated) -> Section:
    section = Section("contradictions", _("Contradicting labels"))
    if not found.contradictions:
        section.words.append(_("No file lies in two classes."))
        return section
    section.words.append(
        _("{count} files lie in several classes: at least one label of each is wrong.", count=len(found.contradictions))
    )
    section.parts.append(
        Table(
            "contradictions",
            _("Files in several classes"),
            (_("classes"), _("files")),
            [(", ".join(each.labels), ", ".join(each.places)) for each in found.contradictions],
        )
    )
    return section


def label_errors(material: Material, evaluated: Evaluated) -> Section:
    everything = material.all
    frozen = frozen_features(evaluated, everything)
    features = everything.features if frozen is None else frozen
    try:
        found = find_label_errors(features, everything.targets, everything.group)
    except ValueError:
        raise CannotComputeError(
            _("Doubtful labels can't be looked for: that takes two classes with five pictures each, of several groups.")
        ) from None
    section = Section("labels", _("Doubtful labels"))
    count = int(found.probable.sum())
    agreed = float((found.suggested == everything.targets[found.rows]).mean())
    seen = _("The network was trained on the training labels, so that it may hide their errors.")
    if frozen is not None:
        seen = _("The features are those of the network before training, which had seen none of these labels.")
    section.words.append(
        _(
            "{count} of {total} labels are doubtful: a classifier that had not seen the label (logistic "
            "regression on the network's features, five folds) is as sure of another class as of that "
            "class's own pictures. It agrees with {agreed:.0%} of all labels; the fewer, the more doubts "
            "are its own errors. {seen}",
            count=count,
            total=len(found.rows),
            agreed=agreed,
            seen=seen,
        )
    )
    names = material.names
    section.parts.append(
        Table(
            "label_errors",
            _("All labels, the most doubtful first"),
            (_("path"), _("label"), _("suggested"), _("belief in the label"), _("doubtful")),
            [
                (
                    everything.places[row],
                    everything.labels[everything.targets[row]],
                    everything.labels[suggested],
                    float(belief),
                    _("yes") if probable else _("no"),
                )
                for row, suggested, belief, probable in zip(
                    found.rows.tolist(), found.suggested.tolist(), found.belief, found.probable.tolist(), strict=True
                )
            ],
        )
    )
    doubted = found.suggested != everything.targets[found.rows]
    first = found.rows[doubted][:REVIEWED]
    if len(first):
        section.parts.append(
            LabelReview(
                "label_review",
                _("Review"),
                describe_images(everything.take(first), names),
                [everything.labels[each] for each in found.suggested[doubted][:REVIEWED]],
                list(zip(everything.places, [everything.labels[each] for each in everything.targets], strict=True)),
            )
        )
    return section


def shortcuts(material: Material, found: Evaluated) -> Section:
    train, test = _some(material.train), _some(material.test)
    if len(np.unique(train.targets)) < 2 or not len(test):
        raise CannotComputeError(_("The probes need training pictures of two classes and test pictures."))
    section = Section("shortcuts", _("Shortcuts"))
    chance = float(np.bincount(test.targets).max() / len(test))
    results = [probe_shortcut(found, train, test, name, alter) for name, alter in SHORTCUTS]
    section.words.append(
        _(
            "This is what can still be told when most of a picture is taken away, measured on {tested} "
            "test pictures; the linear classifier was trained anew on {trained}. Always giving the "
            "commonest class is right in {chance:.0%}.",
            tested=len(test),
            trained=len(train),
            chance=chance,
        )
    )
    section.words += [phrase_shortcut(each, chance) for each in results]
    section.parts.append(
        Table(
            "shortcuts",
            _("Accuracy on what is left"),
            (_("what is left"), _("the model"), _("a linear classifier")),
            [(each.name, each.model, each.probe) for each in results],
        )
    )
    return section


def corruptions(material: Material, found: Evaluated) -> Section:
    test = _some(material.test)
    if not len(test):
        raise CannotComputeError(_("There is no test picture."))
    plain = grouped_share(test.predicted == test.targets, test.group)
    curves: list[tuple[Text, list[Score]]] = []
    for name, strengths in CORRUPTIONS:
        scores = [plain]
        for strength, alter in enumerate(strengths, 1):
            altered = predict_altered(found, test, f"{name.en} {strength}", alter)
            scores.append(grouped_share(altered.predicted == test.targets, test.group))
        curves.append((name, scores))
    chance = float(np.bincount(test.targets).max() / len(test))
    section = Section("corruptions", _("Worse pictures"))
    words = _("On {tested} test pictures; 0 is the picture as it is.", tested=len(test))
    section.parts = [
        Chart(
            "corruption_curves",
            _("Accuracy as pictures get worse"),
            lambda style: charts.corruption_curves(curves, chance, style),
            words,
        ),
        Table(
            "corruptions",
            _("Accuracy by strength"),
            (_("what happens"), *(_("strength {strength}", strength=n) for n in range(4))),
            [(name, *scores) for name, scores in curves],
        ),
    ]
    return section


def by_column(material: Material) -> Section:
    found = slices(material.test)
    if not found:
        raise CannotComputeError(_("The dataset has no further columns, so there are no slices."))
    section = Section("slices", _("Slices"))
    for name, scores in found.items():
        section.parts.append(
            Table(
                f"slice_{file_name(name)}",
                plain(name),
                (_("value"), _("accuracy"), _("pictures")),
                [(value, score, score.images) for value, score in scores],
            )
        )
    return section


def comparison(material: Material, name: str, other: Predictions) -> Section:
    """`other`: another model's predictions on the same folder; compared where both see a test image."""
    test = material.test
    rows = {place: row for row, place in enumerate(other.places)}
    shared = [place in rows and other.split[rows[place]] == "test" for place in test.places]
    mine = test.where(np.array(shared, bool))
    if not len(mine) or other.labels != mine.labels:
        raise CannotComputeError(_("{name} does not share test pictures and classes with this model.", name=name))
    theirs = other.take(np.array([rows[place] for place in mine.places]))
    found = compare(mine.predicted == mine.targets, theirs.predicted == theirs.targets, mine.group)
    section = Section("comparison", _("Against {name}", name=name))
    section.words.append(found.words)
    section.parts.append(_list_comparison(found))
    return section


def _some(predictions: Predictions) -> Predictions:
    return predictions.take(sample(len(predictions), ALTERED))


def phrase_shortcut(found: Shortcut, chance: float) -> Text:
    """Whether the classes can be told, which the fresh classifier answers, and whether the model itself still does."""
    probe, model = (f"{each.value:.0%} ({each.low:.0%}–{each.high:.0%})" for each in (found.probe, found.model))
    told = _("the classes can be told")
    if found.probe.low <= chance:
        told = _("nothing shows that the classes can be told")
    return _(
        "From {name}, {told}: a classifier trained on that is right in {probe}, the model as it is in {model}.",
        name=found.name,
        told=told,
        probe=probe,
        model=model,
    )


def _list_comparison(found: Comparison) -> Table:
    rows: Sequence[tuple[Text, float | int | Score]] = [
        (_("difference of accuracy"), found.difference),
        (_("only this model is right"), found.only_first),
        (_("only the other is right"), found.only_second),
        (_("p (McNemar, exact)"), found.p_value),
    ]
    return Table("comparison", _("Paired comparison"), (plain(""), _("figure")), rows)
