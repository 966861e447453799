"""Datasets of Kaggle by its own client, kagglehub (`pip install kagglehub`), which resumes and checks hashes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...runtime.errors import DatasetError
from .archives import candidates, list_images
from .collect import Candidate


@dataclass(frozen=True)
class Set:
    """`label` None: the folders name the classes. `only`: the folder of the set that is wanted."""

    handle: str
    label: str | None = None
    only: str = ""


SETS = {
    "landscape": Set("myzhang1029/chinese-landscape-painting-dataset", label="china"),
    "ukiyo_e": Set("trungit/wikiart30k", label="japan", only="Ukiyo_e"),
    "ai_fruit": Set("osmankagankurnaz/dataset-of-ai-generated-fruits-and-real-fruits"),
}


class Kaggle:
    """One of `SETS` by name, or any `owner/dataset`. `label` and `only` win over the set's own."""

    name = "kaggle"

    def __init__(self, wanted: str, label: str | None = None, only: str | None = None) -> None:
        named = SETS.get(wanted)
        if named is None and wanted.count("/") != 1:
            raise DatasetError(f"{wanted!r} is not a set on Kaggle.", f"Give owner/dataset, or {', '.join(SETS)}.")
        chosen = named or Set(wanted)
        self.handle = chosen.handle
        self.label = label or chosen.label
        self.only = chosen.only if only is None else only
        self.total = 0

    def find(self) -> Iterator[Candidate]:
        folder = self._download()
        images = list_images(folder, self.handle, self.only)
        self.total = len(images)
        url = f"https://www.kaggle.com/datasets/{self.handle}"
        yield from candidates(folder, images, self.handle, self.label, url, "see the set's page")

    def _download(self) -> Path:
        try:
            import kagglehub
            from kagglehub.exceptions import DataCorruptionError, KaggleApiHTTPError, UnauthenticatedError
        except ImportError:
            raise DatasetError(
                "Kaggle needs its client, kagglehub.", "Run pip install -r requirements/sources.txt."
            ) from None
        try:
            return Path(kagglehub.dataset_download(self.handle))
        except UnauthenticatedError:
            reason = "Kaggle asks for an account"
        # requests' errors are OSErrors; an answer that is not JSON or lacks a field is a ValueError or a KeyError.
        except (KaggleApiHTTPError, DataCorruptionError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            reason = " ".join(str(error).split())[:200]
        raise DatasetError(
            f"{self.handle}: {reason}.",
            "Check the name and the network; sets that ask for consent need a token in KAGGLE_API_TOKEN.",
        )
