"""Parts of a multi-label card: how each label is decided, and how well."""

from __future__ import annotations

from pydantic import Field

from .measures import ClassMetrics, Part


class LabelDecision(Part):
    """A label's probability is σ(scale · logit + offset); it is named where that is at least `threshold`."""

    key: str
    scale: float = Field(gt=0)
    offset: float
    threshold: float = Field(ge=0, le=1, description="which gave the highest F1 on the validation pictures")
    positives: int = Field(ge=0, description="number of validation pictures that have it")
    own: bool = Field(description="false where those are too few, and all labels together decided")


class LabelCalibration(Part):
    """How far the labels' probabilities can be taken at their word: means over the labels."""

    fitted_on: int = Field(ge=0, description="number of validation pictures")
    ece_before: float = Field(description="expected calibration error (15 bins) on the test pictures without scaling")
    ece_after: float = Field(description="the same with it")
    ece_images: int = Field(ge=0, description="number of test pictures")

    @property
    def temperature(self) -> float:
        """What scores of logits divide by: nothing, since each label has a scale of its own."""
        return 1.0


class RiskControl(Part):
    """The labels with a probability of at least `min_probability` miss at most the share `target_risk` of a picture's
    labels on average (conformal risk control, Angelopoulos et al. 2024); `risk` is what the test images show."""

    target_risk: float = Field(gt=0, lt=1)
    min_probability: float = Field(ge=0, le=1)
    fitted_on: int = Field(ge=0, description="number of validation pictures")
    risk: float = Field(ge=0, le=1)
    mean_size: float = Field(ge=0, description="labels in the set of a test picture, on average")
    images: int = Field(ge=0, description="number of test pictures")


class LabelMetrics(ClassMetrics):
    """One label on the test split; precision, recall and F1 are at its threshold."""

    average_precision: float
