"""Several bundles → one, whose answers are the mean of theirs (`runtime/ensemble.py`)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..datasets.reopen import open_bundle
from ..recipe import validate_recipe
from ..runtime.architecture import Member, Network
from ..runtime.card import ModelCard, read_card
from ..runtime.errors import BundleError
from ..runtime.network import MEAN_IMAGE, build_network, load_network
from .bundle import Product, pack, record_making

WEIGHTS = "weights.safetensors"


def make_ensemble(bundles: Sequence[Path], data: Path, build: Path, name: str | None = None) -> Path:
    """Average two or more bundles into `build/bundles/<name>`, a bundle like every other; its calibration, thresholds
    and figures are its own. `name` is the first one's with `_ensemble` if not given.

    All need the same classes, the same preprocessing (an archive fits an image once) and the same images in the same
    splits (a test image of one must not have trained another). Raises `BundleError`, and what `open_bundle` raises.
    """
    if len(bundles) < 2:
        raise BundleError(
            "An ensemble takes two bundles or more.", "Say hwapung ensemble build/bundles/one build/bundles/two."
        )
    cards = [read_card(bundle / "card.json") for bundle in bundles]
    _check_alike(bundles, cards)
    first = open_bundle(bundles[0], data, build / "cache")
    members = tuple(_describe_member(bundle, card) for bundle, card in zip(bundles, cards, strict=True))
    called = {"name": name or f"{first.card.name}_ensemble", "precision": "float32"}
    recipe = validate_recipe(first.recipe.model_dump() | called, "the ensemble")
    seconds = round(sum(card.provenance.seconds for card in cards), 1)
    provenance = record_making(recipe, seconds, cards[0].provenance.device)
    names = " + ".join(member.backbone for member in members)
    architecture = Network(backbone=names, parameters=sum(card.network.parameters for card in cards), members=members)
    network = build_network(architecture, len(first.card.labels), recipe.preprocessing)
    backbone: Any = network.backbone
    for member, bundle, card in zip(backbone.members, bundles, cards, strict=True):
        trained = load_network(card, bundle)
        member.load_state_dict(trained.backbone.state_dict())
    if recipe.preprocessing.mean == "image":
        network.normalise.centre_on(trained.normalise.mean_image())
    product = Product(network.eval(), architecture, provenance, None)
    return pack(recipe, first.prepared, product, build / "bundles")


def _check_alike(bundles: Sequence[Path], cards: Sequence[ModelCard]) -> None:
    """Of several, every bundle is held to the first."""
    first, card = bundles[0], cards[0]
    mean = _read_mean(first)
    for bundle, other in zip(bundles, cards, strict=True):
        if other.network.members:
            raise BundleError(f"{bundle} is an ensemble itself.", "Name its members' bundles instead.")
        if [label.key for label in other.labels] != [label.key for label in card.labels]:
            raise BundleError(
                f"{bundle} and {first} know different classes.", "Average bundles of one recipe and one folder."
            )
        ours, theirs = card.preprocessing.model_dump(), other.preprocessing.model_dump()
        if different := [key for key in ours if ours[key] != theirs[key]]:
            key = different[0]
            raise BundleError(
                f"{bundle} and {first} prepare pictures differently ({key}: {theirs[key]} and {ours[key]}).",
                f"Train them with the same preprocessing.{key}.",
            )
        if other.data.fingerprint != card.data.fingerprint or _read_mean(bundle) != mean:
            raise BundleError(
                f"{bundle} and {first} were not trained and tested on the same pictures.",
                "Train both on one folder with one data.split.seed; training.seed may differ.",
            )


def _read_mean(bundle: Path) -> bytes:
    path = bundle / MEAN_IMAGE
    return path.read_bytes() if path.is_file() else b""


def _describe_member(bundle: Path, card: ModelCard) -> Member:
    return Member(
        backbone=card.network.backbone,
        head=card.network.head,
        clip=card.network.clip,
        name=card.name,
        version=card.version,
        temperature=card.calibration.temperature,
        weights=card.files.get(WEIGHTS) or hashlib.sha256((bundle / WEIGHTS).read_bytes()).hexdigest(),
        recipe=card.provenance.recipe,
    )
