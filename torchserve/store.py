"""Model stores: folders of archives."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from model_training.runtime.errors import ServingError


class StoredModel(NamedTuple):
    """One archive: the model's name and version by its manifest, and the file."""

    name: str
    version: str
    path: Path


def list_models(model_stores: Iterable[Path]) -> list[StoredModel]:
    """Every model of the stores, by name. Where two stores have the same model, the archive that was written later.

    Hidden files are no archives: one that is being written is hidden. Raises `ServingError` where there is no archive
    at all, one is damaged, or one store brings a model twice.
    """
    stores = list(model_stores)
    models: dict[str, StoredModel] = {}
    for store in stores:
        for model in _list_store(store):
            other = models.get(model.name)
            if other is None or model.path.stat().st_mtime > other.path.stat().st_mtime:
                models[model.name] = model
    if not models:
        places = ", ".join(map(str, stores))
        raise ServingError(f"{places}: there is no model archive (.mar).", "Make one: hwapung archive.")
    return sorted(models.values())


def _list_store(store: Path) -> Iterable[StoredModel]:
    models: dict[str, StoredModel] = {}
    for path in sorted(store.glob("*.mar")):
        if path.name.startswith("."):
            continue
        model = _read_archive(path)
        if model.name in models:
            first = models[model.name].path.name
            raise ServingError(
                f"{store}: {first} and {path.name} both bring the model {model.name!r}.", "Remove one of them."
            )
        models[model.name] = model
    return models.values()


def _read_archive(path: Path) -> StoredModel:
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read("MAR-INF/MANIFEST.json"))["model"]
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"{damaged} is damaged")
            return StoredModel(manifest["modelName"], manifest["modelVersion"], path)
    except (zipfile.BadZipFile, zlib.error, KeyError, TypeError, ValueError, OSError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ServingError(
            f"{path}: not a model archive that can be read ({reason}).", "Make it again: hwapung archive."
        ) from None
