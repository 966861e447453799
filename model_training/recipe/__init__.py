"""The recipe: what a product is and how it is trained, in strict YAML.

One product differs from another by its recipe, not by its code. An unknown key is an error that names the nearest known
one, and every value can be overridden by its dotted name: `network.backbone=mobilenetv2_100`.
"""

from .combinations import CLIP, PACKAGE, PACKAGE_BACKBONE
from .read import RECIPES, choose_recipe, find_task, load_recipe, override, read_recipe, validate_recipe
from .schema import Recipe
from .sections import (
    Adapter,
    Augmentation,
    ClassBalancing,
    Data,
    Depth,
    Distillation,
    Network,
    Precision,
    Product,
    Range,
    Search,
    Section,
    Split,
    Training,
    Verdicts,
)  # fmt: skip

__all__ = [
    "CLIP", "PACKAGE", "PACKAGE_BACKBONE", "RECIPES", "Adapter", "Augmentation", "ClassBalancing", "Data", "Depth",
    "Distillation", "Network", "Precision", "Product", "Range", "Recipe", "Search", "Section", "Split", "Training",
    "Verdicts", "choose_recipe", "find_task", "load_recipe", "override", "read_recipe",
    "validate_recipe",
]  # fmt: skip
