"""The training images that an image is most like, by the features that the last layer sees: evidence by example."""

from __future__ import annotations

import base64
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import BundleError
from .model import Answer

#: File of a bundle, where its card has `neighbours`.
NEIGHBOURS = "neighbours.npz"
SHOWN = 6
MEDIA_TYPE = "image/webp"


@dataclass(frozen=True)
class Neighbours:
    """`features`: float16 (M, F), of unit length; `labels`: str (M,), the classes' keys, of several with `;` between;
    `links` and `licences`: str (M,), empty where there is none; `thumbnails`: all files' bytes, uint8, of which number
    i ends at `ends[i]`; both are empty where the owner shows none."""

    features: np.ndarray
    labels: np.ndarray
    links: np.ndarray
    licences: np.ndarray
    thumbnails: np.ndarray
    ends: np.ndarray

    def save(self, path: Path) -> None:
        np.savez(path, allow_pickle=False, **vars(self))

    @classmethod
    def load(cls, path: Path) -> Neighbours:
        """Raises `BundleError` for a missing or broken file."""
        try:
            with np.load(path, allow_pickle=False) as kept:
                return cls(**{name: kept[name] for name in cls.__annotations__})
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise BundleError(f"{path}: {error}.", "Make the bundle again: hwapung train.") from None

    def find(self, features: np.ndarray) -> list[Answer]:
        """The nearest images, the most similar first. `features`: float (F,). `similarity` is the cosine, −1…1."""
        similarity = self.features.astype(np.float32) @ scale(features)
        return [self._describe(each, similarity[each]) for each in np.argsort(-similarity, kind="stable")[:SHOWN]]

    def _describe(self, place: int, similarity: float) -> Answer:
        answer: Answer = {"class": str(self.labels[place]), "similarity": round(float(similarity), 4)}
        answer |= {
            name: str(each[place]) for name, each in (("link", self.links), ("licence", self.licences)) if each[place]
        }
        if len(self.ends):
            file = self.thumbnails[self.ends[place - 1] if place else 0 : self.ends[place]].tobytes()
            answer["thumbnail"] = {"media_type": MEDIA_TYPE, "data": base64.b64encode(file).decode("ascii")}
        return answer


def scale(features: np.ndarray) -> np.ndarray:
    """To unit length, float32; zeros where a feature is no number or all are 0."""
    sound = np.nan_to_num(features.astype(np.float32), posinf=0, neginf=0)
    return sound / np.maximum(np.linalg.norm(sound, axis=-1, keepdims=True), 1e-12)
