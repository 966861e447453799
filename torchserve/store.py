"""The model store: a folder of archives."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import NamedTuple

from model_training.runtime.errors import ServingError


class StoredModel(NamedTuple):
    """One archive: the model's name and version by its manifest, and the file's name in the store."""

    name: str
    version: str
    file: str


def list_models(model_store: Path) -> list[StoredModel]:
    """Every `.mar` of the store, by file name. Hidden files are none: an archive being written is one.

    Raises `ServingError` where there is no archive, one is damaged, or two bring the same model.
    """
    files = sorted(path for path in model_store.glob("*.mar") if not path.name.startswith("."))
    if not files:
        raise ServingError(f"{model_store}: there is no model archive (.mar).", "Make one: make archive.")
    models = [_read_archive(path) for path in files]
    by_name: dict[str, StoredModel] = {}
    for model in models:
        if model.name in by_name:
            raise ServingError(
                f"{model_store}: {by_name[model.name].file} and {model.file} both bring the model {model.name!r}.",
                "Remove one of them.",
            )
        by_name[model.name] = model
    return models


def _read_archive(path: Path) -> StoredModel:
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read("MAR-INF/MANIFEST.json"))["model"]
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"{damaged} is damaged")
            return StoredModel(manifest["modelName"], manifest["modelVersion"], path.name)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ServingError(
            f"{path}: not a model archive that can be read ({reason}).", "Make it again: make archive."
        ) from None
