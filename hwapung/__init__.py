"""A trained model in three lines:

import hwapung

model = hwapung.load("build/bundles/landscape")
for answer in model.predict(["a.jpg", "b.png"]):
    print(answer)
"""

from model_training.runtime.errors import HwapungError, ImageError

from .model import Answer, Explanation, Model, PredictionSet, SketchedObject, load, overlay

__all__ = [
    "Answer",
    "Explanation",
    "HwapungError",
    "ImageError",
    "Model",
    "PredictionSet",
    "SketchedObject",
    "load",
    "overlay",
]
__version__ = "0.1.0"
