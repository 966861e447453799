"""Parts of a card that say what makes the logits: how an image is prepared, backbone, head, members of an ensemble."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .measures import Part


class Preprocessing(Part):
    """How an RGB image becomes the network's input. `mean` and `std` are of values scaled to 0…1."""

    fit: Literal["stretch", "letterbox", "ink", "strip"] = Field(
        "stretch",
        description="stretch both sides; keep proportions and pad with black; the square around a drawing's strokes; "
        "cut a long strip at its gutters and stretch each panel",
    )
    height: int = Field(ge=8, le=2048, description="of the network's input in pixels")
    width: int = Field(ge=8, le=2048, description="the same")
    mean: tuple[float, float, float] | Literal["image"] = Field(
        description="of each channel; `image` subtracts the mean of the training pictures, pixel by pixel"
    )
    std: tuple[float, float, float] = Field(description="of each channel")
    interpolation: Literal["bilinear", "bicubic"] = Field(
        "bilinear", description="of resizing; as the pretrained weights had it"
    )
    jpeg_quality: int | None = Field(
        None, ge=1, le=100, description="after fitting, every picture goes through JPEG of this quality"
    )


class Head(Part):
    """What stands between the backbone's pooled features and the logits."""

    standardise: bool = Field(
        False, description="centre and scale each pooled feature by its statistics over the training pictures"
    )
    stages: int | None = Field(
        None,
        ge=1,
        description="of a convolutional backbone: pool the maps of that many last stages, not the last layer's",
    )
    hidden: int | None = Field(None, ge=1, description="units of a dense layer with ReLU; none if unset")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of pooled features that a training step leaves out")


class Architecture(Part):
    """A timm architecture by name, with its last layer sized to the labels."""

    backbone: str
    head: Head = Head()
    clip: dict[str, Any] | None = Field(
        None, description="configuration of CLIP's image encoder, in place of timm's name"
    )


class Member(Architecture):
    """One network of an ensemble, and the bundle that it came from."""

    name: str
    version: str
    temperature: float = Field(gt=0, description="its logits are divided by it before its probabilities are averaged")
    weights: str = Field(description="SHA-256 of its weights")
    recipe: dict[str, object]


class Network(Architecture):
    """What makes the logits. Of an ensemble, `backbone` only lists the members' names."""

    parameters: int
    members: tuple[Member, ...] = Field((), description="the networks whose probabilities are averaged; none in most")
