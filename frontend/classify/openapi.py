"""The classifiers' part of the API's document."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from ..openapi import Milliseconds, Part, Probability, question
from ..settings import Settings


class PredictionSet(TypedDict):
    coverage: Probability
    classes: Annotated[list[str], Field(min_length=1)]


Reason = Literal["unlike", "blank", "tiny", "long", "text", "finer", "coarser", "softer", "compressed"]

Answer = TypedDict(
    "Answer",
    {
        "class": str,
        "confidence": Probability,
        "processing_time_ms": Milliseconds,
        "probabilities": dict[str, Probability],
        "verdict": Literal["sure", "unsure", "unknown"],
        "reason": NotRequired[
            Annotated[
                Reason,
                Field(
                    description="Why the verdict is unknown; missing where it is another. unlike: far from every "
                    "training picture; blank: one colour, or almost; tiny: a side under 32 pixels; long: beyond 1:8; "
                    "text: a page of text; finer: much more detail than any training picture; coarser, softer, "
                    "compressed: fewer pixels, blurrier, compressed more strongly than any. The class is then only the "
                    "nearest one."
                ),
            ]
        ],
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

Explanation = TypedDict(
    "Explanation",
    {"method": str, "class": str, "media_type": str, "width": int, "height": int, "data": str},
)


class ExplainedAnswer(Answer):
    explanation: Annotated[
        Explanation,
        Field(description="A transparent PNG as base64 `data`, to be laid over the whole upright picture."),
    ]


def describe(settings: Settings) -> Part:
    return Part(
        {
            "/models/{name}/predict": {"post": question(settings, "Classify a picture", "predict", Answer)},
            "/models/{name}/explain": {
                "post": question(settings, "Classify a picture and add a heatmap", "explain", ExplainedAnswer)
            },
        },
        (Answer, ExplainedAnswer),
    )
