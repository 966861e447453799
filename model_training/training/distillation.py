"""A small network taught by the softened answers of larger ones (Hinton, Vinyals & Dean 2015, section 2)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..datasets.prepare import Prepared
from ..evaluation.predict import batches
from ..progress import follow
from ..recipe import Distillation, Recipe
from ..runtime.card import ModelCard, read_card
from ..runtime.errors import RecipeError
from ..runtime.files import replacing
from ..runtime.network import load_network
from .inputs import draw_flips

#: What decides the pixels; the mean and the standard deviation are a layer of each network's own.
_OF_PIXELS = ("fit", "height", "width", "jpeg_quality")


def distil(hard: Tensor, logits: Tensor, taught: Tensor, settings: Distillation) -> Tensor:
    """(1 − w) · hard + w · T² · Σ q log (q / p), a scalar: the loss on the labels, and the mean divergence of the
    student's softened answers p = softmax(logits / T) from the teachers' q.

    `hard`: the loss on the labels, a scalar; `logits`: float (N, classes); `taught`: q, float (N, classes). Gradients
    of softened answers shrink as 1/T², hence the factor.
    """
    temperature, weight = settings.temperature, settings.weight
    softened = (logits.float() / temperature).log_softmax(1)
    divergence = functional.kl_div(softened, taught, reduction="batchmean")
    return (1 - weight) * hard + weight * temperature**2 * divergence


class Teacher:
    """What the teachers say of each training image and of its mirror image, asked once before the first epoch.

    Shifts and corruptions of the augmentation are the student's to see through: it is taught what the teachers say of
    the image without them.
    """

    def __init__(self, taught: np.ndarray, flip: float) -> None:
        """`taught`: float32 (2, images of the dataset, classes), of the images and their mirror images; `flip`: the
        recipe's probability of mirroring."""
        self.taught = taught
        self.flip = flip

    def answer(self, rows: np.ndarray, seed: int, device: torch.device) -> Tensor:
        """Softened probabilities float (N, classes) for `rows` of the dataset, mirrored as the student's are."""
        mirrored = draw_flips(rows, self.flip, seed).astype(np.int64)
        return torch.from_numpy(self.taught[mirrored, rows]).to(device)


def ask_teachers(recipe: Recipe, prepared: Prepared, folder: Path, device: torch.device) -> Teacher | None:
    """The teachers' mean softened answers, kept in `folder` for a run that goes on; None where nobody teaches.

    Raises `RecipeError` for a teacher of other classes, of another size of images or of other images (it may have
    been trained on the student's test images), and what reading a bundle raises.
    """
    settings = recipe.training.distillation
    if settings is None:
        return None
    kept = folder / "taught.npy"
    if not kept.exists():
        cards = [read_card(Path(bundle) / "card.json") for bundle in settings.teachers]
        for bundle, card in zip(settings.teachers, cards, strict=True):
            _check_teacher(bundle, card, recipe, prepared)
        taught = _ask(settings, cards, prepared, recipe.augmentation.horizontal_flip > 0, device)
        with replacing(kept) as temporary, temporary.open("wb") as file:
            np.save(file, taught)
    return Teacher(np.load(kept, mmap_mode="r"), recipe.augmentation.horizontal_flip)


def identify_teachers(recipe: Recipe) -> str:
    """Changes with the teachers' weights, so that a run is resumed only under the same teachers. Empty without any."""
    digest = hashlib.sha256()
    if recipe.training.distillation is None:
        return ""
    for bundle in recipe.training.distillation.teachers:
        digest.update(read_card(Path(bundle) / "card.json").files.get("weights.safetensors", bundle).encode())
    return digest.hexdigest()


def _check_teacher(bundle: str, card: ModelCard, recipe: Recipe, prepared: Prepared) -> None:
    if tuple(label.key for label in card.labels) != prepared.dataset.labels:
        raise RecipeError(
            f"The teacher {bundle} knows the classes {', '.join(label.key for label in card.labels)}.",
            f"Choose one that knows {', '.join(prepared.dataset.labels)}, in this order.",
        )
    for key in _OF_PIXELS:
        ours, theirs = getattr(recipe.preprocessing, key), getattr(card.preprocessing, key)
        if ours != theirs:
            raise RecipeError(
                f"The teacher {bundle} sees pictures differently (preprocessing.{key}: {theirs}, not {ours}).",
                f"Set preprocessing.{key}={theirs}, or train the teacher with {ours}.",
            )
    if card.data.fingerprint != prepared.provenance.fingerprint:
        raise RecipeError(
            f"The teacher {bundle} was not trained on these pictures in these splits: it may know the test pictures.",
            "Train it on the same folder with the same data.split.seed.",
        )


@torch.inference_mode()
def _ask(
    settings: Distillation, cards: Sequence[ModelCard], prepared: Prepared, mirror: bool, device: torch.device
) -> np.ndarray:
    rows = prepared.rows["train"]
    taught = np.zeros((2, len(prepared.targets), len(prepared.dataset.labels)), np.float32)
    done, total = 0, len(settings.teachers) * (1 + mirror) * len(rows)
    with follow("Asking the teachers") as step:
        for bundle, card in zip(settings.teachers, cards, strict=True):
            network = load_network(card, Path(bundle)).to(device)
            for mirrored in range(1 + mirror):
                for part in batches(rows):
                    pixels = torch.from_numpy(prepared.pixels[part]).to(device)
                    logits = network(pixels.flip(2) if mirrored else pixels).float()
                    taught[mirrored, part] += (logits / settings.temperature).softmax(1).cpu().numpy() / len(cards)
                    done += len(part)
                    step.update(done, total)
    return taught
