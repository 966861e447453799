"""What is frozen is computed once: features at the freeze boundary, kept on disk and shared by all trials.

A folder of the cache belongs to one frozen half: its backbone, its weights, its depth and the transform are hashed into
the folder's name. In it, an image is known by its file's SHA-256 and by whether it was mirrored, so further images
are added to what is there, and a run that was cut off goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import timm
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ..datasets.prepare import Prepared
from ..evaluation.predict import batches
from ..locks import exclusive, is_full
from ..models.frozen_prefix import Halves, cut_at_freeze
from ..progress import follow
from ..recipe import Augmentation, Recipe
from ..runtime.errors import DatasetError
from ..runtime.files import write_text
from ..runtime.image import DECODER_VERSION
from ..runtime.preprocess import FIT_VERSION
from .inputs import Inputs, PixelInputs, draw_flips

#: A change of the files' form must raise this number.
FEATURES_VERSION = 1

_ENTRY = 33  # bytes of an entry of the index: a SHA-256 and whether the image was mirrored


@dataclass(frozen=True)
class Features:
    """`records`: float32 (images and mirrored images, numbers), memory-mapped; `places`: int64 (rows of the
    dataset, 2), where a row's image and its mirror image are in `records`, −1 where they were not asked for."""

    records: np.ndarray
    places: np.ndarray
    shapes: tuple[tuple[int, ...], ...]

    def load(self, rows: np.ndarray, mirrored: np.ndarray, device: torch.device) -> tuple[Tensor, ...]:
        """The upper half's inputs for `rows`, each mirrored or not, as the frozen half would compute them."""
        flat = torch.from_numpy(self.records[self.places[rows, mirrored.astype(np.int64)]]).to(device)
        parts = flat.split([int(np.prod(shape)) for shape in self.shapes], dim=1)
        return tuple(part.view(-1, *shape) for part, shape in zip(parts, self.shapes, strict=True))


@dataclass(frozen=True)
class FeatureInputs:
    """Inputs of the upper half: the features of an image or, as often as the recipe mirrors, of its mirror image."""

    features: Features
    horizontal_flip: float

    def for_training(self, rows: np.ndarray, seed: int, device: torch.device) -> tuple[Tensor, ...]:
        return self.features.load(rows, draw_flips(rows, self.horizontal_flip, seed), device)

    def for_evaluation(self, rows: np.ndarray, device: torch.device) -> tuple[Tensor, ...]:
        return self.features.load(rows, np.zeros(len(rows), bool), device)


def choose_inputs(
    plain: nn.Module, recipe: Recipe, prepared: Prepared, fabric: Fabric, cache: Path | None
) -> tuple[nn.Module, Inputs]:
    """What is to be trained, and what it is fed: the upper half and features where they can be kept, else all and
    pixels. A changed image has other features: only mirror images are kept beside the originals. Adapters sit in the
    lowest layers, too, so nothing below them is frozen."""
    others = recipe.augmentation.model_copy(update={"horizontal_flip": Augmentation().horizontal_flip})
    if cache is None or others != Augmentation() or recipe.network.adapter is not None:
        return plain, PixelInputs(prepared, recipe.augmentation)
    example = torch.from_numpy(prepared.pixels[np.resize(prepared.rows["train"], 2)]).to(fabric.device)
    halves = cut_at_freeze(plain, example)
    if halves is None:
        return plain, PixelInputs(prepared, recipe.augmentation)
    plain.eval()
    with fabric.autocast():
        features = open_features(halves, recipe, prepared, cache, fabric.device)
    return halves.trained, FeatureInputs(features, recipe.augmentation.horizontal_flip)


