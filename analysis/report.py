"""A bundle and its images → `reports/<recipe>/<version>/`: a page, its charts as PNG and its tables as CSV."""

from __future__ import annotations

import shutil
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_training.datasets.summary import phrase
from model_training.fonts import find_missing_letters
from model_training.packaging.model_card import write_model_card
from model_training.progress import console, follow
from model_training.runtime.card import Card, ModelCard, Text
from model_training.runtime.device import choose_device

from . import audit_sections, confidence, declared, explanations, galleries, robustness, sections
from .document import CannotComputeError, Document, Section
from .material import Material
from .predictions import Evaluated, Predictions, evaluate, evaluate_test, evaluate_unlike
from .projections import making_ahead
from .translation import _
from .verdicts import verdicts
from .writer import write_document

Make = Callable[[], Section]


@dataclass(frozen=True)
class Sources:
    """What a report is about. `data`: the folder that the model was trained on; or `test`: a folder of which every
    image is a test image; `unlike`: folders of images that the model is not made for; `against`: another
    bundle."""

    bundle: Path
    data: Path
    test: Path | None = None
    unlike: Sequence[Path] = ()
    against: Path | None = None


def make_report(sources: Sources, reports: Path, build: Path, device: str = "auto") -> tuple[Path, list[str]]:
    """Write the report and, beside it, the model card; the previous report stays until the new one is whole.

    Returns its folder and the names of sections that failed for a reason which nobody foresaw; the report says so, too.
    """
    device = choose_device(device)
    found = _evaluate(sources.bundle, sources, build, device)
    unlike = [(each.name, evaluate_unlike(sources.bundle, each, build, device)) for each in sources.unlike]
    other = _evaluate(sources.against, sources, build, device) if sources.against else None
    names = [label.title for label in found.card.labels]
    predictions = found.predictions
    material = Material(predictions.where(predictions.answered), names)
    with making_ahead(galleries.features_to_map(material), found.cache) as wait_for_maps:
        made, failed = make_sections(_plan(found, sources, material, unlike, other, wait_for_maps))
    document = Document(
        name=found.card.name,
        version=found.card.version,
        title=found.card.title,
        summary=found.card.summary,
        verdict=sections.sum_up(material.test, names, found.card.thresholds.sure if found.card.thresholds else None),
        facts=sections.measure_headline(material.test),
        notices=_notices(found, sources, material),
        sections=made,
    )
    return write_report(document, found.card, reports), failed


def _plan(
    found: Evaluated,
    sources: Sources,
    material: Material,
    unlike: Sequence[tuple[str, Evaluated]],
    other: Evaluated | None,
    wait_for_maps: Callable[[], object],
) -> list[tuple[Text, Make]]:
    """The sections in their order; the maps come late, since they are made by a process of their own meanwhile."""
    network, device = found.network, found.device
    plan: list[tuple[Text, Make]] = [
        (_("Class by class"), lambda: sections.scores(material)),
        (_("Ranking"), lambda: sections.curves(material)),
        (_("What confidence means"), lambda: confidence.calibration(material)),
        (_("Pictures and answers"), lambda: galleries.images(material)),
        (_("Where it looked"), lambda: explanations.heatmaps(material, network, device)),
        (
            _("Pictures of another kind"),
            lambda: confidence.unknown(material, found, [(name, _answered(each)) for name, each in unlike]),
        ),
        (_("Verdicts"), lambda: verdicts(found, unlike)),
        *(
            [(_("What the files state"), lambda: declared.statements(material, found))]
            if found.card.reads_provenance
            else []
        ),
        (_("Shortcuts"), lambda: audit_sections.shortcuts(material, found)),
        (_("Worse pictures"), lambda: audit_sections.corruptions(material, found)),
        (_("Compressed, resized, taken from a screen"), lambda: robustness.resistance(found.card)),
        (_("Sources that it was not trained on"), lambda: robustness.unseen_sources(found.card)),
        (_("Slices"), lambda: audit_sections.by_column(material)),
        (_("Copies across the splits"), lambda: audit_sections.leaks(found)),
        (_("Contradicting labels"), lambda: audit_sections.contradictions(found)),
        (_("Doubtful labels"), lambda: audit_sections.label_errors(material, found)),
        (_("Maps of the pictures"), lambda: galleries.maps(material, found.cache, wait_for_maps)),
        (_("Training"), lambda: sections.training(sources.bundle)),
    ]
    if sources.against is not None and other is not None:
        name, theirs = sources.against.name, _answered(other)
        plan.insert(1, (_("Comparison"), lambda: audit_sections.comparison(material, name, theirs)))
    return plan


