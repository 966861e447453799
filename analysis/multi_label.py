"""The report of a model that names several labels: what its answers are compared with is a set, not a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model_training.datasets.reopen import divide_again
from model_training.evaluation.label_decisions import false_negative_rates
from model_training.evaluation.label_metrics import label_f1, measure_labels
from model_training.evaluation.predict import predict
from model_training.runtime.card import MultiLabelCard, Text, read_card
from model_training.runtime.classifier import holds
from model_training.runtime.execution import choose_execution
from model_training.runtime.multi_label import calibrate, decide
from model_training.runtime.network import load_network
from model_training.translation import join, plain

from . import charts, sections
from .document import CannotComputeError, Chart, Document, Section, Table
from .metrics import Score, average_precision, bootstrap, grouped_share, precision_recall
from .report import Make, make_sections, write_report
from .translation import _


@dataclass(frozen=True)
class LabelAnswers:
    """What a model says of the test images. `probabilities`: float64 (N, labels); `chosen`: bool, what it names;
    `targets`: 0 or 1; `group`: int64 (N,), images of one group are not independent; `same_data`: whether the folder is,
    split for split, what the model was trained on."""

    card: MultiLabelCard
    places: tuple[str, ...]
    probabilities: np.ndarray
    chosen: np.ndarray
    targets: np.ndarray
    group: np.ndarray
    same_data: bool

    @property
    def names(self) -> list[Text]:
        return [label.title for label in self.card.labels]

    def headline(self) -> list[tuple[Text, Score]]:
        figures = measure_labels(self.probabilities, self.chosen, self.targets, self.group, "test")
        titles = (_("macro-average precision"), _("macro-F1"))
        return [
            (title, Score(each.value, each.low, each.high, each.interval, each.images))
            for title, each in zip(titles, figures, strict=True)
        ]

    def sum_up(self) -> list[Text]:
        """What the answers come to, in a few sentences; none without images."""
        if not len(self.targets):
            return []
        named, true = self.chosen.astype(bool), self.targets.astype(bool)
        told = [
            _(
                "Of {tested:,} test pictures it names all labels and no other for {exact}.",
                tested=len(true),
                exact=f"{(named == true).all(axis=1).mean():.1%}",
            )
        ]
        if named.any() and true.any():
            told.append(
                _(
                    "Of the labels that it names {precise} are right, and of those that the pictures have it names "
                    "{found}.",
                    precise=f"{true[named].mean():.1%}",
                    found=f"{named[true].mean():.1%}",
                )
            )
        return told


def answer_test_images(bundle: Path, data: Path, build: Path, device: str = "cpu") -> LabelAnswers:
    """Divide the folder as training did and ask the served form about its test images.

    Raises `CardError`, `BundleError`, `RecipeError` and `DatasetError`.
    """
    card = read_card(bundle / "card.json", MultiLabelCard)
    _, prepared, same = divide_again(card, data, build / "cache")
    rows = prepared.rows["test"]
    execution = choose_execution(card, bundle, lambda: load_network(card, bundle), device)
    logits, _features = predict(execution, prepared.pixels, rows)
    order = [prepared.dataset.labels.index(label.key) for label in card.labels]
    probabilities = calibrate(logits, card.decisions)
    return LabelAnswers(
        card=card,
        places=tuple(prepared.dataset.place(prepared.dataset.entries[row]) for row in rows),
        probabilities=probabilities,
        chosen=decide(probabilities, card.decisions),
        targets=prepared.targets[rows][:, order],
        group=prepared.copies[rows],
        same_data=same,
    )


def make_label_report(answers: LabelAnswers, bundle: Path, reports: Path) -> tuple[Path, list[str]]:
    """As `report.make_report`: what can't be asked of several labels says so in a line."""
    plan: list[tuple[Text, Make]] = [
        (_("Label by label"), lambda: list_scores(answers)),
        (_("Ranking"), lambda: draw_curves(answers)),
        (_("Sets of labels"), lambda: describe_sets(answers)),
        *((title, _refuse) for title in _ONE_CLASS_ONLY),
        (_("Training"), lambda: sections.training(bundle)),
    ]
    made, failed = make_sections(plan)
    card = answers.card
    notices = [_("A picture may have several labels, and each is told by itself.")]
    if card.data.procedural:
        notices.append(_("The pictures were drawn by a program: these figures say nothing about real works."))
    if not answers.same_data:
        notices.append(
            _(
                "These are not, split for split, the pictures that the model was trained on: some of "
                "those that count as test pictures here may have been trained on."
            )
        )
    document = Document(
        name=card.name,
        version=card.version,
        title=card.title,
        summary=card.summary,
        verdict=answers.sum_up(),
        facts=answers.headline(),
        notices=notices,
        sections=made,
    )
    return write_report(document, card, reports), failed