def open_features(
    halves: Halves, recipe: Recipe, prepared: Prepared, cache: Path, device: torch.device, *, quiet: bool = False
) -> Features:
    """Features of the training and validation images, from the cache or computed now; mirrored where the recipe
    mirrors. The network has to be in evaluation mode and on `device`.

    Raises `DatasetError` where the disk is full (what was written stays good) or where the files are of another version
    or damaged.
    """
    chance = recipe.augmentation.horizontal_flip
    wanted = [(int(row), False) for name in ("train", "validation") for row in prepared.rows[name]]
    wanted += [(int(row), True) for row in prepared.rows["train"] if chance > 0]
    folder = cache / "features" / _key(halves, recipe)
    numbers = sum(int(np.prod(shape)) for shape in halves.shapes)
    with exclusive(folder):
        try:
            known = _read_index(folder, numbers)
            missing = [each for each in wanted if _name(prepared, *each) not in known]
            if missing:
                _compute(halves, prepared, missing, folder, len(known), numbers, device, quiet)
        except OSError as error:
            if not is_full(error):
                raise
            needed = len(missing) * numbers * 4 / 2**30
            raise DatasetError(
                f"{folder}: the disk is full; the frozen layers' features need {needed:.1f} GiB more.",
                "Free some space and run again: it goes on from here. Or train without them: --no-features.",
            ) from None
        known = _read_index(folder, numbers)
    places = np.full((len(prepared.targets), 2), -1, np.int64)
    for row, mirrored in wanted:
        places[row, int(mirrored)] = known[_name(prepared, row, mirrored)]
    records = np.memmap(folder / "records.bin", np.float32, "r", shape=(len(known), numbers))
    return Features(records, places, halves.shapes)


def _key(halves: Halves, recipe: Recipe) -> str:
    """Changes with whatever changes a feature: half, weights, transform, and the versions of their code."""
    digest = hashlib.sha256()
    transform = recipe.preprocessing.model_dump_json()
    about = [FEATURES_VERSION, timm.__version__, recipe.network.backbone, DECODER_VERSION, FIT_VERSION, transform]
    digest.update(json.dumps([*about, halves.shapes, halves.frozen.code]).encode())
    tensors = [*halves.frozen.named_parameters(), *halves.frozen.named_buffers()]
    for name, tensor in tensors:
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:20]


def _name(prepared: Prepared, row: int, mirrored: bool) -> bytes:
    return bytes.fromhex(prepared.sha256[row]) + bytes([mirrored])


def _read_index(folder: Path, numbers: int) -> dict[bytes, int]:
    """Image → record. Raises `DatasetError` where the files do not belong to this code."""
    about, index, records = folder / "about.json", folder / "index.bin", folder / "records.bin"
    expected = {"version": FEATURES_VERSION, "numbers": numbers}
    if not about.exists():
        write_text(about, json.dumps(expected))
        return {}
    try:
        found = json.loads(about.read_text("utf-8"))
    except ValueError:
        found = None
    if found != expected:
        raise DatasetError(
            f"{folder}: these features were written by another version of this program.", f"Remove {folder}."
        )
    entries = index.read_bytes() if index.exists() else b""
    count = len(entries) // _ENTRY  # a last entry that was cut off does not count
    size = records.stat().st_size if records.exists() else 0
    if size < count * numbers * 4:
        raise DatasetError(f"{records}: the file is shorter than its index says.", f"Remove {folder}.")
    return {entries[number * _ENTRY : (number + 1) * _ENTRY]: number for number in range(count)}


def _compute(
    halves: Halves,
    prepared: Prepared,
    missing: Sequence[tuple[int, bool]],
    folder: Path,
    done: int,
    numbers: int,
    device: torch.device,
    quiet: bool,
) -> None:
    """Append to the files, batch by batch; a record reaches the disk before the entry that vouches for it."""
    missing = list({_name(prepared, *each): each for each in missing}.values())  # copies of an image share a record
    with (
        _open_at(folder / "records.bin", done * numbers * 4) as records,
        _open_at(folder / "index.bin", done * _ENTRY) as index,
        follow("Frozen layers", quiet=quiet) as step,
        torch.no_grad(),
    ):
        computed = 0
        for batch in batches(missing):
            pixels = torch.from_numpy(prepared.pixels[[row for row, _ in batch]])
            mirrored = torch.tensor([flag for _, flag in batch]).view(-1, 1, 1, 1)
            parts = halves.frozen(torch.where(mirrored, pixels.flip(2), pixels).to(device))
            flat = torch.cat([part.flatten(1) for part in parts], 1).float().cpu().contiguous()
            records.write(flat.numpy().tobytes())
            records.flush()
            os.fsync(records.fileno())
            index.write(b"".join(_name(prepared, *each) for each in batch))
            index.flush()
            computed += len(batch)
            step.update(computed, len(missing))


def _open_at(path: Path, size: int) -> IO[bytes]:
    """Open to append after `size` bytes; what a cut-off run left beyond them is dropped."""
    file = path.open("ab")
    file.truncate(size)
    return file
