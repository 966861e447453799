"""What the files give away before a network has seen a pixel: format, size, encoder, metadata.

Where one class came from a generator's PNGs and the other from a telephone's JPEGs, a network can be right without
having learned anything about images. This asks how well the classes can be told from such facts alone.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms
from scipy.stats import binomtest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from ..runtime.card import FileAudit, Text
from ..runtime.image import FORMATS
from ..runtime.measures import GivenAway
from ..translation import _, join, plain
from .folders import Dataset

#: Fact → what it is called. Each is read from the file's head without decoding its pixels.
FACTS: Mapping[str, Text] = {
    "format": _("file format"),
    "mode": _("colour mode"),
    "width": _("width"),
    "height": _("height"),
    "aspect": _("aspect ratio"),
    "bytes": _("size of the file"),
    "bytes_a_pixel": _("bytes a pixel"),
    "jpeg_tables": _("JPEG quantisation tables"),
    "jpeg_sampling": _("JPEG chroma sampling"),
    "progressive": _("progressive JPEG"),
    "exif": plain("EXIF"),
    "colour_profile": _("colour profile"),
    "resolution": _("resolution (dpi)"),
    "notes": _("embedded notes"),
}
#: Facts that an image's content also decides: a busy image makes a larger file, whatever encoded it.
OF_CONTENT = frozenset({"bytes", "bytes_a_pixel"})

_NUMBERS = ("width", "height", "aspect", "bytes", "bytes_a_pixel")

FOLDS = 5
FEWEST_A_CLASS = FOLDS
#: A balanced accuracy whose interval lies this far above chance is worth a warning.
MARGIN = 0.05
_MOST = 5000
_TREES = 30


def read_facts(path: Path) -> dict[str, str | float]:
    """What a file says of itself; `unreadable` as its format where it is no image that we know."""
    size = path.stat().st_size
    try:
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            tables = getattr(image, "quantization", None) or {}
            layers = getattr(image, "layer", None) or ()
            exif = sorted(image.getexif())
            info = image.info
            notes = sorted(name for name, value in info.items() if isinstance(value, str) or name in {"xmp", "comment"})
            return {
                "format": str(image.format),
                "mode": image.mode,
                "width": width,
                "height": height,
                "aspect": width / height,
                "bytes": size,
                "bytes_a_pixel": size / (width * height),
                "jpeg_tables": _short_hash(sorted((key, list(table)) for key, table in tables.items())),
                "jpeg_sampling": str([layer[1:3] for layer in layers]),
                "progressive": str(bool(info.get("progressive"))),
                "exif": str(exif),
                "colour_profile": _name_profile(info.get("icc_profile")),
                "resolution": str(info.get("dpi", "")),
                "notes": str(notes),
            }
    except Exception:  # whatever a decoder raises for a broken file; training names the file later
        return dict.fromkeys(FACTS, "") | dict.fromkeys(_NUMBERS, 0.0) | {"format": "unreadable", "bytes": size}


def _short_hash(content: object) -> str:
    return hashlib.sha256(str(content).encode()).hexdigest()[:12] if content else ""


def _name_profile(profile: bytes | None) -> str:
    if not profile:
        return ""
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
    except (ImageCms.PyCMSError, OSError):
        return "broken"


@dataclass(frozen=True)
class Guess:
    """How well classes are guessed: balanced accuracy, out of fold, with its 95% interval; 0…1."""

    accuracy: float
    low: float
    high: float


def audit_files(dataset: Dataset, seed: int = 0) -> FileAudit | None:
    """Guess the classes of a dataset from its files' facts; None where two classes of five files are not to be had, and
    where an image has several classes.

    Extremely randomised trees, five folds, of more than 5,000 files a sample; first with all facts together, then with
    each alone. A strip is one file, however many panels it was cut into.
    """
    if any(entry.also for entry in dataset.entries):
        return None
    listed = list(dict.fromkeys((entry.file, entry.label) for entry in dataset.entries if entry.label))
    counts = Counter(label for _, label in listed)
    files = [(path, label) for path, label in listed if counts[label] >= FEWEST_A_CLASS]
    if len({label for _, label in files}) < 2:
        return None
    if len(files) > _MOST:
        chosen = np.random.default_rng(seed).choice(len(files), _MOST, replace=False)
        files = [files[row] for row in sorted(chosen.tolist())]
    with ThreadPoolExecutor() as readers:
        facts = list(readers.map(lambda file: read_facts(file[0]), files))
    targets = np.unique([label for _, label in files], return_inverse=True)[1]
    together = guess(facts, list(FACTS), targets, seed)
    chance = 1 / (int(targets.max()) + 1)
    varied = [name for name in FACTS if len({each[name] for each in facts}) > 1]
    telling = [(name, guess(facts, [name], targets, seed)) for name in varied]
    given_away = sorted(
        (GivenAway(fact=name, accuracy=round(each.accuracy, 4), of_content=name in OF_CONTENT)
         for name, each in telling if each.low > chance + MARGIN),
        key=lambda each: -each.accuracy,
    )  # fmt: skip
    return FileAudit(
        files=len(files),
        chance=round(chance, 4),
        accuracy=round(together.accuracy, 4),
        low=round(together.low, 4),
        high=round(together.high, 4),
        given_away=tuple(given_away),
    )


def guess(
    facts: Sequence[Mapping[str, str | float]], names: Sequence[str], targets: np.ndarray, seed: int = 0
) -> Guess:
    """Balanced accuracy of guessing `targets`, int (N,), from the facts of those names, each image by trees that have
    not seen it. The interval adds Wilson's of the classes in squares (Zou & Donner 2008)."""
    columns = np.stack([_number([each[name] for each in facts], name) for name in names], axis=1)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    trees = ExtraTreesClassifier(_TREES, min_samples_leaf=2, class_weight="balanced", random_state=seed)
    said = cross_val_predict(trees, columns, targets, cv=folds)
    recalls, below, above = [], [], []
    for label in np.unique(targets):
        right, count = int((said[targets == label] == label).sum()), int((targets == label).sum())
        interval = binomtest(right, count).proportion_ci(0.95, method="wilson")
        recalls.append(right / count)
        below.append((right / count - interval.low) ** 2)
        above.append((interval.high - right / count) ** 2)
    mean, classes = float(np.mean(recalls)), len(recalls)
    return Guess(mean, max(0.0, mean - sum(below) ** 0.5 / classes), min(1.0, mean + sum(above) ** 0.5 / classes))


