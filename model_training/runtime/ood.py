"""The gate: is an image one that the network can judge at all?

Two things speak against it: what the image is like before any network looks (`facts`), and how far its features lie
from those of the training images.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import ThreadpoolController

from .card import ClassifierCard, Reason
from .errors import BundleError
from .execution import Execution, Images, OpenVINOExecution
from .measures import OutOfDistribution

#: The file of a bundle that says where the training images' features lie, beside the network's own form.
GATE = "gate.npz"
#: Images that the companion sees in one part.
COMPANION_AT_ONCE = 8


@dataclass(frozen=True)
class Gaussian:
    """A mean, (G,), and a shrunk covariance: known along `basis`, float32 (G, K), with `variances`, (K,), and with the
    one variance `rest` in all other directions."""

    mean: np.ndarray
    basis: np.ndarray
    variances: np.ndarray
    rest: float

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Squared Mahalanobis distances, float64 (N,), of `features`, float (N, G)."""
        centred = features - self.mean
        along = (centred @ self.basis).astype(np.float64)
        beside = np.square(centred, dtype=np.float64).sum(1) - np.square(along).sum(1)
        return (np.square(along) / self.variances).sum(1) + np.maximum(beside, 0) / self.rest


@dataclass(frozen=True)
class Mahalanobis:
    """The squared distance to the nearest of the `gaussians` that the training images' features make, one or more."""

    gaussians: tuple[Gaussian, ...]

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """`features`: float (N, G). Returns float64 (N,), higher is stranger; infinite where a feature is no number."""
        return np.nan_to_num(np.min([each(features) for each in self.gaussians], axis=0), nan=np.inf)

    def save(self, path: Path) -> None:
        named = {
            f"{name}_{number}": value
            for number, each in enumerate(self.gaussians)
            for name, value in vars(each).items()
        }
        np.savez(path, allow_pickle=False, count=len(self.gaussians), **named)

    @classmethod
    def load(cls, path: Path) -> Mahalanobis:
        """Raises `BundleError` for a missing or broken file."""
        try:
            with np.load(path, allow_pickle=False) as read:
                return cls(
                    tuple(
                        Gaussian(*(read[f"{name}_{number}"] for name in ("mean", "basis", "variances", "rest")))
                        for number in range(int(read["count"]))
                    )
                )
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise BundleError(
                f"{path}: what tells strange pictures can't be read ({error}).",
                "Make the bundle again: hwapung train.",
            ) from None


@dataclass(frozen=True)
class Observed:
    """What one pass over images gives: logits, float32 (N, classes), the features that the last layer makes them of,
    float32 (N, F), and how strange each image is, float64 (N,), 0 where there is no gate."""

    logits: np.ndarray
    features: np.ndarray
    distances: np.ndarray


class Observer:
    """A network's answers with what the gate needs, in one pass where the network itself is what the gate sees."""

    def __init__(self, execute: Execution, distance: Mahalanobis | None, companion: OpenVINOExecution | None) -> None:
        self.execute = execute
        self.distance = distance
        self.companion = companion
        # The distance's matrices are so small that a second thread only waits, and takes a core from the network while
        # it does. Libraries are looked for here, not at import: others may be loaded in between.
        self._blas = ThreadpoolController().select(user_api="blas")

    def __call__(self, images: Images) -> Observed:
        if self.distance is None:
            logits, features = self.execute.forward_with_features(images)
            return Observed(logits, features, np.zeros(len(logits)))
        if self.companion is None:
            logits, features, seen = self.execute.observe(images)
        elif isinstance(self.execute, OpenVINOExecution):
            (logits, features, *_), (seen,) = self.execute.run_beside(images, self.companion)
        else:
            pixels = images if isinstance(images, np.ndarray) else np.stack([*images])
            logits, features = self.execute.forward_with_features(pixels)
            (seen,) = self.companion.run(pixels)
        with self._blas.limit(limits=1):
            return Observed(logits, features, self.distance(seen))


def load_observer(card: ClassifierCard, bundle: Path, execute: Execution) -> Observer:
    """Raises `BundleError` for a missing or broken file."""
    if card.ood is None or card.ood.threshold is None:
        return Observer(execute, None, None)
    companion = None
    if card.ood.companion is not None:
        path = bundle / card.ood.companion_file
        if not path.is_file():
            raise BundleError(f"{path}: the companion is missing.", "Make the bundle again: hwapung train.")
        companion = OpenVINOExecution(path, at_once=COMPANION_AT_ONCE)
    return Observer(execute, Mahalanobis.load(bundle / card.ood.file), companion)


def find_unknown(
    ood: OutOfDistribution | None, reasons: Sequence[Reason | None], distances: np.ndarray
) -> list[Reason | None]:
    """Why each image is unknown to the network, None where it isn't: what it is like comes before its features.

    `reasons`: what `find_reason` says of each; `distances`: float (N,).
    """
    threshold = np.inf if ood is None or ood.threshold is None else ood.threshold
    return [
        reason or ("unlike" if distance > threshold else None)
        for reason, distance in zip(reasons, distances, strict=True)
    ]
