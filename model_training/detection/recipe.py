"""The recipe of a detector: strict YAML like every recipe, with sections of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from ..recipe import Product, Section, Split, read_recipe
from .composer import Composer
from .losses import LossName


class DetectionData(Section):
    split: Split = Split(test=0.3)
    single_class: bool = Field(False, description="find objects without telling them apart: a classifier does that")
    drawings: str | None = Field(
        None,
        description="a folder or manifest of single-object drawings to compose from, beside the scenes' own objects",
    )
    drawings_label: str = Field("label", description="the manifest's column that names a drawing's class")


class DetectionNetwork(Section):
    size: Literal["t", "s", "m", "c", "strokes"] = Field(
        "t",
        description="YOLOv9's tiny, small, medium and compact; `strokes` trains nothing: what nearly touches is one",
    )
    pretrained: str | None = Field(None, description="a .safetensors file of this network; from scratch if unset")
    input: int = Field(320, ge=64, le=1280, multiple_of=32, description="side of the square input in pixels")


class DetectionTraining(Section):
    loss: LossName = Field("bce", description="of the class scores")
    focal_alpha: float = Field(0.25, ge=0, le=1, description="focal loss: weight of the foreground")
    focal_gamma: float = Field(2.0, ge=0, description="focal loss: how much easy anchors fade")
    class_gain: float = Field(0.5, gt=0, description="weight of the class loss beside the boxes' (YOLOv9: 0.5)")
    composed_epochs: int = Field(10, ge=0, description="epochs on composed scenes, first")
    epochs: int = Field(30, ge=0, description="epochs on labelled scenes, after that")
    batch_size: int = Field(16, ge=1, description="pages a step, over all processes together")
    learning_rate: float = Field(2e-3, gt=0, description="AdamW's, at the top of a one-cycle schedule for each phase")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's")
    seed: int = Field(0, description="of the network's start, the pages and their order")


class DetectionRecipe(Product):
    task: Literal["detection"]
    data: DetectionData = DetectionData()
    network: DetectionNetwork = DetectionNetwork()
    composer: Composer = Composer()
    training: DetectionTraining = DetectionTraining()

    @model_validator(mode="after")
    def _trains_something(self) -> DetectionRecipe:
        if not self.training.composed_epochs + self.training.epochs:
            raise ValueError("training.composed_epochs and training.epochs are both 0, so that nothing is trained")
        if self.training.composed_epochs and not self.composer.scenes:
            raise ValueError("composer.scenes is 0, so that the composed epochs show nothing")
        if self.network.size == "strokes" and not self.data.single_class:
            raise ValueError("network.size=strokes tells no classes apart: set data.single_class=true")
        return self


def load_detection_recipe(name: str, overrides: Sequence[str] = ()) -> DetectionRecipe:
    """As `load_recipe`. Raises `RecipeError`."""
    return read_recipe(DetectionRecipe, name, overrides)