def _evaluate(bundle: Path, sources: Sources, build: Path, device: str) -> Evaluated:
    if sources.test is not None:
        return evaluate_test(bundle, sources.test, build, device)
    return evaluate(bundle, sources.data, build, device)


def _answered(found: Evaluated) -> Predictions:
    return found.predictions.where(found.predictions.answered)


def make_sections(plan: Sequence[tuple[Text, Make]]) -> tuple[list[Section], list[str]]:
    """Every section, or what it could not compute and why."""
    made: list[Section] = []
    failed: list[str] = []
    with follow("Analysing") as step:
        for number, (title, make) in enumerate(plan):
            step.say(f"{number + 1}/{len(plan)} {title.en}")
            step.update(number, len(plan), title.en)
            try:
                section = make()
            except CannotComputeError as error:
                section = Section(str(number + 1), title, missing=[error.text])
            except Exception as error:  # one section's fault must not cost the reader the others
                console.print(traceback.format_exc(), markup=False)
                failed.append(title.en)
                reason = f"{type(error).__name__}: {error}"
                unforeseen = _("This failed unexpectedly ({reason}).", reason=reason)
                section = Section(str(number + 1), title, missing=[unforeseen])
            made.append(section)
        step.update(len(plan), len(plan))
    return made, failed


def _notices(found: Evaluated, sources: Sources, material: Material) -> list[Text]:
    """What a reader must know before the first figure."""
    card: ModelCard = found.card
    predictions, test = found.predictions, material.test
    notices: list[Text] = []
    if card.data.procedural:
        notices.append(_("The pictures were drawn by a program: these figures say nothing about real works."))
    if sources.test is not None:
        notices.append(
            _(
                "Every picture of {folder} counts as a test picture. None may have been trained on.",
                folder=sources.test.name,
            )
        )
        notices += [phrase(each) for each in found.findings]
    elif not found.same_data:
        notices.append(
            _(
                "These are not, split for split, the pictures that the model was trained on: some of "
                "those that count as test pictures here may have been trained on."
            )
        )
    if not len(test):
        notices.append(_("There is no test picture."))
    elif len(test) < 100:
        notices.append(_("{tested} test pictures are few: mind the intervals.", tested=len(test)))
    if unanswered := int((~predictions.answered).sum()):
        notices.append(
            _(
                "{unanswered} of {total} pictures got no finite answer (NaN) and are left out of every figure.",
                unanswered=unanswered,
                total=len(predictions),
            )
        )
    if found.unreadable:
        first, reason = next(iter(found.unreadable.items()))
        notices.append(
            _(
                "{count} files can't be read and are left out, first {first}: {reason}",
                count=len(found.unreadable),
                first=first,
                reason=reason,
            )
        )
    if len(test) and not test.independent:
        notices.append(
            _("Pictures of one {group} are not independent; the intervals allow for that.", group=test.grouped_by)
        )
    if missing := find_missing_letters("".join(each.en + each.ko for each in material.names)):
        notices.append(
            _(
                "The charts' font lacks letters of the classes' names, and shows boxes for them: {missing}",
                missing=missing,
            )
        )
    return notices


def write_report(document: Document, card: Card, reports: Path) -> Path:
    target = reports / card.name / card.version
    target.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        with follow("Writing the report") as step:
            step.say("Writing the report")
            write_document(document, stage, step.update)
            write_model_card(card, stage)
        stage.chmod(0o755)
        previous = target.with_name(f".{target.name}-previous")
        shutil.rmtree(previous, ignore_errors=True)
        if target.exists():
            target.rename(previous)
        stage.rename(target)
        shutil.rmtree(previous, ignore_errors=True)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return target
