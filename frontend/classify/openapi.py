"""The classifiers' part of the API's document."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field, RootModel
from typing_extensions import TypedDict

from ..openapi import Milliseconds, Part, Probability, Warnings, question
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


Reason = Literal["unlike", "blank", "tiny", "long", "text", "finer", "coarser", "softer", "compressed"]


class Signer(TypedDict):
    organisation: NotRequired[str]
    name: NotRequired[str]
    issuer: NotRequired[Annotated[str, Field(description="who vouches for the signer")]]
    self_signed: bool
    time: NotRequired[Annotated[str, Field(description="ISO 8601, by a trusted time stamp")]]


Says = Literal["ai", "ai_edited", "camera", "software", "nothing"]
Level = Annotated[
    Literal["signed", "signed_by_unknown", "claimed", "invalid"],
    Field(
        description="signed by someone on the trust list; signed by anyone; written by anyone; credentials that do not "
        "hold"
    ),
]


class Statement(TypedDict):
    source: Literal[
        "credentials", "digital_source_type", "aigc_label", "generation_settings", "credit", "software", "camera"
    ]
    says: Says
    level: Level
    name: NotRequired[Annotated[str, Field(description="of the program or camera")]]
    signer: NotRequired[Signer]
    problem: NotRequired[Literal["other_picture", "expired", "revoked", "broken", "unreadable", "too_long"]]


class Unread(TypedDict):
    block: Literal["credentials", "xmp", "exif", "png_text", "file"]
    reason: Literal["cut", "unreadable", "elsewhere"]


class Provenance(TypedDict):
    says: Says
    level: Level | None
    statements: list[Statement]
    unread: list[Unread]


Verdict = Literal["sure", "unsure", "unknown"]
#: left, top, right, bottom in pixels of the upright picture, whose `width` and `height` the answer has
Box = Annotated[list[int], Field(min_length=4, max_length=4)]
Panel = TypedDict(
    "Panel",
    {
        "box": Box,
        "class": NotRequired[str],
        "labels": NotRequired[list[str]],
        "confidence": NotRequired[Probability],
        "probabilities": dict[str, Probability],
        "verdict": Verdict,
        "reason": NotRequired[Reason],
    },
)
Panels = Annotated[
    list[Panel],
    Field(
        description="Of a long strip, where the card's preprocessing fits strips: its panels in order. Class, "
        "confidence and probabilities are then their mean by size, in which unknown panels have no part unless they "
        "are most of it."
    ),
]
Interval = Annotated[
    tuple[Probability, Probability] | None,
    Field(description="Of a strip: the confidence's 95% interval, null where there are fewer than eight panels."),
]


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
        "provenance": NotRequired[
            Annotated[
                Provenance,
                Field(
                    description="What the picture's file states of its origin, of models whose card says "
                    "reads_provenance. It has no part in class, confidence or verdict."
                ),
            ]
        ],
        "warnings": NotRequired[Warnings],
        "panels": NotRequired[Panels],
        "interval": NotRequired[Interval],
        "width": NotRequired[int],
        "height": NotRequired[int],
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
    reason: NotRequired[Annotated[Reason, Field(description="Why the picture is unknown.")]]
    provenance: NotRequired[Provenance]
    warnings: NotRequired[Warnings]
    panels: NotRequired[Panels]
    interval: NotRequired[Interval]
    width: NotRequired[int]
    height: NotRequired[int]
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


class Thumbnail(TypedDict):
    media_type: str
    data: Annotated[str, Field(description="base64")]


Neighbour = TypedDict(
    "Neighbour",
    {
        "class": str,
        "similarity": Annotated[float, Field(ge=-1.001, le=1.001, description="cosine of the features")],
        "link": NotRequired[str],
        "licence": NotRequired[str],
        "thumbnail": NotRequired[Thumbnail],
    },
)
Neighbours = Annotated[
    list[Neighbour],
    Field(description="The training pictures most like this one, where the card's `neighbours` shows any."),
]


class ExplainedAnswer(Answer):
    neighbours: NotRequired[Neighbours]
    explanation: Annotated[
        Explanation,
        Field(description="A transparent PNG as base64 `data`, to be laid over the whole upright picture."),
    ]


class ExplainedLabelsAnswer(LabelsAnswer):
    neighbours: NotRequired[Neighbours]
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
