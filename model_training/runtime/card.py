"""The card: everything about a trained model that anyone downstream needs to know, in one validated JSON file.

Preprocessing, labels, thresholds and figures are written here once, when the bundle is made. The handler and the front
end read them; neither repeats them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, Self, TypeVar, overload

from pydantic import Field, ValidationError, model_validator

from .architecture import Network, Preprocessing
from .errors import CardError
from .files import write_text
from .label_measures import LabelCalibration, LabelDecision, LabelMetrics, RiskControl
from .measures import (
    Agreement,
    Calibration,
    ClassMetrics,
    Conformal,
    DetectionMetrics,
    FileAudit,
    FormCost,
    Metric,
    OutOfDistribution,
    Part,
    Precision,
    Probe,
    Resistance,
    Served,
    Thresholds,
    UnseenSources,
)

SCHEMA_VERSION = 2


class Text(Part):
    """A sentence or a title in the languages of the pages. One language is enough: it stands for the other, too."""

    en: str
    ko: str

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, value: object) -> object:
        if isinstance(value, str):
            return {"en": value, "ko": value}
        if isinstance(value, dict) and len(value) == 1 and value.keys() <= {"en", "ko"}:
            return dict.fromkeys(("en", "ko"), *value.values())
        return value


def name_class(key: str) -> Text:
    """A class's title made of its key: `naive_art_primitivism` → Naive art primitivism."""
    words = " ".join(key.replace("_", " ").replace("-", " ").split()) or key
    title = words[0].upper() + words[1:]
    return Text(en=title, ko=title)


class Label(Part):
    """One class: `key` is the folder's name (Unicode NFC) and what an answer's `class` says; `title` is for people."""

    key: str
    title: Text


class VerdictWords(Part):
    """What a page says about answers of one verdict."""

    title: Text
    text: Text
    instead_of_class: bool = Field(False, description="whether the title stands where the class otherwise does")


Verdict = Literal["sure", "unsure", "unknown"]

#: Why an answer is `unknown`: what the picture shows, or what its pixels are. ARCHITECTURE.md says what each means.
Reason = Literal["unlike", "blank", "tiny", "long", "text", "finer", "coarser", "softer", "compressed"]


class OpenVINOModel(Part):
    """An OpenVINO form of the network, used for prediction on a CPU."""

    kind: Literal["openvino"] = "openvino"
    precision: Precision = "float32"
    file: str
    agreement: Agreement


class Form(Part):
    """Another form of the network that may serve on a CPU: all that a card says otherwise where it does."""

    openvino_model: OpenVINOModel
    calibration: Calibration | LabelCalibration
    thresholds: Thresholds
    conformal: Conformal | None = None
    decisions: tuple[LabelDecision, ...] = ()
    risk: RiskControl | None = None
    ood: OutOfDistribution | None
    metrics: tuple[Metric, ...]
    class_metrics: tuple[LabelMetrics | ClassMetrics, ...]

    @property
    def precision(self) -> Precision:
        return self.openvino_model.precision


class DetectorPart(Part):
    """What finds the objects on a page, and how sure of them it has to be."""

    file: str = Field(description="its OpenVINO form")
    side: int = Field(ge=64, le=1280, description="the page is fitted into a white square of this many pixels")
    score: float = Field(ge=0, le=1, description="boxes below this score are dropped")
    iou: float = Field(ge=0, le=1, description="of two boxes that overlap by more, the worse is dropped")
    min_flatness: float = Field(ge=0, le=1, description="a picture with a smaller share of flat pixels is no drawing")


class DataProvenance(Part):
    """What the model was trained on."""

    name: Text
    procedural: bool = Field(description="true where the pictures were drawn by a program, not by a person")
    counts: dict[str, dict[str, int]] = Field(description="split → class → number of pictures, a detector's objects")
    exact_duplicates: int
    near_duplicates: int
    validation_within_groups: tuple[str, ...] = Field(
        (), description="classes of two groups: validated on pictures of groups that are also in training"
    )
    file_audit: FileAudit | None = Field(None, description="unset where no audit could be made")
    fingerprint: str = Field(description="SHA-256 over the pictures' paths, classes and hashes")


class Provenance(Part):
    """Who made the bundle: code, libraries, recipe and time."""

    created: str = Field(description="UTC, ISO 8601")
    code: str = Field(description="git commit, with + where the tree had changes; unknown outside a checkout")
    libraries: dict[str, str]
    recipe: dict[str, object]
    seconds: float = Field(description="training time")
    device: str


class Example(Part):
    """An image of the test split, shrunk, kept in the bundle with its answer (`examples/<name>.json`)."""

    name: str = Field(description="the file's stem under examples/")
    image: str = Field(description="the picture's file name under examples/")
    label: str = Field(description="its true class")


class Card(Part):
    """What every model's card says, whatever its task."""

    schema_version: Literal[2] = 2
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: str
    title: Text
    summary: Text
    limits: Text
    task: Literal["classification", "multi_label", "sketch", "detection"]
    labels: tuple[Label, ...] = Field(min_length=1)
    network: Network
    metrics: tuple[Metric, ...]
    class_metrics: tuple[ClassMetrics, ...]
    data: DataProvenance
    provenance: Provenance
    examples: tuple[Example, ...]
    files: dict[str, str] = Field(description="file of the bundle → SHA-256")

    @model_validator(mode="after")
    def _labels_are_distinct(self) -> Card:
        keys = [label.key for label in self.labels]
        if len(set(keys)) != len(keys):
            raise ValueError("two labels have the same key")
        return self


