"""What the data and the model may hide: leaks, wrong labels, shortcuts, weak slices, frailty."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from model_training.datasets.reopen import read_recipe
from model_training.models.factory import make_network
from model_training.runtime.card import Text
from model_training.runtime.errors import WeightsError
from model_training.runtime.execution import TorchExecution

from .alterations import Alteration
from .kept import predict_kept
from .metrics import Score, grouped_share
from .predictions import Evaluated, Predictions
from .projections import sample

FOLDS = 5
FEWEST_A_CLASS = 5
_MOST_TO_FIT = 5000
_COMPONENTS = 64


@dataclass(frozen=True)
class Leak:
    """One image in two splits: its two places, and where they lie."""

    first: str
    first_split: str
    second: str
    second_split: str


def find_leaks(places: Sequence[str], split: np.ndarray, copies: np.ndarray) -> list[Leak]:
    """Exact and near duplicates across splits, each copy with the first of its group in another split.

    `places`: each image's path; `split`: str (N,); `copies`: int (N,), the same number for copies.
    """
    order = np.argsort(copies, kind="stable")
    leaks: list[Leak] = []
    for group in np.split(order, np.nonzero(np.diff(copies[order]))[0] + 1):
        first = int(group[0])
        for other in map(int, group[1:]):
            if split[first] != split[other]:
                leaks.append(Leak(places[first], str(split[first]), places[other], str(split[other])))
    return leaks


@dataclass(frozen=True)
class LabelErrors:
    """`rows`: the images that were judged, the most doubtful first, int (K,); `belief`: float (K,), the out-of-fold
    probability of the given label; `suggested`: int (K,), the likeliest label; `probable`: bool (K,)."""

    rows: np.ndarray
    belief: np.ndarray
    suggested: np.ndarray
    probable: np.ndarray


def find_label_errors(features: np.ndarray, targets: np.ndarray, group: np.ndarray) -> LabelErrors:
    """Rank images by how little a classifier that has not seen them believes their label.

    Logistic regression on the features, five folds, a group in one fold. A label is probably wrong where another
    reaches the mean belief that images of that other label have in it (confident learning, Northcutt et al. 2021, eq.
    2). Classes with fewer than five images are passed over. Raises `ValueError` where fewer than two classes are
    left.
    """
    counts = np.bincount(targets)
    rows = np.nonzero(counts[targets] >= FEWEST_A_CLASS)[0]
    known = np.unique(targets[rows])
    if len(known) < 2:
        raise ValueError("fewer than two classes with five pictures")
    index = np.searchsorted(known, targets[rows])
    # A class whose images share few groups may lack from a fold's training: its probability is then 0.
    probabilities = np.zeros((len(rows), len(known)))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    for train, held_out in folds.split(features[rows], index, group[rows]):
        if len(np.unique(index[train])) < 2:
            raise ValueError("fewer than two classes with pictures of several groups")
        model = fit_probe(features[rows[train]], index[train])
        probabilities[np.ix_(held_out, model.classes_)] = model.predict_proba(features[rows[held_out]])
    belief = probabilities[np.arange(len(rows)), index]
    bars = np.array([probabilities[index == each, each].mean() for each in range(len(known))])
    likely = np.where(probabilities >= bars, probabilities, -1)
    probable = (likely.argmax(axis=1) != index) & (likely.max(axis=1) >= 0)
    order = np.argsort(belief, kind="stable")
    return LabelErrors(rows[order], belief[order], known[probabilities.argmax(axis=1)][order], probable[order])


def fit_probe(features: np.ndarray, targets: np.ndarray) -> Pipeline:
    """Logistic regression on the first 64 principal components; of more than 5,000 images a sample by seed."""
    chosen = sample(len(features), _MOST_TO_FIT)
    features, targets = np.asarray(features[chosen], np.float64), targets[chosen]
    components = min(_COMPONENTS, features.shape[1], len(features))
    steps = (
        StandardScaler(),
        PCA(components, random_state=0),
        StandardScaler(),
        LogisticRegression(C=0.1, max_iter=500),
    )
    return make_pipeline(*steps).fit(features, targets)


def slices(test: Predictions, most_values: int = 50) -> dict[str, list[tuple[str, Score]]]:
    """Column → (value, accuracy), the worst first. Columns with one value or more than 50 are passed over, and the one
    that names the class."""
    right = test.predicted == test.targets
    found: dict[str, list[tuple[str, Score]]] = {}
    for name, values in test.columns.items():
        distinct = np.unique(values)
        pairs = len(set(zip(values.tolist(), test.targets.tolist(), strict=True)))
        names_class = pairs == len(distinct) == len(np.unique(test.targets))
        if 2 <= len(distinct) <= most_values and not names_class:
            scores = [
                (str(each) or "—", grouped_share(right[values == each], test.group[values == each]))
                for each in distinct
            ]
            found[name] = sorted(scores, key=lambda pair: pair[1].value)
    return found


@dataclass(frozen=True)
class Shortcut:
    """What is left of the classes in altered images. `model`: its accuracy on them as it is; `probe`: that of a fresh
    linear classifier, trained on altered training images' features."""

    name: Text
    model: Score
    probe: Score


def frozen_features(found: Evaluated, some: Predictions) -> np.ndarray | None:
    """Features, float32 (N, F), of the network as it was before training, which has seen no label of these images.

    None where the recipe starts from scratch or its pretrained weights can't be had here.
    """
    recipe = read_recipe(found.card)
    if recipe.network.pretrained is False:
        return None
    try:
        network = make_network(recipe, len(found.card.labels))
    except WeightsError:
        return None
    network.normalise = found.network.normalise
    key = hashlib.sha256(f"frozen {recipe.network.pretrained} {some.rows.tolist()}".encode()).hexdigest()[:16]
    torch_form = TorchExecution(network, found.device)  # of a network that was never packed there is no other
    return predict_kept(torch_form.forward_with_features, some.pixels, some.rows, found.cache / key)[1]


def predict_altered(found: Evaluated, some: Predictions, name: str, alter: Alteration) -> Predictions:
    """The same images after `alter`, uint8 (N, height, width, 3) → the same; kept like all predictions."""
    key = hashlib.sha256(f"{name} {some.rows.tolist()}".encode()).hexdigest()[:16]

    def forward(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return found.execution.forward_with_features(alter(pixels))

    logits, features = predict_kept(forward, some.pixels, some.rows, found.cache / key)
    return replace(some, logits=logits, features=features)


def probe_shortcut(found: Evaluated, train: Predictions, test: Predictions, name: Text, alter: Alteration) -> Shortcut:
    altered_train = predict_altered(found, train, name.en, alter)
    altered_test = predict_altered(found, test, name.en, alter)
    probe = fit_probe(altered_train.features, altered_train.targets)
    said = probe.predict(np.asarray(altered_test.features, np.float64))
    return Shortcut(
        name,
        grouped_share(altered_test.predicted == test.targets, test.group),
        grouped_share(said == test.targets, test.group),
    )
