"""Parts of a card that say what was measured, on how many images: thresholds, intervals, figures."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


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
    precision_above: float | None = Field(default=None, description="accuracy of sure answers on validation")
    share_above: float | None = Field(default=None, description="share of the validation answers that are sure")
    max_error_rate: float | None = Field(
        default=None, description="share of wrong answers among sure ones that was aimed at"
    )
    confidence_level: float | None = Field(
        default=None, description="how certain the validation pictures make that the error is not larger"
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


class OutOfDistribution(Part):
    """An answer is `unknown` where the image's score is above `threshold` (`runtime/ood.py`)."""

    method: Literal["energy", "knn"]
    threshold: float
    rejected: float = Field(ge=0, le=1, description="share of the validation pictures above the threshold")
    auroc_spoiled: dict[str, float] = Field(
        description="method → area under the ROC curve of validation pictures against the same pictures spoiled"
    )
    fitted_on: int = Field(ge=0, description="number of validation pictures")


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
    behind, with its 95% interval. Each picture is answered by an epoch that the others chose
    (`model_training/evaluation/paired.py`). The fine-tuned network is kept only where it leads beyond that noise.
    """

    method: Literal["logistic_regression"] = "logistic_regression"
    kept: Literal["probe", "fine_tuned"]
    figure: Literal["accuracy", "macro_f1"]
    lead: float
    low: float
    high: float
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