def _number(values: Sequence[str | float], name: str) -> np.ndarray:
    """Float (N,): numbers as they are, words by their place in the alphabet."""
    if name in _NUMBERS:
        return np.array(values, float)
    return np.unique([str(each) for each in values], return_inverse=True)[1].astype(float)


def phrase_audit(audit: FileAudit) -> Text:
    """What was found, in words: a warning where files give their class away."""
    share, chance = f"{audit.accuracy:.0%}", f"{audit.chance:.0%}"
    if not audit.warns:
        return _(
            "The files' own facts tell the classes apart in {share} of cases (chance: {chance}): no warning.",
            share=share,
            chance=chance,
        )
    telling = plain("")
    if audit.given_away:
        facts = join(
            [_("{fact} ({share:.0%})", fact=FACTS[each.fact], share=each.accuracy) for each in audit.given_away]
        )
        telling = _(" What tells: {facts}.", facts=facts)
    return _(
        "Warning: without a look at any pixel, the files' own facts tell the classes apart in {share} of "
        "cases, where chance is {chance}.{telling} A network may learn this instead of the pictures: "
        "collect both classes in the same way, or bring them to one format, size and encoder first "
        "(preprocessing.jpeg_quality levels the encoder only).",
        share=share,
        chance=chance,
        telling=telling,
    )