_ONE_CLASS_ONLY = (
    _("Where it looked"),
    _("Maps of the pictures"),
    _("Pictures of another kind"),
    _("Shortcuts"),
    _("Worse pictures"),
    _("Slices"),
    _("Doubtful labels"),
)


def _refuse() -> Section:
    raise CannotComputeError(_("This is measured only of models that give a picture one class."))


def list_scores(answers: LabelAnswers) -> Section:
    """Average precision, precision, recall and F1 of each label, and every test image."""
    section = Section("scores", _("Label by label"))
    chosen, targets, group = answers.chosen, answers.targets > 0, answers.group
    rows = []
    for number, (name, decision) in enumerate(zip(answers.names, answers.card.decisions, strict=True)):
        said, meant = chosen[:, number], targets[:, number]
        rows.append(
            (
                name,
                average_precision(answers.probabilities[:, number], meant, group),
                grouped_share(meant[said], group[said]),
                grouped_share(said[meant], group[meant]),
                float(label_f1(said[:, None], meant[:, None])[0, 0]),
                int(meant.sum()),
                decision.threshold,
            )
        )
    header = (
        _("label"), _("average precision"), _("precision"), _("recall"), plain("F1"), _("pictures"), _("named from"),
    )  # fmt: skip
    section.parts.append(
        Table("labels", _("Each label, where its probability reaches its own threshold"), header, rows)
    )
    if shared := [name for name, each in zip(answers.names, answers.card.decisions, strict=True) if not each.own]:
        section.words.append(
            _("Too few validation pictures for a threshold of its own: {labels}.", labels=join(shared))
        )
    section.parts.append(
        Table(
            "predictions",
            _("Every test picture"),
            (_("picture"), _("true labels"), _("named"), _("all right")),
            [
                (place, _join(answers, meant), _join(answers, said), _("yes") if (meant == said).all() else _("no"))
                for place, meant, said in zip(answers.places, targets, chosen, strict=True)
            ],
        )
    )
    return section


def draw_curves(answers: LabelAnswers) -> Section:
    section = Section("curves", _("Ranking: precision–recall"))
    curves = []
    for number, name in enumerate(answers.names):
        meant, scores = answers.targets[:, number] > 0, answers.probabilities[:, number]
        if meant.any():
            area = average_precision(scores, meant, answers.group)
            curves.append(charts.Curve(name, *precision_recall(scores, meant), area))
    if not curves:
        raise CannotComputeError(_("There is no test picture."))
    section.parts.append(
        Chart(
            "precision_recall",
            _("Precision and recall"),
            lambda style: charts.precision_recall(curves, style),
            _("Each label against the pictures without it, with the average precision."),
        )
    )
    return section


def describe_sets(answers: LabelAnswers) -> Section:
    """How much the sets of conformal risk control miss."""
    risk = answers.card.risk
    if risk is None:
        raise CannotComputeError(_("The card promises no sets of labels."))
    sets = holds(answers.probabilities, risk.min_probability)
    missed = false_negative_rates(sets, answers.targets)
    found = bootstrap(lambda weights: weights @ missed / weights.sum(1), answers.group)
    section = Section("sets", _("Sets of labels"))
    section.words.append(
        _(
            "The labels with a probability of at least {least:.3f} are made to miss at most {wanted:.0%} of a "
            "picture's labels on average (conformal risk control on {fitted} validation pictures). Of {tested} test "
            "pictures they miss {missed:.1%} ({low:.1%}–{high:.1%}), with {size:.2f} labels on average.",
            least=risk.min_probability,
            wanted=risk.target_risk,
            fitted=risk.fitted_on,
            tested=len(missed),
            missed=found.value,
            low=found.low,
            high=found.high,
            size=float(sets.sum(1).mean()),
        )
    )
    sizes, counts = np.unique(sets.sum(1), return_counts=True)
    rows = [(int(size), int(count)) for size, count in zip(sizes, counts, strict=True)]
    section.parts.append(
        Table("label_sets", _("Sizes of the sets"), (_("labels in the set"), _("test pictures")), rows)
    )
    return section


def _join(answers: LabelAnswers, mask: Sequence[bool] | np.ndarray) -> Text:
    names = [name for name, inside in zip(answers.names, mask, strict=True) if inside]
    return join(names) if names else _("none")
