"""A bundle and its images → `reports/<recipe>/<version>/`: a page, its charts as PNG and its tables as CSV."""

from __future__ import annotations

import shutil
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_training.fonts import find_missing_letters
from model_training.packaging.model_card import write_model_card
from model_training.progress import console, follow
from model_training.runtime.card import ModelCard, Text

from . import audit_sections, confidence, explanations, galleries, sections
from .document import CannotComputeError, Document, Section, both, write_document
from .material import Material
from .predictions import Evaluated, Predictions, choose_device, evaluate, evaluate_test, evaluate_unlike

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
    plan: list[tuple[Text, Make]] = [
        (both("Class by class", "클래스별 성적"), lambda: sections.scores(material)),
        (both("Ranking", "순위"), lambda: sections.curves(material)),
        (both("What confidence means", "확신도의 의미"), lambda: confidence.calibration(material)),
        (both("Pictures and answers", "그림과 답"), lambda: galleries.images(material)),
        (
            both("Where it looked", "어디를 보고 판단했나"),
            lambda: explanations.heatmaps(material, found.network, device),
        ),
        (both("Maps of the pictures", "그림 지도"), lambda: galleries.maps(material, found.cache)),
        (
            both("Pictures of another kind", "다른 종류의 그림"),
            lambda: confidence.unknown(material, found, [(name, _answered(each)) for name, each in unlike]),
        ),
        (both("Shortcuts", "지름길"), lambda: audit_sections.shortcuts(material, found)),
        (both("Worse pictures", "상태가 나쁜 그림"), lambda: audit_sections.corruptions(material, found)),
        (both("Slices", "나누어 보기"), lambda: audit_sections.by_column(material)),
        (both("Copies across the splits", "분할을 넘나드는 중복"), lambda: audit_sections.leaks(found)),
        (both("Doubtful labels", "의심스러운 라벨"), lambda: audit_sections.label_errors(material, found)),
        (both("Training", "학습 과정"), lambda: sections.training(sources.bundle)),
    ]
    if sources.against is not None and other is not None:
        name, theirs = sources.against.name, _answered(other)
        plan.insert(1, (both("Comparison", "비교"), lambda: audit_sections.comparison(material, name, theirs)))
    made, failed = _make(plan)
    document = Document(
        name=found.card.name,
        version=found.card.version,
        title=found.card.title,
        summary=found.card.summary,
        facts=sections.measure_headline(material.test),
        notices=_notices(found, sources, material),
        sections=made,
    )
    return _write(document, found.card, reports), failed


def _evaluate(bundle: Path, sources: Sources, build: Path, device: str) -> Evaluated:
    if sources.test is not None:
        return evaluate_test(bundle, sources.test, build, device)
    return evaluate(bundle, sources.data, build, device)


def _answered(found: Evaluated) -> Predictions:
    return found.predictions.where(found.predictions.answered)


def _make(plan: Sequence[tuple[Text, Make]]) -> tuple[list[Section], list[str]]:
    """Every section, or what it could not compute and why."""
    made: list[Section] = []
    failed: list[str] = []
    with follow("Analysing") as step:
        for number, (title, make) in enumerate(plan):
            step.update(number, len(plan), title.en)
            try:
                section = make()
            except CannotComputeError as error:
                section = Section(str(number + 1), title, missing=[error.text])
            except Exception as error:  # one section's fault must not cost the reader the others
                console.print(traceback.format_exc(), markup=False)
                failed.append(title.en)
                reason = f"{type(error).__name__}: {error}"
                unforeseen = both(f"This failed unexpectedly ({reason}).", f"예상하지 못한 오류가 났습니다({reason}).")
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
        notices.append(
            both(
                "The pictures were drawn by a program: these figures say nothing about real works.",
                "프로그램이 그린 그림으로 학습하고 평가했습니다. 실제 작품에 대해서는 아무것도 말해 주지 않는 "
                "수치입니다.",
            )
        )
    if sources.test is not None:
        notices.append(
            both(
                f"Every picture of {sources.test.name} counts as a test picture. None may have been trained on.",
                f"{sources.test.name}의 모든 그림을 평가에 썼습니다. 학습에 쓴 그림이 섞여 있으면 안 됩니다.",
            )
        )
    elif not found.same_data:
        notices.append(
            both(
                "These are not, split for split, the pictures that the model was trained on: some of those that "
                "count as "
                "test pictures here may have been trained on.",
                "모델을 학습한 데이터와 같지 않습니다. 여기서 평가에 쓴 그림이 학습에 쓰였을 수도 있습니다.",
            )
        )
    if not len(test):
        notices.append(both("There is no test picture.", "평가 그림이 없습니다."))
    elif len(test) < 100:
        notices.append(
            both(
                f"{len(test)} test pictures are few: mind the intervals.",
                f"평가 그림이 {len(test)}장뿐입니다. 구간을 함께 보세요.",
            )
        )
    if unanswered := int((~predictions.answered).sum()):
        notices.append(
            both(
                f"{unanswered} of {len(predictions)} pictures got no finite answer (NaN) and are left out of "
                "every figure.",
                f"그림 {len(predictions)}장 가운데 {unanswered}장은 답이 숫자가 아니어서(NaN) 모든 수치에서 뺐습니다.",
            )
        )
    if found.unreadable:
        first, reason = next(iter(found.unreadable.items()))
        notices.append(
            both(
                f"{len(found.unreadable)} files can't be read and are left out, first {first}: {reason}",
                f"읽을 수 없어 뺀 파일이 {len(found.unreadable)}개 있습니다. 첫 파일은 {first}입니다({reason}).",
            )
        )
    if len(test) and not test.independent:
        notices.append(
            both(
                f"Pictures of one {test.grouped_by} are not independent; the intervals allow for that.",
                f"같은 {test.grouped_by}의 그림끼리는 서로 독립이 아니므로 구간에 반영했습니다.",
            )
        )
    if missing := find_missing_letters("".join(each.en + each.ko for each in material.names)):
        notices.append(
            both(
                f"The charts' font lacks letters of the classes' names, and shows boxes for them: {missing}",
                f"클래스 이름에 도표 글꼴에 없는 글자가 있어 도표에는 네모로 나옵니다: {missing}",
            )
        )
    return notices


def _write(document: Document, card: ModelCard, reports: Path) -> Path:
    target = reports / card.name / card.version
    target.parent.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        with follow("Writing the report"):
            write_document(document, stage)
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
