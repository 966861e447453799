"""Bundle + folder of images → what the network says about each: what every figure of a report starts from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from model_training.datasets.contradictions import Contradiction, find_contradictions
from model_training.datasets.duplicates import find_duplicates
from model_training.datasets.findings import Finding
from model_training.datasets.folders import Dataset, Entry
from model_training.datasets.image_store import open_store
from model_training.datasets.names import class_key
from model_training.datasets.prepare import list_images
from model_training.datasets.reopen import open_bundle, read_classifier_card, read_recipe
from model_training.datasets.tree import read_tree
from model_training.progress import follow
from model_training.runtime.card import ModelCard
from model_training.runtime.classifier import softmax
from model_training.runtime.errors import DatasetError
from model_training.runtime.execution import Execution, choose_execution
from model_training.runtime.network import ClassificationNetwork, load_network

from .kept import name_predictions, predict_kept


@dataclass(frozen=True)
class Predictions:
    """One row an image.

    `labels`: the model's classes. `places`: paths relative to the folder. `split`: `train`, `validation`, `test`,
    `unlike`, or `aside` for an image that training set aside. `targets`: int64 (N,), indices into `labels`, −1 where a
    image belongs to none. `logits`: float32 (N, classes). `features`: float32 (N, F), what the last layer sees.
    `temperature`: the card's. `group`: int64 (N,), images of one group are not independent; `grouped_by` says what
    makes a group. `columns`: further facts of each image by name. `pixels`: uint8 (M, height, width, 3),
    memory-mapped, with row i's image at `rows[i]`.
    """

    labels: tuple[str, ...]
    places: tuple[str, ...]
    split: np.ndarray
    targets: np.ndarray
    logits: np.ndarray
    features: np.ndarray
    temperature: float
    group: np.ndarray
    grouped_by: str
    columns: dict[str, np.ndarray]
    pixels: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def probabilities(self) -> np.ndarray:
        """Calibrated, float64 (N, classes)."""
        return softmax(self.logits, self.temperature)

    @property
    def predicted(self) -> np.ndarray:
        """int64 (N,)."""
        return self.logits.argmax(1)

    @property
    def answered(self) -> np.ndarray:
        """bool (N,): false where a logit is NaN or infinite, and nothing can be said about the image."""
        return np.isfinite(self.logits).all(axis=1)

    @property
    def independent(self) -> bool:
        """Whether no two images share a group."""
        return len(np.unique(self.group)) == len(self.group)

    def where(self, mask: np.ndarray) -> Predictions:
        """The rows that `mask`, bool (N,), selects."""
        return self.take(np.nonzero(mask)[0])

    def take(self, chosen: np.ndarray) -> Predictions:
        """The rows at `chosen`, int (K,), in that order."""
        return replace(
            self,
            places=tuple(self.places[index] for index in chosen),
            split=self.split[chosen],
            targets=self.targets[chosen],
            logits=self.logits[chosen],
            features=self.features[chosen],
            group=self.group[chosen],
            columns={name: values[chosen] for name, values in self.columns.items()},
            rows=self.rows[chosen],
        )

    def of(self, split: str) -> Predictions:
        """The answered images of one split."""
        return self.where((self.split == split) & self.answered)


@dataclass(frozen=True)
class Evaluated:
    """Predictions on a whole dataset.

    `copies`: int64 (N,), the same number for exact and near duplicates; `same_data`: whether it is, split for split,
    what the model was trained on; `unreadable`: path → what was wrong; `contradictions`: files in several classes.
    `findings`: what was left out or taken for what while it was listed. `execution` is the form that is served on
    `device`, and every figure is made of its answers; `network` is for what needs gradients. `root`: the folder that
    the predictions' places are in. `cache`: where further predictions go.
    """

    card: ModelCard
    bundle: Path
    network: ClassificationNetwork
    execution: Execution
    device: str
    predictions: Predictions
    copies: np.ndarray
    same_data: bool
    unreadable: dict[str, str]
    contradictions: tuple[Contradiction, ...]
    root: Path
    cache: Path
    findings: tuple[Finding, ...] = ()


def evaluate(bundle: Path, data: Path, build: Path, device: str = "cpu") -> Evaluated:
    """Divide the folder as training did and predict every image; predictions are kept under `build/analysis`.

    Raises `CardError`, `BundleError`, or `DatasetError` where the folder has a class that the model does not know.
    """
    opened = open_bundle(bundle, data, build / "cache", others_too=True)
    dataset = opened.prepared.dataset
    split = np.full(len(dataset.entries), "aside", dtype="U10")
    for name, rows in opened.prepared.rows.items():
        split[rows] = name
    return _evaluate(bundle, opened.card, dataset, split, build, device, opened.same_images)


def evaluate_test(bundle: Path, data: Path, build: Path, device: str = "cpu") -> Evaluated:
    """Every image of the folder or manifest is a test image: a collection that the model has never seen, of any size,
    with some or all of its classes, which are read as training reads them."""
    card = read_classifier_card(bundle)
    dataset = read_test_images(card, data)
    split = np.full(len(dataset.entries), "test", dtype="U10")
    return _evaluate(bundle, card, dataset, split, build, device, same_data=False)


def evaluate_unlike(bundle: Path, data: Path, build: Path, device: str = "cpu") -> Evaluated:
    """Every image of the folder is one that the model is not made for; `targets` are −1."""
    card = read_classifier_card(bundle)
    dataset = read_images(data)
    split = np.full(len(dataset.entries), "unlike", dtype="U10")
    return _evaluate(bundle, card, dataset, split, build, device, same_data=False)


def read_test_images(card: ModelCard, place: Path) -> Dataset:
    """Images with the model's classes, however their folders are spelt, without the demands on numbers that training
    makes. Raises `DatasetError` where there is none."""
    data = read_recipe(card).data
    meant = {class_key(old): new for new, names in data.merge.items() for old in names}
    meant |= {class_key(label.key): label.key for label in card.labels}
    dataset = list_images(data, place, tuple(meant))
    if not dataset.entries:
        raise DatasetError(f"{place}: there is no picture.", "Give a folder with one folder of pictures per class.")
    entries = tuple(
        entry.relabel(meant.get(class_key(each), each) for each in entry.labels) for entry in dataset.entries
    )
    return replace(dataset, entries=entries, labels=tuple(sorted({each.label for each in entries})))


def read_images(root: Path) -> Dataset:
    """All images under `root`, of no class. Raises `DatasetError` where there is none."""
    paths = sorted(read_tree(root).list_images())
    if not paths:
        raise DatasetError(f"{root}: there is no picture.", "Give a folder of pictures.")
    return Dataset(root, tuple(Entry(path, "", None) for path in paths), (), procedural=False)


def _evaluate(
    bundle: Path, card: ModelCard, dataset: Dataset, split: np.ndarray, build: Path, device: str, same_data: bool
) -> Evaluated:
    keys = tuple(label.key for label in card.labels)
    index = {key: number for number, key in enumerate(keys)} | {"": -1}
    if unknown := [label for label in dataset.labels if label not in index]:
        raise DatasetError(
            f"{dataset.root}: the model does not know the class {unknown[0]!r}.",
            f"It knows {', '.join(keys)}: rename or remove the folder, or train again.",
        )
    with follow("Reading pictures") as step:
        store = open_store(dataset, card.preprocessing, build / "cache", step.update)
    # An entry without a class is of one that the recipe leaves out.
    meant = [row for row, entry in enumerate(dataset.entries) if entry.label or split[row] == "unlike"]
    readable = np.array([row for row in meant if row not in store.errors], np.int64)
    if not len(readable):
        raise DatasetError(f"{dataset.root}: not one picture can be read.", "Give a folder of pictures.")
    network = load_network(card, bundle)
    execution = choose_execution(card, bundle, lambda: network, device)
    cache = build / "analysis" / name_predictions(bundle, card, device, store, readable)
    logits, features = predict_kept(execution.forward_with_features, store.pixels, readable, cache / "plain")
    columns = _columns([dataset.entries[row] for row in readable])
    copies = find_duplicates(store, readable, read_recipe(card).data.near_duplicate_distance).group.astype(np.int64)
    group, grouped_by = _group(card, columns, copies)
    predictions = Predictions(
        labels=keys,
        places=tuple(dataset.place(dataset.entries[row]) for row in readable),
        split=split[readable],
        targets=np.array([index[dataset.entries[row].label] for row in readable], np.int64),
        logits=logits,
        features=features,
        temperature=card.calibration.temperature,
        group=group,
        grouped_by=grouped_by,
        columns=columns,
        pixels=store.pixels,
        rows=readable,
    )
    unreadable = {dataset.place(dataset.entries[row]): store.errors[row] for row in meant if row in store.errors}
    return Evaluated(
        card=card,
        bundle=bundle,
        network=network,
        execution=execution,
        device=device,
        predictions=predictions,
        copies=copies,
        same_data=same_data,
        unreadable=unreadable,
        contradictions=find_contradictions(dataset, store.sha256, readable),
        root=dataset.root,
        cache=cache,
        findings=dataset.findings,
    )


def _columns(entries: list[Entry]) -> dict[str, np.ndarray]:
    """A manifest's further columns, where the dataset has them."""
    facts = [dict(getattr(entry, "columns", None) or {}) for entry in entries]
    names = sorted({name for each in facts for name in each})
    return {name: np.array([str(each.get(name, "")) for each in facts]) for name in names}


def _group(card: ModelCard, columns: dict[str, np.ndarray], copies: np.ndarray) -> tuple[np.ndarray, str]:
    """The recipe's group column where there is one; else copies of one image are a group."""
    data = card.provenance.recipe.get("data")
    name = data.get("group") if isinstance(data, dict) else None
    if isinstance(name, str) and name in columns:
        return np.unique(columns[name], return_inverse=True)[1].astype(np.int64), name
    return copies, "picture"
