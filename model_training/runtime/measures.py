"""Parts of a card that say what was measured, on how many images: thresholds, intervals, figures."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

#: How a network computes on a CPU: in 32-bit floats, in bfloat16, or in 8-bit integers.
Precision = Literal["float32", "bf16", "int8"]


class Part(BaseModel):
    """A part of the card: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Calibration(Part):
    """Logits are divided by `temperature` before the softmax (Guo et al. 2017, eq. 9)."""

    temperature: float = Field(gt=0)
    fitted_on: int = Field(ge=0, description="number of validation pictures")
    ece_before: float | None = Field(
        default=None, description="expected calibration error (15 bins) on the test pictures at temperature 1"
    )
    ece_after: float | None = Field(default=None, description="the same at `temperature`")
    ece_images: int | None = Field(default=None, description="number of test pictures")


class Thresholds(Part):
    """An answer is `sure` where its confidence is at least `sure`; below, it is `unsure`."""

    sure: float = Field(ge=0, le=1)
    precision_above: float | None = Field(default=None, description="accuracy of sure answers")
    share_above: float | None = Field(default=None, description="share of the answers that are sure")
    max_error_rate: float | None = Field(
        default=None, description="share of wrong answers among sure ones that was aimed at"
    )
    confidence_level: float | None = Field(
        default=None, description="how certain these pictures make that the error is not larger"
    )
    chosen_on: Literal["validation", "unseen_sources"] = Field(
        default="validation", description="the pictures that `sure` was chosen on, and that the shares are of"
    )


class ClassBound(Part):
    """One class's own bound: it is in the set where its probability is at least `min_probability`."""

    key: str
    min_probability: float = Field(ge=0, le=1)
    fitted_on: int = Field(ge=0, description="number of the class's validation pictures")
    own: bool = Field(description="false where those are too few for a bound of its own: it has that of all classes")
    coverage: float | None = Field(description="share of its test pictures whose set holds it; unset without any")
    images: int = Field(ge=0, description="number of its test pictures")


class Conformal(Part):
    """The classes with a probability of at least `min_probability` hold the true one in at least `target_coverage` of
    cases (split conformal prediction); `coverage` is what the test images show."""

    target_coverage: float = Field(gt=0, lt=1)
    min_probability: float = Field(ge=0, le=1)
    fitted_on: int = Field(ge=0, description="number of validation pictures")
    coverage: float = Field(ge=0, le=1)
    images: int = Field(ge=0, description="number of test pictures")
    class_conditional: tuple[ClassBound, ...] = Field(
        (), description="bounds that keep the coverage in each class by itself; none in older cards"
    )


class ImageLimits(Part):
    """What an image must be like before the network's answer counts (`runtime/facts.py`), so wide that the training
    pictures are within. A limit that is not set is not asked for."""

    min_side: int = Field(32, ge=1, description="of the shorter side in pixels")
    max_aspect: float = Field(8.0, ge=1, description="the longer side in parts of the shorter one")
    min_contrast: float = Field(0.0, ge=0, description="deviation of the grey levels; below it a picture is blank")
    refuses_text: bool = Field(True, description="false where training pictures look like pages of text")
    max_scale: float | None = Field(None, description="of the input's pixels along a side, how many a picture fills")
    min_scale: float | None = Field(None, description="the same")
    min_sharpness: float | None = Field(None, description="share of the detail that blurring takes away")
    min_quality: int | None = Field(None, description="of a JPEG, 1 to 100")


class OutOfDistribution(Part):
    """The gate: an answer is `unknown` where the picture is outside of `limits`, or its features lie further than
    `threshold` from those of the training (`runtime/ood.py`)."""

    method: Literal["mahalanobis"] = "mahalanobis"
    file: str = Field("gate.npz", description="where the training pictures' features lie")
    companion: int | None = Field(
        None,
        ge=1,
        description="features of a companion network that sees the picture shrunk so many times; unset, "
        "those of the network itself",
    )
    companion_file: str = Field("companion.xml", description="the companion's OpenVINO form")
    stages: int | None = Field(
        None,
        ge=1,
        description="of how many of its first stages the gate sees the last ones; unset, of all, and the last layer",
    )
    bent: bool = Field(False, description="whether training changed the stages that the gate sees")
    threshold: float | None = Field(description="of the squared distance; unset where too few pictures give a bound")
    aimed: float = Field(0.05, description="share of pictures like those of the training that may lie above")
    rejected: float = Field(ge=0, le=1, description="share of the validation pictures that are refused, for any reason")
    rejected_low: float = Field(0.0, ge=0, le=1, description="95% interval of that share (Clopper-Pearson)")
    rejected_high: float = Field(1.0, ge=0, le=1, description="the same")
    fitted_on: int = Field(ge=0, description="training and validation pictures, each judged by a model without it")
    images: int = Field(0, ge=0, description="validation pictures")
    caught: dict[str, float] = Field(
        default_factory=dict, description="made strangers of each kind → share that the gate calls unknown"
    )
    limits: ImageLimits = ImageLimits()


class SourceAccuracy(Part):
    """One source (generator, camera, museum, painter), answered by a network that was trained without it."""

    source: str
    classes: tuple[str, ...] = Field(description="the classes that its pictures are of")
    images: int
    accuracy: float
    low: float = Field(description="of Wilson's 95% interval")
    high: float
    sure: float = Field(ge=0, le=1, description="share of sure answers")
    sure_error_rate: float | None = Field(description="share of the sure answers that are wrong; unset without one")