class ClassifierCard(Card):
    """The card of what judges an image as a whole."""

    labels: tuple[Label, ...] = Field(min_length=2)
    preprocessing: Preprocessing
    calibration: Calibration | LabelCalibration
    thresholds: Thresholds
    verdicts: dict[Verdict, VerdictWords] = Field(
        default_factory=dict, description="the page's words; its own where a verdict is missing"
    )
    reads_provenance: bool = Field(
        False, description="whether answers say what a picture's file states of its origin (`runtime/provenance`)"
    )
    ood: OutOfDistribution | None = None
    probe: Probe | None = Field(None, description="unset where nothing was trained, or from weights drawn at random")
    openvino_model: OpenVINOModel | None
    forms: tuple[Form, ...] = Field((), description="other forms that a server may take in its place")
    form_costs: dict[Precision, FormCost] = Field(
        default_factory=dict, description="what they cost; also of those that cost too much and were left out"
    )
    neighbours: Literal["names", "pictures"] | None = Field(
        None, description="what explained answers show of the most similar training pictures (`runtime/neighbours.py`)"
    )
    served: Served | None = Field(None, description="set where the card is a server's answer, never in a file")

    def as_served(self, served: Served) -> Self:
        """The card as it is where that form answers: what was fitted and measured of it, and a version that names it.
        The network's own form has the plain version."""
        own: dict[str, object] = {"served": served}
        for form in self.forms:
            if form.precision == served.precision:
                fitted = {name: getattr(form, name) for name in Form.model_fields if name in type(self).model_fields}
                own |= fitted | {"version": f"{self.version}+{form.precision}"}
        return self.model_copy(update=own)


class ModelCard(ClassifierCard):
    """The card of what tells classes apart: a classifier, or a sketch model's."""

    task: Literal["classification", "sketch"] = "classification"
    calibration: Calibration
    conformal: Conformal | None = None
    unseen_sources: UnseenSources | None = Field(None, description="unset where the pictures' sources are not known")
    resistance: tuple[Resistance, ...] = Field((), description="empty where the recipe does not ask for it")


class MultiLabelCard(ClassifierCard):
    """The card of what names several labels of one image. An answer is sure where all that it names have a probability
    of at least `thresholds.sure`; it is right where all that it names is true."""

    task: Literal["multi_label"] = "multi_label"
    calibration: LabelCalibration
    decisions: tuple[LabelDecision, ...] = Field(description="one for each label, in their order")
    risk: RiskControl | None = None
    class_metrics: tuple[LabelMetrics, ...]


class SketchCard(ModelCard):
    """A detector's part before a classifier's card, which judges what the detector cuts out."""

    task: Literal["sketch"] = "sketch"
    detector: DetectorPart
    embedding: str = Field(description="SHA-256 of what makes embeddings: a gallery of another is refused")


class DetectorCard(Card):
    task: Literal["detection"] = "detection"
    detector: DetectorPart
    class_metrics: tuple[DetectionMetrics, ...]


CARDS: dict[str, type[Card]] = {
    "classification": ModelCard,
    "multi_label": MultiLabelCard,
    "sketch": SketchCard,
    "detection": DetectorCard,
}

C = TypeVar("C", bound=Card)
_REMEDY = "Make the bundle again: hwapung train."


@overload
def read_card(path: Path) -> ModelCard: ...


@overload
def read_card(path: Path, kind: type[C]) -> C: ...


def read_card(path: Path, kind: type[Card] = ModelCard) -> Card:
    """Read and validate `card.json`, by its task. `kind`: the card that the caller can use; `Card` for any.

    Raises `CardError` where the file is missing, broken, of another schema version or of a task that is not `kind`'s.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise CardError(f"{path}: there is no card.", "Make the bundle: hwapung train.") from None
    except (ValueError, OSError, RecursionError) as error:
        raise CardError(f"{path}: the card can't be read ({error}).", _REMEDY) from None
    return parse_card(content, path, kind)


def parse_card(content: object, path: object, kind: type[Card] = Card) -> Card:
    """The same of a card's JSON. `path`: where it comes from, for the message."""
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise CardError(
            f"{path}: the card is of schema version {version}, this code reads version {SCHEMA_VERSION}.",
            "Make the bundle again with this code: hwapung train.",
        )
    assert isinstance(content, dict)
    task = content.get("task", "classification")
    if not isinstance(task, str) or task not in CARDS:
        raise CardError(f"{path}: task: {task!r} is none of {', '.join(CARDS)}.", _REMEDY)
    if not issubclass(CARDS[task], kind):
        wanted = " or ".join(name for name, each in CARDS.items() if issubclass(each, kind))
        raise CardError(f"{path}: this is a model for {task}, not for {wanted}.", f"Give a bundle for {wanted}.")
    try:
        return CARDS[task].model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "card"
        raise CardError(f"{path}: {place}: {first['msg']}.", _REMEDY) from None


def write_card(card: Card, path: Path) -> None:
    """Write `card.json` by way of a temporary name, so that a reader never sees half a card."""
    write_text(path, card.model_dump_json(indent=2) + "\n")
