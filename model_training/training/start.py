"""A classifier before its first step: its weights, what it is centred on, and how its head begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ..datasets.image_store import average
from ..datasets.prepare import Prepared
from ..models.batch_norm import Seen, mend_batch_norm
from ..models.factory import head_layers, make_network
from ..models.features import extract_features
from ..models.lda_head import start_head
from ..models.linear_probe import LinearProbe, fit_probe
from ..progress import follow
from ..recipe import CLIP, Recipe, Training, override
from ..runtime.architecture import Head
from ..runtime.network import ClassificationNetwork
from .losses import class_weights

#: The settings of `training` that a network before its first step hangs on.
START = {"seed", "head_init", "class_balancing", "class_balancing_strength"}
#: The settings that decide what the layers under the head answer in an untouched network, and those of `training` that
#: a probe hangs on besides.
_LOWER: Any = {"preprocessing": True, "network": {"backbone": True, "pretrained": True, "head": {"stages"}}}
_PROBE = {"seed", "class_balancing", "class_balancing_strength", "probe_copies"}
#: A probe is fitted on as many training images at most, drawn by the seed: more cost minutes and change little.
MOST_IMAGES = 10_000


@dataclass
class Common:
    """What networks of one dataset have in common before their first step, computed for the first that needs it: what
    their batch norm is given, and the probe."""

    _seen: dict[str, dict[str, Seen]] = field(default_factory=dict)
    _probes: dict[str, LinearProbe] = field(default_factory=dict)

    def mend(self, network: ClassificationNetwork, recipe: Recipe, prepared: Prepared) -> None:
        """See `mend_batch_norm`. How much of a network is trained, and what head it has, changes nothing here."""
        key = recipe.model_dump_json(include=_LOWER)
        source = f"network.pretrained={recipe.network.pretrained}"
        self._seen[key] = mend_batch_norm(network, prepared, source, self._seen.get(key))

    def fit(self, recipe: Recipe, prepared: Prepared) -> LinearProbe:
        """See `fit_on_features`."""
        key = recipe.model_dump_json(include=_LOWER | {"augmentation": True, "training": _PROBE})
        if key not in self._probes:
            self._probes[key] = fit_on_features(recipe, prepared, torch.device("cpu"), self)
        return self._probes[key]


def has_probe(recipe: Recipe) -> bool:
    """Whether the recipe has a probe, features to fit it on, and a last layer for it: CLIP answers by its prompts. A
    probe answers one class, so a multi-label model has none."""
    pretrained = recipe.network.pretrained is not False and not recipe.network.backbone.startswith(CLIP)
    return recipe.training.probe and pretrained and not recipe.data.multi_label


def starts_from_probe(recipe: Recipe) -> bool:
    """Whether the head begins as the probe, so that the network before its first step is one that answers."""
    return recipe.training.head_init == "probe" and has_probe(recipe) and _is_linear(recipe.network.head)


def build_network(
    recipe: Recipe, prepared: Prepared, probe: LinearProbe | None = None, common: Common | None = None
) -> ClassificationNetwork:
    """The recipe's network before its first step. `probe`: the one to start its head from; fitted now if not given.
    `common`: what other networks of the dataset have left for it, and it for others."""
    common = common or Common()
    network = make_untouched(recipe, prepared, common)
    if recipe.training.head_init == "lda":
        start_head(network, head_layers(network)[-1], prepared, recipe.augmentation.horizontal_flip > 0)
    elif starts_from_probe(recipe):
        (probe or common.fit(recipe, prepared)).put_into(head_layers(network)[-1])
    return network


def make_untouched(recipe: Recipe, prepared: Prepared, common: Common | None = None) -> ClassificationNetwork:
    """With a head drawn at random; batch norm has the statistics of its inputs, and the network is centred on the
    training images where the recipe asks for it."""
    keys = prepared.dataset.labels
    network = make_network(recipe, len(keys), [recipe.name_class(key).en for key in keys])
    if recipe.preprocessing.mean == "image":
        network.normalise.centre_on(average(prepared.pixels, prepared.rows["train"]))
    if recipe.network.pretrained is not False:
        (common or Common()).mend(network, recipe, prepared)
    return network


def make_probe_network(
    recipe: Recipe, prepared: Prepared, probe: LinearProbe | None = None, common: Common | None = None
) -> ClassificationNetwork:
    """The untouched network, in evaluation mode, with one linear layer as head: the `probe`, or one drawn at random."""
    plain = {"network.head.hidden": None, "network.head.standardise": False, "network.adapter": None}
    network = make_untouched(override(recipe, plain), prepared, common)
    if probe is not None:
        probe.put_into(head_layers(network)[-1])
    return network.eval()


def fit_on_features(
    recipe: Recipe, prepared: Prepared, device: torch.device, common: Common | None = None
) -> LinearProbe:
    """A probe on the features of the training images, of their mirror images where the recipe mirrors, and of
    `training.probe_copies` that are changed as the recipe changes images, up to `MOST_IMAGES` in all."""
    network = make_probe_network(recipe, prepared, common=common).to(memory_format=torch.channels_last).to(device)
    rows, validation = prepared.rows["train"], prepared.rows["validation"]
    if len(rows) > MOST_IMAGES:
        drawn = np.random.default_rng(recipe.training.seed).choice(rows, MOST_IMAGES, replace=False)
        _, first = np.unique(prepared.targets[rows], return_index=True)
        rows = np.union1d(drawn, rows[first])  # no class goes without an image
    ways = _list_copies(recipe, len(rows))
    parts = []
    with follow("Frozen features") as step:
        for done, way in enumerate(ways):
            parts.append(extract_features(network, prepared, rows, **way))
            step.update(done + 1, len(ways) + 1)
        seen = extract_features(network, prepared, validation)
        step.update(len(ways) + 1, len(ways) + 1)
    targets = prepared.targets
    weights = _class_weights(recipe.training, np.bincount(targets[rows], minlength=len(prepared.dataset.labels)))
    return fit_probe((np.concatenate(parts), np.tile(targets[rows], len(ways))), (seen, targets[validation]), weights)


def _list_copies(recipe: Recipe, images: int) -> list[dict[str, Any]]:
    """What `extract_features` is told of each copy of the training images."""
    augmentation = recipe.augmentation
    mirrors = augmentation.horizontal_flip > 0
    ways: list[dict[str, Any]] = [{"mirrored": mirrored} for mirrored in ((False, True) if mirrors else (False,))]
    changed = min(recipe.training.probe_copies, MOST_IMAGES // images - len(ways))
    return ways + [
        {"mirrored": mirrors and bool(copy % 2), "augmentation": augmentation, "seed": copy} for copy in range(changed)
    ]


def _is_linear(head: Head) -> bool:
    return head.hidden is None and not head.standardise


def _class_weights(training: Training, counts: np.ndarray) -> np.ndarray:
    """What the recipe's balancing comes to in the mean, (classes,). Focal loss weighs images, not classes."""
    if training.class_balancing in ("none", "focal_loss"):
        return np.ones(len(counts))
    return class_weights(torch.from_numpy(np.maximum(counts, 1)).float(), training.class_balancing_strength).numpy()