class UnseenSources(Part):
    """How networks of the same recipe do on pictures of sources that each was trained without."""

    column: str = Field(description="the column that names each picture's source")
    trainings: int = Field(description="each went without one source or, of many, without several at once")
    sources: tuple[SourceAccuracy, ...] = Field(description="the worst first")
    mean: float | None = Field(description="of the sources' accuracies, which count alike; unset without a source")
    low: float | None = Field(description="of the mean's 95% interval over sources (Student's t); unset with one")
    high: float | None
    seen: float | None = Field(description="accuracy of the same networks on test pictures of sources that they saw")
    thresholds: Thresholds | None = Field(
        description="chosen on these answers, but for those of the test pictures; unset where there are no others"
    )
    sure: float | None = Field(description="share of the test pictures that get a sure answer, their source unseen")
    sure_error_rate: float | None = Field(description="share of these sure answers that are wrong")
    kept: tuple[str, ...] = Field(description="sources without which a class would have no pictures: not measured")
    unnamed: int = Field(description="pictures without a source: not measured")


class Resistance(Part):
    """Answers about copies of test pictures that were treated as pictures are on their way."""

    treatment: Literal["none", "jpeg", "resize", "screenshot"]
    strength: float | None = Field(description="JPEG: quality; resize and screenshot: share of each side")
    images: int
    accuracy: float
    low: float = Field(description="of Wilson's 95% interval")
    high: float
    sure: float = Field(ge=0, le=1, description="share of sure answers")
    unknown: float = Field(ge=0, le=1, description="share of pictures refused as unlike those of the training")
    sure_error_rate: float | None = Field(description="share of the sure answers that are wrong; unset without one")


class Metric(Part):
    """A measured figure with its 95% interval: on which split, by which method, of how many images."""

    name: str
    value: float
    low: float
    high: float
    images: int
    split: Literal["validation", "test"]
    interval: str = Field(description="the method: wilson or resampling")

    @property
    def is_headline(self) -> bool:
        """Whether it is the figure that speaks for the model: on the test images accuracy, or of several labels their
        mean average precision."""
        return self.split == "test" and self.name in ("accuracy", "macro_average_precision")


class ClassMetrics(Part):
    """One class on the test split."""

    key: str
    precision: float
    recall: float
    f1: float
    support: int


class ProbeFigures(Part):
    """Of one of the two networks, 0…1."""

    validation_accuracy: float
    validation_macro_f1: float
    test_accuracy: float


class Probe(Part):
    """The linear probe on the untouched pretrained features, beside the fine-tuned network of the same training.

    `lead` is how far fine-tuning's `figure` was ahead of the probe's on the validation pictures, below 0 where it was
    behind, with its 95% interval. Of fine-tuning the last epoch is compared, which no validation picture chose
    (`model_training/evaluation/paired.py`). The fine-tuned network is kept only where 95 of 100 draws see its log loss
    ahead, which is `loss_lead` lower in the mean, and its figure is not behind.
    """

    method: Literal["logistic_regression", "discriminant"] = "logistic_regression"
    kept: Literal["probe", "fine_tuned"]
    figure: Literal["accuracy", "macro_f1"]
    lead: float
    low: float
    high: float
    loss_lead: float = Field(description="in nats")
    images: int = Field(ge=0, description="number of validation pictures")
    probe: ProbeFigures
    fine_tuned: ProbeFigures


class DetectionMetrics(ClassMetrics):
    """One class of a detector: precision, recall and F1 at an IoU of 0.5 and at the score that gives the best F1."""

    map50: float = Field(description="average precision over all scores at an IoU of 0.5")
    map50_95: float = Field(description="the mean of those at IoUs of 0.5, 0.55, …, 0.95")


class Agreement(Part):
    """How far the fast form of the network is from torch's, measured when the bundle was made."""

    images: int
    largest_logit_difference: float
    same_class: float = Field(ge=0, le=1, description="share of pictures that get the same class")


class FormCost(Part):
    """What another form of the network costs beside its own one, measured when the bundle was made.

    `loss` is the accuracy that is lost where the form decides otherwise, by the network's calibrated probabilities, and
    `loss_bound` its upper bound at 95% (`model_training/evaluation/forms.py`).
    """

    images: int = Field(ge=0, description="number of training and validation pictures that both answered")
    changed: int = Field(ge=0, description="how many of them are decided otherwise")
    largest_probability_difference: float = Field(ge=0, le=1)
    accuracy_lead: float = Field(description="accuracy on the validation pictures, less that of the network's own form")
    low: float = Field(description="of its paired interval of 95%")
    high: float
    validation_images: int = Field(ge=0)
    loss: float = Field(ge=0, le=1)
    loss_bound: float = Field(ge=0, le=1)
    holds: bool = Field(description="whether that is within the recipe's `serving.agreement`")


class Served(Part):
    """Which form of the network answers in this process, and why; only a served card says so.

    `why`: `fastest` of those that were measured here, `set` by whoever serves, or the `only` one that can run.
    """

    precision: Precision
    why: Literal["fastest", "set", "only"]
    rates: dict[Precision, float] = Field(
        default_factory=dict, description="form → pictures a second that its network answered on this processor"
    )
    processor: str = Field("", description="the one that they were measured on")


class GivenAway(Part):
    """A fact of the files that tells the classes apart by itself."""

    fact: str = Field(description="a name of model_training/datasets/file_audit.py: format, width, jpeg_tables, …")
    accuracy: float = Field(description="balanced, of a classifier that saw nothing else")
    of_content: bool = Field(description="whether what a picture shows decides it, too: the size of a file")


class FileAudit(Part):
    """How well the classes can be told by the files' facts alone, without a pixel: balanced accuracies, out of fold."""

    files: int
    chance: float
    accuracy: float
    low: float
    high: float
    given_away: tuple[GivenAway, ...] = Field(description="the most telling first")

    @property
    def warns(self) -> bool:
        """Whether a network may learn the files instead of the images."""
        return bool(self.given_away) or self.low > self.chance + 0.05
