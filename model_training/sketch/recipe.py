"""The recipe of a sketch model: which detector finds the objects, which classifier names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from ..recipe import Section, read_recipe


class SketchRecipe(Section):
    task: Literal["sketch"]
    name: str = Field("sketch", pattern=r"^[a-z][a-z0-9_]*$")
    version: str | None = Field(None, pattern=r"^[0-9][0-9A-Za-z.\-]*$", description="the classifier's if unset")
    detector: str = Field("sketch_detector", description="the bundle that finds the objects, by its name")
    classifier: str = Field("sketch_classifier", description="the bundle that names them")


def load_sketch_recipe(name: str = "sketch", overrides: Sequence[str] = ()) -> SketchRecipe:
    """As `load_recipe`. Raises `RecipeError`."""
    return read_recipe(SketchRecipe, name, overrides)
