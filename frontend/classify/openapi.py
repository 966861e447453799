"""The classifiers' part of the API's document."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field, RootModel
from typing_extensions import TypedDict

from ..openapi import Milliseconds, Part, Probability, question
from ..settings import Settings


class PredictionSet(TypedDict):
    coverage: Probability
    classes: Annotated[list[str], Field(min_length=1)]
    class_conditional: NotRequired[
        Annotated[
            list[str],
            Field(
                min_length=1,
                description="Classes that hold the true one for that share of the pictures in every class by itself. "
                "Missing where the model is older than such sets.",
            ),
        ]
    ]


Answer = TypedDict(
    "Answer",
    {
        "class": str,
        "confidence": Probability,
        "processing_time_ms": Milliseconds,
        "probabilities": dict[str, Probability],
        "verdict": Literal["sure", "unsure", "unknown"],
        "model": str,
        "version": str,
        "prediction_set": NotRequired[
            Annotated[
                PredictionSet,
                Field(
                    description="The classes among which the true one is for a stated share of pictures like those "
                    "that the model was trained on, best first. Missing where the verdict is unknown."
                ),
            ]
        ],
    },
)


class LabelSet(TypedDict):
    risk: Probability
    classes: list[str]


class LabelsAnswer(TypedDict):
    """Of a model whose card has the task multi_label."""

    labels: Annotated[
        list[str], Field(description="The labels whose probabilities reach their own thresholds, best first, or none.")
    ]
    processing_time_ms: Milliseconds
    probabilities: Annotated[
        dict[str, Probability], Field(description="Of each label by itself: they add up to nothing.")
    ]
    verdict: Literal["sure", "unsure", "unknown"]
    model: str
    version: str
    prediction_set: NotRequired[
        Annotated[
            LabelSet,
            Field(
                description="Labels of which, on average over pictures like those that the model was trained on, no "
                "more than the share `risk` of a picture's own are missed, best first. Missing where the verdict is "
                "unknown."
            ),
        ]
    ]


Explanation = TypedDict(
    "Explanation",
    {"method": str, "class": str, "media_type": str, "width": int, "height": int, "data": str},
)


class ExplainedAnswer(Answer):
    explanation: Annotated[
        Explanation,
        Field(description="A transparent PNG as base64 `data`, to be laid over the whole upright picture."),
    ]


class ExplainedLabelsAnswer(LabelsAnswer):
    explanation: Annotated[Explanation, Field(description="The same, of the first label.")]


class Prediction(RootModel[Answer | LabelsAnswer]):
    """One class, or several labels: the card's task says which."""


class ExplainedPrediction(RootModel[ExplainedAnswer | ExplainedLabelsAnswer]):
    """The same with a heatmap."""


def describe(settings: Settings) -> Part:
    return Part(
        {
            "/models/{name}/predict": {"post": question(settings, "Classify a picture", "predict", Prediction)},
            "/models/{name}/explain": {
                "post": question(settings, "Classify a picture and add a heatmap", "explain", ExplainedPrediction)
            },
        },
        (Prediction, ExplainedPrediction),
    )
